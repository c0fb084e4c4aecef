"""Resting: which idle connection of all Lanes has been idle longest.

Refuses: closing it (the Transport does), and to be told of each connection that comes or goes.
Called by: Lanes, when something rests in them; `transport`, when it needs room.
Law: a Lane with idle connections stands here once, under a moment that is not after its oldest one came to rest. That
moment is set right when it comes first: each time a Lane is set right, or found empty and dropped, a request had used
its connections since it was last looked at. So a request pays one look at a flag, and room costs O(log Lanes).
"""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING

from .._connection.h1 import H1Connection

if TYPE_CHECKING:
    from .lane import Lane


class Resting:
    """The Lanes of one Transport in which connections rest."""

    __slots__ = ("_lanes", "_serial")

    def __init__(self) -> None:
        self._lanes: list[tuple[float, int, Lane]] = []
        self._serial = itertools.count()

    def enter(self, lane: Lane, since: float) -> None:
        """`lane` has an idle connection again, since that moment, and does not stand here."""
        lane.listed = True
        heapq.heappush(self._lanes, (since, next(self._serial), lane))

    def oldest(self) -> H1Connection | None:
        """The connection that has been idle longest; None: no one is idle."""
        lanes = self._lanes
        while lanes:
            since, _, lane = lanes[0]
            connection = next(iter(lane.idle), None)
            if connection is None:
                heapq.heappop(lanes)
                lane.listed = False
            elif connection.moved > since:
                heapq.heapreplace(lanes, (connection.moved, next(self._serial), lane))
            else:
                return connection
        return None

    def forget(self, empty: set[Lane]) -> None:
        """Drop Lanes that are remembered no longer."""
        self._lanes = [entry for entry in self._lanes if entry[2] not in empty]
        heapq.heapify(self._lanes)
