"""Cases 71-86 over sockets: idle connections, bytes that nobody asked for, and what is sent twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.cases.exchange import CHUNKED, FIN, HELLO, OK, RST, ask, case, turns
from tests.conftest import Run

from async_keepalive_httpc import Client, ConnectionLost, TimeoutExpired
from async_keepalive_httpc.testing import Conn, Peer, Request, faults, in_turn, response, serving

EXTRA = {
    "garbage": b"\x00\xffgarbage",
    "a response": HELLO,
    "five responses": HELLO * 5,
    "100": b"HTTP/1.1 100 Continue\r\n\r\n",
    "a last chunk": b"0\r\n\r\n",
}
ANSWERS = {
    "length": (HELLO, b"hello"),
    "chunked": (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "close": (OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("used", [False, True], ids=["case_71", "case_72"])
def test_case_71_and_72_bytes_after_a_response(run: Run, answer: str, used: bool) -> None:
    raw, body = ANSWERS[answer]
    for extra in EXTRA.values():
        for pieces in ([raw, extra], [raw + extra]):
            came = run(ask(pieces, used=used, rest=20))
            assert (came.body, came.kept) == (body, False), extra


@pytest.mark.parametrize("answer", ANSWERS)
def test_case_73_an_extra_crlf(run: Run, answer: str) -> None:
    raw, body = ANSWERS[answer]
    came = run(ask(raw + b"\r\n"))
    assert came.body == body


@pytest.mark.parametrize(
    "raw",
    [
        case(74, "response", HELLO),
        case(74, "408 and FIN", b"HTTP/1.1 408 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        case(74, "part of a line", b"HTTP/1.1 2"),
        case(74, "one byte", b"x"),
        case(74, "100", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("looked", [False, True], ids=["unread", "read"])
def test_case_74_bytes_on_an_idle_connection(run: Run, raw: bytes, method: str, looked: bool) -> None:
    """`unread`: the loop has not run since they came; a look at the socket finds them."""

    async def main() -> None:
        async with Peer(serving(lambda conn, request: response(request.target.encode()))) as peer:
            async with Client() as client:
                await client.get(f"{peer.url}/1")
                await asyncio.sleep(0.06)
                peer.conns[0].send(raw)
                if b"408" in raw:
                    peer.conns[0].close()
                if looked:
                    await turns(20)
                got = await client.request(method, f"{peer.url}/2")
                assert (got.status, got.body) == (200, b"/2")
                assert [request.connection for request in peer.requests] == [1, 2]

    run(main())


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("looked", [False, True], ids=["unread", "read"])
def test_case_75_the_end_of_an_idle_connection(run: Run, method: str, reset: bool, looked: bool) -> None:
    async def main() -> None:
        async with Peer(serving(lambda conn, request: response(b"ok"))) as peer, Client() as client:
            await client.get(peer.url)
            await asyncio.sleep(0.06)
            faults.end(peer.conns[0], reset)
            if looked:
                await turns(20)
            assert (await client.request(method, peer.url)).body == b"ok"
            assert [request.connection for request in peer.requests] == [1, 2]

    run(main())


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_case_76_the_end_right_after_a_response(run: Run, method: str, reset: bool) -> None:
    async def main() -> None:
        async with Peer(in_turn(*[faults.last(reset=reset)] * 6)) as peer, Client() as client:
            for _ in range(6):
                assert (await client.request(method, peer.url)).body == b"ok"

    run(main())


def test_case_77_a_server_that_speaks_first(run: Run) -> None:
    """What it says is never the answer."""

    async def script(conn: Conn) -> None:
        conn.send(HELLO)
        await conn.closed()

    async def main() -> None:
        async with Peer(script) as peer, Client() as client:
            with pytest.raises(ConnectionLost) as caught:
                await client.get(peer.url)
            assert caught.value.stage == "unsent"
            assert peer.requests == []

    run(main())


@pytest.mark.parametrize("how", ["413 and a lingering close", "200 and drained"])
def test_case_78_an_answer_before_the_body_is_sent(run: Run, how: str) -> None:
    big = bytes(20_000_000)

    async def drained(conn: Conn, request: Request) -> None:
        conn.send(response(b"early"))
        await conn.body()

    async def main() -> None:
        first = faults.early(response(b"early", status=413)) if how.startswith("413") else faults.Early(drained)
        async with Peer(in_turn(first, faults.well())) as peer, Client() as client:
            got = await client.post(peer.url, body=big)
            assert (got.status, got.body) == (413 if how.startswith("413") else 200, b"early")
            assert (await client.get(peer.url)).body == b"ok"
            assert peer.connections == 2

    run(main())


# -- who may be sent twice


@pytest.mark.parametrize("then", [FIN, RST])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "QUERY"])
def test_case_79_idempotent_once_more_on_a_fresh_connection(run: Run, method: str, then: str) -> None:
    async def main() -> None:
        dies = faults.drop() if then == FIN else faults.reset()
        async with Peer(in_turn(faults.well(), dies, faults.well())) as peer, Client() as client:
            await client.get(peer.url)
            got = await client.request(method, peer.url)
            assert got.status == 200
            assert [(request.method, request.connection) for request in peer.requests[1:]] == [(method, 1), (method, 2)]
            assert client.stats()["connections"]["resends"] == 1

    run(main())


@pytest.mark.parametrize("then", [FIN, RST])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_case_80_others_are_not(run: Run, method: str, then: str) -> None:
    came = run(ask(b"", then, method=method, used=True))
    assert isinstance(came.error, ConnectionLost)
    assert (came.error.stage, came.error.reused) == ("sent", True)
    assert came.seen == [(method, 1)]


def test_case_82_a_body_that_cannot_be_rewound(run: Run) -> None:
    came = run(ask(b"", FIN, method="PUT", used=True, body=iter([b"once"])))
    assert isinstance(came.error, ConnectionLost)
    assert "PUT" in str(came.error)
    assert came.seen == [("PUT", 1)]


def test_case_83_every_attempt_dies(run: Run) -> None:
    came = run(ask(b"", FIN, used=True))
    assert isinstance(came.error, ConnectionLost)
    assert came.seen == [("GET", 1), ("GET", 2)]


@pytest.mark.parametrize("part", [b"HTTP/1.1 2", OK + b"X: y\r\n", OK + b"Content-Length: 9\r\n\r\nhello"])
@pytest.mark.parametrize("then", [FIN, RST])
def test_case_84_a_part_of_the_answer_came(run: Run, part: bytes, then: str) -> None:
    came = run(ask(part, then, used=True))
    assert isinstance(came.error, ConnectionLost)
    assert came.error.stage == "responding" or then == RST
    assert len(came.seen) == 1 or then == RST  # an RST may overtake the part, which then never came


def test_case_85_a_time_out(run: Run) -> None:
    async def main() -> None:
        async with Peer(in_turn(faults.well(), faults.silence(), faults.well())) as peer, Client() as client:
            await client.get(peer.url)
            with pytest.raises(TimeoutExpired):
                await client.get(peer.url, timeout=0.05)
            assert len(peer.requests) == 2
            assert (await client.get(peer.url)).body == b"ok"

    run(main())


@pytest.mark.parametrize("status", [408, 425])
@pytest.mark.parametrize("used", [False, True])
def test_case_86_delivered(run: Run, status: int, used: bool) -> None:
    raw = b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\nno" % status
    came = run(ask(raw, used=used))
    assert (came.status, len(came.seen)) == (status, 1)


@pytest.mark.parametrize(("method", "attempts"), [("GET", 2), ("POST", 1)])
def test_case_86_408_and_close_on_a_used_connection(run: Run, method: str, attempts: int) -> None:
    """FEATURES 20, R3: the server gave up waiting as we wrote."""

    async def main() -> None:
        async with Peer(in_turn(faults.well(), faults.request_timeout(), faults.well())) as peer:
            async with Client() as client:
                await client.get(peer.url)
                got = await client.request(method, peer.url)
                assert got.status == (200 if attempts == 2 else 408)
                assert len(peer.requests) == 1 + attempts

    run(main())


def test_case_86_421_goes_once_to_another_connection(run: Run) -> None:
    """FEATURES 20, R2: whatever the method, once."""

    async def main() -> None:
        replies: list[Any] = [faults.well(), faults.well(response(b"", status=421))]
        async with Peer(in_turn(*replies)) as peer, Client() as client:
            await client.get(peer.url)
            assert (await client.post(peer.url, body=b"x")).status == 421
            assert [request.connection for request in peer.requests] == [1, 1, 2]

    run(main())
