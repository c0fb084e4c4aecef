"""The scripted peer does what it says, seen by a client of the standard library."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from tests import peers
from tests.looped import looped
from tests.peers import BadRequest, Conn, Peer

if TYPE_CHECKING:
    pass

HEAD = b"GET /n/7 HTTP/1.1\r\nHost: x\r\n"
GET = HEAD + b"\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"


class Client:
    """A connection that sends bytes, and reads responses with a Content-Length."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, request: bytes) -> tuple[str, bytes]:
        """Send a request; the head and the body of its response."""
        self.writer.write(request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = 0 if request.startswith(b"HEAD") else head.partition("Content-Length: ")[2].split("\r\n")[0]
        return head, await self.reader.readexactly(int(length))


@asynccontextmanager
async def connected(peer: Peer, **options: Any) -> AsyncIterator[Client]:
    if "https" in peer.url:
        options.setdefault("ssl", peer.ca_context())
    reader, writer = await asyncio.open_connection(peer.host, peer.port, **options)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        try:
            await writer.wait_closed()
        except (ConnectionError, ssl.SSLError):
            pass


async def exchange(script: peers.Script | list[bytes], request: bytes = b"", **options: Any) -> bytes:
    """What a client is sent that sends this and then reads until the end."""
    async with Peer(script, **options) as peer, connected(peer) as client:
        client.writer.write(request)
        return await client.reader.read()


async def idle(conn: Conn) -> None:
    """A script that sends a byte and leaves everything else to the body of the test."""
    conn.send(b"x")
    await conn.closed()


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def tls(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


class TestEcho:
    @looped
    async def test_many_requests_on_one_connection(self, tls: bool) -> None:
        async with Peer(peers.echo, tls=tls) as peer, connected(peer) as client:
            for number in range(20):
                head, body = await client.ask(b"GET /n/%d HTTP/1.1\r\nHost: x\r\n\r\n" % number)
                assert head.startswith("HTTP/1.1 200 OK\r\nX-Connection: 1\r\n")
                assert body == b"%d" % number
            assert (peer.connections, peer.open, len(peer.requests)) == (1, 1, 20)

    @looped
    async def test_methods(self) -> None:
        async with Peer(peers.echo) as peer, connected(peer) as client:
            assert (await client.ask(b"GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n"))[1] == b"/a?b"
            assert (await client.ask(POST + b"abc"))[1] == b"abc"
            assert "Content-Length: 1\r\n" in (await client.ask(GET.replace(b"GET", b"HEAD")))[0]
            assert (await client.ask(HEAD + b"Connection: close\r\n\r\n"))[1] == b"7"
            assert await client.reader.read() == b""
            await peer.ended()

    @looped
    async def test_connections_are_counted(self) -> None:
        async with Peer(peers.echo) as peer:
            async with connected(peer) as one, connected(peer) as two:
                assert "X-Connection: 1" in (await one.ask(GET))[0]
                assert "X-Connection: 2" in (await two.ask(GET))[0]
            await peer.ended()
            async with connected(peer) as three:
                assert "X-Connection: 3" in (await three.ask(GET))[0]
            assert (peer.connections, peer.peak) == (3, 2)
            assert [request.connection for request in peer.requests] == [1, 2, 3]


class TestReadyScripts:
    @looped
    async def test_ok(self) -> None:
        script = peers.ok(b"same", headers=[("X-A", "1")])
        both = await exchange(script, GET + HEAD + b"Connection: close\r\n\r\n")
        assert both == b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 4\r\n\r\nsame" * 2

    @looped
    async def test_responses_in_order_over_any_connection(self) -> None:
        close = peers.response(b"2", headers=[("Connection", "close")])
        async with Peer([peers.response(b"1"), close, peers.response(b"3")]) as peer:
            async with connected(peer) as client:
                assert (await client.ask(GET))[1] == b"1"
                assert (await client.ask(GET))[1] == b"2"
                assert await client.reader.read() == b""
            async with connected(peer) as client:
                assert (await client.ask(GET))[1] == b"3"

    @looped
    async def test_a_request_too_many_fails_the_test(self) -> None:
        with pytest.raises(AssertionError, match="GET /n/7 came after the last"):
            await exchange([], GET)


class TestRequests:
    @looped
    async def test_a_request_is_taken_apart(self) -> None:
        head = b"PUT /a HTTP/1.1\r\nHost: x\r\nX-a:  1 \r\nx-A: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
        wire = peers.chunked(b"ab", b"c" * 20, trailers=[("T", "v")])
        async with Peer(peers.echo) as peer, connected(peer) as client:
            assert (await client.ask(head + wire))[1] == b"ab" + b"c" * 20
            (request,) = peer.requests
            assert (request.method, request.target, request.version) == ("PUT", "/a", "HTTP/1.1")
            assert request.headers[1:3] == [("X-a", "1"), ("x-A", "2")]
            assert request.get("x-a") == "1, 2"
            assert request.get("nothing") == ""
            assert request.head == head
            assert request.chunk_sizes == [2, 20]
            assert request.trailers == [("T", "v")]
            assert request.complete

    @looped
    async def test_head_and_body_apart(self) -> None:
        async def script(conn: Conn) -> None:
            request = await conn.head()
            assert request is not None
            assert not request.complete
            conn.send(b"go")
            assert await conn.body() == b"abc"
            conn.send(b"done")

        async with Peer(script) as peer, connected(peer) as client:
            client.writer.write(POST)
            assert await client.reader.readexactly(2) == b"go"
            await peer.until(lambda: len(peer.requests) == 1)
            client.writer.write(b"abc")
            assert await client.reader.read() == b"done"

    @looped
    async def test_expectation_is_met(self) -> None:
        head = POST[:-2] + b"Connection: close\r\nExpect: 100-continue\r\n\r\n"
        sent = await exchange(peers.echo, head + b"abc")
        assert sent.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")

    @pytest.mark.parametrize(
        "head",
        [
            b"GET /\r\nHost: x\r\n",
            b"GET / HTTP/2.0\r\nHost: x\r\n",
            b"GET /a b HTTP/1.1\r\nHost: x\r\n",
            b"GE(T / HTTP/1.1\r\nHost: x\r\n",
            b"\r\n" + HEAD,
            b"GET / HTTP/1.1\r\n",
            HEAD + b"host: y\r\n",
            HEAD + b"A : b\r\n",
            HEAD + b"A: b\nC: d\r\n",
            HEAD + b"A: b\r\n c\r\n",
            HEAD + b"A: \0\r\n",
            HEAD + b"Content-Length: +1\r\n",
            HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n",
            HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            HEAD + b"Transfer-Encoding: gzip, chunked\r\n",
        ],
    )
    def test_bad_heads(self, head: bytes) -> None:
        with pytest.raises(BadRequest):
            peers.parse_head(head + b"\r\n", 1)

    @pytest.mark.parametrize("line", [b"", b"+1", b"0x1", b"1 ", b" 1", b"g"])
    def test_bad_chunk_sizes(self, line: bytes) -> None:
        with pytest.raises(BadRequest):
            peers.parse_chunk_size(line)

    @looped
    async def test_a_bad_request_fails_the_test(self) -> None:
        with pytest.raises(BadRequest, match="a chunk of 1 bytes is not followed by CRLF"):
            await exchange(peers.echo, HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc")

    @pytest.mark.parametrize("start", [GET[:9], POST + b"a"])
    @looped
    async def test_a_client_that_leaves_in_the_middle_is_no_error(self, start: bytes) -> None:
        async with Peer(peers.echo) as peer:
            async with connected(peer) as client:
                client.writer.write(start)
            await peer.ended()
            assert not any(request.complete for request in peer.requests)


class Reads(asyncio.Protocol):
    """A client that notes each read by itself, and reads whenever it can."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.end = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.end.set_result(error)


async def read_pieces(peer: Peer) -> list[bytes]:
    """What a client reads until the end of the connection."""
    context = peer.ca_context() if "https" in peer.url else None
    loop = asyncio.get_running_loop()
    _, reads = await loop.create_connection(Reads, peer.host, peer.port, ssl=context)
    await reads.end
    return reads.pieces


class TestSplit:
    @looped
    async def test_each_piece_is_read_by_itself(self, tls: bool) -> None:
        async def script(conn: Conn) -> None:
            await conn.send_split(b"abcdefghij", [1, 1, 3, 0, 2])

        async with Peer(script, tls=tls) as peer:
            assert await read_pieces(peer) == [b"a", b"b", b"cde", b"fg", b"hij"]

    @given(st.binary(min_size=1, max_size=40), st.lists(st.integers(0, 9), max_size=20))
    def test_any_split(self, data: bytes, sizes: list[int]) -> None:
        pieces = list(peers.split(data, sizes))
        assert b"".join(pieces) == data
        assert all(pieces)
        assert [len(piece) for piece in pieces[:-1]] == [size for size in sizes if size][: len(pieces) - 1]


class TestEndings:
    @looped
    async def test_fin_even_with_unread_bytes(self, tls: bool) -> None:
        async def script(conn: Conn) -> None:
            await conn.request()
            await asyncio.Event().wait()

        async with Peer(script, tls=tls) as peer, connected(peer) as client:
            client.writer.write(GET)
            await peer.until(lambda: len(peer.requests) == 1)
            client.writer.write(b"unread")
            peer.conns[0].send(b"bye")
            peer.conns[0].close()
            assert await client.reader.read() == b"bye"
            assert not peer.conns[0].open

    @looped
    async def test_close_waits_for_what_is_unsent(self, tls: bool) -> None:
        size = 1 << 24

        async def script(conn: Conn) -> None:
            conn.send(bytes(size))
            assert conn.unsent > 0
            conn.close()
            conn.send(b"too late")
            assert conn.open

        # Not by a StreamReader: at the end uvloop loses what TLS has buffered while reading is paused.
        async with Peer(script, tls=tls) as peer:
            assert len(b"".join(await read_pieces(peer))) == size
            await peer.ended()

    @looped
    async def test_what_the_client_does_not_read_waits(self) -> None:
        async def script(conn: Conn) -> None:
            conn.send(bytes(1 << 26))
            await conn.closed()

        async with Peer(script) as peer:
            async with connected(peer) as client:
                await client.reader.readexactly(1)
                assert peer.conns[0].unsent > 0
                client.writer.transport.abort()
            await peer.ended()
            assert peer.conns[0].unsent == 0

    @looped
    async def test_reset(self, tls: bool) -> None:
        async with Peer(idle, tls=tls) as peer, connected(peer) as client:
            await client.reader.readexactly(1)
            peer.conns[0].reset()
            peer.conns[0].reset()
            peer.conns[0].close()
            peer.conns[0].send(b"nobody hears it")
            with pytest.raises(ConnectionResetError):
                await client.reader.readexactly(1)
            await peer.ended()

    @looped
    async def test_half_close(self) -> None:
        async def script(conn: Conn) -> None:
            conn.send(b"last words")
            conn.half_close()
            assert await conn.closed() == b"answer"
            assert not conn.was_reset

        async with Peer(script) as peer, connected(peer) as client:
            assert await client.reader.read() == b"last words"
            assert peer.open == 1
            client.writer.write(b"answer")
            client.writer.close()
            await peer.ended()

    @pytest.mark.parametrize("notify", [True, False])
    @pytest.mark.parametrize("half", [True, False])
    @looped
    async def test_close_notify(self, notify: bool, half: bool) -> None:
        ends: list[bytes] = []

        class Watched(ssl.SSLObject):
            def read(self, *args: Any) -> Any:
                if not (data := super().read(*args)):
                    ends.append(b"close_notify")
                return data

        async def script(conn: Conn) -> None:
            conn.send(b"x")
            if half:
                conn.half_close(notify=notify)
                await conn.closed()
            else:
                conn.close(notify=notify)

        async with Peer(script, tls=True) as peer:
            context = peer.ca_context()
            context.sslobject_class = Watched
            async with connected(peer, ssl=context) as client:
                assert await client.reader.read() == b"x"
        assert bool(ends) == notify

    @pytest.mark.parametrize("reset", [True, False])
    @looped
    async def test_ends_of_the_client(self, tls: bool, reset: bool) -> None:
        async with Peer(idle, tls=tls) as peer:
            async with connected(peer) as client:
                await client.reader.readexactly(1)
                if reset:
                    sock = client.writer.get_extra_info("socket")
                    with socket.socket(fileno=socket.dup(sock.fileno())) as own:
                        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, peers.LINGER_ZERO)
                    client.writer.transport.abort()
            await peer.ended()
            assert peer.conns[0].was_reset == reset

    @looped
    async def test_reading_raw_bytes(self) -> None:
        async def script(conn: Conn) -> None:
            assert await conn.read(3) == b"abc"
            assert await conn.read_some() == b"d"
            assert await conn.read_some() == b""
            assert await conn.request() is None

        async with Peer(script) as peer:
            async with connected(peer) as client:
                client.writer.write(b"abcd")
            await peer.ended()

    @looped
    async def test_connections_that_stay_are_ended_at_the_exit(self, tls: bool) -> None:
        async with AsyncExitStack() as stack:
            async with Peer(peers.echo, tls=tls) as peer:
                client = await stack.enter_async_context(connected(peer))
                await client.ask(GET)
            assert peer.open == 0
            assert await client.reader.read() == b""


class TestErrors:
    @looped
    async def test_the_scripts_errors_are_raised_at_the_exit(self) -> None:
        async def script(conn: Conn) -> None:
            raise KeyError(conn.number)

        async def twice() -> None:
            async with Peer(script) as peer, connected(peer) as one, connected(peer) as two:
                assert await one.reader.read() == await two.reader.read() == b""

        with pytest.raises(KeyError, match="1") as caught:
            await twice()
        assert caught.value.__notes__ == ["A script of the peer failed too: KeyError(2)"]

    @looped
    async def test_the_bodys_own_error_wins(self) -> None:
        async def script(conn: Conn) -> None:
            raise KeyError(conn.number)

        async def body() -> None:
            async with Peer(script) as peer, connected(peer) as client:
                raise ValueError(await client.reader.read())

        with pytest.raises(ValueError, match="b''") as caught:
            await body()
        assert caught.value.__notes__ == ["A script of the peer failed too: KeyError(1)"]


class TestTLS:
    @looped
    async def test_names(self) -> None:
        async with Peer(peers.echo, tls=True) as peer:
            assert peer.url == f"https://127.0.0.1:{peer.port}"
            by_pem = ssl.create_default_context(cadata=peer.ca_pem.decode())
            for name in ("localhost", "127.0.0.1", "::1"):
                async with connected(peer, server_hostname=name, ssl=by_pem) as client:
                    assert (await client.ask(GET))[1] == b"7"
            assert peer.server_names[0] == "localhost"

    @looped
    async def test_a_failed_handshake_is_noted_and_no_failure(self) -> None:
        async with Peer(peers.echo, tls=True) as peer:
            stranger = ssl.create_default_context()
            trustme.CA().configure_trust(stranger)
            for options in ({"ssl": stranger}, {"server_hostname": "other.example"}):
                with pytest.raises(ssl.SSLCertVerificationError):
                    await connected(peer, **options).__aenter__()
            async with connected(peer, ssl=None) as client:
                client.writer.write(GET)
                await client.reader.read()
            async with connected(peer, ssl=None):
                pass
            await peer.ended()
            assert len(peer.handshake_errors) == 4
            assert peer.requests == []

    @looped
    async def test_own_context_and_alpn(self) -> None:
        context = peers.server_context("other.example", alpn=["h2", "http/1.1"])
        async with Peer(peers.echo, tls=context) as peer:
            options = {"ssl": peer.ca_context(alpn=["http/1.1"]), "server_hostname": "other.example"}
            async with connected(peer, **options) as client:
                await client.ask(GET)
            tls = peer.conns[0].tls
            assert tls is not None
            assert tls.selected_alpn_protocol() == "http/1.1"

    @looped
    async def test_tls_inside_a_tunnel(self) -> None:
        async def script(conn: Conn) -> None:
            connect = await conn.request()
            assert connect is not None
            assert connect.target == "localhost:443"
            conn.send(b"HTTP/1.1 200 OK\r\n\r\n")
            await conn.start_tls(peers.server_context())
            await peers.echo(conn)

        async with Peer(script) as peer, connected(peer) as client:
            client.writer.write(b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n")
            await client.reader.readuntil(b"\r\n\r\n")
            await client.writer.start_tls(peer.ca_context(), server_hostname="localhost")
            assert (await client.ask(GET))[1] == b"7"


@looped
async def test_ipv6_and_a_port_of_ones_choice() -> None:
    async with Peer(peers.ok(b"4")) as four, Peer(peers.ok(b"6"), host="::1", port=four.port) as six:
        assert six.url == f"http://[::1]:{four.port}"
        async with connected(six) as client:
            assert (await client.ask(GET))[1] == b"6"


def test_raw_responses() -> None:
    raw = peers.response(peers.chunked(b"a", b"", b"bc"), status=201, reason="X", headers=[("A", "b")], length=False)
    assert raw == b"HTTP/1.1 201 X\r\nA: b\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"
