"""Python frames of a warm GET, on uvloop, with the server in another process: at most 45 of our own, 70 in all."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import uvloop

import async_keepalive_httpc
from async_keepalive_httpc import Client, Limits

OURS = str(Path(async_keepalive_httpc.__file__).parent)
OWN, ALL = 45, 70


class Frames:
    """Counts the frames that are entered while it is on."""

    def __init__(self) -> None:
        self.own: Counter[str] = Counter()
        self.other: Counter[str] = Counter()

    def __enter__(self) -> Frames:
        sys.setprofile(self._see)
        return self

    def __exit__(self, *error: object) -> None:
        sys.setprofile(None)

    def _see(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            code = frame.f_code
            counter = self.own if code.co_filename.startswith(OURS) else self.other
            counter[f"{code.co_qualname} ({Path(code.co_filename).name}:{code.co_firstlineno})"] += 1

    def check(self, requests: int = 1) -> None:
        """Fail with the list of frames when there are too many for so many requests."""
        story = "\n".join(f"{number} {name}" for name, number in (self.own + self.other).most_common())
        own, other = self.own.total(), self.other.total()
        assert own <= OWN * requests, f"{own} frames of our own:\n{story}"
        assert own + other <= ALL * requests, f"{own + other} frames in all:\n{story}"


def counted(url: str, use: Callable[[Client, Frames], Any], **arguments: Any) -> Frames:
    async def main() -> Frames:
        frames = Frames()
        async with Client(**arguments) as client:
            for _ in range(3):
                await client.get(url)
            await use(client, frames)
        return frames

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


def test_one_warm_get(other_process: str) -> None:
    async def use(client: Client, frames: Frames) -> None:
        with frames:
            got = await client.get(other_process)
        assert got.body == b"yes"

    counted(other_process, use).check()


def test_many_in_flight(other_process: str) -> None:
    """The same for each of five hundred, behind one another for ten connections: the queue is no detour."""

    async def use(client: Client, frames: Frames) -> None:
        await client.preconnect(other_process, 10)
        calls = [client.get(other_process) for _ in range(500)]
        waiting = asyncio.gather(*calls)
        with frames:
            await waiting

    counted(other_process, use, limits=Limits(max_per_host=10)).check(500)


@pytest.mark.parametrize("options", [{"headers": {"X-A": "1", "X-B": "2"}}, {"params": {"a": "1"}}])
def test_what_a_request_may_bring(other_process: str, options: dict[str, Any]) -> None:
    """Its own fields and parameters are checked and encoded; that too stays within the budget."""

    async def use(client: Client, frames: Frames) -> None:
        await client.get(other_process, **options)
        with frames:
            await client.get(other_process, **options)

    frames = counted(other_process, use)
    assert frames.own.total() <= 2 * OWN, frames.own
