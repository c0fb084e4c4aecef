"""What the pool does for a request does not depend on how much is in it: steps of the interpreter in our code, counted.

Few and many of whatever a client may hold: idle connections, origins, requests that wait.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import uvloop

import async_keepalive_httpc
from async_keepalive_httpc import Client, Limits

OURS = str(Path(async_keepalive_httpc.__file__).parent)
FEW, MANY = 30, 300
TIMES = 3
"""The clock looks at every connection once in a while: the least of so many counts has no such look in it."""
SLACK = 1.1

Use = Callable[[Client, str, int], Awaitable[Awaitable[object]]]


class Steps:
    """Counts the calls and lines of our own functions that run while it is on, each turn of a loop again."""

    def __init__(self) -> None:
        self.count = 0
        self.before: Any = None

    def __enter__(self) -> Steps:
        self.before = sys.gettrace()  # that of the coverage measurement, for one
        sys.settrace(self._enter)
        return self

    def __exit__(self, *error: object) -> None:
        sys.settrace(self.before)

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        return self._step(frame, event, argument)

    def _step(self, frame: FrameType, event: str, argument: Any) -> Any:
        self.count += event in ("call", "line")
        return self._step


async def idle(client: Client, url: str, number: int) -> Awaitable[object]:
    """A request while so many connections are idle."""
    await client.preconnect(url, number)
    await client.get(url)
    return client.get(url)


async def origins(client: Client, url: str, number: int) -> Awaitable[object]:
    """A request to one of so many origins."""
    for turn in range(number):
        await client.get(url.replace("127.0.0.1", f"h{turn}.test"))
    # A connection that has rested for longer is looked at first.
    await client.get(url.replace("127.0.0.1", "h1.test"))
    return client.get(url.replace("127.0.0.1", "h1.test"))


async def queue(client: Client, url: str, number: int) -> Awaitable[object]:
    """So many requests at once: they wait for what connections there are."""
    return asyncio.gather(*(client.get(url) for _ in range(number)))


def count(url: str, use: Use, number: int, most: int) -> int:
    """Steps of what `use` prepares, with so many."""

    async def main() -> int:
        counts = []
        mapping = {f"h{turn}.test": "127.0.0.1" for turn in range(number)}
        limits = Limits(max_connections=2 * MANY, max_per_host=most)
        async with Client(limits=limits, hostname_mapping=mapping, trust_env=False) as client:
            await client.get(url)
            for _ in range(TIMES):
                counted = await use(client, url, number)
                with Steps() as steps:
                    await counted
                counts.append(steps.count)
                while client.stats()["connections"]["active"]:
                    await asyncio.sleep(0)
        return min(counts)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


@pytest.mark.parametrize(("use", "most"), [(idle, MANY), (origins, 1)])
def test_a_request_takes_as_many_steps_among_many_as_among_few(other_process: str, use: Use, most: int) -> None:
    few, many = (count(other_process, use, number, most) for number in (FEW, MANY))
    assert 20 < many <= SLACK * few


def test_a_queue_costs_each_of_its_requests_the_same(other_process: str) -> None:
    """From the first to wait to the last that is answered, for one connection."""
    few, many = (count(other_process, queue, number, 1) / number for number in (FEW, MANY))
    assert 20 < many <= SLACK * few
