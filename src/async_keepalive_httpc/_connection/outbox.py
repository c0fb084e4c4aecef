"""The requests that the connections of one event loop write: each at once, or together when a turn of it is over.

Refuses: what needs more than the socket (TLS, a tunnel), and requests behind one another (`pipelined`).
Called by: `h1`, for each request; the event loop, at the end of a turn.
Law: a request that comes less than CROWD after another is held until the turn is over, and so are those after it; then
all are written. Any other is written at once. Until it is written a request is UNSENT, and its connection answers
nothing: what comes before is not for it.

To write each as it is made costs 0.35 us more of the kernel, since a server that waits is woken for each; to let the
loop's transport write costs 0.5 us more than the socket's own `send` (of 10 us, 50 in flight, uvloop).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any, Final, Protocol

from .._message.response import Response
from ..errors import SENT, UNSENT

CROWD: Final = 20e-6
"""Seconds: several times what lies between two requests that are made one after the other."""


class Writer(Protocol):
    """A connection."""

    capacity: int
    moved: float
    served: int
    _put: Callable[[bytes], int]
    _response: Response | None
    _unsent: Response | None
    _write: Any

    def abandon(self, response: Response) -> None: ...

    def _compose(self, response: Response) -> None: ...


class Outbox:
    """For all connections of one loop. `held`: those with a request to write. `last`: when one was written at once."""

    __slots__ = ("_loop", "held", "last")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.held: list[Writer] = []
        self.last = -math.inf

    def hold(self, connection: Writer, response: Response) -> bool:
        """Hold what `connection` is to write, and was taken for just now; False: it is to write it at once.

        `Transport.send` has these lines itself, for the price of a call.
        """
        if not self.held:
            now = connection.moved
            if now - self.last >= CROWD:
                self.last = now
                return False
            self.begin()
        response._where = connection
        response._stage = UNSENT
        response.reused = connection.served > 0
        connection._unsent = response
        self.held.append(connection)
        return True

    def begin(self) -> None:
        """The first is held."""
        self._loop.call_soon(self._end)

    def _end(self) -> None:
        held, self.held = self.held, []
        for connection in held:
            response = connection._unsent
            if response is None:
                continue  # its caller has gone, or it has ended
            connection._unsent = None
            # `H1Connection.write`, without its frame; what is left out of it, `hold` has done.
            connection.capacity = 0
            response._stage = SENT
            connection.served += 1
            connection._response = response
            wire = response._request.wire
            if wire is None:
                connection._compose(response)
                continue
            # `put`, without its frame. A callable in a slot: called through a name of its own, it costs a third.
            send = connection._put
            try:
                sent = send(wire)
            except OSError:
                sent = 0
            if sent != len(wire):
                connection._write(memoryview(wire)[sent:])


def put(connection: Writer, data: bytes) -> None:
    """Write `data`, before which nothing waits to be written; what the socket does not take, its transport gets."""
    try:
        sent = connection._put(data)
    except OSError:
        sent = 0  # the transport meets the error again, and tells of it in its own time
    if sent != len(data):
        connection._write(memoryview(data)[sent:])
