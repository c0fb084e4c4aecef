"""The Dialer: from a Route to a connected protocol.

Refuses: HTTP, and keeping anything: what it connects, a Lane owns.
Called by: a Lane, once for each connection, in a task of its own.
Law: name, TCP (addresses raced as RFC 8305 has it) and TLS together stay within the connect timeout. Whatever
fails, nothing is left open, and the error names the host, the step and the reason.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from .._message.proxy import Proxy
from .._message.reach import Reach
from .._message.sockets import ORDINARY, Sockets
from .._message.url import Origin
from ..errors import ConnectError, ProxyError, TimeoutExpired
from . import socks
from .course import CONNECTING, LOADING, RESOLVING, SHAKING_HANDS, Course, shown
from .dns import addresses, resolver_of
from .handshake import Handshake
from .landing import Closing, land
from .link import Link
from .names import TTL, Names
from .sessions import Sessions
from .tcp import connect
from .tls import context_for


class Destination(Protocol):
    """Where to go (a Route)."""

    @property
    def origin(self) -> Origin: ...

    @property
    def reach(self) -> Reach: ...

    def __hash__(self) -> int: ...


Way = Callable[[Destination, Callable[[], Closing], Course], Awaitable[Link]]
"""How a dial goes, step by step."""


class Dialer:
    """Connects Routes, on any event loop, with one resolver and one memory of names."""

    __slots__ = ("_names", "_resolve", "_sessions", "_sockets")

    def __init__(
        self,
        resolver: Any = None,
        mapping: Mapping[Any, Any] | None = None,
        *,
        dns_ttl: float = TTL,
        sockets: Sockets = ORDINARY,
        resumption: bool = True,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._names = Names(dns_ttl, now)
        self._resolve = resolver_of(resolver, mapping, self._names)
        self._sockets = sockets
        self._sessions = Sessions(now) if resumption else None

    def leave(self, loop: asyncio.AbstractEventLoop) -> None:
        """Keep nothing of `loop`; called on it, or once it is closed."""
        self._names.leave(loop)
        if self._sessions is not None:
            self._sessions.leave(loop)

    async def dial(
        self, route: Destination, make: Callable[[], Closing], timeout: float | None, way: Way | None = None
    ) -> Link:
        """Connect `route` to the protocol that `make` gives, within `timeout` seconds (None: no limit).

        `way` does it where it is more than `connect`.

        Raises DNSError, ConnectError, TLSError, TimeoutExpired (phase "connect").
        """
        course = Course()
        try:
            async with asyncio.timeout(timeout):
                link = await (way or self.connect)(route, make, course)
                return link._replace(marks=course.end())
        except TimeoutError as error:
            # Every other TimeoutError, the system's ETIMEDOUT for one, became an error of ours on its way here.
            origin = course.origin or route.origin
            raise TimeoutExpired(
                f"connect timeout of {timeout:g} s while {course.step} {name(origin)}{course}; raise "
                "Timeout(connect=...) if that is too soon",
                "connect",
                course.step,
                origin,
            ) from error

    async def connect(self, route: Destination, make: Callable[[], Closing], course: Course) -> Link:
        """One connection to the origin of `route`. Raises DNSError, ConnectError, TLSError."""
        origin, reach = route.origin, route.reach
        shake = await self.prepare(route, course) if origin.scheme == "https" else None
        proxy = reach.proxy
        if proxy is not None and proxy.is_socks:
            sock, rtt = await self._through(proxy, origin, reach, course)
        else:
            course.origin = origin
            sock = await self._open(origin, reach, course)
            rtt = course.enter(SHAKING_HANDS)
        connection, resumed = await land(sock, make, shake, origin)
        return Link(connection, rtt, shake is not None, resumed, send=sock.send if shake is None else None)

    async def prepare(self, route: Destination, course: Course) -> Handshake:
        """The TLS handshake with the origin of `route`, to be made. Raises TLSError."""
        course.enter(LOADING)
        tls = route.reach.tls
        context = await context_for(tls)
        return Handshake(context, tls, route.origin, None if self._sessions is None else self._sessions.of(route))

    async def _through(self, proxy: Proxy, origin: Origin, reach: Reach, course: Course) -> tuple[socket.socket, float]:
        """A socket that a SOCKS proxy has connected to `origin`, and the round trip to the proxy."""
        socks.load(proxy)
        host = origin.host
        if not socks.resolves(proxy):
            course.enter(RESOLVING)
            host = socks.chosen(proxy, await addresses(self._resolve, host, origin.port, ipv6=reach.ipv6))
        course.origin = at = Origin(proxy.scheme, proxy.host, proxy.port)
        try:
            sock = await self._open(at, reach, course)
        except ConnectError as error:
            raise ProxyError(f"the proxy {proxy} cannot be reached: {error}") from error
        course.origin = origin
        rtt = course.enter(socks.ASKING)
        await socks.negotiate(sock, proxy, host, origin.port)
        course.enter(SHAKING_HANDS)
        return sock, rtt

    async def _open(self, origin: Origin, reach: Reach, course: Course) -> socket.socket:
        """A socket that is connected to `origin`, by its name or the unix socket in its place."""
        if reach.unix_socket is not None:
            course.enter(CONNECTING)
            return await connect(name(origin), [(socket.AF_UNIX, reach.unix_socket)], reach, course, self._sockets)
        names, host = self._names, origin.host
        course.enter(RESOLVING)
        found = names.prefer(host, await addresses(self._resolve, host, origin.port, ipv6=reach.ipv6))
        course.enter(CONNECTING)
        try:
            sock = await connect(name(origin), found, reach, course, self._sockets)
        except ConnectError:
            names.doubt(host, origin.port)
            raise
        if len({family for family, _ in found}) > 1:
            names.reached(host, sock.family)
        return sock


def name(origin: Origin) -> str:
    """Host and port, for messages."""
    return shown((origin.host, origin.port))
