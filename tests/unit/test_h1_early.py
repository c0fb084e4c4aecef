"""H1Connection: answers that come before the body is sent, and `Expect: 100-continue` (cases 78 and 26)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from tests.feeding import Wired, outcome, sent, sent_body, turns

from async_keepalive_httpc._connection import upload
from async_keepalive_httpc._message.request import Request
from async_keepalive_httpc.errors import ConnectionLost

if TYPE_CHECKING:
    from tests.conftest import Run

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BIG = bytes(1024 * 1024)


def post(body: Any) -> Request:
    return Request("POST", "http://example.com/up", body=body)


def wire() -> Wired:
    return Wired(loop=asyncio.get_running_loop())


# -- the answer comes first


def endless(seen: list[str]) -> Iterator[bytes]:
    try:
        while True:
            yield b"x" * 1000
    finally:
        seen.append("closed")


@pytest.mark.parametrize("status", [200, 413])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_case_78_a_complete_answer_before_the_body(run: Run, status: int, method: str) -> None:
    async def main() -> None:
        seen: list[str] = []
        wired = wire()
        response = wired.send(Request(method, "http://a/", body=endless(seen), allow_body=True))
        await turns()
        wired.feed(b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\n" % status + b"ok" * (method == "GET"))
        assert response.status == status
        assert wired.transport.ended == "aborted"
        assert wired.owner.heard == ["lost: early response"]
        written = len(wired.transport.written)
        await turns()
        assert len(wired.transport.written) == written
        assert seen == ["closed"]

    run(main())


def test_an_early_error_stops_sending_at_its_head(run: Run) -> None:
    async def main() -> None:
        seen: list[str] = []
        wired = wire()
        response = wired.send(post(endless(seen)))
        await turns()
        wired.feed(b"HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\no")
        await turns()
        assert seen == ["closed"]
        assert not wired.connection.paused  # from here on the peer's silence counts
        assert not wired.connection.blocked
        wired.feed(b"k")
        assert response.body == b"ok"
        assert wired.owner.heard == ["lost: early response"]

    run(main())


def test_a_good_head_lets_the_body_go_on(run: Run) -> None:
    async def main() -> None:
        gate = asyncio.Event()

        async def gated() -> AsyncIterator[bytes]:
            yield b"one"
            await gate.wait()
            yield b"two"

        wired = wire()
        response = wired.send(post(gated()))
        await turns()
        wired.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        gate.set()
        await turns()
        assert sent_body(wired) == b"onetwo"
        wired.feed(b"k")
        assert response.body == b"ok"
        assert wired.kept

    run(main())


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_the_peer_goes_while_the_body_is_sent(run: Run, reset: bool) -> None:
    async def main() -> None:
        seen: list[str] = []
        wired = wire()
        response = wired.send(post(endless(seen)))
        await turns()
        wired.end(BrokenPipeError("broken") if reset else None)
        await turns()
        assert isinstance(response._error, ConnectionLost)
        assert response._error.stage == "sent"
        assert seen == ["closed"]

    run(main())


def test_abandoned_while_the_body_is_sent(run: Run) -> None:
    async def main() -> None:
        seen: list[str] = []
        wired = wire()
        response = wired.send(post(endless(seen)))
        await turns()
        response.abandon()
        await turns()
        assert outcome(response) == ("ClientClosed",)
        assert seen == ["closed"]
        assert wired.transport.ended == "aborted"

    run(main())


def test_abandoned_before_the_body_is_begun(run: Run) -> None:
    async def main() -> None:
        wired = wire()
        response = wired.send(post([b"x"]))
        response.abandon()
        await turns()
        assert sent_body(wired) == b""

    run(main())


def test_abandoned_while_the_peer_is_slow(run: Run) -> None:
    async def main() -> None:
        wired = wire()
        response = wired.send(post(BIG))
        wired.connection.pause_writing()
        await turns()
        response.abandon()
        wired.connection.resume_writing()
        await turns()
        assert wired.transport.writes == 2
        assert not wired.connection.blocked

    run(main())


def test_a_producer_that_goes_on_by_itself(run: Run) -> None:
    """Tornado's own coroutines are not cancelled with the future that stands for them."""

    async def main() -> None:
        kept: list[Any] = []

        async def produce(write: Any) -> None:
            kept.append(write)
            await asyncio.sleep(3600)

        wired = wire()
        response = wired.send(post(produce))
        await turns()
        response.abandon()
        written = wired.transport.written
        with pytest.raises(ConnectionLost, match="not wanted"):
            kept[0](b"more")
        assert wired.transport.written == written

    run(main())


# -- Expect: 100-continue


def expecting(body: Any = b"body") -> Request:
    return Request("PUT", "http://a/", body=body, expect_continue=True)


def test_case_26_continue_comes(run: Run) -> None:
    async def main() -> None:
        wired = wire()
        response = wired.send(expecting())
        await turns()
        assert b"Expect: 100-continue\r\n" in wired.transport.written
        assert sent_body(wired) == b""
        wired.feed(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n")
        await turns()
        assert sent_body(wired) == b"body"
        wired.feed(OK)
        assert response.body == b"ok"
        assert wired.kept

    run(main())


@pytest.mark.parametrize("status", [200, 401, 417])
def test_case_26_the_final_response_comes_at_once(run: Run, status: int) -> None:
    async def main() -> None:
        wired = wire()
        response = wired.send(expecting())
        await turns()
        wired.feed(b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\nok" % status)
        await turns()
        assert response.status == status
        assert sent_body(wired) == b""
        assert wired.owner.heard == ["lost: early response"]

    run(main())


def test_case_26_the_head_of_a_final_response_is_enough(run: Run) -> None:
    async def main() -> None:
        wired = wire()
        wired.send(expecting())
        await turns()
        wired.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        wired.feed(b"o")
        await turns()
        assert sent_body(wired) == b""
        assert not wired.connection.paused
        wired.connection.close("closed")

    run(main())


def test_case_26_nothing_comes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "CONTINUE_WAIT", 0.0)

    async def main() -> None:
        wired = wire()
        response = wired.send(expecting([b"bo", b"dy"]))
        await sent(wired)
        assert sent_body(wired) == b"body"
        wired.feed(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)  # late, and without effect
        assert response.body == b"ok"
        assert wired.kept

    run(main())


def test_continue_and_the_final_response_in_one_read(run: Run) -> None:
    async def main() -> None:
        wired = wire()
        response = wired.send(expecting())
        await turns()
        wired.feed(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)
        await turns()
        assert response.body == b"ok"
        assert wired.owner.heard == ["lost: early response"]

    run(main())
