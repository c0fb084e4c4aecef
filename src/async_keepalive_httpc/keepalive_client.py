"""SimpleKeepAliveHTTPClient: Tornado-shaped, one connection for each origin.

Refuses: more than one connection to an origin; requests beyond it wait in order. (For many: `Client`.)
Called by: users, as the 2013 document of this package has it; the user's AWS classes hold a KeptClient.
Law: everything but the limit is `_tornado`'s and the Client's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, Unpack

from tornado.httpclient import HTTPRequest, HTTPResponse
from tornado.ioloop import IOLoop

from ._message.limits import Limits
from ._tornado.engine import EngineOptions, body_limit, engine
from ._tornado.fetch import Door
from ._tornado.loop import check_loop, running
from .client import Client
from .errors import InvalidRequest


class Connection:
    """The face of a client's connections: there from the start, whether one is open or not."""

    __slots__ = ("_client",)

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def connect_times(self) -> int:
        """How often this client has connected in all."""
        return self._client.connect_times

    def is_connected(self) -> bool:
        """Whether a connection is open now."""
        connections = self._client.stats()["connections"]
        return bool(connections["active"] + connections["idle"])

    def __repr__(self) -> str:
        state = "open" if self.is_connected() else "closed"
        return f"<connection {state} connect_times={self.connect_times}>"


class KeptClient:
    """Tornado's `fetch` over a Client that is set up already.

    io_loop: the IOLoop to run on; None: the one that runs, or is current, when `fetch` is first called.
    client: the engine's. defaults: values for attributes that an HTTPRequest leaves at None. max_body_size: bytes of a
    decoded body. connection: the face of its connections. Raises InvalidRequest for an io_loop that is none.
    """

    def __init__(
        self, io_loop: IOLoop | None, client: Client, defaults: dict[str, Any] | None, max_body_size: int
    ) -> None:
        self.io_loop = io_loop
        self._loop = _loop_of(io_loop)
        self._client = client
        self._door = Door(client, defaults, max_body_size)
        self.connection = Connection(client)

    def fetch(
        self, request: str | HTTPRequest, raise_error: bool = True, **kwargs: Any
    ) -> asyncio.Future[HTTPResponse]:
        """Start a request now; the Future gives Tornado's HTTPResponse, or raises what Tornado's client does.

        `kwargs` are HTTPRequest's, for a `request` given as a URL. raise_error=False: a status outside
        200-299 is a response like any other. Cancelling the Future ends the request.

        Raises RuntimeError on a closed client, WrongLoop in a foreign thread or loop, ValueError for kwargs
        beside an HTTPRequest.
        """
        if raise_error and not kwargs and (future := self._door.refetch(request)) is not None:
            return future
        return self._door.fetch(self._enter(), request, raise_error, kwargs)

    def _enter(self) -> asyncio.AbstractEventLoop:
        if self._client.closed:
            raise RuntimeError(f"fetch() called on closed {type(self).__name__}: make a new one")
        return self.loop_here()

    def loop_here(self) -> asyncio.AbstractEventLoop:
        """The event loop that a fetch called here runs on. Raises WrongLoop where there is none.

        Two loops would be two connections to an origin: another is taken only when the last is closed.
        """
        here, loop = running(), self._loop
        if self.io_loop is None and (loop is None or loop.is_closed()):
            loop = here or _current_loop()
        self._loop = loop = check_loop(loop, here)
        return loop

    @property
    def queue(self) -> list[Any]:
        """The requests that wait for their connection, in order of arrival."""
        return [response._request for response in self._client.waiting()]

    def stats(self) -> dict[str, Any]:
        """Plain counts of connections and requests; see `Client.stats`."""
        return self._client.stats()

    @property
    def connect_times(self) -> int:
        """How often this client has connected in all."""
        return self._client.connect_times

    def __len__(self) -> int:
        """Fetches that have not ended: waiting and active."""
        return self._door.active

    def __bool__(self) -> bool:
        """A client is true, however many fetches it has."""
        return True

    def close(self) -> None:
        """Close all connections now; fetches under way fail with HTTPStreamClosedError. May be repeated."""
        self._client.close()

    async def aclose(self, timeout: float | None = None) -> None:
        """Take no new fetch, wait `timeout` seconds (None: no limit) for those under way, then close."""
        await self._client.aclose(timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose(None if kind is None else 0)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} active={len(self)} {self.connection!r}>"


class SimpleKeepAliveHTTPClient(KeptClient):
    """Tornado's `fetch` over one kept connection for each origin.

    io_loop: the IOLoop to run on; None: the one that runs, or is current, when `fetch` is first called.
    hostname_mapping: names to addresses, in the forms of Tornado's OverrideResolver.
    max_buffer_size: bytes of a body held in memory, where max_body_size is not given (default 104857600).
    resolver: a Tornado Resolver; None: the one that `Resolver.configure` chose, or the event loop's, remembered 30 s.
    defaults: values for attributes that an HTTPRequest leaves at None.
    idle_timeout: seconds an unused connection is kept (default 30.0; a server's own hint shortens it).
    max_header_size: bytes of a response head (default 65536). max_body_size: bytes of a decoded body.
    max_age: seconds after which a connection takes no new request, +-10 % (default 600).
    max_waiters: requests that may wait for one origin (default None: no limit).
    max_requests_per_connection: requests after which a connection is closed (default None: no limit).
    pipelining: requests at most that are sent on the connection before it has answered the first of them (default 1;
        RFC 9112 section 9.3.2). Only idempotent ones without a body are; see `Client`.
    trust_env: take proxies from http_proxy, https_proxy, all_proxy and no_proxy, read once (default False).
    proxy: URL of a proxy for every request that names none itself (proxy_host); False: none (default None).
    strict_tls_eof: over TLS, a body framed by close needs a close_notify (default False, as Tornado has it).
    max_interims: interim (1xx) responses before a final one (default 10; 0: counted by bytes only).
    dns_ttl (30), pin_sha256, proxy_headers, redirect_filter, sensitive_headers, server_hostname, socket_factory,
        socket_options, tls_resumption (True), unix_socket: for all requests, as `Client` has them.

    Raises InvalidRequest for arguments that make no sense, TypeError for those that do not exist.
    """

    def __init__(
        self,
        io_loop: IOLoop | None = None,
        *,
        hostname_mapping: Mapping[Any, Any] | None = None,
        max_buffer_size: int = 104857600,
        resolver: Any = None,
        defaults: dict[str, Any] | None = None,
        idle_timeout: float | None = 30.0,
        max_header_size: int | None = None,
        max_body_size: int | None = None,
        max_age: float | None = 600.0,
        max_waiters: int | None = None,
        max_requests_per_connection: int | None = None,
        **options: Unpack[EngineOptions],
    ) -> None:
        size = body_limit(max_buffer_size, max_body_size)
        limits = Limits(
            max_per_host=1,
            idle_timeout=idle_timeout,
            max_age=max_age,
            max_waiters=max_waiters,
            max_requests_per_connection=max_requests_per_connection,
        )
        client = engine(limits, size, max_header_size, resolver, hostname_mapping, options)
        super().__init__(io_loop, client, defaults, size)


def _loop_of(io_loop: Any) -> asyncio.AbstractEventLoop | None:
    """The event loop of an IOLoop. Raises InvalidRequest."""
    loop: asyncio.AbstractEventLoop | None = getattr(io_loop, "asyncio_loop", None)
    if io_loop is not None and loop is None:
        raise InvalidRequest(f"io_loop is a {type(io_loop).__name__}: give a tornado.ioloop.IOLoop, or None")
    return loop


def _current_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_event_loop()
    except RuntimeError:
        return None
