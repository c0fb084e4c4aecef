"""The Dialer: what it hands over, and that nothing is left open when it fails or is stopped, at any moment."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from typing import Any

import pytest
from tests.conftest import Run
from tests.peers import Conn, Peer, ok

from async_keepalive_httpc import ConnectError, TimeoutExpired, TLSError
from async_keepalive_httpc._dial.dialer import Dialer, name
from async_keepalive_httpc._message.reach import TLS, Reach
from async_keepalive_httpc._message.url import Origin
from async_keepalive_httpc._transport.route import Route


class Line(asyncio.Protocol):
    """A protocol that can be told to end."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.ended = False
        self.told = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        if self.told:
            self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = True

    def close(self, reason: str, *, at_once: bool = False) -> None:
        self.told = reason
        if self.transport is not None:
            self.transport.abort()


def route(peer: Peer, scheme: str = "http", **reach: Any) -> Route:
    return Route(Origin(scheme, peer.host, peer.port), Reach(**reach))


async def silent(conn: Conn) -> None:
    await conn.closed()


def test_plain(run: Run) -> None:
    async def main() -> None:
        async with Peer(silent) as peer:
            link = await Dialer().dial(route(peer), Line, 5)
            assert isinstance(link.connection, Line)
            assert not link.tls
            assert 0 < link.rtt < 5
            assert link.connection.transport.get_extra_info("peername") == ("127.0.0.1", peer.port)
            nodelay = link.connection.transport.get_extra_info("socket").getsockopt(
                socket.IPPROTO_TCP, socket.TCP_NODELAY
            )
            assert nodelay
            link.connection.close("done")
            await peer.ended()

    run(main())


def test_tls(run: Run) -> None:
    async def main() -> None:
        async with Peer(silent, tls=True) as peer:
            link = await Dialer().dial(route(peer, "https", tls=TLS(context=peer.ca_context())), Line, None)
            assert link.tls
            assert link.connection.transport.get_extra_info("ssl_object") is not None
            link.connection.close("done")
            await peer.ended()

    run(main())


@pytest.mark.parametrize(
    ("host", "shown"), [("a.test", "a.test:80"), ("::1", "[::1]:80"), ("fe80::1%eth0", "[fe80::1%eth0]:80")]
)
def test_names(host: str, shown: str) -> None:
    assert name(Origin("http", host, 80)) == shown


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_stopped_at_any_moment_nothing_is_left_open(run: Run, scheme: str) -> None:
    """Cancelled after k turns of the loop: the peer sees every connection end, and the loop watches no socket."""

    async def main() -> None:
        async with Peer(silent, tls=scheme == "https") as peer:
            wanted = route(peer, scheme, tls=TLS(context=peer.ca_context()))
            landed = 0
            for turns in range(25):
                dial = asyncio.ensure_future(Dialer().dial(wanted, Line, 5))
                for _ in range(turns):
                    await asyncio.sleep(0)
                if dial.done():
                    landed += 1
                    dial.result().connection.close("done")
                else:
                    dial.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await dial
                # The number of its socket is used again at once: by this, which must not be disturbed.
                other = await Dialer().dial(wanted, Line, 5)
                await asyncio.sleep(0)
                assert not other.connection.ended
                other.connection.close("done")
                await peer.ended()
            assert landed < 25

    run(main())


def test_a_protocol_that_cannot_be_made(run: Run) -> None:
    async def main() -> None:
        def fails() -> Line:
            raise KeyError("no")

        async with Peer(silent) as peer:
            with pytest.raises(ConnectError, match=f"127.0.0.1:{peer.port} was lost as soon as it was made: KeyError"):
                await Dialer().dial(route(peer), fails, 5)
            await peer.ended()

    run(main())


def test_what_uvloop_says_when_it_cannot(run: Run) -> None:
    async def main() -> None:
        async def resolve(host: str, port: int, family: int) -> list[Any]:
            return [(socket.AF_INET, ("not an address", port))]

        wanted = Route(Origin("http", "a.test", 80), Reach())
        with pytest.raises(ConnectError, match=r"cannot connect to a\.test:80: not an address:80: .*; check "):
            await Dialer(resolve).dial(wanted, Line, 5)

    run(main())


def test_a_timeout_inside_the_handshake_leaves_nothing(run: Run) -> None:
    async def main() -> None:
        async with Peer(silent) as peer:
            wanted = route(peer, "https", tls=TLS(context=ssl.create_default_context()))
            with pytest.raises(TimeoutExpired) as caught:
                await Dialer().dial(wanted, Line, 0.03)
            assert (caught.value.phase, caught.value.step) == ("connect", "making a TLS handshake with")
            await peer.ended()

    run(main())


def test_many_failing_handshakes_leave_no_file_open(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok(), tls=True) as peer:
            wanted = route(peer, "https")
            before = -1
            for turn in range(40):
                with pytest.raises(TLSError):
                    await Dialer().dial(wanted, Line, 5)
                await peer.ended()
                if turn == 5:
                    before = len(os.listdir("/proc/self/fd"))
            assert len(os.listdir("/proc/self/fd")) <= before

    run(main())
