"""A tunnel: a dial through a proxy that is asked to CONNECT (RFC 9110 section 9.3.6), then TLS with the origin inside.

Refuses: keeping anything: what it connects, a Lane owns; and telling the origin who we are to the proxy.
Called by: `transport`, as the way of a dial.
Law: all of it is one dial, within one connect timeout.

    2xx                     the tunnel stands; TLS with the origin begins. Bytes before that are an error
    407                     answered on the same connection where the proxy keeps it, else on another
    any other answer        ProxyError with status and reason, at once; its body is never the origin's answer
    closed, garbage         ProxyError
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn

from .._connection.opening import Nobody, Opening
from .._dial.course import SHAKING_HANDS, Course
from .._dial.dialer import Destination
from .._dial.landing import Closing, secure
from .._dial.link import Link
from .._message.limits import Timeout
from .._message.proxy import Proxy
from .._message.request import Request
from .._message.response import Response
from .._message.url import Origin, parse
from ..errors import RESPONDING, ConnectError, ProxyError, TimeoutExpired
from .route import Route

if TYPE_CHECKING:
    from .._connection.h1 import H1Connection
    from .transport import Transport

ASKING: Final = "waiting for the proxy to open a tunnel to"
MAX_ANSWER: Final = 1024 * 1024
"""Bytes of the body of a 407, which must be read before the proxy can be asked again."""
SHOWN: Final = 200
"""Characters of a refusal that an error repeats, of what came with its head."""

_NOBODY: Final = Nobody()
_NO_LIMIT: Final = Timeout(total=None, connect=None, read=None, write=None)
_ADVICE: Final = {
    403: "the proxy's rules forbid it: ask whoever runs the proxy, or reach this origin without it",
    407: "give the proxy's user and password, as in http://user:password@host:port",
    502: "the proxy could not reach it: check the host and port",
    503: "the proxy could not reach it: check the host and port",
    504: "the proxy could not reach it in time: check the host and port",
}


async def dial(transport: Transport, route: Route, make: Callable[[], H1Connection], timeout: float | None) -> Link:
    """Connect `route`, by whatever way; see `Dialer.dial`. Raises ConnectError, TimeoutExpired."""
    proxy = route.reach.proxy
    if proxy is None:
        return await transport.dialer.dial(route, make, timeout)
    try:
        if proxy.is_socks:
            return await transport.dialer.dial(route, make, timeout)
        if route.hop is None:
            return await _forward(transport, route, make, timeout, proxy)
        return await transport.dialer.dial(route, make, timeout, Tunnel(transport, route, proxy, route.hop).dial)
    except TimeoutExpired as error:
        raise TimeoutExpired(f"{route}: {error}", error.phase, error.step, error.origin) from error.__cause__


async def _forward(
    transport: Transport, route: Route, make: Callable[[], H1Connection], timeout: float | None, proxy: Proxy
) -> Link:
    try:
        return await transport.dialer.dial(route, make, timeout)
    except ConnectError as error:
        raise ProxyError(f"the proxy {proxy} cannot be reached: {error}") from error


class Tunnel:
    """One dial through the proxy of `route`."""

    __slots__ = ("_hop", "_opening", "_proxy", "_route", "_rtt", "_transport")

    def __init__(self, transport: Transport, route: Route, proxy: Proxy, hop: Route) -> None:
        self._transport = transport
        self._hop = hop
        self._route = route
        self._proxy = proxy
        self._opening: Opening | None = None
        self._rtt = 0.0

    async def dial(self, route: Destination, make: Callable[[], Closing], course: Course) -> Link:
        """The way of a dial; see `Dialer.dial`. Raises ProxyError, TLSError, ConnectError."""
        shake = await self._transport.dialer.prepare(route, course)
        try:
            opening = await self._open(course)
            course.origin = route.origin
            course.enter(SHAKING_HANDS)
            connection, resumed = await secure(opening.give(), make, shake)
            return Link(connection, self._rtt, True, resumed)
        except BaseException:
            if self._opening is not None:
                self._opening.close("abandoned", at_once=True)
            raise

    async def _open(self, course: Course) -> Opening:
        """A connection to the proxy that is a tunnel now."""
        target = authority(self._route.origin)
        credentials = self._transport.credentials(self._proxy)
        answered = 0
        while True:
            opening = await self._reach(course)
            course.origin = self._route.origin
            course.enter(ASKING)
            told = None if credentials is None else credentials.value("CONNECT", target.decode(), b"")
            response = await self._ask(opening, target, told, credentials is not None)
            if 200 <= response.status < 300:
                break
            offered = response._head.headers.get_list("Proxy-Authenticate")
            if response.status != 407 or credentials is None or not credentials.accept(offered, told or b"", answered):
                self._refuse(response)
            answered += 1
        if not opening.capacity:
            raise ProxyError(
                f"the proxy {self._proxy} opened a tunnel to {self._name} and sent bytes before TLS began: "
                "is it an HTTP proxy that knows CONNECT?",
                response.status,
            )
        return opening

    async def _reach(self, course: Course) -> Opening:
        """A connection to the proxy on which it can be asked: the one there is, if it kept it."""
        if self._opening is not None and self._opening.capacity:
            return self._opening
        try:
            link = await self._transport.dialer.connect(self._hop, self._connection, course)
        except ConnectError as error:
            raise ProxyError(f"the proxy {self._proxy} cannot be reached for {self._name}: {error}") from error
        self._rtt = link.rtt
        opening: Opening = link.connection
        self._opening = opening
        return opening

    def _connection(self) -> Opening:
        transport = self._transport
        return Opening(_NOBODY, transport.reading, transport.now, transport.loop, 0)

    async def _ask(self, opening: Opening, target: bytes, told: bytes | None, challenged: bool) -> Response:
        """What the proxy says to CONNECT; see `Opening.ask`. Raises ProxyError where it says nothing of sense."""
        waiter: asyncio.Future[Any] = self._transport.loop.create_future()
        request = Request("GET", parse(f"https://{target.decode()}")).changed(method="CONNECT")
        response = Response().ask(request, waiter, _NO_LIMIT, MAX_ANSWER)
        proxies = self._transport.proxies
        opening.ask(response, target, b"" if proxies is None else proxies.fields, told, challenged)
        await waiter
        if response._error is not None and response._stage != RESPONDING:
            raise ProxyError(
                f"the proxy {self._proxy} gave no answer when asked for a tunnel to {self._name}: {response._error}"
            ) from response._error
        return response

    def _refuse(self, response: Response) -> NoReturn:
        came = response.body if response._error is None else response.join()
        said = " ".join(came[:SHOWN].decode("utf-8", "replace").split())
        offered = ", ".join(response._head.headers.get_list("Proxy-Authenticate"))[:SHOWN]
        raise ProxyError(
            f"the proxy {self._proxy} refused a tunnel to {self._name}: HTTP {response.status} {response.reason}"
            + (f", Proxy-Authenticate: {offered}" if offered else "")
            + (f", {said!r}" if said else "")
            + f"; {_ADVICE.get(response.status, 'check that the proxy allows CONNECT to this host and port')}",
            response.status,
            response._head.headers,
        )

    @property
    def _name(self) -> str:
        return authority(self._route.origin).decode()


def authority(origin: Origin) -> bytes:
    """Host and port, as CONNECT names them (RFC 9112 section 3.2.3); a zone is ours alone (RFC 6874 section 1)."""
    host = origin.host.partition("%")[0]
    return (f"[{host}]:{origin.port}" if ":" in host else f"{host}:{origin.port}").encode()
