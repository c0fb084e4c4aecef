"""The queue of `max_clients`: who waits for a place, in order of arrival.

Refuses: counting places; the `Door` does. What its members do when their turn comes.
Called by: `fetch`.
Law: each member is told once: that its turn has come, or the error that ended its wait. One timer serves all; it
sleeps a second at most, so that none is armed a second after the last member has left.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from ..errors import TimeoutExpired

TICK: Final = 1.0

Told = Callable[[BaseException | None], None]


class Waiting(NamedTuple):
    """`told` is called with None when the turn has come, else with what ended the wait."""

    told: Told
    since: float
    deadline: float


class Queue(OrderedDict[Any, Waiting]):
    """Members, first come first: true while somebody waits."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self._now = now
        self._alarm: asyncio.TimerHandle | None = None
        self._wake = math.inf

    def wait(self, loop: asyncio.AbstractEventLoop, member: Any, seconds: float | None, told: Told) -> None:
        """Stand at the end, for `seconds` at most (None: no limit)."""
        now = self._now()
        deadline = math.inf if seconds is None else now + seconds
        self[member] = Waiting(told, now, deadline)
        if deadline < self._wake:
            self._arm(loop, deadline, now)

    def admit(self) -> None:
        """It is the turn of the first."""
        _, waiting = self.popitem(last=False)
        waiting.told(None)

    def dismiss(self, error: Callable[[], BaseException]) -> None:
        """Nobody's turn will come."""
        members = list(self.values())
        self.clear()
        self._disarm()
        for waiting in members:
            waiting.told(error())

    def _arm(self, loop: asyncio.AbstractEventLoop, deadline: float, now: float) -> None:
        self._disarm()
        delay = min(max(deadline - now, 0.0), TICK)
        self._wake = now + delay
        self._alarm = loop.call_later(delay, self._sweep, loop)

    def _disarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self._wake = None, math.inf

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._alarm, self._wake = None, math.inf
        now = self._now()
        for member in [member for member, waiting in self.items() if waiting.deadline <= now]:
            waiting = self.pop(member)
            waited = f"{now - waiting.since:.3f} s in the queue of max_clients"
            waiting.told(TimeoutExpired(f"{waited}: raise max_clients, or connect_timeout", "pool"))
        soonest = min((waiting.deadline for waiting in self.values()), default=math.inf)
        if soonest < self._wake:
            self._arm(loop, soonest, now)
