"""StreamedResponse: given up, at every point, in every way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.feeding import CHUNKED, Wired, all_of, chunk, sized, turns

from async_keepalive_httpc._message import stream
from async_keepalive_httpc._message.limits import DRAIN_SIZE, STREAM_HIGH
from async_keepalive_httpc.errors import (
    ClientClosed,
    InvalidRequest,
)

if TYPE_CHECKING:
    from tests.conftest import Run


def test_aclose_after_the_end_keeps_everything(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        wired.feed(sized(5) + b"hello")
        assert await response.read() == b"hello"
        await response.aclose()
        await response.aclose()
        assert response.body == b"hello"
        assert await all_of(response) == []
        assert wired.kept

    run(main())


def test_aclose_drops_what_was_not_read(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        wired.feed(sized(5) + b"hello")
        await response.aclose()
        assert wired.kept
        with pytest.raises(InvalidRequest, match="was closed before"):
            await anext(response)

    run(main())


@pytest.mark.parametrize("size", [1, DRAIN_SIZE])
def test_a_short_rest_is_drained_and_the_connection_kept(run: Run, size: int) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        wired.feed(sized(1000 + size) + b"x" * 1000)
        closing = asyncio.ensure_future(response.aclose())
        await turns()
        assert not closing.done()
        wired.feed(b"y" * size)
        await closing
        assert wired.owner.heard == ["freed"]
        with pytest.raises(InvalidRequest, match="was closed before"):
            await response.read()

    run(main())


def test_a_long_rest_closes_the_connection(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        wired.feed(CHUNKED + chunk(b"x"))
        closing = asyncio.ensure_future(response.aclose())
        await turns()
        wired.feed(chunk(b"y" * DRAIN_SIZE), chunk(b"z") + chunk(b"z"))
        await closing
        assert wired.owner.heard == ["lost: abandoned"]
        assert wired.transport.ended == "aborted"
        with pytest.raises(ClientClosed):
            await anext(response)

    run(main())


def test_a_rest_that_does_not_come(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "DRAIN_TIME", 0.0)

    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        wired.feed(sized(5) + b"hell")
        await response.aclose()
        assert wired.owner.heard == ["lost: abandoned"]

    run(main())


def test_aclose_while_reading_is_stopped(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        size = STREAM_HIGH + 1
        wired.feed(sized(size + 10) + b"x" * size)
        assert not wired.transport.reading
        closing = asyncio.ensure_future(response.aclose())
        await turns()
        assert wired.transport.reading
        wired.feed(b"y" * 10)
        await closing
        assert wired.kept

    run(main())


def test_a_cancelled_aclose_closes_at_once(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        wired.feed(sized(5))
        closing = asyncio.ensure_future(response.aclose())
        await turns()
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert wired.owner.heard == ["lost: abandoned"]

    run(main())


def test_aclose_while_another_task_reads(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        wired.feed(sized(5))
        reader = asyncio.ensure_future(anext(response))
        await turns()
        await response.aclose()
        with pytest.raises(ClientClosed):
            await reader
        assert wired.owner.heard == ["lost: abandoned"]

    run(main())


def test_abandon_frees_what_it_holds(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response: Any = wired.send(stream=True)
        wired.feed(sized(10) + b"hello")
        response.abandon()
        assert not response._pieces
        with pytest.raises(ClientClosed):
            await anext(response)
        assert wired.owner.heard == ["lost: abandoned"]

    run(main())


def test_abandon_of_a_complete_body(run: Run) -> None:
    async def main() -> None:
        wired = Wired()
        response = wired.send(stream=True)
        wired.feed(sized(5) + b"hello")
        response.abandon()
        assert wired.kept
        with pytest.raises(InvalidRequest, match="was closed before"):
            await anext(response)

    run(main())


def test_a_head_that_nobody_waits_for_any_more() -> None:
    wired = Wired()
    response = wired.send(stream=True)
    response._waiter.set_result(response)  # a future that was cancelled is done as well
    wired.feed(sized(5))
    assert response._waiter is None
    assert response.status == 200


def test_abandon_before_the_head() -> None:
    wired = Wired()
    response = wired.send(stream=True)
    response.abandon()
    assert isinstance(response._error, ClientClosed)
    assert repr(response) == "<StreamedResponse ClientClosed GET http://example.com/path>"
