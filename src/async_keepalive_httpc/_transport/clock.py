"""The one clock of a Transport: every deadline, one armed timer.

Refuses: knowing what it times; an item is asked when its moment has come.
Called by: `transport` (to watch), the event loop (to sweep).
Law: what is on a connection is not entered here: who sets it out compares its moment with `wake`, and `sweep` looks
at all connections, which are few beside the requests (0.05 us a request; entering it: 0.3; call_later and cancel:
1.7-2.7). Those that wait are entered: requests that share a number of seconds expire in the order they came, so a
dictionary for each number, which keeps that order, is an exact queue. Past ROWS distinct numbers, and for items whose
moment is a moment of their own, a heap of one-item rows serves. The timer never sleeps longer than TICK, so that none
is armed a second after the last item is gone. Time is CLOCK_BOOTTIME where there is one: it goes on while the machine
sleeps, as the peer's clock does.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

TICK: Final = 1.0
ROWS: Final = 64

now: Final[Callable[[], float]] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic
)

Row = dict["Timed", float]


class Timed(Protocol):
    """What can be watched: it holds its row, and leaves it by deleting itself from there."""

    _row: Row | None


class Clock:
    """Watches items until they leave their row or their moment comes."""

    __slots__ = (
        "_expire",
        "_handle",
        "_heap",
        "_heap_limit",
        "_loop",
        "_now",
        "_rows",
        "_serial",
        "_sweep_connections",
        "wake",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        now: Callable[[], float],
        expire: Callable[[Timed, float], float],
        sweep_connections: Callable[[float], float],
    ) -> None:
        self._loop = loop
        self._now = now
        self._expire = expire
        self._sweep_connections = sweep_connections
        self._rows: dict[float, Row] = {}
        self._heap: list[tuple[float, int, Row]] = []
        self._heap_limit = ROWS
        self._serial = itertools.count()
        self._handle: asyncio.TimerHandle | None = None
        self.wake = math.inf

    def watch(self, item: Timed, seconds: float, now: float) -> None:
        """Ask about `item` in `seconds`, unless it has left its row by then."""
        row = self._rows.get(seconds)
        if row is None:
            if len(self._rows) >= ROWS and not self._drop_empty():
                self.watch_until(item, now + seconds, now)
                return
            row = self._rows[seconds] = {}
        item._row = row
        deadline = row[item] = now + seconds
        if deadline < self.wake:
            self._arm(deadline, now)

    def watch_until(self, item: Timed, deadline: float, now: float) -> None:
        """Ask about `item` at `deadline`, unless it has left its row by then."""
        if len(self._heap) >= self._heap_limit:
            self._drop_left()
        row = item._row = {item: deadline}
        heapq.heappush(self._heap, (deadline, next(self._serial), row))
        if deadline < self.wake:
            self._arm(deadline, now)

    def look_by(self, deadline: float, now: float) -> None:
        """Sweep at `deadline`, or within TICK. To be called where `deadline` comes before `wake`."""
        if deadline < self.wake:
            self._arm(deadline, now)

    def stop(self) -> None:
        """Disarm the timer and let go of everything."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self.wake = math.inf
        self._rows.clear()
        self._heap.clear()

    def _drop_empty(self) -> bool:
        for seconds in [seconds for seconds, row in self._rows.items() if not row]:
            del self._rows[seconds]
        return len(self._rows) < ROWS

    def _drop_left(self) -> None:
        """Rows whose item has left stay in the heap until their moment; drop them when they could be the most."""
        self._heap = [entry for entry in self._heap if entry[2]]
        heapq.heapify(self._heap)
        self._heap_limit = max(ROWS, 2 * len(self._heap))

    def _arm(self, deadline: float, now: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        delay = min(max(deadline - now, 0.0), TICK)
        self.wake = now + delay
        self._handle = self._loop.call_later(delay, self._sweep)

    def _sweep(self) -> None:
        now = self._now()
        self._handle, self.wake = None, math.inf
        for item in self._due(now):
            row = item._row
            if row is not None and item in row:
                del row[item]
                item._row = None
                deadline = self._expire(item, now)
                if deadline:
                    self.watch_until(item, deadline, now)
        soonest = min(self._sweep_connections(now), self._soonest())
        if soonest < self.wake:
            self._arm(soonest, now)

    def _due(self, now: float) -> list[Timed]:
        due: list[Timed] = []
        for row in self._rows.values():
            for item, deadline in row.items():
                if deadline > now:
                    break
                due.append(item)
        while self._heap and (self._heap[0][0] <= now or not self._heap[0][2]):
            due.extend(heapq.heappop(self._heap)[2])
        return due

    def _soonest(self) -> float:
        firsts = [next(iter(row.values())) for row in self._rows.values() if row]
        if self._heap:
            firsts.append(self._heap[0][0])
        return min(firsts, default=math.inf)
