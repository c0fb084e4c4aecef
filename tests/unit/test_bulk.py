"""A long body is read straight into its place, and the connection is as good as new behind it."""

from __future__ import annotations

import gc
import socket
import sys
from typing import Any

import pytest
from tests.conftest import Run
from tests.feeding import BODY_LIMIT, PEER, RecordingTransport, Wired, outcome, split
from tests.peers import Peer, response, serving

from async_keepalive_httpc import Client
from async_keepalive_httpc._connection.bulk import LEAST, Bulk
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
    wired.feed(BODY[10:])
    assert got.body is got.body
    assert type(got._body) is bytes


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
