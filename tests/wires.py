"""A Transport whose dials and sockets are in the hands of the test, and whose time stands still until it is moved.

Refuses: real connections (see peers.py). The connections are the package's own; only what is below them is made up.
Called by: tests of lanes, transports and deadlines.

    rig = Rig(max_per_host=2)          inside a running loop
    call = rig.send("/a")              a request, with the Response it will fill
    rig.dials[0].land()                its dial succeeds; `fail(error)` is the other end
    await rig.turns()                  what was set going happens
    rig.wires[0].answer(b"...")        the peer's bytes; `end()` is its FIN
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from async_keepalive_httpc._connection.h1 import H1Connection
from async_keepalive_httpc._dial.link import Link
from async_keepalive_httpc._message.limits import Limits, Reading, Timeout
from async_keepalive_httpc._message.reach import DIRECT, Reach
from async_keepalive_httpc._message.request import Request
from async_keepalive_httpc._message.response import Response
from async_keepalive_httpc._message.url import parse
from async_keepalive_httpc._transport.lane import Lane
from async_keepalive_httpc._transport.transport import Transport

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
CLOSE = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
ORIGIN = "http://origin.test"
TURNS = 6


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


class Wire(asyncio.Transport):
    """What is below one connection. `written` is what it sent by its transport, `sent` by its socket, in pieces."""

    def __init__(self, connection: H1Connection) -> None:
        super().__init__()
        self.connection = connection
        self.written = bytearray()
        self.sent: list[bytes] = []
        self.takes: int | Exception | None = None
        self.aborted = False
        self.ended = False
        self.reading = True
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._here, self._there = socket.socketpair()
        self._here.setblocking(False)  # as a loop has it
        connection.connection_made(self)

    # -- the peer's side

    def answer(self, raw: bytes = OK) -> None:
        """The peer sends bytes, and the connection reads them at once."""
        view = self.connection.get_buffer(len(raw))
        view[: len(raw)] = raw
        self.connection.buffer_updated(len(raw))

    def speak(self) -> None:
        """The peer sends a byte that the loop has not read yet."""
        self._there.send(b"?")

    def end(self, error: Exception | None = None) -> None:
        """The peer ends the connection: FIN, or an error."""
        if error is None and not self._closing:
            self.connection.eof_received()
        self._closing = True
        self._lose(error)

    @property
    def busy(self) -> bool:
        """Whether a request waits for its answer here."""
        return not self._closing and self.connection._response is not None

    # -- the connection's side

    def write(self, data: Any) -> None:
        self.written += data

    def send(self, data: bytes) -> int:
        """The socket's own: `takes` says how much of it goes, or what is raised."""
        if isinstance(self.takes, Exception):
            raise self.takes
        self.sent.append(data[: self.takes])
        return len(self.sent[-1])

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._lose, None)

    def abort(self) -> None:
        self.aborted = True
        self.close()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"socket": self._here, "peername": ("192.0.2.1", 80)}.get(name, default)

    def _lose(self, error: Exception | None) -> None:
        if not self.ended:
            self.ended = True
            self.connection.connection_lost(error)
            self.drop()

    def drop(self) -> None:
        """Close the sockets."""
        self._here.close()
        self._there.close()


class Dial:
    """One dial under way."""

    def __init__(self, rig: Rig, route: Any, make: Callable[[], H1Connection], timeout: float | None) -> None:
        self.route = route
        self.timeout = timeout
        self.outcome: asyncio.Future[Link] = asyncio.get_running_loop().create_future()
        self._rig = rig
        self._make = make

    @property
    def open(self) -> bool:
        return not self.outcome.done()

    def land(self, *, rtt: float = 0.001, tls: bool = False) -> Wire:
        """It connects."""
        wire = Wire(self._make())
        self._rig.wires.append(wire)
        self.outcome.set_result(Link(wire.connection, rtt, tls, send=wire.send if self._rig.direct else None))
        return wire

    def fail(self, error: Exception) -> None:
        """It does not connect."""
        self.outcome.set_exception(error)


class Call:
    """One request, and what becomes of it."""

    def __init__(
        self, response: Response, outcome: asyncio.Future[Response], request: Request, timeout: Timeout
    ) -> None:
        self.response = response
        self.outcome = outcome
        self.request = request
        self.terms = response, request, outcome, timeout, 1000

    @property
    def error(self) -> BaseException | None:
        return self.response._error

    @property
    def sent(self) -> bool:
        return isinstance(self.response._where, H1Connection)

    def cancel(self) -> None:
        """As a cancelled task does it."""
        self.outcome.cancel()
        self.response.abandon()


class Rig:
    """The Transport, and everything below it."""

    def __init__(self, pipelining: int = 1, *, direct: bool = False, **limits: Any) -> None:
        self.direct = direct
        """Whether connections are given their socket's own `send`."""
        self.time = Time()
        self.dials: list[Dial] = []
        self.wires: list[Wire] = []
        loop = asyncio.get_running_loop()
        self.transport = Transport(
            loop,
            self,  # type: ignore[arg-type]
            Limits(**limits),
            Reading(),
            DIRECT,
            self.time,
            pipelining=pipelining,
        )

    async def dial(self, route: Any, make: Callable[[], H1Connection], timeout: float | None) -> Link:
        """The Dialer's part."""
        dial = Dial(self, route, make, timeout)
        self.dials.append(dial)
        return await dial.outcome

    def call(
        self,
        path: str = "/",
        *,
        origin: str = ORIGIN,
        timeout: Timeout | None = None,
        reach: Reach | None = None,
        method: str = "GET",
        body: Any = None,
    ) -> Call:
        """A request that has not set out."""
        request = Request(method, parse(origin + path), body=body, reach=reach)
        outcome: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        limits = timeout or Timeout()
        return Call(Response().ask(request, outcome, limits, 1000), outcome, request, limits)

    def send(self, path: str = "/", **options: Any) -> Call:
        """A request on its way."""
        call = self.call(path, **options)
        self.transport.send(*call.terms)
        return call

    def send_fresh(self, path: str = "/", *, started: float = 0.0, **options: Any) -> Call:
        """A request on its way to a fresh connection."""
        call = self.call(path, **options)
        self.transport.send_on(call.response, started, fresh=True)
        return call

    async def connected(self, number: int = 1, *, origin: str = ORIGIN) -> list[Wire]:
        """So many idle connections, the oldest first."""
        calls = [self.send(origin=origin) for _ in range(number)]
        await self.turns()
        wires = [dial.land() for dial in self.dials if dial.open]
        await self.turns()
        for wire in wires:
            wire.answer()
        assert all(call.outcome.done() for call in calls)
        return wires

    def lane(self, origin: str = ORIGIN) -> Lane:
        """The Lane of an origin that was used."""
        wanted = parse(origin).origin
        return next(lane for route, lane in self.transport.lanes.items() if route.origin == wanted)

    def sweep(self) -> None:
        """The clock looks at what is due."""
        self.transport.clock._sweep()

    async def turns(self, number: int = TURNS) -> None:
        """Let the loop do what is ready."""
        for _ in range(number):
            await asyncio.sleep(0)

    async def end(self) -> None:
        """Close everything, and check that nothing is left."""
        self.transport.close()
        await self.transport.ended()
        transport = self.transport
        assert (transport.size, transport.resting, transport.lingering) == (0, {}, set())
        assert not transport._tasks
        for lane in transport.lanes.values():
            assert (lane.size, lane.dials, lane.members, lane.waiting) == (0, 0, set(), 0)
        assert not transport.clock._rows
