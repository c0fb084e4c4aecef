"""StreamedResponse: read piece by piece, with backpressure, and decoded on the way."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from tests.feeding import CHUNKED, OK, Wired, all_of, chunk, sized, turns

from async_keepalive_httpc._message.limits import STREAM_HIGH, STREAM_LOW
from async_keepalive_httpc._policy.decode import decoder
from async_keepalive_httpc.errors import (
    ClientClosed,
    ConnectionLost,
    DecodeError,
    InvalidRequest,
    ProtocolError,
    TooLarge,
)

if TYPE_CHECKING:
    from tests.conftest import Run


class Doubling:
    """A decoder that gives each piece twice, and something at the end."""

    def decode(self, data: bytes) -> Iterator[bytes]:
        yield data
        yield b""
        yield data

    def finish(self) -> Iterator[bytes]:
        yield b"."


# -- reading


def test_it_is_handed_over_with_its_head(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        wired.feed(sized(10))
        assert response._waiter is None  # its waiter was told
        assert (response.status, response.headers["Content-Length"]) == (200, "10")
        wired.feed(b"hello", b"world")
        assert await all_of(response) == [b"hello", b"world"]
        assert wired.kept
        assert await all_of(response) == []

    run(main())


def test_the_reader_waits_for_what_comes(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        wired.feed(CHUNKED)
        reader = asyncio.ensure_future(all_of(response))
        for data in (b"one", b"two"):
            await turns()
            wired.feed(chunk(data))
        await turns()
        assert not reader.done()
        wired.feed(b"0\r\nT: u\r\n\r\n")
        assert await reader == [b"one", b"two"]
        assert response.trailers["T"] == "u"

    run(main())


def test_read(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        wired.feed(sized(9) + b"abc", b"def", b"ghi")
        with pytest.raises(InvalidRequest, match="was not read"):
            _ = response.body
        assert await anext(response) == b"abc"
        assert await response.read() == b"defghi"
        assert await response.read() == response.body == b"defghi"
        assert response.text == "defghi"

    run(main())


def test_readinto(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        wired.feed(sized(10) + b"abc", b"defghij")
        buffer = bytearray(4)
        assert await response.readinto(buffer) == 4
        assert buffer == b"abcd"
        assert await response.readinto(memoryview(buffer)[:1]) == 1
        assert buffer == b"ebcd"
        assert await response.readinto(bytearray()) == 0
        assert await anext(response) == b"fghij"
        assert await response.readinto(buffer) == 0

    run(main())


def test_readinto_by_single_bytes(run: Run) -> None:
    """A large piece read through a small buffer: neither depth nor time may grow with it."""

    async def main() -> None:
        wired = Wired()
        data = bytes(range(256)) * 256
        response = wired.send(stream=True)
        wired.feed(sized(len(data)) + data)
        buffer, got = bytearray(1), bytearray()
        while await response.readinto(buffer):
            got += buffer
        assert got == data

    run(main())


def test_two_readers_at_once(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        wired.feed(sized(5))
        first = asyncio.ensure_future(all_of(response))
        await turns()
        with pytest.raises(InvalidRequest, match="two tasks at once"):
            await anext(response)
        wired.feed(b"hello")
        assert await first == [b"hello"]

    run(main())


def test_a_second_reader_between_two_pieces_is_woken_too(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        wired.feed(sized(9))
        first = asyncio.ensure_future(anext(response))
        await turns()
        wired.feed(b"one")  # wakes the first reader, which has had no turn yet
        assert await anext(response) == b"one"
        second = asyncio.ensure_future(anext(response))
        await turns()
        wired.feed(b"two", b"six")
        got = await asyncio.wait_for(asyncio.gather(first, second, return_exceptions=True), 5)
        assert {b"two"} <= {item for item in got if isinstance(item, bytes)}

    run(main())


def test_a_cancelled_reader_loses_nothing(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        wired.feed(sized(5))
        buffer = bytearray(9)
        for number, read in enumerate((response.__anext__, response.read, lambda: response.readinto(buffer))):
            wired.feed(b"%d" % number * (number > 0))
            reader = asyncio.ensure_future(read())
            await turns()
            reader.cancel()
            await turns()
        wired.feed(b"3", b"45")
        assert await response.read() == b"12345"

    run(main())


# -- backpressure


def test_a_slow_reader_stops_the_reading(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        piece = b"x" * (STREAM_LOW // 2)
        number = STREAM_HIGH // len(piece)
        wired.feed(sized(2 * number * len(piece)))
        wired.feed(*[piece] * number)
        assert wired.transport.reading
        wired.feed(piece)
        assert not wired.transport.reading
        assert wired.connection.paused
        wired.feed(piece)  # what the loop had read already
        for left in range(number + 1, 1, -1):
            assert not wired.transport.reading, left
            assert await anext(response) == piece
            if left == 3:
                break
        assert await anext(response) == piece
        assert wired.transport.reading
        assert not wired.connection.paused

    run(main())


def test_a_body_that_ends_while_reading_is_stopped(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        size = STREAM_HIGH + 1
        wired.feed(sized(size) + b"x" * size)
        assert wired.kept
        assert wired.transport.reading  # the connection is for others now
        assert sum([len(piece) async for piece in response]) == size
        assert wired.transport.reading

    run(main())


# -- the end


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_what_came_is_read_before_the_error(run: Run, reset: bool) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        wired.feed(sized(10) + b"hello")
        wired.end(ConnectionResetError("reset") if reset else None)
        assert await anext(response) == b"hello"
        for _ in range(2):
            with pytest.raises(ConnectionLost):
                await anext(response)

    run(main())


def test_an_error_wakes_the_reader(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        wired.feed(CHUNKED)
        reader = asyncio.ensure_future(all_of(response))
        await turns()
        wired.feed(b"nonsense\r\n")
        with pytest.raises(ProtocolError):
            await reader
        assert "ProtocolError" in repr(response)

    run(main())


def test_an_error_before_the_head_is_told_to_the_waiter() -> None:
    wired = Wired()
    response = wired.send(stream=True)
    wired.feed(b"nonsense")
    assert response._waiter is None
    assert isinstance(response._error, ProtocolError)
    response.fail(ClientClosed("later"))
    assert isinstance(response._error, ProtocolError)


def test_until_close(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        wired.feed(OK + b"\r\nhello")
        wired.end()
        assert await all_of(response) == [b"hello"]

    run(main())


def test_the_limit_is_only_the_callers(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True, limit=0)
        wired.feed(sized(200_000) + b"x" * 200_000)
        assert len(await response.read()) == 200_000

        wired = Wired()
        response = wired.send(stream=True, limit=5)
        wired.feed(CHUNKED + chunk(b"12345"), chunk(b"6"))
        assert await anext(response) == b"12345"
        with pytest.raises(TooLarge, match="longer than 5 bytes: raise max_body_size"):
            await anext(response)
        assert wired.owner.heard == ["lost: error"]

    run(main())


# -- decoding


def test_decoding_on_the_way(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        wired.feed(sized(6) + b"abc", b"def")
        response.decode_with(Doubling())
        assert await all_of(response) == [b"abc", b"abc", b"def", b"def", b"."]
        assert await all_of(response) == []

    run(main())


def test_a_real_decoder(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        data = zlib.compress(b"hello" * 1000)
        response = wired.send(stream=True)
        wired.feed(sized(len(data)) + data[:10], data[10:])
        response.decode_with(decoder(["deflate"]))
        assert await response.read() == b"hello" * 1000

    run(main())


@pytest.mark.parametrize("complete", [True, False])
def test_damaged_content_stays_an_error(run: Run, complete: bool) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        wired.feed(CHUNKED + chunk(b"no gzip at all"))
        if complete:
            wired.feed(chunk(b"more") + b"0\r\n\r\n")
        response.decode_with(decoder(["gzip"]))
        for _ in range(2):
            with pytest.raises(DecodeError):
                await anext(response)
        assert wired.kept is complete

    run(main())


def test_a_bomb_that_is_read_at_once(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        data = zlib.compress(bytes(1 << 20))
        response = wired.send(stream=True, limit=10_000)
        wired.feed(sized(len(data) + 1) + data)
        response.decode_with(decoder(["deflate"]))
        with pytest.raises(TooLarge, match="decoded body is longer than 10000 bytes"):
            await response.read()
        assert wired.owner.heard == ["lost: abandoned"]

    run(main())
