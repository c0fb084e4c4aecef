"""A Lane: the connections of one Route, and who waits for one.

Refuses: the protocol (a Connection's), the dial itself (`_dial`'s), policy: it never sends anything twice.
Called by: `transport` (take, wait, dial, grow), its connections (freed, lost, gone).
Law: a connection is in exactly one place: dialling, idle, busy, gone.

    take()    the newest idle connection that is young, silent and open; else None. `take_sure()` is for what must not
              be sent twice: it leaves what has rested so long that its server may be about to close it
    join()    where the client pipelines: a connection under way behind whose last request one more may be sent, unless
              somebody waits for whom no dial is under way; `fill()` is its other end, for those who wait
    wait()    in order of arrival; a dial starts while dials < waiters and the limits allow
    freed()   the first waiter gets it inside the call, so nobody can barge in; else it rests, newest on top; where
              an older request of another Lane waits for room, it is closed to make that room
    landed()  the first waiter gets it, whoever started the dial; a late one is as good as freed
    undone()  the first waiter gets the error

A waiter for a *fresh* connection (something is sent again, and where one idle connection was dead others may be) goes
first, and takes only one that has just landed. A cancelled waiter leaves; it never ends a dial.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter, OrderedDict
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, cast

from .._connection.forward import ForwardConnection
from .._connection.h1 import H1Connection
from .._connection.pipelined import PipelinedConnection, may_follow
from .._message.limits import Timeout
from .._message.response import Response
from ..errors import UNSENT, ClientClosed, ConnectionLost, TooManyWaiters
from .clock import TICK
from .counts import NOW, SO_FAR, Counts
from .rest import Rest
from .route import Route
from .tunnel import dial

if TYPE_CHECKING:
    from .._dial.link import Link
    from .transport import Transport

QUIET: Final = 0.05
"""Seconds of rest after which a connection is polled before use: below it the loop has just looked."""
HINT_MARGIN: Final = 0.5
"""Seconds at least by which a server's own idle limit is undercut: its clock started before ours."""

Queue = OrderedDict[Response, None]


class Lane:
    """Connections and waiters of one Route."""

    __slots__ = (
        "_served_before",
        "_used_before",
        "answers",
        "closed",
        "dials",
        "fresh",
        "handshakes",
        "idle",
        "members",
        "opened",
        "pipelined",
        "resends",
        "rest",
        "resumed",
        "roomy",
        "route",
        "rtt",
        "size",
        "starving",
        "transport",
        "unanswered",
        "waiters",
    )

    def __init__(self, transport: Transport, route: Route) -> None:
        self.transport = transport
        self.route = route
        self.idle: dict[H1Connection, None] = {}
        self.members: set[H1Connection] = set()
        self.roomy: OrderedDict[PipelinedConnection, None] = OrderedDict()
        self.waiters: Queue = OrderedDict()
        self.fresh: Queue = OrderedDict()
        self.dials = 0
        self.size = 0
        self.opened = 0
        self.pipelined = 0
        self.resends = 0
        self.handshakes = 0
        self.resumed = 0
        self.rtt = 0.0
        self.rest = Rest(transport.idle_limit)
        self.starving = False
        self.answers = sys.maxsize
        self.unanswered = 0
        self.closed: Counter[str] = Counter()
        self._served_before = 0
        self._used_before = 0

    # -- requests

    def take(self, now: float) -> H1Connection | None:
        """The newest idle connection that may be used, taken from the idle ones."""
        idle = self.idle
        while idle:
            connection, _ = idle.popitem()
            del self.transport.resting[connection]
            rested = now - connection.moved
            if self.fits(connection, rested, now):
                connection.moved = now
                return connection
        return None

    def take_sure(self, now: float) -> H1Connection | None:
        """As `take`, for a request that must not be sent twice."""
        while self.idle:
            connection = next(reversed(self.idle))
            rested = now - connection.moved
            if reason := connection.outworn(now):
                connection.close(reason)
            elif connection.hint is None and not self.rest.sure(rested):
                return None  # those below it have rested longer
            elif connection.served and not connection.sound():
                connection.close("server")
            else:
                return self.take(now)
        return None

    def fits(self, connection: H1Connection, rested: float, now: float) -> bool:
        """Whether a connection that has rested may be used: still young, open and silent; if not, it is closed."""
        if rested >= connection.patience or now >= connection.retires:
            connection.close(connection.outworn(now))
            return False
        if rested <= QUIET:
            return True
        if connection.sound():
            self.rest.try_after(rested, connection, now)
            return True
        connection.close("server")
        self._learn(rested)
        return False

    def join(self, response: Response, now: float) -> PipelinedConnection | None:
        """A connection under way behind whose last request `response` may be sent; they take turns."""
        if self.dials < len(self.waiters) + len(self.fresh) or self.transport.starved or not may_follow(response):
            return None
        while self.roomy:
            connection = next(iter(self.roomy))
            if connection.capacity and now < connection.retires:
                self.roomy.move_to_end(connection)
                self.pipelined += 1
                return connection
            del self.roomy[connection]
        return None

    def wait(self, response: Response, *, fresh: bool = False) -> None:
        """Queue `response` and dial for it if the limits allow. Raises TooManyWaiters."""
        response._where = self
        (self.fresh if fresh else self.waiters)[response] = None
        if self.idle and self.size >= self.transport.limits.max_per_host:
            next(iter(self.idle)).close("evicted")
        self.grow()
        limit = self.transport.limits.max_waiters
        if limit is not None and not fresh and self.waiting - self.dials > limit:
            self.abandon(response)
            raise TooManyWaiters(
                f"{response._request.method} {response._request.url}: {limit} requests already wait for a connection "
                f"to {self.route}: send fewer at once, or raise max_waiters or max_per_host"
            )

    def abandon(self, response: Response) -> None:
        """`response` does not wait any more."""
        self.waiters.pop(response, None)
        self.fresh.pop(response, None)

    def dials_for(self, response: Response) -> bool:
        """Whether a dial is under way that `response` would get, were it to land now."""
        if response in self.fresh:
            return self.dials > 0
        return response in islice(self.waiters, max(0, self.dials - len(self.fresh)))

    # -- growing

    @property
    def waiting(self) -> int:
        """Requests that wait, whether a dial is under way for them or not."""
        return len(self.waiters) + len(self.fresh)

    @property
    def wants(self) -> bool:
        """Whether somebody waits whom no dial serves yet, though the limit of this origin allows one."""
        return self.dials < self.waiting and self.size < self.transport.limits.max_per_host

    def unserved(self) -> Response:
        """The oldest waiter whom no dial serves yet; asked while it `wants`."""
        return next(islice(chain(self.fresh, self.waiters), self.dials, None))

    def prune(self) -> None:
        """Let go of the first waiters if their callers are gone: a group of tasks is cancelled all at once."""
        for queue in (self.fresh, self.waiters):
            while queue and not next(iter(queue)).wanted:
                queue.popitem(last=False)

    def grow(self) -> None:
        """Dial for all whom it `wants` to serve, as far as there is room; the rest waits for room."""
        self.prune()
        while self.wants:
            if self.transport.claim():
                self.dial(self.unserved().timeout)
            elif self.wants:
                # Asked again: what made room may have been ours, and a dial have taken its place already.
                self.transport.starve(self)
                return

    def dial(self, timeout: Timeout) -> asyncio.Task[Exception | None]:
        """Start one dial; room for it was claimed. The task gives the error, or None."""
        self.dials += 1
        self.size += 1
        task = self.transport.start(self._dial(timeout))
        # Not an `except` in the coroutine: one that is cancelled before its first step never runs.
        task.add_done_callback(self._stopped)
        return task

    async def _dial(self, timeout: Timeout) -> Exception | None:
        transport = self.transport
        began = transport.now()
        try:
            link = await dial(transport, self.route, self._connection, timeout.connect)
        except Exception as error:
            self._undone(error)
            return error
        self._landed(link, began)
        return None

    def _connection(self) -> H1Connection:
        transport, route = self.transport, self.route
        common = (self, transport.reading, transport.now, transport.loop, transport.next_number())
        if not route.forwards:
            if transport.pipelining == 1:
                return H1Connection(*common)
            pipelined = PipelinedConnection(*common)
            pipelined.depth = transport.pipelining
            return pipelined
        forwarding = ForwardConnection(*common)
        forwarding.credentials = transport.credentials(route.reach.proxy)
        return forwarding

    def _landed(self, link: Link, began: float) -> None:
        connection: H1Connection = link.connection
        connection.made, connection.marks = began, link.marks
        limits = self.transport.limits
        self.dials -= 1
        self.opened += 1
        self.rtt = link.rtt
        self.handshakes += link.tls
        self.resumed += link.resumed
        self.rest.relax(began)
        connection.patience = self.rest.limit
        if connection.patience <= 0:
            connection.hint = 0.0  # so that it is closed when it would rest
        if type(connection) is H1Connection:
            connection.put = link.send
        self.members.add(connection)
        self.transport.opened += 1
        if limits.max_age is not None:
            connection.retires = connection.made + limits.max_age * random.uniform(0.9, 1.1)
        if limits.max_requests_per_connection is not None:
            connection.limit = limits.max_requests_per_connection
        if self.transport.closed:
            connection.close("closed", at_once=True)
            return
        self.transport.clock.look_by(connection.made + TICK, connection.made)
        if not connection.capacity or (not link.tls and not connection.sound()):
            # Over TLS a poll would see the session tickets that follow the handshake, so there only a close counts.
            self._unfit(connection)
        elif (response := self._first(self.fresh)) is not None:
            self._hand_over(connection, response)
        else:
            self.freed(connection)

    def _unfit(self, connection: H1Connection) -> None:
        """What has just landed is closed already, or not silent: the first waiter learns that nothing was sent."""
        response = self._next()
        if connection.capacity:
            connection.close("server", at_once=True)
        else:
            self.lost(connection, "server")
        if response is not None:
            response.fail(
                ConnectionLost(
                    f"{response._request.method} {response._request.url}: {self.route} ended the connection, or spoke, "
                    "before the request was sent: is it an HTTP server?",
                    UNSENT,
                )
            )

    def _undone(self, error: Exception) -> None:
        self.dials -= 1
        self.size -= 1
        response = self._next()
        if response is not None:
            response.fail(error)
        self.transport.release(self)

    def _stopped(self, dial: asyncio.Task[Exception | None]) -> None:
        """If the dial was cancelled, the client closes or its loop ends: no new one would ever run."""
        if not dial.cancelled():
            return
        self.dials -= 1
        self.size -= 1
        while response := self._next():
            response.fail(
                ClientClosed(
                    f"{response._request.method} {response._request.url}: connecting to {self.route} was cancelled "
                    "from outside, as at the end of an event loop; nothing was sent"
                )
            )
        self.transport.release(self)

    # -- connections

    def freed(self, connection: H1Connection) -> None:
        """`connection` has answered, and takes a request again."""
        transport = self.transport
        # Asked in the `if`: kept in a name, the outcome would cost 0.03 us.
        if self.waiters or self.fresh or transport.pressed:
            if not self._share(connection):
                self._rest(connection)
                transport.check_drained()
        elif connection.hint is not None:
            self._rest(connection)
        else:
            self.idle[connection] = transport.resting[connection] = None

    def _rest(self, connection: H1Connection) -> None:
        """Nobody wants `connection`: it rests, if its server leaves it time to."""
        if connection.hint is None or self._heed(connection, connection.hint):
            self.idle[connection] = self.transport.resting[connection] = None

    def fill(self, connection: PipelinedConnection) -> None:
        """More may be sent behind what is under way on `connection`: who waits comes first."""
        waiters = self.waiters
        if self.dials < len(self.fresh) or self.transport.starved or connection.moved >= connection.retires:
            return
        while waiters and connection.capacity:
            response = next(iter(waiters))
            if response.wanted and not may_follow(response):
                return
            del waiters[response]
            if response.wanted:
                self.pipelined += 1
                self._hand_over(connection, response)
        if connection.capacity:
            self.roomy[connection] = None

    def lost(self, connection: H1Connection, reason: str) -> None:
        """`connection` is no longer usable."""
        transport = self.transport
        rested = self.rest.lose(connection)
        if connection in self.idle:
            del self.idle[connection]
            del transport.resting[connection]
            rested = transport.now() - connection.moved
        if rested and reason in ("server", "lost"):
            self._learn(rested)
        if connection in self.members:
            self.members.remove(connection)
            self.roomy.pop(cast(PipelinedConnection, connection), None)
            self.size -= 1
            self.closed[reason] += 1
            self._served_before += connection.served
            self._used_before += connection.served > 0
            if not connection.is_gone:
                transport.lingering.add(connection)
            transport.release(self)

    def gone(self, connection: H1Connection) -> None:
        """The socket of `connection` is closed."""
        self.transport.let_go(connection)

    def _share(self, connection: H1Connection) -> bool:
        """Give it, or its place, to whoever wants it. False: it may rest."""
        starved = self.transport.starved
        if connection.moved >= connection.retires:
            connection.close("age")
        elif self.dials < len(self.fresh):
            connection.close("evicted")
        elif (response := self._first(self.waiters)) is not None:
            if starved and starved[0][0] < response._started and starved[0][2] is not self:
                self.waiters[response] = None
                self.waiters.move_to_end(response, last=False)
                connection.close("evicted")
            else:
                self._hand_over(connection, response)
        elif starved:
            connection.close("evicted")
        else:
            return False
        return True

    def _heed(self, connection: H1Connection, hint: float) -> bool:
        """A server's `Keep-Alive: timeout=`, less a margin for the way there and its earlier start. May it rest?"""
        margin = max(HINT_MARGIN, 2 * self.rtt, 0.1 * hint)
        connection.patience = min(self.rest.limit, hint - margin)
        if connection.patience <= 0:
            connection.close("idle")
        return connection.patience > 0

    def _learn(self, rested: float) -> None:
        """The server ended a connection that had rested so long: the others rest less from now on."""
        if self.rest.learn(rested, self.rtt, self.transport.now()):
            for connection in self.members:
                if connection.hint is None or connection.patience > self.rest.limit:
                    connection.patience = self.rest.limit

    def _next(self) -> Response | None:
        return self._first(self.fresh) or self._first(self.waiters)

    def _first(self, queue: Queue) -> Response | None:
        while queue:
            response, _ = queue.popitem(last=False)
            if response.wanted:
                return response
        return None

    def _hand_over(self, connection: H1Connection, response: Response) -> None:
        if not response.timeout.from_queue:
            # As Tornado counts: from the end of the queue, which a dial's beginning is.
            response._queued = getattr(response, "_queued", response._started)
            response._started = connection.moved if connection.served else max(response._started, connection.made)
            if not connection.served:
                response._dial = connection.made, connection.marks
        connection.send(response)

    # -- facts

    @property
    def empty(self) -> bool:
        """Nothing lives here."""
        return not (self.size or self.waiters or self.fresh)

    def stats(self) -> Counts:
        """Plain numbers, as `Transport.stats()` gives them for each origin."""
        served = self._served_before + self.unanswered + sum(connection.served for connection in self.members)
        used = self._used_before + sum(connection.served > 0 for connection in self.members)
        here = (self.dials, self.size - self.dials - len(self.idle), len(self.idle), self.waiting)
        so_far = (self.opened, served, served - used, self.pipelined, self.resends, self.handshakes, self.resumed)
        return {
            **dict(zip(NOW, here, strict=True)),
            **dict(zip(SO_FAR, so_far, strict=True)),
            "closed": dict(self.closed),
        }
