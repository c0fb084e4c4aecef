"""Cases 161, 162, 165 and 167 over sockets: TLS. The others: tests/unit/test_client_connect.py, test_dialer.py."""

from __future__ import annotations

import datetime
import ssl
from typing import Any

import pytest
import trustme
from tests.cases.exchange import CHUNKED, OK, case
from tests.conftest import Run

from async_keepalive_httpc import Client, ConnectionLost, Timeout, TimeoutExpired, TLSError
from async_keepalive_httpc.testing import Conn, Peer, authority, ok, server_context

PAST = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)


def showing(leaf: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context


STRANGER = trustme.CA()


@pytest.mark.parametrize(
    "context",
    [
        case(161, "unknown authority", showing(STRANGER.issue_cert("127.0.0.1"))),
        case(161, "wrong host", server_context("other.test")),
        case(161, "expired", showing(authority().issue_cert("127.0.0.1", not_after=PAST))),
        case(162, "address in CN only", showing(authority().issue_cert("other.test", common_name="127.0.0.1"))),
        case(162, "address as a name", showing(authority().issue_cert("*.0.0.1"))),
    ],
)
def test_case_161_and_162_certificates_that_do_not_hold(run: Run, context: ssl.SSLContext) -> None:
    """Not one byte of the request is sent."""

    async def main() -> None:
        async with Peer(ok(), tls=context) as peer, Client(verify=peer.ca_context()) as client:
            with pytest.raises(TLSError) as caught:
                await client.get(peer.url)
            assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
            await peer.ended()
            assert peer.requests == []

    run(main())


def test_case_165_a_handshake_that_stalls(run: Run) -> None:
    async def silent(conn: Conn) -> None:
        await conn.closed()

    async def main() -> None:
        async with Peer(silent) as peer, Client(timeout=Timeout(connect=0.05)) as client:
            with pytest.raises(TimeoutExpired) as caught:
                await client.get(peer.url.replace("http:", "https:"))
            assert caught.value.phase == "connect"

    run(main())


@pytest.mark.parametrize(
    ("raw", "notify", "outcome"),
    [
        case(167, "length, complete", OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", False, b"hello"),
        case(167, "length, incomplete", OK + b"Content-Length: 9\r\n\r\nhello", False, ConnectionLost),
        case(167, "chunked, complete", CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", False, b"hello"),
        case(167, "chunked, incomplete", CHUNKED + b"5\r\nhello\r\n", False, ConnectionLost),
        case(167, "until close", OK + b"\r\nhello", False, ConnectionLost),
        case(167, "until close, with a goodbye", OK + b"\r\nhello", True, b"hello"),
        case(167, "incomplete, with a goodbye", OK + b"Content-Length: 9\r\n\r\nhello", True, ConnectionLost),
    ],
)
def test_case_167_the_end_of_a_tls_stream(run: Run, raw: bytes, notify: bool, outcome: Any) -> None:
    async def script(conn: Conn) -> None:
        await conn.request()
        conn.send(raw)
        conn.close(notify=notify)

    async def main() -> Any:
        # A context of the engine's own: it sees the close_notify, of which asyncio tells nobody.
        async with Peer(script, tls=True) as peer, Client(verify=False) as client:
            try:
                return (await client.get(peer.url)).body
            except ConnectionLost as error:
                return type(error)

    assert run(main()) == outcome
