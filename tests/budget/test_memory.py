"""Memory stays flat: after many requests there is nothing that was not there after few."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from typing import Any

import pytest
import uvloop
from tests.conftest import LoopFactory, Run
from tests.peers import Conn, Peer

from async_keepalive_httpc import Client, HTTPCError, Limits

AT_ONCE = 50
GROWTH = 100_000
"""Bytes: some tables fill up and some lists grow in steps, whatever the number of requests."""
OBJECTS = 300


async def requests(client: Client, url: str, number: int) -> None:
    """So many requests, AT_ONCE in flight, with paths that differ and options that come and go."""
    numbers = iter(range(number))

    async def work() -> None:
        for turn in numbers:
            options: dict[str, Any] = {"headers": {"X-Turn": str(turn % 7)}} if turn % 3 == 0 else {}
            got = await client.get(f"{url}{turn % 1000}", **options)
            assert got.body == b"yes"

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


def measured() -> tuple[int, int]:
    """Bytes that Python has allocated, and objects that its collector knows."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0], len(gc.get_objects())


@pytest.mark.parametrize(
    ("loop_factory", "number"),
    [(asyncio.new_event_loop, 20_000), (uvloop.new_event_loop, 100_000)],
    ids=["asyncio", "uvloop"],
)
def test_many_requests(loop_factory: LoopFactory, other_process: str, number: int) -> None:
    async def main() -> None:
        async with Client() as client:
            await requests(client, other_process, 3000)
            tracemalloc.start()
            await requests(client, other_process, 3000)
            size, objects = measured()
            await requests(client, other_process, number)
            size_after, objects_after = measured()
            tracemalloc.stop()
            assert size_after - size < GROWTH
            assert objects_after - objects < OBJECTS
            assert client.stats()["connections"]["opened"] <= AT_ONCE

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


def test_many_connections_errors_and_cancellations(run: Run) -> None:
    """Connections that end, requests that fail and requests that are cancelled, of changing origins, leave nothing."""

    async def script(conn: Conn) -> None:
        request = await conn.request()
        if request is not None and request.target != "/dies":
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    async def main() -> None:
        async with Peer(script) as peer, Client(limits=Limits(max_per_host=8)) as client:

            async def some(number: int) -> None:
                for turn in range(number):
                    calls = [client.get(f"http://127.0.0.{turn % 9 + 1}:{peer.port}/{way}") for way in ("a", "dies")]
                    tasks = [asyncio.ensure_future(call) for call in [*calls, client.get(peer.url, timeout=5)]]
                    await asyncio.sleep(0)
                    tasks[2].cancel()
                    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                        assert not isinstance(outcome, Exception) or isinstance(outcome, HTTPCError)
                peer.requests.clear()
                peer.conns.clear()

            await some(50)
            tracemalloc.start()
            await some(50)
            size, objects = measured()
            await some(400)
            size_after, objects_after = measured()
            tracemalloc.stop()
            assert size_after - size < GROWTH
            assert objects_after - objects < OBJECTS

    run(main())


def test_a_response_that_is_dropped_is_freed_at_once(run: Run) -> None:
    """Without waiting for the collector: nothing that has ended is part of a cycle."""

    async def script(conn: Conn) -> None:
        while await conn.request() is not None:
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + bytes(3_000_000))
            await conn.flushed()

    async def main() -> None:
        async with Peer(script) as peer, Client() as client:
            await client.get(peer.url)
            gc.collect()
            gc.disable()
            try:
                tracemalloc.start()
                for _ in range(5):
                    got = await client.get(peer.url)
                    assert len(got.body) == 3_000_000
                    del got
                await asyncio.sleep(0)  # the handle that woke this task holds the future of the last answer
                size, _ = tracemalloc.get_traced_memory()
                tracemalloc.stop()
            finally:
                gc.enable()
            assert size < 1_000_000

    run(main())
