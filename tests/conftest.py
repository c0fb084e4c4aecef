"""What every test is given: two event loops, a bounded run that leaves nothing behind, hypothesis' profile.

Refuses: servers (see peers.py) and paths: the package is imported from wherever it is installed.
Called by: pytest. The law of `run`: a coroutine ends within its bound, leaves no task, and nothing that it
leaves to the loop's exception handler or to the garbage collector goes unseen.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import warnings
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Protocol, TypeVar

import pytest
import uvloop
from hypothesis import HealthCheck, settings

T = TypeVar("T")
LoopFactory = Callable[[], asyncio.AbstractEventLoop]

BOUND = 30.0
# What was closed or cancelled last may need some turns of the loop to end (a task to be thrown its
# CancelledError, a TLS transport to read the peer's close_notify); what is there after them would stay.
TURNS = 10

settings.register_profile(
    "ci",
    deadline=None,
    max_examples=100,
    derandomize="CI" in os.environ,
    # `run` makes a fresh loop for each example, so it may be one fixture for all of them; and slow generation
    # of data is the fault of a busy machine, not of the code.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("ci")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell lets what it runs in the background ignore Ctrl-C, and a process that is started inherits that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A `Client` trusts the environment: this machine's proxies are no part of a test, nor of a process that it starts.
for _name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
    for _variable in (_name, _name.upper()):
        os.environ.pop(_variable, None)


class Run(Protocol):
    """The type of the `run` fixture; import it for annotations only."""

    def __call__(self, coroutine: Coroutine[Any, Any, T], *, timeout: float = BOUND) -> T: ...


class LoopRun:
    """Runs coroutines, each on a fresh loop, and collects what they left behind."""

    def __init__(self, loop_factory: LoopFactory) -> None:
        self._loop_factory = loop_factory
        self._complaints: list[str] = []

    def __call__(self, coroutine: Coroutine[Any, Any, T], *, timeout: float = BOUND) -> T:
        runner = asyncio.Runner(debug=False, loop_factory=self._loop_factory)
        try:
            runner.get_loop().set_exception_handler(self._hear)
            result = runner.run(self._bounded(coroutine, timeout))
        finally:
            self._close(runner)
        self.check()
        return result

    def check(self) -> None:
        """Fail with what was left behind so far."""
        complaints, self._complaints = self._complaints, []
        if complaints:
            pytest.fail("\n".join(complaints), pytrace=False)

    async def _bounded(self, coroutine: Coroutine[Any, Any, T], timeout: float) -> T:
        try:
            async with asyncio.timeout(timeout) as bound:
                return await coroutine
        except TimeoutError as error:
            if bound.expired():
                error.add_note(f"The coroutine under test did not end within {timeout} s")
            raise
        finally:
            await self._settle()

    async def _settle(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            self._complaints.append(f"A task was left behind: {task!r}")

    def _close(self, runner: asyncio.Runner) -> None:
        # uvloop warns of a forgotten transport while it closes, and never ends if that warning is raised.
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            runner.close()
        self._complaints += [f"The loop was closed, and warned: {warning.message}" for warning in caught]

    def _hear(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # As text: a context holds futures and transports, which would then live on.
        self._complaints.append(f"The loop's exception handler was called: {context!r}")


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def loop_factory(request: pytest.FixtureRequest) -> LoopFactory:
    """Makes a new event loop, of one kind and then of the other; its caller closes it."""
    factory: LoopFactory = request.param
    return factory


@pytest.fixture
def run(loop_factory: LoopFactory) -> Iterator[Run]:
    """Run a coroutine on a fresh loop and return its result; see `LoopRun`. May be called several times.

    A task left over, or a call of the loop's exception handler, fails the test. So does, at its end, what
    only the garbage collector finds: a ResourceWarning, a future whose exception nobody saw.
    """
    loop_run = LoopRun(loop_factory)
    # What is there before a test is none of its doing; with the models of AWS in memory, to look through all of it
    # after each of 1,886 tests took the run from 44 s to some 8 minutes, so about 0.2 s a test.
    gc.freeze()
    yield loop_run
    gc.collect()
    loop_run.check()
