"""TLS sessions: resumed per Route, on both loops and both versions of TLS, and never where that would check less."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Run
from tests.peers import Conn, Peer, Script, authority, certificate, ok, response, server_context

from async_keepalive_httpc import Client, Timeout, TimeoutExpired, TLSError
from async_keepalive_httpc._dial.handshake import Handshake, NotedSSLObject
from async_keepalive_httpc._dial.sessions import PATIENCE, SESSIONS_KEPT, Kept, Sessions
from async_keepalive_httpc._message.tls import TLS
from async_keepalive_httpc._message.url import Origin

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
CLOSE = [("Connection", "close")]

versions = pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])


def server(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = server_context()
    context.minimum_version = context.maximum_version = version
    return context


def resumed(peer: Peer) -> list[bool | None]:
    """What the server saw, connection by connection."""
    return [conn.tls.session_reused for conn in peer.conns if conn.tls is not None]


def counts(client: Client) -> tuple[int, int]:
    connections = client.stats()["connections"]
    return connections["handshakes"], connections["resumed"]


@pytest.fixture
def ca(tmp_path: Path) -> str:
    file = tmp_path / "ca.pem"
    authority().cert_pem.write_to_path(file)
    return str(file)


@versions
@pytest.mark.parametrize("own", [False, True], ids=["ours", "caller's"])
def test_a_reconnect_resumes(run: Run, ca: str, version: ssl.TLSVersion, own: bool) -> None:
    async def main() -> None:
        async with Peer(ok(headers=CLOSE), tls=server(version)) as peer:
            arguments: dict[str, Any] = {"verify": peer.ca_context()} if own else {"ca_certs": ca}
            async with Client(**arguments) as client:
                for _ in range(4):
                    assert (await client.get(peer.url)).body == b"ok"
                assert counts(client) == (4, 3)
                origin = client.stats()["origins"][peer.url]
                assert (origin["handshakes"], origin["resumed"]) == (4, 3)
            assert resumed(peer) == [False, True, True, True]

    run(main())


@versions
def test_more_connections_beside_an_open_one(run: Run, ca: str, version: ssl.TLSVersion) -> None:
    async def main() -> None:
        gate = asyncio.Event()

        async def script(conn: Conn) -> None:
            while (request := await conn.request()) is not None:
                if request.target == "/wait":
                    await gate.wait()
                conn.send(response(b"ok"))

        async with Peer(script, tls=server(version)) as peer, Client(ca_certs=ca) as client:
            await client.get(peer.url)
            calls = [asyncio.ensure_future(client.get(f"{peer.url}/wait")) for _ in range(5)]
            await peer.until(lambda: len(peer.requests) == 6)
            gate.set()
            await asyncio.gather(*calls)
            assert resumed(peer) == [False, True, True, True, True]
            assert counts(client) == (5, 4)

    run(main())


@versions
def test_after_an_abort(run: Run, ca: str, version: ssl.TLSVersion) -> None:
    """A connection that was cut off gives its session all the same."""

    async def main() -> None:
        async def script(conn: Conn) -> None:
            while (request := await conn.request()) is not None:
                if request.target == "/cut":
                    conn.reset()
                conn.send(response(b"ok"))

        async with Peer(script, tls=server(version)) as peer, Client(ca_certs=ca) as client:
            await client.get(peer.url)
            with pytest.raises(OSError, match="ended the connection"):
                await client.post(f"{peer.url}/cut", body=b"x")
            await client.get(peer.url)
            assert resumed(peer) == [False, True]

    run(main())


def test_switched_off(run: Run, ca: str) -> None:
    async def main() -> None:
        async with Peer(ok(headers=CLOSE), tls=server()) as peer:
            async with Client(ca_certs=ca, tls_resumption=False) as client:
                for _ in range(3):
                    await client.get(peer.url)
                assert counts(client) == (3, 0)
            assert resumed(peer) == [False] * 3

    run(main())


def test_plain_http_makes_no_handshake(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client() as client:
            await client.get(peer.url)
            assert counts(client) == (0, 0)

    run(main())


def test_never_across_options(run: Run, ca: str, tmp_path: Path) -> None:
    """Verification, names, certificates of the client, contexts: each Route starts with a handshake of its own."""
    both = tmp_path / "both.pem"
    certificate("client.test").private_key_and_cert_chain_pem.write_to_path(both)

    async def main() -> None:
        async with Peer(ok(headers=CLOSE), tls=server()) as peer:
            wanted = [
                TLS(ca_certs=ca),
                TLS(ca_certs=ca, server_hostname="localhost"),
                TLS(ca_certs=ca, cert=str(both)),
                TLS(verify=False),
                TLS(context=peer.ca_context()),
                TLS(context=peer.ca_context()),
            ]
            async with Client() as client:
                for _ in range(2):
                    for tls in wanted:
                        await client.get(peer.url, reach=client._reach._replace(tls=tls))
                assert counts(client) == (12, 6)
            assert resumed(peer) == [False] * 6 + [True] * 6

    run(main())


def test_never_across_clients(run: Run, ca: str) -> None:
    async def main() -> None:
        async with Peer(ok(headers=CLOSE), tls=server()) as peer:
            for _ in range(2):
                async with Client(ca_certs=ca) as client:
                    await client.get(peer.url)
            assert resumed(peer) == [False, False]

    run(main())


def test_never_after_a_caller_changed_the_checks_of_his_context(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok(headers=CLOSE), tls=server()) as peer:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            async with Client(verify=context) as client:
                await client.get(peer.url)
                await client.get(peer.url)
                context.verify_mode = ssl.CERT_REQUIRED
                with pytest.raises(TLSError):
                    await client.get(peer.url)
            assert resumed(peer)[:2] == [False, True]

    run(main())


def test_a_server_that_forgot(run: Run, ca: str) -> None:
    """It has new keys: a full handshake, whose session serves from then on."""

    async def main() -> None:
        first, second = server(), server()
        async with Peer(ok(headers=CLOSE), tls=first) as peer, Client(ca_certs=ca) as client:
            for _ in range(2):
                await client.get(peer.url)
            peer._context = second
            for _ in range(3):
                await client.get(peer.url)
            assert resumed(peer) == [False, True, False, True, True]

    run(main())


def test_a_server_that_gives_no_sessions(run: Run, ca: str) -> None:
    async def main() -> None:
        context = server()
        context.num_tickets = 0
        async with Peer(ok(headers=CLOSE), tls=context) as peer, Client(ca_certs=ca) as client:
            for _ in range(PATIENCE + 3):
                await client.get(peer.url)
            assert counts(client) == (PATIENCE + 3, 0)

    run(main())


async def refuse(conn: Conn) -> None:
    """Answer a handshake by the alert handshake_failure."""
    await conn.read_some()
    conn.send(bytes.fromhex("15 0303 0002 0228"))


@pytest.mark.parametrize(
    ("handshake", "error", "options"),
    [(refuse, TLSError, {}), (Conn.closed, TimeoutExpired, {"timeout": Timeout(connect=0.05)})],
    ids=["fails", "takes too long"],
)
def test_a_session_is_dropped_whose_handshake(
    run: Run, ca: str, handshake: Script, error: type[Exception], options: Any
) -> None:
    async def script(conn: Conn) -> None:
        if conn.tls is None:
            await handshake(conn)
        elif await conn.request() is not None:
            conn.send(response(b"ok", headers=CLOSE))

    async def main() -> None:
        context = server()
        async with Peer(script, tls=context) as peer, Client(ca_certs=ca) as client:
            url = peer.url
            await client.get(url)
            peer._context = None
            with pytest.raises(error):
                await client.get(url, **options)
            peer._context = context
            await client.get(url)
            assert resumed(peer)[-1] is False

    run(main())


# -- what is kept, by itself


class Given:
    """A session, as far as Kept looks at it."""

    def __init__(self, ticket: bool = True, hint: int = 100) -> None:
        self.has_ticket = ticket
        self.id = b"id"
        self.ticket_lifetime_hint = hint
        self.timeout = 7200


class Made:
    """A connection that was made."""

    def __init__(self, session: Any = None, *, reused: bool = False, version: str = "TLSv1.3") -> None:
        self.session = session
        self.session_reused = reused
        self.read = 0
        self._version = version

    def version(self) -> str:
        return self._version


def kept(time: Callable[[], float] = lambda: 0.0) -> Any:
    return Kept(time)


CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.mark.parametrize(
    ("session", "version", "usable"),
    [
        (None, "TLSv1.3", False),
        (Given(False), "TLSv1.3", False),
        (Given(False), "TLSv1.2", True),
        (Given(), "TLSv1.3", True),
        (Given(hint=0), "TLSv1.2", True),
    ],
)
def test_what_can_be_offered(session: Any, version: str, usable: bool) -> None:
    one = kept()
    assert one.offer(CONTEXT) is None
    one.made(Made(session, version=version), None)
    assert (one.offer(CONTEXT) is session) == (usable or session is None)


def test_a_ticket_that_comes_late() -> None:
    one = kept()
    one.offer(CONTEXT)
    made = Made()
    one.made(made, None)
    assert one.offer(CONTEXT) is None
    made.session = Given()
    assert one.offer(CONTEXT) is made.session


def test_half_of_its_life() -> None:
    now = 0.0
    one = kept(lambda: now)
    one.offer(CONTEXT)
    old, new = Given(), Given()
    one.made(Made(old), None)
    assert one.offer(CONTEXT) is old
    now = 49.0
    one.made(Made(new, reused=True), old)
    assert one.offer(CONTEXT) is old
    now = 50.0
    one.made(Made(new, reused=True), old)
    assert one.offer(CONTEXT) is new


def test_tickets_that_serve_once() -> None:
    one = kept()
    one.offer(CONTEXT)
    sessions = [Given() for _ in range(4)]
    one.made(Made(sessions[0]), None)
    one.made(Made(None, reused=True), one.offer(CONTEXT))
    one.made(Made(sessions[1]), one.offer(CONTEXT))
    for session, following in pairwise(sessions[1:]):
        assert one.offer(CONTEXT) is session
        assert one.offer(CONTEXT) is None
        one.made(Made(following, reused=True), session)


def test_a_refusal_of_what_never_worked_says_nothing_of_tickets() -> None:
    one = kept()
    one.offer(CONTEXT)
    first, second = Given(), Given()
    one.made(Made(first), None)
    one.made(Made(second), one.offer(CONTEXT))
    assert one.offer(CONTEXT) is one.offer(CONTEXT) is second


def test_what_fails_is_not_offered_again() -> None:
    one = kept()
    one.offer(CONTEXT)
    one.made(Made(Given()), None)
    one.failed(one.offer(CONTEXT))
    assert one.offer(CONTEXT) is None


def test_patience() -> None:
    one = kept()
    one.offer(CONTEXT)
    asked = []
    for number in range(1, 2 * PATIENCE + 1):
        session = Given()
        one.made(Made(session), None)
        asked.append(number) if one.offer(CONTEXT) is session else None
    assert asked == [*range(1, PATIENCE + 1), 2 * PATIENCE]


def test_another_context() -> None:
    one = kept()
    one.offer(CONTEXT)
    one.made(Made(Given()), None)
    assert one.offer(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) is None
    assert one.offer(CONTEXT) is None


def test_the_least_recently_used_is_forgotten(run: Run) -> None:
    async def main() -> None:
        sessions, other = Sessions(), asyncio.new_event_loop()
        other.close()
        first, second = sessions.of(1), sessions.of(2)
        for key in range(3, SESSIONS_KEPT + 2):
            assert sessions.of(1) is first
            sessions.of(key)
        assert sessions.of(1) is first
        assert sessions.of(2) is not second
        sessions.leave(other)
        assert sessions.of(1) is first
        sessions.leave(asyncio.get_running_loop())
        assert sessions.of(1) is not first

    run(main())


# -- the handshake's context


def wrap(shake: Handshake) -> Any:
    return shake.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), False, "localhost")


def a_session() -> ssl.SSLSession:
    """One of a context that nobody else has."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(client)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    ways = [ssl.MemoryBIO() for _ in range(4)]
    ends = [
        client.wrap_bio(ways[0], ways[1], server_hostname="localhost"),
        server_context().wrap_bio(ways[2], ways[3], server_side=True),
    ]
    for _ in range(3):
        for end, source, target in ((ends[0], ways[1], ways[2]), (ends[1], ways[3], ways[0])):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
            target.write(source.read())
    session = ends[0].session
    assert session is not None
    return session


def test_a_session_of_another_context_is_left_out() -> None:
    one = kept()
    one.offer(CONTEXT)
    one._session = a_session()
    shake = Handshake(CONTEXT, TLS(), Origin("https", "localhost", 443), one)
    assert isinstance(wrap(shake), NotedSSLObject)
    assert shake._offered is None


def test_a_name_that_is_none_is_an_error() -> None:
    shake = Handshake(CONTEXT, TLS(), Origin("https", "localhost", 443))
    with pytest.raises(ValueError, match="server_hostname"):
        shake.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), False, "")


def test_a_callers_own_class_of_objects_stays() -> None:
    class Own(ssl.SSLObject):
        pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslobject_class = Own
    assert type(wrap(Handshake(context, TLS(), Origin("https", "localhost", 443)))) is Own
    assert context.sslobject_class is Own
