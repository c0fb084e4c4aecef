"""Rest: how long the connections of a Lane may be idle, as its server has shown.

Refuses: connections' lives; it keeps ages, and the Lane acts upon them.
Called by: `lane`, when a connection lands, is used after a rest, or is lost. A warm request asks nothing here.
Law:

    a server ended one that had rested a seconds    none may rest longer than 0.85 a less 2 round trips
    ten minutes passed without such a loss          a quarter longer, up to the ceiling
    several ended within a second of each other     a server that goes away ends all, whatever their age: only the
                                                    longest rest among them counts as its limit
    one answered after it had rested a seconds      a is proven: others may rest as long before what must not be sent
                                                    twice, though it be more than SURE
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

SURE: Final = 4.0
"""Seconds of rest after which a request that must not be sent twice takes no connection of unproven age: below the
limits that servers come with (Node, uvicorn and Apache 5, AWS 20)."""
SHARE: Final = 0.85
ROUND_TRIPS: Final = 2
"""The limit learned from a rest of `a` seconds is SHARE of it, less so many round trips: its end was on its way."""
LEAST: Final = 0.1
"""Seconds: a connection that is ended after a shorter rest fell to a fault, not to a limit; and the least limit."""
CALM: Final = 600.0
GROWTH: Final = 1.25
"""After each CALM seconds without a loss the limit grows so much, since servers change."""
TOGETHER: Final = 1.0
"""Seconds within which ends are one event."""


class Rested(Protocol):
    """A connection."""

    capacity: int
    moved: float
    served: int

    @property
    def answering(self) -> tuple[object, ...]: ...


class Trial(NamedTuple):
    """The use of a connection after a rest."""

    request: int
    """The number of the request on its connection."""
    began: float
    rested: float


class Rest:
    """What is known of one server. `limit`: seconds that a connection may rest."""

    __slots__ = ("_before", "_changed", "_ended", "_longest", "_proven", "_trials", "ceiling", "limit")

    def __init__(self, ceiling: float) -> None:
        self.ceiling = self.limit = self._before = ceiling
        self._changed = self._longest = self._proven = 0.0
        self._ended = -TOGETHER
        self._trials: dict[Rested, Trial] = {}

    def try_after(self, rested: float, connection: Rested, now: float) -> None:
        """`connection` is about to be used after a rest."""
        self._settle(connection)
        self._trials[connection] = Trial(connection.served + 1, now, rested)

    def sure(self, rested: float) -> bool:
        """Whether a connection that rests so long may carry what must not be sent twice."""
        if rested <= SURE or rested <= self._proven:
            return True
        for connection in list(self._trials):
            self._settle(connection)
        return rested <= self._proven

    def lose(self, connection: Rested) -> float:
        """`connection` is gone: the rest after which it took its request, if it died under that without a word."""
        trial = self._trials.get(connection)
        self._settle(connection)
        if self._trials.pop(connection, None) is None or trial is None:
            return 0.0
        return trial.rested if connection.served == trial.request else 0.0

    def learn(self, rested: float, round_trip: float, now: float) -> bool:
        """The server ended a connection that had rested so long. Whether that changed the limit."""
        if rested < LEAST:
            return False
        if now - self._ended > TOGETHER:
            self.relax(now)
            self._before, self._longest = self.limit, 0.0
        self._ended = self._changed = now
        self._longest = max(self._longest, rested)
        limit = max(LEAST, SHARE * self._longest - ROUND_TRIPS * round_trip)
        before, self.limit = self.limit, min(self._before, limit)
        self._proven = min(self._proven, self.limit)
        return self.limit != before

    def relax(self, now: float) -> None:
        """Let the limit grow for the time that has passed without a loss."""
        while self.limit < self.ceiling and now - self._changed >= CALM:
            self._changed += CALM
            self.limit = min(self.ceiling, self.limit * GROWTH)

    def _settle(self, connection: Rested) -> None:
        """If the request after a rest was answered, or begun to be, that age is proven."""
        trial = self._trials.get(connection)
        if trial is not None and _answered(connection, trial):
            del self._trials[connection]
            # Another may have been ended meanwhile, after a shorter rest.
            self._proven = max(self._proven, min(trial.rested, self.limit))


def _answered(connection: Rested, trial: Trial) -> bool:
    if connection.served > trial.request or connection.moved > trial.began:
        return True
    return connection.served == trial.request and connection.capacity > 0 and not connection.answering
