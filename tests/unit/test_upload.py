"""Sending, through an H1Connection: bodies that go out piece by piece, and their backpressure."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import pytest
from tests.feeding import RecordingTransport, Wired, sent, sent_body, turns

from async_keepalive_httpc._connection import upload
from async_keepalive_httpc._message.request import Request
from async_keepalive_httpc.errors import ConnectionLost, InvalidRequest

if TYPE_CHECKING:
    from tests.conftest import Run

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BIG = bytes(range(256)) * 3 * 1024  # 768 KiB: three slices


def post(body: Any, **options: Any) -> Request:
    return Request("POST", "http://example.com/up", body=body, **options)


def wire() -> Wired:
    return Wired(loop=asyncio.get_running_loop())


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        await asyncio.sleep(0)
        yield piece


async def produce(write: Any) -> None:
    await write(b"one")
    await write(bytearray(b"two"))
    await write(memoryview(b"three"))


def produce_at_once(write: Any) -> None:
    """Tornado allows this: a producer that is no coroutine and does not wait."""
    write(b"one")
    write(b"two")
    write(b"three")


BODIES: dict[str, Callable[[], Any]] = {
    "iterable": lambda: [b"one", b"two", b"", b"three"],
    "generator": lambda: (piece for piece in (b"one", b"two", b"three")),
    "async generator": lambda: pieces(b"one", b"two", b"three"),
    "producer": lambda: produce,
    "producer, not async": lambda: produce_at_once,
    "file": lambda: io.BytesIO(b"onetwothree"),
}


@pytest.mark.parametrize("kind", BODIES)
def test_every_kind_of_body(run: Run, kind: str) -> None:
    async def main() -> None:
        wired = wire()
        response = wired.send(post(BODIES[kind]()))
        await sent(wired)
        assert sent_body(wired) == b"onetwothree"
        known = kind == "file"
        assert (b"Content-Length: 11\r\n" in wired.transport.written) is known
        assert (b"Transfer-Encoding: chunked\r\n" in wired.transport.written) is not known
        wired.feed(OK)
        assert response.body == b"ok"
        assert wired.kept

    run(main())


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_in_slices(run: Run, kind: type) -> None:
    async def main() -> None:
        wired = wire()
        wired.send(post(kind(BIG)))
        assert wired.transport.writes == 1  # the head
        await turns()
        assert sent_body(wired) == BIG
        assert wired.transport.writes == 4
        wired.feed(OK)
        assert wired.kept

    run(main())


def test_the_length_a_caller_announces(run: Run) -> None:
    async def main() -> None:
        wired = wire()
        wired.send(Request("PUT", "http://a/", {"Content-Length": "6"}, pieces(b"one", b"two")))
        await turns(10)
        assert b"Content-Length: 6\r\n" in wired.transport.written
        assert b"chunked" not in wired.transport.written
        wired.feed(OK)
        assert wired.kept

    run(main())


@pytest.mark.parametrize(
    ("given", "words"),
    [([b"12345678", b"9"], "longer than its Content-Length 8"), ([b"1234567"], "1 bytes short")],
    ids=["case-126-more", "case-126-less"],
)
def test_a_body_of_another_length(run: Run, given: list[bytes], words: str) -> None:
    async def main() -> None:
        wired = wire()
        response = wired.send(Request("PUT", "http://a/", {"Content-Length": "8"}, given))
        await turns()
        assert isinstance(response._error, InvalidRequest)
        assert words in str(response._error)
        assert len(sent_body(wired)) <= 8
        assert wired.transport.ended == "aborted"
        assert wired.owner.heard == ["lost: error"]

    run(main())


@pytest.mark.parametrize("piece", ["text", 5, None, [b"x"]])
def test_what_is_not_bytes(run: Run, piece: Any) -> None:
    async def main() -> None:
        wired = wire()
        response = wired.send(post([piece]))
        await turns()
        assert isinstance(response._error, InvalidRequest)
        assert type(piece).__name__ in str(response._error)

    run(main())


def test_what_the_callers_code_raises(run: Run) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"some"
        raise ZeroDivisionError("in the body")

    async def main() -> None:
        wired = wire()
        response = wired.send(post(broken()))
        await turns()
        assert isinstance(response._error, ZeroDivisionError)
        assert wired.transport.ended == "aborted"
        assert wired.owner.heard == ["lost: error"]

    run(main())


def test_code_that_raises_when_the_answer_is_there_already(run: Run) -> None:
    async def broken() -> AsyncIterator[bytes]:
        try:
            yield b"some"
            await asyncio.sleep(3600)
        finally:
            raise ZeroDivisionError("while it is closed")

    async def main() -> None:
        wired = wire()
        response = wired.send(post(broken()))
        await turns()
        wired.feed(OK)
        await turns()
        assert response.body == b"ok"
        assert wired.owner.heard == ["lost: early response"]

    run(main())


def test_the_task_is_cancelled_from_outside(run: Run) -> None:
    async def cancelling() -> AsyncIterator[bytes]:
        yield b"some"
        raise asyncio.CancelledError

    async def main() -> None:
        wired = wire()
        response = wired.send(post(cancelling()))
        await turns()
        assert isinstance(response._error, InvalidRequest)
        assert "cancelled from outside" in str(response._error)
        assert wired.owner.heard == ["lost: error"]

    run(main())


# -- back-pressure


def test_a_peer_that_reads_slowly(run: Run) -> None:
    async def main() -> None:
        wired = wire()
        wired.send(post(BIG))
        wired.connection.pause_writing()
        await turns()
        assert wired.transport.writes == 2  # the head and what was given when it was told to wait
        assert wired.connection.blocked
        assert not wired.connection.paused
        wired.clock.time = 200.0
        wired.connection.resume_writing()
        assert wired.connection.moved == 200.0
        assert not wired.connection.blocked
        assert wired.connection.paused  # it is for the caller to go on
        await turns()
        assert sent_body(wired) == BIG
        assert not wired.connection.paused

    run(main())


def test_the_head_alone_fills_the_buffer(run: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()

        class Full(RecordingTransport):
            def write(self, data: bytes | bytearray | memoryview) -> None:
                super().write(data)
                if self.writes == 1:
                    wired.connection.pause_writing()

        wired = Wired(loop=loop, transport=Full())
        wired.send(post(BIG))
        assert wired.connection.blocked is False  # nothing is sent yet that could wait
        await turns()
        assert wired.transport.writes == 2
        wired.connection.resume_writing()
        await turns()
        assert sent_body(wired) == BIG

    run(main())


def test_writing_may_pause_without_an_upload() -> None:
    wired = Wired()
    wired.send()
    wired.connection.pause_writing()
    wired.clock.time = 150.0
    wired.connection.resume_writing()
    assert not wired.connection.blocked
    assert wired.connection.moved == 150.0


def test_a_buffer_that_is_filled_anew(run: Run) -> None:
    """What was handed to the transport is not changed by a caller who uses his buffer again."""

    class Holding(RecordingTransport):
        def __init__(self) -> None:
            super().__init__()
            self.held: list[bytes | bytearray | memoryview] = []

        def write(self, data: bytes | bytearray | memoryview) -> None:
            self.held.append(data)

    async def reuse(write: Any) -> None:
        buffer = bytearray(3)
        for text in (b"one", b"two"):
            buffer[:] = text
            await write(buffer)
            await write(memoryview(buffer))

    async def main() -> None:
        transport = Holding()
        wired = Wired(loop=asyncio.get_running_loop(), transport=transport)
        wired.send(Request("PUT", "http://a/", {"Content-Length": "12"}, reuse))
        await turns(10)
        assert b"".join(transport.held[1:]) == b"oneonetwotwo"

    run(main())


def test_stopped_before_its_task_is_there(run: Run) -> None:
    """A loop with eager tasks runs the body's first piece inside `create_task`."""

    async def main() -> None:
        heard: list[object] = []
        loop = asyncio.get_running_loop()
        sending = upload.Sending(loop, RecordingTransport(), post([b"x"]), heard.append)
        sending.active = True
        sending.stop()
        with pytest.raises(ConnectionLost):
            sending.write(b"x")
        assert heard == []

    run(main())


def test_memory_that_is_not_in_one_piece(run: Run) -> None:
    async def main() -> None:
        wired = wire()
        wired.send(post([memoryview(b"a-b-c-")[::2], memoryview(b"\x01\x00\x00\x00").cast("I")]))
        await turns()
        assert sent_body(wired) == b"abc\x01\x00\x00\x00"

    run(main())


def test_large_chunks_are_not_joined(run: Run) -> None:
    async def main() -> None:
        wired = wire()
        wired.send(post([b"x" * (upload.JOIN_SIZE + 1)]))
        await turns()
        assert wired.transport.writes == 5  # head, size, data, end of line, last chunk
        assert len(sent_body(wired)) == upload.JOIN_SIZE + 1

    run(main())
