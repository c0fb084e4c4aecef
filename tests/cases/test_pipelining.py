"""Cases 193-199 over sockets: several requests on one connection before it has answered the first of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import pytest
from tests.cases.exchange import OK, turns
from tests.looped import looped

from async_keepalive_httpc import Client, ConnectionLost, Limits, ProtocolError, Response, TimeoutExpired
from async_keepalive_httpc.testing import Conn, Peer, Request, response

Answers = Callable[[Conn, list[Request]], None]
CLOSING = OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nclose"


def own(request: Request) -> bytes:
    """The answer that nobody else may get."""
    return response(request.target.encode())


class Batch:
    """A script: the first connection answers `number` requests together, by `answers`; all others are answered well."""

    def __init__(self, number: int, answers: Answers) -> None:
        self.number = number
        self.answers = answers

    async def __call__(self, conn: Conn) -> None:
        while not conn.ending and (request := await conn.request()) is not None:
            if conn.number > 1 or request.target == "/warm":
                conn.send(own(request))
                continue
            batch = [request]
            while len(batch) < self.number and (another := await conn.request()) is not None:
                batch.append(another)
            self.answers(conn, batch)
            self.number = 1
            self.answers = lambda conn, requests: conn.send(own(requests[0]))


@asynccontextmanager
async def warm(script: Batch, depth: int = 10) -> AsyncIterator[tuple[Client, Peer]]:
    """A client with one connection, which has answered."""
    async with Peer(script) as peer, Client(limits=Limits(max_per_host=1), pipelining=depth) as client:
        await client.get(f"{peer.url}/warm")
        yield client, peer


def start(client: Client, peer: Peer, number: int, method: str = "GET") -> list[asyncio.Future[Response]]:
    return [asyncio.ensure_future(client.request(method, f"{peer.url}/{place}")) for place in range(number)]


async def bodies(calls: Sequence[Awaitable[Response]]) -> list[bytes | str]:
    """The body of each, or the kind of its error."""
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    return [outcome.body if isinstance(outcome, Response) else type(outcome).__name__ for outcome in outcomes]


def targets(number: int) -> list[bytes]:
    return [f"/{place}".encode() for place in range(number)]


def seen(peer: Peer) -> list[tuple[str, int]]:
    return [(request.target, request.connection) for request in peer.requests[1:]]


@looped
async def test_case_193_only_idempotent_ones_and_a_post_waits_for_an_empty_pipe() -> None:
    script = Batch(2, lambda conn, requests: conn.send(b"".join(map(own, requests))))
    async with warm(script) as (client, peer):
        gets = start(client, peer, 2)
        await turns(2)
        post = asyncio.ensure_future(client.post(f"{peer.url}/post", body=b"x"))
        await turns(2)
        more = start(client, peer, 2)
        assert await bodies([*gets, post, *more]) == [b"/0", b"/1", b"/post", b"/0", b"/1"]
        assert [request.target for request in peer.requests] == ["/warm", "/0", "/1", "/post", "/0", "/1"]
        assert client.connect_times == 1
        assert client.stats()["connections"]["pipelined"] == 2


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("answered", [0, 1, 3, 5])
@looped
async def test_case_194_the_end_after_k_of_n_answers(answered: int, reset: bool) -> None:
    def answers(conn: Conn, requests: list[Request]) -> None:
        conn.send(b"".join(map(own, requests[:answered])))
        (conn.reset if reset else conn.close)()

    script = Batch(6, answers)
    async with warm(script) as (client, peer):
        assert await bodies(start(client, peer, 6)) == targets(6)
        again = [(target, connection) for target, connection in seen(peer) if connection > 1]
        assert len(again) == client.stats()["connections"]["resends"]
        assert len(again) == 6 - answered or reset
        # One at a time, each on a connection that has not been used.
        assert again == [(f"/{6 - len(again) + place}", 2 + place) for place in range(len(again))]


@looped
async def test_case_194_inside_an_answer() -> None:
    """The first fails, for a part of its answer came; those behind it go again."""

    def answers(conn: Conn, requests: list[Request]) -> None:
        conn.send(own(requests[0])[:-1])
        conn.close()

    async with warm(Batch(3, answers)) as (client, peer):
        assert await bodies(start(client, peer, 3)) == ["ConnectionLost", b"/1", b"/2"]


@looped
async def test_case_194_every_connection_dies() -> None:
    """Nothing is sent more than twice."""

    async def script(conn: Conn) -> None:
        if conn.number == 1:
            await conn.request()
            conn.send(response(b"warm"))
            for _ in range(4):
                await conn.request()
        else:
            await conn.request()

    async with Peer(script) as peer, Client(limits=Limits(max_per_host=1), pipelining=4) as client:
        await client.get(f"{peer.url}/warm")
        assert await bodies(start(client, peer, 4)) == ["ConnectionLost"] * 4
        assert Counter(request.target for request in peer.requests[1:]) == {f"/{place}": 2 for place in range(4)}


@looped
async def test_case_195_close_on_answer_k() -> None:
    def answers(conn: Conn, requests: list[Request]) -> None:
        conn.send(own(requests[0]) + CLOSING + own(requests[2]))
        conn.close()

    script = Batch(5, answers)
    async with warm(script) as (client, peer):
        assert await bodies(start(client, peer, 5)) == [b"/0", b"close", b"/2", b"/3", b"/4"]
        assert seen(peer)[5:] == [("/2", 2), ("/3", 3), ("/4", 4)]


@looped
async def test_case_196_n_answers_in_one_segment_cut_anywhere() -> None:
    whole = sum(len(response(target)) for target in targets(5))
    for cut in range(0, whole, 5):
        pieces: list[bytes] = []
        script = Batch(5, lambda conn, requests, pieces=pieces: pieces.append(b"".join(map(own, requests))))  # type: ignore[misc]
        async with warm(script) as (client, peer):
            calls = start(client, peer, 5)
            while not pieces:
                await asyncio.sleep(0)
            await peer.conns[0].send_split(pieces[0], [cut])
            assert await bodies(calls) == targets(5)
            assert client.connect_times == 1


@looped
async def test_case_196_a_head_of_line_that_expires_is_read_and_dropped() -> None:
    held: list[Request] = []
    async with warm(Batch(3, lambda conn, requests: held.extend(requests))) as (client, peer):
        slow = asyncio.ensure_future(client.get(f"{peer.url}/slow", timeout=0.05))
        others = start(client, peer, 2)
        with pytest.raises(TimeoutExpired):
            await slow
        peer.conns[0].send(b"".join(map(own, held)))
        assert await bodies(others) == [b"/0", b"/1"]
        assert (client.connect_times, len(peer.requests)) == (1, 4)


@looped
async def test_case_196_a_server_that_says_nothing_more() -> None:
    """Each expires by its own deadline; when nobody is left the connection is closed."""
    async with warm(Batch(3, lambda conn, requests: None)) as (client, peer):
        calls = [client.get(f"{peer.url}/{place}", timeout=0.05) for place in range(3)]
        assert await bodies(calls) == ["TimeoutExpired"] * 3
        assert client.stats()["connections"]["closed"] == {"abandoned": 1}
        assert (await client.get(f"{peer.url}/after")).body == b"/after"


@looped
async def test_case_197_more_answers_than_requests() -> None:
    def answers(conn: Conn, requests: list[Request]) -> None:
        conn.send(b"".join(map(own, requests)) + response(b"nobody's"))

    async with warm(Batch(3, answers)) as (client, peer):
        assert await bodies(start(client, peer, 3)) == targets(3)
        assert (await client.get(f"{peer.url}/after")).body == b"/after"
        assert client.stats()["connections"]["closed"] == {"poisoned": 1}


@pytest.mark.parametrize("place", [0, 1, 3])
@looped
async def test_case_197_answer_k_is_malformed(place: int) -> None:
    def answers(conn: Conn, requests: list[Request]) -> None:
        raw = [own(request) for request in requests]
        raw[place] = b"HTTP/1.1 2OO OK\r\n\r\n"
        conn.send(b"".join(raw))

    async with warm(Batch(4, answers)) as (client, peer):
        outcomes = await asyncio.gather(*start(client, peer, 4), return_exceptions=True)
        assert isinstance(outcomes[place], ProtocolError)
        for other in {0, 1, 2, 3} - {place}:
            outcome = outcomes[other]
            assert isinstance(outcome, Response)
            assert outcome.body == f"/{other}".encode()
        assert [target for target, connection in seen(peer) if connection > 1] == [f"/{n}" for n in range(place + 1, 4)]


@pytest.mark.parametrize("place", [0, 1, 3])
@looped
async def test_case_198_cancel_of_request_k(place: int) -> None:
    """Its answer is read and dropped, and nothing is sent again."""
    held: list[Request] = []
    async with warm(Batch(4, lambda conn, requests: held.extend(requests))) as (client, peer):
        calls = start(client, peer, 4)
        await peer.until(lambda: len(held) == 4)
        calls[place].cancel()
        with suppress(asyncio.CancelledError):
            await calls[place]
        peer.conns[0].send(b"".join(map(own, held)))
        rest = [call for call in calls if call is not calls[place]]
        assert await bodies(rest) == [target for target in targets(4) if target != f"/{place}".encode()]
        assert client.connect_times == 1
        assert len(peer.requests) == 1 + len(held)


@looped
async def test_case_199_head_204_304() -> None:
    def answers(conn: Conn, requests: list[Request]) -> None:
        conn.send(
            b"HTTP/1.1 204 No Content\r\n\r\n"
            b"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n"
            b"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n"
            + own(requests[3])
            + OK
            + b"Content-Length: 100\r\n\r\n"
        )

    async with warm(Batch(5, answers)) as (client, peer):
        calls = start(client, peer, 4)
        await turns(2)
        last = asyncio.ensure_future(client.head(f"{peer.url}/head"))
        behind = asyncio.ensure_future(client.get(f"{peer.url}/behind"))
        assert await bodies([*calls, last, behind]) == [b"", b"", b"", b"/3", b"", b"/behind"]
        assert [call.result().status for call in calls] == [204, 304, 204, 200]
        assert last.result().headers["Content-Length"] == "100"
        assert client.connect_times == 1
        assert [request.target for request in peer.requests[-2:]] == ["/head", "/behind"]


@looped
async def test_case_199_a_body_where_there_is_none() -> None:
    """A 204 with a body: it is no answer to the next request."""

    def answers(conn: Conn, requests: list[Request]) -> None:
        conn.send(b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nno" + own(requests[1]))

    async with warm(Batch(3, answers)) as (client, peer):
        outcomes = await asyncio.gather(*start(client, peer, 3), return_exceptions=True)
        assert isinstance(outcomes[0], Response)
        assert outcomes[0].status == 204
        assert isinstance(outcomes[1], ProtocolError | ConnectionLost)
        assert isinstance(outcomes[2], Response)
        assert outcomes[2].body == b"/2"
