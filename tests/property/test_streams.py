"""Streams under any order of feeding, reading, pausing and giving up: no byte is lost, none comes twice."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.feeding import Wired

from async_keepalive_httpc._message import stream
from async_keepalive_httpc._message.stream import StreamedResponse
from async_keepalive_httpc.errors import HTTPCError

BODY = bytes(range(256)) * 8
SMALL_HIGH, SMALL_LOW = 100, 30

sizes = st.integers(1, 120)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("feed"), sizes),
        st.tuples(st.just("next"), st.just(0)),
        st.tuples(st.just("into"), sizes),
        st.tuples(st.just("all"), st.just(0)),
    ),
    max_size=60,
)
endings = st.sampled_from(["read", "aclose", "abandon", "fin"])


async def _read(response: StreamedResponse, what: str, size: int, got: bytearray) -> None:
    """Read once; a reader that has to wait is cancelled."""

    async def read() -> None:
        if what == "next":
            got.extend(await response._next_decoded())
        elif what == "into":
            buffer = bytearray(size)
            got.extend(buffer[: await response.readinto(buffer)])
        else:
            got.extend(await response.read())

    reader = asyncio.ensure_future(read())
    await asyncio.sleep(0)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)


def _feed(wired: Wired, fed: int, size: int) -> int:
    if not wired.transport.reading or wired.transport.ended:
        return fed
    wired.feed(BODY[fed : fed + size])
    return min(len(BODY), fed + size)


@given(steps=steps, ending=endings)
def test_no_byte_is_lost_or_doubled(steps: list[tuple[str, int]], ending: str) -> None:
    async def main() -> None:
        wired = Wired()
        response: StreamedResponse = wired.send(stream=True)
        wired.feed(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY))
        got, fed = bytearray(), 0
        for what, size in steps:
            if what == "feed":
                fed = _feed(wired, fed, size)
                assert response._size <= SMALL_HIGH + 120
            else:
                await _read(response, what, size, got)
            assert got == BODY[: len(got)]
        assert len(got) + response._size + len(response._rest) == fed
        await _end(wired, response, ending, got, fed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "STREAM_HIGH", SMALL_HIGH)
        patch.setattr(stream, "STREAM_LOW", SMALL_LOW)
        asyncio.run(main())


async def _end(wired: Wired, response: StreamedResponse, ending: str, got: bytearray, fed: int) -> None:
    if ending == "read":
        reader = asyncio.ensure_future(response.read())
        while fed < len(BODY):
            fed = _feed(wired, fed, 77)
            await asyncio.sleep(0)
        assert bytes(got) + await reader == BODY
        assert wired.kept
        return
    if ending == "abandon":
        response.abandon()
    elif ending == "fin":
        wired.end()
    else:
        closing = asyncio.ensure_future(response.aclose())
        while not closing.done() and not wired.transport.ended:
            fed = _feed(wired, fed, 77)
            await asyncio.sleep(0)
        await closing
        assert wired.kept
    try:
        while piece := await response._next_decoded():
            got.extend(piece)
    except HTTPCError:
        assert len(got) < len(BODY)
    assert got == BODY[: len(got)]
