"""A Transport: one Lane for each Route, on one event loop.

Refuses: HTTP (connections know it) and policy (`client` asks it).
Called by: `client`, for every request; `loops`, which makes and ends it; its Lanes, for room and facts.
Law: no more than `most` connections exist, dialling and idle ones included. At that limit the connection that has
been idle longest makes room, whatever its origin; when none is idle, Lanes wait in the order in which their requests
came. So either nothing is idle or nothing starves. A Lane in which nothing lives is remembered for its counts.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, Protocol, cast

from .._connection.h1 import H1Connection
from .._connection.outbox import MANY, Outbox
from .._dial.dialer import Dialer
from .._message.limits import Limits, Reading, Timeout
from .._message.proxy import Credentials, Proxy
from .._message.reach import Reach
from .._message.request import Request
from .._message.response import Response, Waiter
from .._message.url import URL, Origin
from ..errors import UNSENT, ClientClosed, TimeoutExpired, TooManyWaiters
from . import clock
from .clock import TICK
from .counts import NOW, Counts, add, nothing
from .deadline import deadline, place
from .lane import QUIET, Lane
from .route import Route, route_to

KEYS_KEPT: Final = 10_000
"""Origins whose Lane is remembered; all http origins behind one proxy have the same."""
LANES_KEPT: Final = 1000
"""Lanes from which on those without connections are forgotten; a crawler meets more origins than it can remember."""


class Proxies(Protocol):
    """What is known of proxies (`_policy.proxies.Proxies`)."""

    fields: bytes

    def environment(self, origin: Origin) -> Proxy | None: ...

    def credentials(self, proxy: Proxy) -> Credentials | None: ...


class Transport:
    """All connections of a client on one event loop."""

    __slots__ = (
        "_emptied",
        "_forgotten",
        "_lanes_limit",
        "_next",
        "_serial",
        "_tasks",
        "clock",
        "closed",
        "dialer",
        "draining",
        "idle_limit",
        "known",
        "lanes",
        "limits",
        "lingering",
        "loop",
        "most",
        "now",
        "opened",
        "outbox",
        "pipelining",
        "pressed",
        "proxies",
        "reach",
        "reading",
        "resting",
        "size",
        "starved",
        "thread",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        dialer: Dialer,
        limits: Limits,
        reading: Reading,
        reach: Reach,
        now: Callable[[], float] = clock.now,
        proxies: Proxies | None = None,
        pipelining: int = 1,
    ) -> None:
        self.loop = loop
        self.thread = 0
        """Where the loop ran when it was last looked at (`loops`), by the identity of the thread."""
        self.dialer = dialer
        self.limits = limits
        self.reading = reading
        self.reach = reach
        self.now = now
        self.clock = clock.Clock(loop, now, self._expire, self._sweep)
        self.proxies = proxies
        self.pipelining = pipelining
        self.lanes: dict[Route, Lane] = {}
        self.known: dict[Any, Lane] = {}
        self.idle_limit = limits.idle_timeout if limits.idle_timeout is not None else math.inf
        self.most = min(limits.max_connections, _half_of_files())
        self.resting: dict[H1Connection, None] = {}
        """The idle connections of all Lanes, the one that has been idle longest first."""
        self.starved: list[tuple[float, int, Lane]] = []
        self.lingering: set[H1Connection] = set()
        self.outbox = Outbox(loop)
        self.draining: asyncio.Future[None] | None = None
        self.pressed = False
        self.size = 0
        self.opened = 0
        self.closed = False
        self._next = 0
        self._serial = itertools.count()
        self._emptied: asyncio.Future[None] | None = None
        self._forgotten = nothing()
        self._lanes_limit = LANES_KEPT
        self._tasks: set[asyncio.Task[Any]] = set()

    # -- requests

    def send(self, response: Response, request: Request, waiter: Waiter, timeout: Timeout, limit: int) -> None:
        """Set `request` on its way: on an idle connection at once, else in the queue. Never awaits.

        The arguments are as for `Response.ask`.
        """
        lane: Lane | None = request.lane
        if lane is None and request.idempotent and request.reach is None:
            lane = request.lane = self.known.get(request.url.origin)
        if lane is None or lane.transport is not self or not (idle := lane.idle):
            self.send_on(response.ask(request, waiter, timeout, limit))
            return
        # `response.ask`, without its frame; what is left out of it is set by `connection.send`, or by `_wait`.
        response._request = request
        response._waiter = waiter
        response.timeout = timeout
        response._limit = limit
        response._error = response._row = None
        clock = self.now  # a callable in a slot: called through a name of its own, it costs a third
        now = response._started = clock()
        # `lane.take`, without its frame.
        connection, _ = idle.popitem()
        resting = self.resting
        del resting[connection]
        rested = now - connection.moved
        # What comes first is what `fits` asks, without its frame; kept in a name, its outcome would cost 0.03 us.
        if (rested > QUIET or rested >= connection.patience or now >= connection.retires) and not lane.fits(
            connection, rested, now
        ):
            self._set_out(lane.take(now), lane, response, now)
            return
        connection.moved = now
        if timeout.first < TICK:  # else the clock, which looks after every connection, comes sooner anyway
            self.clock.look_by(now + timeout.first, now)
        if connection.put is None or self.size - len(resting) < MANY:
            connection.send(response)
            return
        # Held: `outbox` writes it, and has the rest of what `connection.send` does.
        response._where = connection
        response._stage = UNSENT
        response.reused = True if connection.served else False  # noqa: SIM210 - half the price of bool() or a comparison
        connection._unsent = response
        held = self.outbox.held
        if not held:
            self.outbox.begin()
        held.append(connection)

    def _set_out(self, connection: H1Connection | None, lane: Lane, response: Response, now: float) -> None:
        """On the connection that was taken, if one could be; else in the queue."""
        if connection is None:
            self._wait(lane, response, now)
        else:
            self.clock.look_by(_moment(response, now), now)
            connection.send(response)

    def send_on(self, response: Response, started: float = 0.0, *, fresh: bool = False, unsent: bool = False) -> None:
        """`send`, of a response that knows what it answers, where more may have to be done than there.

        started: when the first try of the same call began (0: this is it). fresh: on a connection that has not been
        used. unsent: it was tried before, though nothing of it was sent.
        """
        request = response._request
        if self.closed:
            response.fail(_closed(request))
            return
        lane = self._lane(request.url, request.reach)
        if request.idempotent:
            request.lane = lane
        lane.resends += fresh or unsent
        now = self.now()
        response._started = started or now
        if fresh or not lane.idle:
            self._wait(lane, response, now, fresh=fresh)
        elif request.idempotent:
            self._set_out(lane.take(now), lane, response, now)
        else:
            self._set_out(lane.take_sure(now), lane, response, now)

    def _wait(self, lane: Lane, response: Response, now: float, *, fresh: bool = False) -> None:
        response._stage = UNSENT
        response.reused = False
        first = response.timeout.first
        if self.pipelining > 1 and not fresh and (connection := lane.join(response, now)) is not None:
            self.clock.look_by(_moment(response, now), now)
            connection.send(response)
            return
        if first < math.inf:
            if response._started < now:
                self.clock.watch_until(response, _moment(response, now), now)
            else:
                self.clock.watch(response, first, now)
        try:
            lane.wait(response, fresh=fresh)
        except TooManyWaiters as error:
            response.fail(error)

    async def preconnect(self, url: URL, reach: Reach | None, number: int, timeout: Timeout) -> int:
        """Open connections to an origin ahead of need, within the limits; how many there are then to take."""
        lane = self._lane(url, reach)
        wanted = min(number, self.most)
        dials = []
        while len(lane.idle) + lane.dials < wanted and lane.size < self.limits.max_per_host and self.claim():
            dials.append(lane.dial(timeout))
        if dials:
            # Not gather(): cancelling the caller must not cancel the dials, which others may wait for.
            await asyncio.wait(dials)
        for dial in dials:
            if dial.cancelled():
                raise ClientClosed(f"preconnect to {lane.route}: the client was closed before it was connected")
            if error := dial.result():
                raise error
        return len(lane.idle)

    def _lane(self, url: URL, reach: Reach | None) -> Lane:
        if reach == self.reach:
            reach = None
        key = url.origin if reach is None else (url.origin, reach)
        lane = self.known.get(key)
        if lane is None:
            route = route_to(url.origin, reach or self.reach, self.reach, self._environment)
            lane = self.lanes.get(route) or self._new_lane(route)
            if len(self.known) >= KEYS_KEPT:
                self.known.clear()
            self.known[key] = lane
        return lane

    def _new_lane(self, route: Route) -> Lane:
        if len(self.lanes) >= self._lanes_limit:
            self._forget_lanes()
        lane = self.lanes[route] = Lane(self, route)
        return lane

    def _environment(self, origin: Origin) -> Proxy | None:
        return None if self.proxies is None else self.proxies.environment(origin)

    def credentials(self, proxy: Proxy | None) -> Credentials | None:
        """What a proxy is told of us; None: nothing."""
        return None if self.proxies is None or proxy is None else self.proxies.credentials(proxy)

    def _forget_lanes(self) -> None:
        """Drop the older half of the Lanes in which nothing lives: now and then, so that it costs O(1) a Lane."""
        empty = [key for key, lane in self.lanes.items() if lane.empty]
        for key in empty[: -(-len(empty) // 2)]:
            add(self._forgotten, self.lanes.pop(key).stats())
        self.known.clear()
        self._lanes_limit = max(LANES_KEPT, len(self.lanes) + LANES_KEPT // 2)

    # -- room

    def claim(self) -> bool:
        """Take room for one more connection, if there is any or can be made."""
        if self.size >= self.most and self.resting:
            next(iter(self.resting)).close("evicted")
        if self.size >= self.most:
            return False
        self.size += 1
        return True

    def starve(self, lane: Lane) -> None:
        """There is no room for what `lane` wants: it is told when there is, the longest waiting request first."""
        if not lane.starving:
            lane.starving = self.pressed = True
            heapq.heappush(self.starved, (lane.unserved()._started, next(self._serial), lane))

    def release(self, lane: Lane) -> None:
        """A connection or a dial of `lane` has ended: its place goes to the request that has waited longest."""
        self.size -= 1
        lane.prune()
        if lane.wants and not self.closed:
            self.starve(lane)
        while self.starved and self.size < self.most:
            _, _, starved = heapq.heappop(self.starved)
            starved.starving = False
            starved.grow()
        self.pressed = bool(self.starved) or self.draining is not None
        self.check_drained()

    def start(self, dial: Coroutine[Any, Any, Exception | None]) -> asyncio.Task[Exception | None]:
        """Run a dial apart from the request that caused it: cancelling the one does not end the other."""
        task = self.loop.create_task(dial)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def next_number(self) -> int:
        self._next += 1
        return self._next

    # -- time

    def _expire(self, item: Any, now: float) -> float:
        """The clock asks: the next moment to look at `item`, or 0.0 once it has ended."""
        response = cast(Response, item)
        where: Any = response._where
        due = deadline(response, now)
        if due.when <= now and due.phase == "read" and where.listen(now):
            due = deadline(response, now)
        if due.when > now:
            return min(due.when, now + response.timeout.first)
        found = place(response, now)
        response._where = None
        where.abandon(response)
        response.fail(
            TimeoutExpired(
                f"{response._request.method} {response._request.url}: {due.phase} timeout of {due.limit:g} s after "
                f"{now - response._started:.3f} s, {found}; raise Timeout({due.phase}=...) if that is too soon",
                due.phase,
            )
        )
        return 0.0

    def _sweep(self, now: float) -> float:
        """End what has expired on connections, and those that rest too long; the next moment to look again."""
        soonest = math.inf
        for connection in [connection for lane in self.lanes.values() for connection in lane.members]:
            soonest = min(soonest, now + TICK)
            if now - connection.moved >= TICK and connection not in self.resting:
                connection.listen(now)
            for response in connection.answering:
                soonest = min(soonest, self._expire(response, now) or math.inf)
            if connection in self.resting and (reason := connection.outworn(now)):
                connection.close(reason)
        return soonest

    # -- the end

    def close(self) -> None:
        """End everything now: requests fail with ClientClosed, sockets are closed by the next turn of the loop."""
        self.closed = True
        self.known.clear()
        self.starved.clear()
        for lane in list(self.lanes.values()):
            for response in [*lane.waiters, *lane.fresh]:
                lane.abandon(response)
                response.fail(_closed(response._request))
            for connection in list(lane.members):
                connection.end(ClientClosed(f"the client was closed while a request was under way on {connection!r}"))
        for task in list(self._tasks):
            task.cancel()
        self.clock.stop()

    async def aclose(self, timeout: float | None) -> None:
        """Let the requests under way end for up to `timeout` seconds, redirects included, then close everything."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._drain()
        for connection in list(self.resting):
            connection.close("closed")
        self.close()
        await self.ended()

    async def _drain(self) -> None:
        while True:
            while not self._drained():
                if self.draining is None or self.draining.done():
                    self.draining, self.pressed = self.loop.create_future(), True
                await asyncio.wait([self.draining])
            # Whoever was answered last may go on, to a redirect for one: he is woken before this is.
            await asyncio.sleep(0)
            if self._drained():
                return

    async def ended(self) -> None:
        """Wait until every dial has ended and every socket is closed; a peer has TLS_SHUTDOWN to say goodbye."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        while self.lingering:
            if self._emptied is None or self._emptied.done():
                self._emptied = self.loop.create_future()
            await asyncio.wait([self._emptied])

    def let_go(self, connection: H1Connection) -> None:
        """The socket of `connection` is closed."""
        self.lingering.discard(connection)
        if self._emptied is not None and not self.lingering and not self._emptied.done():
            self._emptied.set_result(None)

    def check_drained(self) -> None:
        """While draining: was that the last request?"""
        if self.draining is not None and not self.draining.done() and self._drained():
            self.draining.set_result(None)

    def _drained(self) -> bool:
        return all(lane.size == len(lane.idle) and not lane.waiting for lane in self.lanes.values())

    def stats(self) -> Counts:
        """`connections`: the sum; `origins`: the same counts for each origin that is remembered."""
        total = nothing()
        origins: dict[str, Counts] = {}
        add(total, self._forgotten)
        for lane in self.lanes.values():
            counts = lane.stats()
            add(total, counts)
            add(origins.setdefault(str(lane.route), {}), counts)
        if self.loop.is_closed():
            for counts in (total, *origins.values()):
                counts.update(dict.fromkeys(NOW, 0))
        return {"connections": total, "origins": origins}


def _moment(response: Response, now: float) -> float:
    """When something could expire at the earliest, though part of the total time has gone before this try."""
    timeout = response.timeout
    end = math.inf if timeout.total is None else response._started + timeout.total
    return min(end, now + timeout.first)


def _closed(request: Request) -> ClientClosed:
    return ClientClosed(f"{request.method} {request.url}: the client was closed; make a new one")


def _half_of_files() -> float:
    """Half of the files that this process may have open: the other half is not ours."""
    try:
        import resource
    except ImportError:
        return math.inf  # Windows, where sockets are not counted among files
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return math.inf if soft == resource.RLIM_INFINITY else max(1, soft // 2)
