"""When a response under way expires, and by which limit.

Refuses: ending it; `transport` does. A pure question about the facts a response carries.
Called by: `transport`, when the clock asks.
Law:
    in the queue                                   pool (unless a dial is under way for it), total
    a body waits for a peer that does not read     write, total
    an answer is awaited or under way              read (silence, not duration), total
    the caller itself is slow: it gives the body piece by piece, or does not read a stream     total
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from .._message.response import Response
from .lane import Lane


class Deadline(NamedTuple):
    """The next moment at which something expires, and what."""

    when: float
    phase: str
    limit: float


def deadline(response: Response, now: float) -> Deadline:
    """The earliest deadline of `response` as it stands now."""
    timeout = response.timeout
    where: Any = response._where
    found = Deadline(math.inf, "", math.inf)
    waiting = isinstance(where, Lane)
    if timeout.total is not None and (timeout.from_queue or not waiting):
        found = Deadline(response._started + timeout.total, "total", timeout.total)
    if waiting:
        phase, limit = "pool", timeout.pool
        since = now if where.dials_for(response) else response._started
    elif where.blocked:
        phase, limit, since = "write", timeout.write, where.moved
    else:
        # Of what was sent behind others, silence counts from then on: the connection may have been silent before.
        phase, limit = "read", timeout.read
        since = now if where.paused else max(where.moved, response._started)
    if limit is not None and since + limit < found.when:
        found = Deadline(since + limit, phase, limit)
    return found


def place(response: Response, now: float) -> str:
    """Where an expired response is, and what of its time it spent there; for messages."""
    where: Any = response._where
    if isinstance(where, Lane):
        return f"waiting for a connection to {where.route}"
    dialled = f"connected in {max(where.marks.values()):.3f} s, " if where.marks and not response.reused else ""
    return f"{dialled}{response._stage}, silent for {now - max(where.moved, response._started):.3f} s, on {where!r}"
