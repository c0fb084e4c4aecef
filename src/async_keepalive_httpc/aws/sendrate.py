"""How often a client in adaptive mode sends: a bucket whose rate follows CUBIC (RFC 9438's curve).

Refuses: clocks and waiting: `now` is an argument, and `take` says how long to wait.
Called by: `service`, through `retry.Adaptive.rate`: `take` before a request, `heard` after its answer.
Law: nothing is held back before the first throttle. A throttle cuts the rate to 0.7 of what was measured; successes
let it grow along the curve, to twice of what was measured at most.
"""

from __future__ import annotations

import math
from typing import Final

BETA: Final = 0.7
SCALE: Final = 0.4
SMOOTHING: Final = 0.8
SPAN: Final = 0.5
"""Seconds of one measurement."""
LEAST: Final = 0.5
"""Requests a second that are always let through."""
GROWTH: Final = 2.0
ONE: Final = 1.0 - 1e-6
"""One request, but for what floats lose: a wait that is too short to move a clock would never end."""


class SendRate:
    """The send rate of one client, in requests a second.

    now: seconds of any clock. limited: whether a throttle was met. limit: the rate now.
    """

    __slots__ = (
        "_capacity",
        "_count",
        "_last_span",
        "_last_throttle",
        "_most",
        "_peak",
        "_plateau",
        "_refilled",
        "limit",
        "limited",
        "measured",
    )

    def __init__(self, now: float) -> None:
        self.limited = False
        self.limit = 1.0
        self.measured = 0.0
        self._most = 1.0
        self._capacity = 0.0
        self._refilled = now
        self._count = 0
        self._last_span: float = math.floor(now)
        self._last_throttle = now
        self._peak = 0.0
        self._plateau = 0.0

    def take(self, now: float) -> float:
        """0.0: send it now. Else the seconds to wait before `take` is asked again."""
        if not self.limited:
            return 0.0
        self._refill(now)
        if self._capacity >= ONE:
            self._capacity -= 1.0
            return 0.0
        return (1.0 - self._capacity) / self.limit

    def heard(self, now: float, throttled: bool) -> None:
        """A request was answered, or failed."""
        self._measure(now)
        if throttled:
            self._peak = min(self.measured, self.limit) if self.limited else self.measured
            self._plateau = ((self._peak * (1.0 - BETA)) / SCALE) ** (1.0 / 3.0)
            self._last_throttle = now
            self.limited = True
            wanted = self._peak * BETA
        else:
            wanted = SCALE * (now - self._last_throttle - self._plateau) ** 3 + self._peak
        self._set(min(wanted, GROWTH * self.measured), now)

    def _measure(self, now: float) -> None:
        span = math.floor(now / SPAN) * SPAN
        self._count += 1
        if span > self._last_span:
            seen = self._count / (span - self._last_span)
            self.measured = seen * SMOOTHING + self.measured * (1.0 - SMOOTHING)
            self._count = 0
            self._last_span = span

    def _set(self, rate: float, now: float) -> None:
        self._refill(now)
        self.limit = max(rate, LEAST)
        self._most = max(rate, 1.0)
        self._capacity = min(self._capacity, self._most)

    def _refill(self, now: float) -> None:
        self._capacity = min(self._most, self._capacity + (now - self._refilled) * self.limit)
        self._refilled = now

    def __repr__(self) -> str:
        return f"<SendRate {f'{self.limit:.1f}/s' if self.limited else 'unlimited'}>"
