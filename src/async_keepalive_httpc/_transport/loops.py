"""Loops: the Transports of a client, one for each event loop it is used on.

Refuses: requests; `current` is there so that `client` need not ask. Whether its loop is the one that runs here, it says
by `thread` and `is_running()`: CPython 3.11 makes a system call of each get_running_loop (0.24 us of a request's 11).
Called by: `client`.
Law: a Transport lives and dies on its own loop.

    a loop is closed                    its Transport is forgotten, its counts are kept
    a loop ends (asyncio.run does so)   its Transport is closed on it, while its sockets still can be
    fork                                the child forgets all Transports, and writes on no connection of its parent
    close() from another thread         the loop that runs there does it
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from itertools import chain
from typing import Any, Final
from weakref import WeakSet

from .._dial.dialer import Dialer
from .._dial.names import TTL
from .._message.limits import Limits, Reading
from .._message.reach import Reach
from .._message.response import Response
from .._message.sockets import ORDINARY, Sockets
from .clock import now
from .counts import Counts, add, nothing
from .transport import Proxies, Transport

Ending = AsyncGenerator[None]


class Loops:
    """What a client knows of event loops. `current` is the Transport used last, None once it is closed."""

    def __init__(
        self,
        limits: Limits,
        reading: Reading,
        reach: Reach,
        resolver: Any = None,
        hostname_mapping: Mapping[Any, Any] | None = None,
        dns_ttl: float = TTL,
        sockets: Sockets = ORDINARY,
        proxies: Proxies | None = None,
        resumption: bool = True,
        pipelining: int = 1,
    ) -> None:
        self._dialer = Dialer(
            resolver, hostname_mapping, dns_ttl=dns_ttl, sockets=sockets, resumption=resumption, now=now
        )
        self._limits = limits
        self._reading = reading
        self._reach = reach
        self._proxies = proxies
        self._pipelining = pipelining
        self._transports: dict[asyncio.AbstractEventLoop, tuple[Transport, Ending]] = {}
        self._lock = threading.Lock()
        self._forgotten: Counts = {"connections": nothing(), "origins": {}}
        self._inherited: list[Any] = []
        self.current: Transport | None = None
        self.closed = False
        _all.add(self)

    def enter(self, loop: asyncio.AbstractEventLoop) -> Transport | None:
        """The Transport of `loop`, made on first use; None when the client is closed."""
        if self.closed:
            return None
        with self._lock:
            if loop not in self._transports:
                self._forget()
                transport = Transport(
                    loop,
                    self._dialer,
                    self._limits,
                    self._reading,
                    self._reach,
                    proxies=self._proxies,
                    pipelining=self._pipelining,
                )
                self._transports[loop] = transport, _until_end(transport)
            self.current = transport = self._transports[loop][0]
        if _running() is loop:
            transport.thread = threading.get_ident()
        return transport

    def on(self, loop: asyncio.AbstractEventLoop) -> Transport | None:
        """The Transport of `loop`, also while it lets its last requests end; None when there is none."""
        entry = self._transports.get(loop)
        return None if entry is None else entry[0]

    def _forget(self) -> None:
        for loop in [loop for loop in self._transports if loop.is_closed()]:
            add(self._forgotten, self._transports.pop(loop)[0].stats())
            self._dialer.leave(loop)

    # -- the end

    def close(self) -> None:
        """Close every Transport, each on its own loop. Safe to call twice."""
        self.closed = True
        self.current = None
        for loop, (transport, ending) in list(self._transports.items()):
            if not loop.is_closed():
                _close_on(loop, transport, ending)

    async def aclose(self, timeout: float | None) -> None:
        """As `Transport.aclose`, for the loop that runs here; those of other loops are closed."""
        self.closed = True
        self.current = None
        transport = self.on(asyncio.get_running_loop())
        try:
            if transport is not None:
                await transport.aclose(timeout)
        finally:
            self.close()

    # -- facts

    def stats(self) -> Counts:
        """The counts of all loops together; see `Transport.stats`."""
        total: Counts = {}
        for counts in (self._forgotten, *(transport.stats() for transport in self._all())):
            add(total, counts)
        return total

    def opened(self) -> int:
        """Connections opened so far."""
        before: int = self._forgotten["connections"]["opened"]
        return before + sum(transport.opened for transport in self._all())

    def waiting(self) -> list[Response]:
        """The requests that wait for a connection, for each origin in order of arrival."""
        lanes = [lane for transport in self._all() for lane in transport.lanes.values()]
        return [response for lane in lanes for response in chain(lane.fresh, lane.waiters)]

    def _all(self) -> list[Transport]:
        return [transport for transport, _ in list(self._transports.values())]

    def leave_to_parent(self) -> None:
        """After a fork, in the child: what is open belongs to the parent. It is kept, since its end would be seen."""
        self._inherited.append(self._transports)
        self._transports = {}
        self._lock = threading.Lock()
        self.current = None


def _until_end(transport: Transport) -> Ending:
    """What `loop.shutdown_asyncgens()` ends, as asyncio.run does before it closes the loop."""

    async def wait_for_end() -> Ending:
        try:
            yield
        finally:
            if not transport.loop.is_closed():
                _stop(transport)

    ending = wait_for_end()
    if _running() is transport.loop:
        _start(ending)
    else:
        transport.loop.call_soon(_start, ending)
    return ending


def _start(ending: Ending) -> None:
    """Let it begin on its loop, which takes note of it then; unless it was ended before."""
    _step(ending.__anext__())


def _stop(transport: Transport) -> None:
    transport.close()
    transport.dialer.leave(transport.loop)


def _end(transport: Transport, ending: Ending) -> None:
    _stop(transport)
    _step(ending.aclose())


def _step(awaitable: Any) -> None:
    """Run to its end what never waits."""
    with suppress(StopIteration, StopAsyncIteration):
        awaitable.send(None)


def _close_on(loop: asyncio.AbstractEventLoop, transport: Transport, ending: Ending) -> None:
    """Close a Transport in its own thread; a loop that stands still is run until its sockets are closed."""
    running = _running()
    if loop is not running and loop.is_running():
        loop.call_soon_threadsafe(_end, transport, ending)
        return
    _end(transport, ending)
    if running is None:
        loop.run_until_complete(transport.ended())
    elif loop is not running:
        # Two loops cannot run in one thread. All was cut off, so this takes a turn of that loop or two.
        ender = threading.Thread(target=lambda: loop.run_until_complete(transport.ended()), name="closing a client")
        ender.start()
        ender.join()


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


_all: Final[WeakSet[Loops]] = WeakSet()


def _forked() -> None:
    for loops in list(_all):
        loops.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
