"""Requests that many connections of one event loop are given at once: held, and written when the loop's turn is over.

Refuses: choosing what is held: `Transport.send` does.
Called by: `transport`, for each request that it holds; the event loop, at the end of a turn.
Law: what is held is written to the sockets themselves, in the order in which it came; what one does not take at once,
its transport gets. Until then a request is UNSENT, and its connection answers nothing: what comes is not for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

from .._message.response import Response
from ..errors import SENT

MANY: Final = 16
"""Requests under way from which on it pays to hold one.

Of 10 us (50 in flight, uvloop) a loop's transport takes 0.5 us more than the socket's own `send` does. But a server
that waits is woken by each request that is written apart from others, at the sender's cost, and the end of a turn costs
some 2 us: with 50 in flight 4 % are saved, with 4 it would cost 7 %.
"""


class Writer(Protocol):
    """A connection."""

    capacity: int
    served: int
    put: Callable[[bytes], int] | None
    _response: Response | None
    _unsent: Response | None
    _write: Any

    def _compose(self, response: Response) -> bytes | None: ...


class Outbox:
    """For all connections of one loop. `held`: those that have a request to write, `_unsent`."""

    __slots__ = ("_loop", "held")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.held: list[Writer] = []

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
            # `H1Connection.send`, without its frame; what is left out of it, `Transport.send` has done.
            connection.capacity = 0
            response._stage = SENT
            connection.served += 1
            connection._response = response
            wire = response._request.wire or connection._compose(response)
            if wire is None:
                continue
            put: Any = connection.put  # a callable in a slot: called through a name of its own, it costs a third
            try:
                sent = put(wire)
            except OSError:
                sent = 0  # the transport meets the error again, and tells of it in its own time
            if sent != len(wire):
                connection._write(memoryview(wire)[sent:])
