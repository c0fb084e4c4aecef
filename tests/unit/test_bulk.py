"""A long body is read straight into its place, and the connection is as good as new behind it."""

from __future__ import annotations

import asyncio
import gc
import gzip
import math
import random
import socket
import sys
from typing import Any

import pytest
from tests.conftest import Run
from tests.feeding import BODY_LIMIT, PEER, RecordingTransport, Wired, outcome, split
from tests.peers import Conn, Peer, response, serving

from async_keepalive_httpc import Client, KeepAliveAsyncHTTPClient, Timeout, TimeoutExpired
from async_keepalive_httpc._connection.bulk import LEAST, WATERMARK, Bulk
from async_keepalive_httpc._connection.framing import announced

BODY = bytes(range(256)) * 1024
"""256 KiB, four times LEAST."""
HEADS = {
    "plain": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
    "lower case, first": b"HTTP/1.1 200 OK\r\ncontent-length:%d \r\nA: b\r\n\r\n",
    "field by field": b"HTTP/1.1 200 OK\r\nContent-Encoding: x\r\nContent-Length: %d\r\n\r\n",
    "repeated": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Length: %d\r\n\r\n",
    "after 103": b"HTTP/1.1 103 X\r\nContent-Length: 3\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
}
SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def head(name: str = "plain", length: int = len(BODY)) -> bytes:
    form = HEADS[name]
    return form.replace(b"%d", b"%d" % length)


def begun(length: int = len(BODY), limit: int = BODY_LIMIT, **options: Any) -> tuple[Wired, Any]:
    """A response whose head and first 10 bytes are here."""
    wired = Wired()
    got = wired.send(limit=limit, **options)
    wired.feed(head(length=length) + BODY[:10])
    return wired, got


def in_place(wired: Wired) -> bool:
    return isinstance(wired.connection._parser, Bulk)


@pytest.mark.parametrize("name", HEADS)
def test_a_connection_serves_again_behind_it(name: str) -> None:
    wired = Wired()
    for _ in range(2):
        got = wired.send()
        wired.feed(head(name), BODY[:70_000])
        assert in_place(wired)
        wired.feed(BODY[70_000:])
        assert (got.status, got.body) == (200, BODY)
        assert not in_place(wired)
        assert wired.kept
        short = wired.send()
        wired.feed(SHORT)
        assert short.body == b"ok"
    assert wired.owner.heard == ["freed"] * 4


def test_the_room_is_the_rest_and_one_byte() -> None:
    wired, _ = begun()
    assert len(wired.connection.get_buffer(-1)) == len(BODY) - 10 + 1
    wired.feed(BODY[10:-3])
    assert len(wired.connection.get_buffer(-1)) == 4


def test_a_body_is_not_copied_out() -> None:
    wired, got = begun()
    vessel = wired.connection._parser._vessel
    wired.feed(BODY[10:])
    assert got.body == BODY
    assert got.body is vessel._held.getvalue()


@pytest.mark.parametrize("extra", [b"x", SHORT])
@pytest.mark.parametrize("apart", [False, True])
def test_bytes_behind_it_are_nobodys(extra: bytes, apart: bool) -> None:
    wired, got = begun()
    wired.feed(*([BODY[10:], extra] if apart else [BODY[10:] + extra]))
    assert got.body == BODY
    assert not wired.kept
    assert wired.owner.heard == [*["freed"] * apart, "lost: poisoned"]


def test_bytes_behind_it_meet_no_request_that_waits() -> None:
    """The next request is sent the moment the connection is freed: extra bytes must not be its answer."""
    wired, got = begun()
    room = wired.connection.get_buffer(-1)
    rest = BODY[10:] + b"H"
    room[: len(rest)] = rest
    wired.connection.buffer_updated(len(rest))
    assert got._waiter is None
    del room
    wired.soon.turn()
    assert got.body == BODY
    assert "freed" not in wired.owner.heard


@pytest.mark.parametrize("length", [LEAST + 9, BODY_LIMIT + 1])
def test_short_and_forbidden_ones_are_not(length: int) -> None:
    wired, got = begun(length)
    assert not in_place(wired)
    wired.feed(bytes(length - 10))
    if length > BODY_LIMIT:
        assert outcome(got) == ("TooLarge",)
    else:
        assert len(got.body) == length


def test_the_shortest_and_the_longest_are() -> None:
    for length in (LEAST + 10, BODY_LIMIT):
        wired, got = begun(length)
        assert in_place(wired)
        wired.feed(bytes(length - 10))
        assert len(got.body) == length


@pytest.mark.parametrize("head_of", [b"Transfer-Encoding: chunked", b"Connection: close\r\nA: b"])
def test_chunks_and_bodies_that_close_ends_are_not(head_of: bytes) -> None:
    wired = Wired()
    wired.send()
    wired.feed(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n40000\r\n" % head_of, bytes(1000))
    assert not in_place(wired)


def test_a_stream_is_not() -> None:
    wired, _ = begun(stream=True)
    wired.feed(BODY[10:1000])
    assert not in_place(wired)


@pytest.mark.parametrize("length", [1 << 60, sys.maxsize, 1 << 63])
def test_more_than_there_is_room_for(length: int) -> None:
    """It is taken as it comes."""
    wired, got = begun(length, limit=1 << 64)
    assert not in_place(wired)
    wired.feed(BODY[10:1000])
    assert got._size == 1000


@pytest.mark.parametrize("error", [None, ConnectionResetError("reset")])
def test_cut_off(error: Exception | None) -> None:
    wired, got = begun()
    wired.feed(BODY[10:-1])
    wired.end(error)
    assert outcome(got) == ("ConnectionLost",)
    assert got._error.stage == "responding"
    assert wired.owner.heard == ["lost: lost", "gone"]


def test_a_reset_behind_the_last_byte() -> None:
    """A loop that learns of the reset by a write has not read what came before it."""
    here, there = socket.socketpair()
    with here, there:
        wired = Wired(transport=RecordingTransport({"peername": PEER, "socket": here}))
        got = wired.send()
        wired.feed(head(length=LEAST + 100) + BODY[:10])
        assert in_place(wired)
        there.sendall(BODY[10 : LEAST + 100])
        wired.end(ConnectionResetError("reset"))
    assert got.body == BODY[: LEAST + 100]


def test_abandoned_in_the_middle() -> None:
    wired, got = begun()
    wired.feed(BODY[10:100_000])
    got.abandon()
    assert wired.transport.ended == "aborted"
    wired.connection.get_buffer(-1)[:3] = b"new"
    wired.connection.buffer_updated(3)
    assert outcome(got) == ("ClientClosed",)
    assert wired.owner.heard == ["lost: abandoned"]


def test_announced() -> None:
    assert announced(b"HTTP/1.1 200 OK\r\nA: Content-Length: 3\r\ncontent-LENGTH:\t 42 \r\n\r\n") == 42
    assert announced(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n") == 0
    assert announced([(b"A", b"b"), (b"CONTENT-length", b"7 ")]) == 7
    assert announced([]) == 0


@pytest.mark.parametrize("tls", [False, True])
def test_over_a_socket(run: Run, tls: bool) -> None:
    """As both loops read: into what they are given, over TLS record by record."""
    body = BODY * 16
    sizes = [len(body), 3, LEAST, len(body) - 1, 0, len(BODY), 1]

    async def main() -> None:
        async with Peer(serving(lambda conn, request: response(body[: int(request.target[1:])])), tls=tls) as peer:
            async with Client(verify=peer.ca_context() if tls else True) as client:
                for size in sizes * 2:
                    got = await client.get(f"{peer.url}/{size}")
                    assert got.body == body[:size]
                assert client.connect_times == 1

    run(main())


def test_each_split_of_the_edges() -> None:
    """Whatever comes together at either end of the body."""
    data = head() + BODY
    start = len(head())
    for cut in (start - 1, start, start + 1, start + LEAST, len(data) - LEAST, len(data) - 1):
        for second in (cut + 1, len(data) - 2):
            wired = Wired()
            got = wired.send()
            wired.feed(*split(data, [cut, second]))
            assert got.body == BODY
            assert wired.kept


@pytest.mark.parametrize("error", [None, ConnectionResetError()], ids=["fin", "rst"])
def test_a_lost_connection_holds_no_room(error: Exception | None) -> None:
    """Found by the garbage collector in a cycle, as loops leave them, the memory of a body must not be in use."""
    wired, _ = begun()
    assert isinstance(wired.connection._parser, Bulk)
    wired.end(error)
    cycle: list[Any] = [wired.connection]
    cycle.append(cycle)
    del wired, cycle, _
    gc.collect()


# -- the mark: how much has to be there before anybody is woken


class Marked:
    """A socket that remembers at how many bytes it was to wake us."""

    def __init__(self, family: int = socket.AF_INET) -> None:
        self.family = family
        self.marks: list[int] = []

    def setsockopt(self, level: int, name: int, value: int) -> None:
        assert (level, name) == (socket.SOL_SOCKET, socket.SO_RCVLOWAT)
        self.marks.append(value)


LONG = BODY * 3


def marked(**extra: Any) -> tuple[Marked, Wired]:
    """A response of three times the mark that has begun, over a socket that is watched."""
    sock = Marked()
    wired = Wired(transport=RecordingTransport({"peername": PEER, "socket": sock, **extra}))
    wired.send()
    wired.feed(head(length=len(LONG)) + LONG[:10])
    return sock, wired


linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems are not asked to wait for more than a byte")


@linux
def test_the_mark_is_up_while_much_is_left_and_down_behind_it() -> None:
    sock, wired = marked()
    assert sock.marks == [WATERMARK]
    wired.feed(LONG[10:-2000])
    assert sock.marks == [WATERMARK, 2000]
    wired.feed(LONG[-2000:-1000])
    wired.feed(LONG[-1000:])
    assert sock.marks == [WATERMARK, 2000, 1000, 1]
    assert wired.kept


@linux
def test_there_is_no_mark_for_tls_and_other_sockets() -> None:
    assert marked(ssl_object=object())[0].marks == []
    assert marked(socket=Marked(socket.AF_UNIX))[0].marks == []


@linux
def test_a_socket_that_is_closed_has_none() -> None:
    class Closed(Marked):
        def setsockopt(self, level: int, name: int, value: int) -> None:
            raise OSError(9, "Bad file descriptor")

    sock, wired = marked(socket=Closed())
    wired.feed(LONG[10:])
    assert wired.kept
    assert sock.marks == []


@linux
@pytest.mark.parametrize("silent", [False, True])
def test_a_slow_peer_is_heard_before_it_is_called_silent(run: Run, silent: bool) -> None:
    async def main() -> None:
        more, rest = asyncio.Event(), asyncio.Event()

        async def script(conn: Conn) -> None:
            await conn.request()
            conn.send(head(length=len(LONG)) + LONG[:70_000])
            await more.wait()
            conn.send(LONG[70_000:70_010])
            await rest.wait()
            conn.send(LONG[70_010:])

        async with Peer(script) as peer, Client(timeout=Timeout(read=5)) as client:
            call = asyncio.ensure_future(client.get(peer.url))
            while (transport := client._loops.current) is None or not transport.opened:
                await asyncio.sleep(0)
            (connection,) = next(iter(transport.lanes.values())).members

            async def came(size: int) -> Any:
                while connection._response is None or getattr(connection._response, "_size", 0) < size:
                    await asyncio.sleep(0)
                return connection._response

            response = await came(70_000)
            assert isinstance(connection._parser, Bulk)
            if silent:
                assert transport._expire(response, connection.moved + 5) == 0
                with pytest.raises(TimeoutExpired, match="read timeout"):
                    await call
                return
            more.set()
            for _ in range(100):
                await asyncio.sleep(0)
            assert response._size == 70_000
            assert transport._expire(response, connection.moved + 5) > 0
            assert (await came(70_010))._size == 70_010
            moved = connection.moved
            assert transport._sweep(moved + 4.9) < math.inf
            assert not call.done()
            assert connection.moved == moved
            rest.set()
            assert (await call).body == LONG

    run(main())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
def test_an_eager_task_decodes_it_at_once() -> None:
    """The Tornado door's task runs inside the read, whose room the loop still holds."""
    whole = random.Random(1).randbytes(200_000)
    raw = response(gzip.compress(whole), headers=[("Content-Encoding", "gzip")])

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined, unused-ignore]
        async with Peer(serving(lambda conn, request: raw)) as peer:
            client = KeepAliveAsyncHTTPClient(force_instance=True)
            for _ in range(2):
                answer = await client.fetch(peer.url)
                assert answer.body == whole
            client.close()

    asyncio.run(main())  # stock asyncio's own factory


def test_it_is_collected_once() -> None:
    wired, got = begun()
    room = wired.connection.get_buffer(-1)
    room[: len(BODY) - 10] = BODY[10:]
    wired.connection.buffer_updated(len(BODY) - 10)
    assert not hasattr(got, "body")
    got.collect()
    body = got.body
    assert body == BODY
    del room
    wired.soon.turn()
    assert got.body is body
