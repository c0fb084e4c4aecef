"""A request cancelled at every suspension point it has leaves nothing: no slot, socket, task or watch.

Two ways to count. Suspensions of the call itself, one after the other until it is through; at each it is cancelled as
it begins to wait, or as it is about to be woken. And turns of the loop: a request is given k of them, which with a peer
on the same loop walks through queue, dial, handshake, head, body, decoding and redirects, whoever waits there.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Coroutine, Generator
from functools import partial
from types import coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import Run
from tests.peers import Conn, Peer, Request, response, serving
from tests.turns import cancelled_after, turns

from async_keepalive_httpc import Client, Digest, Limits, StreamedResponse
from async_keepalive_httpc._message.response import Response

TURNS = 41
BODY = b"many words " * 40_000
# More than is decoded in one turn of the loop.
LONG = gzip.compress(bytes(2_500_000))
CHALLENGE = ("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')


def reply(conn: Conn, request: Request) -> bytes:
    if request.target == "/redirect":
        return response(b"x" * 1000, status=302, headers=[("Location", "/gzip")])
    if request.target == "/gzip":
        return response(gzip.compress(BODY), headers=[("Content-Encoding", "gzip")])
    if request.target == "/bomb":
        return response(LONG, headers=[("Content-Encoding", "gzip")])
    if request.target == "/digest" and not request.get("Authorization"):
        return response(b"who are you?", status=401, headers=[CHALLENGE])
    return response(BODY if request.target == "/long" else request.target.encode())


async def upload() -> AsyncIterator[bytes]:
    for _ in range(5):
        yield b"x" * 100_000
        await asyncio.sleep(0)


async def read_stream(client: Client, url: str) -> None:
    async with client.stream("GET", url) as got:
        assert isinstance(got, StreamedResponse)
        async for _ in got:
            pass


async def leave_stream(client: Client, url: str) -> None:
    async with client.stream("GET", url):
        await asyncio.sleep(0)


WAYS: dict[str, Any] = {
    "get": lambda client, url: client.get(f"{url}/get"),
    "long": lambda client, url: client.get(f"{url}/long"),
    "redirect": lambda client, url: client.get(f"{url}/redirect"),
    "bomb": lambda client, url: client.get(f"{url}/bomb"),
    "digest": lambda client, url: client.get(f"{url}/digest", auth=Digest("u", "p")),
    "upload": lambda client, url: client.post(f"{url}/post", body=upload()),
    "expect": lambda client, url: client.post(f"{url}/post", body=b"x", expect_continue=True),
    "stream": lambda client, url: read_stream(client, f"{url}/redirect"),
    "left stream": lambda client, url: leave_stream(client, f"{url}/long"),
    "preconnect": lambda client, url: client.preconnect(url, 2),
}


@coroutine
def stopped_at(point: int, late: bool, call: Coroutine[Any, Any, Any]) -> Generator[Any, None, None]:
    """Run the call in this task, which is cancelled when it is suspended for that time; `late`: when it is to go on."""
    task = asyncio.current_task()
    assert task is not None
    step = partial(call.send, None)
    while True:
        try:
            waits_for = step()
        except StopIteration:
            return
        point -= 1
        if point == 0:
            if late and waits_for is not None:
                waits_for.add_done_callback(lambda done: task.cancel())
            else:
                task.cancel()
        try:
            yield waits_for
            step = partial(call.send, None)
        except BaseException as error:
            step = partial(call.throw, error)


async def cancelled_at(point: int, late: bool, call: Coroutine[Any, Any, Any]) -> bool:
    """Whether the call had so many suspensions; it was cancelled at the last of them."""

    async def stopped() -> None:
        await stopped_at(point, late, call)

    task = asyncio.ensure_future(stopped())
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    return task.cancelled()


async def check(client: Client, peer: Peer, url: str) -> None:
    """The client is as good as new: the next answer is right, and nothing else is there."""
    got = await client.get(f"{url}/check")
    assert got.body == b"/check"
    transport = client._loops.current
    assert transport is not None
    while transport._tasks or transport.lingering:
        await asyncio.sleep(0)
    (lane,) = transport.lanes.values()
    assert (lane.waiting, lane.dials, lane.starving) == (0, 0, False)
    assert lane.members == set(lane.idle) == set(transport.resting)
    assert transport.size == lane.size == len(lane.idle) <= transport.limits.max_per_host
    assert not any(transport.clock._rows.values())
    assert not any(row for _, _, row in transport.clock._heap)
    assert transport.starved == []
    await peer.until(lambda: peer.open == len(lane.idle))


@pytest.mark.parametrize("late", [False, True], ids=["waiting", "woken"])
@pytest.mark.parametrize("way", WAYS)
def test_every_suspension(run: Run, way: str, late: bool) -> None:
    async def main() -> None:
        async with Peer(serving(reply)) as peer:
            point, cancelled = 0, True
            while cancelled:
                point += 1
                async with Client() as client:
                    cancelled = await cancelled_at(point, late, WAYS[way](client, peer.url))
                    await check(client, peer, peer.url)
                await peer.ended()
            assert point > 1

    run(main(), timeout=60)


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("way", WAYS)
def test_one_request(run: Run, way: str, warm: bool) -> None:
    async def main() -> None:
        async with Peer(serving(reply)) as peer:
            for number in range(TURNS):
                async with Client() as client:
                    if warm:
                        await client.preconnect(peer.url)
                    await cancelled_after(number, WAYS[way](client, peer.url))
                    await check(client, peer, peer.url)
                await peer.ended()

    run(main(), timeout=60)


@pytest.mark.parametrize("way", ["get", "preconnect"])
def test_over_tls(run: Run, way: str) -> None:
    async def main() -> None:
        async with Peer(serving(reply), tls=True) as peer:
            context = peer.ca_context()
            for number in range(TURNS):
                async with Client(verify=context) as client:
                    await cancelled_after(number, WAYS[way](client, peer.url))
                    await check(client, peer, peer.url)
                await peer.ended()

    run(main(), timeout=60)


@pytest.mark.parametrize("behind", [0, 1, 2])
def test_one_of_three_in_a_queue(run: Run, behind: int) -> None:
    """Its neighbours, before and behind it, go on."""

    async def main() -> None:
        async with Peer(serving(reply)) as peer:
            for number in range(TURNS):
                async with Client(limits=Limits(max_per_host=1)) as client:
                    tasks = [asyncio.ensure_future(client.get(f"{peer.url}/{place}")) for place in range(3)]
                    await turns(number)
                    tasks[behind].cancel()
                    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
                    for place, outcome in enumerate(outcomes):
                        if place != behind:
                            assert not isinstance(outcome, BaseException)
                            assert outcome.body == f"/{place}".encode()
                    await check(client, peer, peer.url)
                await peer.ended()

    run(main(), timeout=60)


def test_as_a_connection_is_handed_over(run: Run) -> None:
    """The task is cancelled in the turn in which it was given a freed connection, before it could know."""

    async def main() -> None:
        async with Peer(serving(reply)) as peer, Client(limits=Limits(max_per_host=1)) as client:
            loop = asyncio.get_running_loop()
            waiter = loop.create_future()
            client.begin(client.build("GET", f"{peer.url}/first"), waiter, loop, Response())
            second = asyncio.ensure_future(client.get(f"{peer.url}/second"))
            third = asyncio.ensure_future(client.get(f"{peer.url}/third"))
            waiter.add_done_callback(lambda done: second.cancel())
            await asyncio.wait([second])
            assert second.cancelled()
            assert (await third).body == b"/third"
            await check(client, peer, peer.url)

    run(main())


def test_the_dial_of_a_cancelled_request_serves_another(run: Run) -> None:
    async def main() -> None:
        async with Peer(serving(reply)) as peer:
            for number in range(1, 12):
                async with Client() as client:
                    await cancelled_after(number, client.get(f"{peer.url}/gone"))
                    before = client.stats()["connections"]
                    if before["dialling"]:
                        await client.get(f"{peer.url}/other")
                        assert client.connect_times <= 2
                    await check(client, peer, peer.url)
                await peer.ended()

    run(main())


@settings(max_examples=40)
@given(st.data())
def test_any_of_many(run: Run, data: st.DataObject) -> None:
    """Some of many requests to few connections, in all ways at once, each cancelled at a moment of its own."""
    ways = data.draw(st.lists(st.tuples(st.sampled_from(sorted(WAYS)), st.integers(0, 60)), max_size=12))
    most = data.draw(st.integers(1, 4))

    async def main() -> None:
        limits = Limits(max_per_host=most)
        async with Peer(serving(reply)) as peer, Client(limits=limits) as client:
            await asyncio.gather(
                *(cancelled_after(number, WAYS[way](client, peer.url)) for way, number in ways),
            )
            await check(client, peer, peer.url)
            assert client.stats()["connections"]["idle"] <= most

    run(main())


@pytest.mark.parametrize("how", ["close", "aclose"])
def test_the_client_is_closed_at_any_moment(run: Run, how: str) -> None:
    async def main() -> None:
        async with Peer(serving(reply)) as peer:
            for number in range(1, TURNS, 2):
                client = Client(limits=Limits(max_per_host=3))
                tasks = [asyncio.ensure_future(WAYS[way](client, peer.url)) for way in WAYS]
                await turns(number)
                if how == "close":
                    client.close()
                else:
                    await client.aclose(0)
                await asyncio.gather(*tasks, return_exceptions=True)
                await peer.ended()
                transport = client._loops.on(asyncio.get_running_loop())
                assert transport is not None
                assert (transport.size, transport.resting) == (0, {})
                assert not transport._tasks

    run(main(), timeout=60)
