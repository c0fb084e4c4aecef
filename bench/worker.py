"""Measures one client on one work in its own process: `python -m bench.worker ORDER`, JSON for JSON.

Refuses to count a response whose status or body length is wrong: the first one ends the measurement.
Called by the rounds. Law: requests, time and CPU are read at both ends of one window, while the load goes on.
"""

import asyncio
import json
import resource
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from bench.clients import CONTENDERS, Session, Target
from bench.sample import Sample

STATUS = 200
# How long requests still in flight at the end may take before they are cancelled, and the first may take to end.
GRACE_SECONDS = 5.0


class WrongResponse(Exception):
    """A response that is not the one the work asks for."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the rounds ask for; times in seconds, `size` in bytes, `authority` a file."""

    client: str
    url: str
    concurrency: int
    size: int
    authority: str
    warmup: float
    seconds: float


class Load:
    """Requests without pause, a fixed number in flight, counted as they end."""

    __slots__ = ("count", "expected", "fetch", "going")

    def __init__(self, fetch: Callable[[], Awaitable[object]], expected: object) -> None:
        self.fetch = fetch
        self.expected = expected
        self.count = 0
        self.going = True

    async def repeat(self) -> None:
        """One request after the other while the load is going."""
        fetch = self.fetch
        expected = self.expected
        while self.going:
            answer = await fetch()
            if answer != expected:
                raise WrongResponse(f"the answer is {answer!s:.200}, not {expected!s:.200}")
            self.count += 1

    def read_meters(self) -> tuple[int, float, float]:
        """Requests ended so far, the clock, the CPU time of this process."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return self.count, time.perf_counter(), usage.ru_utime + usage.ru_stime


async def measure(load: Load, concurrency: int, warmup: float, seconds: float) -> Sample:
    """Warm up, then measure for so many seconds; raises what the client raised, or WrongResponse."""
    tasks = [asyncio.create_task(load.repeat()) for _ in range(concurrency)]
    try:
        await _pass_time(tasks, warmup)
        before = load.read_meters()
        await _pass_time(tasks, seconds)
        if load.count == before[0]:
            # A busy machine and a short window: it is opened until something has ended, which the time told includes.
            await _await_one(tasks, load)
        after = load.read_meters()
        load.going = False
        await asyncio.wait(tasks, timeout=GRACE_SECONDS)
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
    requests, passed, cpu_seconds = (end - start for start, end in zip(before, after, strict=True))
    if not requests:
        raise WrongResponse(f"no request ended within {seconds:g} s")
    return Sample(int(requests), passed, cpu_seconds, read_peak())


async def _await_one(tasks: list[asyncio.Task[None]], load: Load) -> None:
    count, deadline = load.count, time.perf_counter() + GRACE_SECONDS
    while load.count == count and time.perf_counter() < deadline:
        await _pass_time(tasks, GRACE_SECONDS / 100)


async def _pass_time(tasks: list[asyncio.Task[None]], seconds: float) -> None:
    done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


def read_peak() -> int:
    """Peak resident memory of this process in bytes.

    Linux hands the parent's ru_maxrss down through exec, so this program's own is read from /proc.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


async def run(order: Order) -> Sample:
    """Open the ordered client, measure it, close it."""
    module, _, function = CONTENDERS[order.client].address.partition(":")
    session: Session = await getattr(import_module(module), function)(
        Target(order.url, order.concurrency, order.authority)
    )
    try:
        load = Load(session.fetch, (STATUS, order.size))
        return await measure(load, order.concurrency, order.warmup, order.seconds)
    finally:
        await session.close()


def choose_loop(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """The factory of an event loop: "uvloop" or "asyncio"."""
    module = import_module(name)
    return cast("Callable[[], asyncio.AbstractEventLoop]", module.new_event_loop)


def answer(loop: str, measuring: Coroutine[Any, Any, Sample]) -> int:
    """Print what the coroutine measured on this loop, or {"error": text}; the exit status."""
    try:
        with asyncio.Runner(loop_factory=choose_loop(loop)) as runner:
            told = asdict(runner.run(measuring))
    except Exception as error:
        traceback.print_exc()
        told = {"error": f"{type(error).__name__}: {error}"[:300]}
    print(json.dumps(told))
    return 1 if "error" in told else 0


def main() -> int:
    """Obey the order in the only argument; the answer is a Sample, or {"error": text}."""
    order = Order(**json.loads(sys.argv[1]))
    return answer(CONTENDERS[order.client].loop, run(order))


if __name__ == "__main__":
    sys.exit(main())
