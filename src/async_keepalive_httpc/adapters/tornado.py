"""KeepAliveAsyncHTTPClient: what `AsyncHTTPClient.configure` is given.

Refuses: translating and sending; `_tornado` and the Client under it do both.
Called by: Tornado, which makes one for each IOLoop; users.
Law: `fetch` goes straight to the engine, and its Future is the request's own. While somebody has wrapped
`AsyncHTTPClient.fetch` or `fetch_impl` (tracing and recording do), it takes Tornado's way through both.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Unpack, cast

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse, _RequestProxy

from .._message.limits import Limits, count
from .._tornado.engine import EngineOptions, body_limit, engine
from .._tornado.errors import QUEUED
from .._tornado.fetch import Door
from .._tornado.loop import check_loop, running

MAX_CONNECTIONS: Final = 512
MAX_PER_HOST: Final = 100


class KeepAliveAsyncHTTPClient(AsyncHTTPClient):
    """Tornado's AsyncHTTPClient with kept connections.

    `AsyncHTTPClient.configure("async_keepalive_httpc.KeepAliveAsyncHTTPClient", max_clients=100)`.

    max_clients: fetches under way at once; more wait in order (default 10, as Tornado's).
    hostname_mapping: names to addresses, in the forms of Tornado's OverrideResolver.
    max_buffer_size: bytes of a body held in memory, where max_body_size is not given (default 104857600).
    resolver: a Tornado Resolver; None: the one that `Resolver.configure` chose, or the event loop's, remembered 30 s.
    defaults: values for attributes that an HTTPRequest leaves at None.
    max_header_size: bytes of a response head (default 65536). max_body_size: bytes of a decoded body.
    idle_timeout: seconds an unused connection is kept (default 60; a server's own hint shortens it).
    max_age: seconds after which a connection takes no new request, +-10 % (default 600).
    max_connections: connections in all (default 512, or max_clients where that is more).
    max_per_host: connections of one origin (default 100, or max_clients where that is more).
    max_waiters: fetches that may wait for a place of max_clients, and for a connection of one origin (default
        None: no limit); one more fails with TooManyWaiters.
    max_requests_per_connection: requests after which a connection is closed (default None: no limit).
    trust_env: take proxies from http_proxy, https_proxy, all_proxy and no_proxy, read once (default False).
    proxy: URL of a proxy for every request that names none itself (proxy_host); False: none (default None).
    strict_tls_eof: over TLS, a body framed by close needs a close_notify (default False, as Tornado has it).
    max_interims: interim (1xx) responses before a final one (default 10; 0: counted by bytes only).
    dns_ttl (30), pin_sha256, pipelining (1), proxy_headers, redirect_filter, sensitive_headers, server_hostname,
        socket_factory, socket_options, tls_resumption (True), unix_socket: for all requests, as `Client` has them.

    Raises InvalidRequest, a ValueError, for arguments that make no sense, TypeError for those that do not exist.
    """

    def initialize(  # type: ignore[override]
        self,
        max_clients: int = 10,
        hostname_mapping: Mapping[Any, Any] | None = None,
        max_buffer_size: int = 104857600,
        resolver: Any = None,
        defaults: dict[str, Any] | None = None,
        max_header_size: int | None = None,
        max_body_size: int | None = None,
        *,
        idle_timeout: float | None = 60.0,
        max_age: float | None = 600.0,
        max_connections: int | None = None,
        max_per_host: int | None = None,
        max_waiters: int | None = None,
        max_requests_per_connection: int | None = None,
        **options: Unpack[EngineOptions],
    ) -> None:
        size, most = body_limit(max_buffer_size, max_body_size), count("max_clients", max_clients)
        limits = Limits(
            max(MAX_CONNECTIONS, most) if max_connections is None else max_connections,
            max(MAX_PER_HOST, most) if max_per_host is None else max_per_host,
            idle_timeout,
            max_age,
            max_waiters,
            max_requests_per_connection,
        )
        client = engine(limits, size, max_header_size, resolver, hostname_mapping, options)
        self._door = Door(client, None, size, most, max_waiters)
        super().initialize(defaults=defaults)
        self._loop: asyncio.AbstractEventLoop = cast(Any, self.io_loop).asyncio_loop
        self.max_buffer_size = max_buffer_size
        self.max_header_size = max_header_size
        self.max_body_size = max_body_size
        self.resolver = resolver

    def fetch(
        self, request: str | HTTPRequest, raise_error: bool = True, **kwargs: Any
    ) -> asyncio.Future[HTTPResponse]:
        """Start a request now; the Future gives the HTTPResponse, or raises, as Tornado's own.

        Cancelling the Future ends the request and frees its place. Raises RuntimeError on a closed client, ValueError
        for kwargs beside an HTTPRequest, WrongLoop in a foreign thread.
        """
        if AsyncHTTPClient.fetch is not _FETCH or type(self).fetch_impl is not _FETCH_IMPL:
            return super().fetch(request, raise_error, **kwargs)
        if raise_error and not kwargs and (future := self._door.refetch(request)) is not None:
            return future
        return self._door.fetch(self._enter(), request, raise_error, kwargs)

    def _enter(self) -> asyncio.AbstractEventLoop:
        if self._closed:
            raise RuntimeError("fetch() called on closed AsyncHTTPClient")
        return running() or check_loop(self._loop, None)

    def fetch_impl(self, request: HTTPRequest, callback: Callable[[HTTPResponse], None]) -> None:
        """Tornado's inner interface, for those who wrap it: `callback` is given the response, good or bad."""
        asked = request.request if isinstance(request, _RequestProxy) else request
        fetch = self._door.fetch(self._enter(), asked, False, {})
        fetch.add_done_callback(partial(_call_back, callback, asked, time.time()))

    @property
    def defaults(self) -> dict[str, Any]:
        """Values for attributes that an HTTPRequest leaves at None. May be changed at any time."""
        return self._door.defaults

    @defaults.setter
    def defaults(self, values: dict[str, Any]) -> None:
        self._door.set_defaults(values)

    @property
    def max_clients(self) -> int:
        """Fetches under way at once. May be changed at any time."""
        return self._door.most

    @max_clients.setter
    def max_clients(self, most: int) -> None:
        self._door.most = count("max_clients", most)
        self._door.admit()

    @property
    def queue(self) -> list[Any]:
        """The Futures of the fetches that wait for a place of max_clients, in order of arrival."""
        return [fetch.future for fetch in self._door.queue]

    def stats(self) -> dict[str, Any]:
        """Plain counts of connections and requests; see `Client.stats`."""
        return self._door.client.stats()

    @property
    def connect_times(self) -> int:
        """How often this client has connected in all."""
        return self._door.client.connect_times

    def close(self) -> None:
        """Close all connections now; fetches under way fail with HTTPStreamClosedError. May be repeated.

        Works while the IOLoop stands still, which may be closed right after.
        """
        super().close()
        self._door.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<KeepAliveAsyncHTTPClient {state} active={self._door.active} connect_times={self.connect_times}>"


_FETCH = AsyncHTTPClient.fetch
_FETCH_IMPL = KeepAliveAsyncHTTPClient.fetch_impl


def _call_back(
    callback: Callable[[HTTPResponse], None], asked: HTTPRequest, started: float, fetch: asyncio.Future[Any]
) -> None:
    """Give the outcome of a fetch as a response, as Tornado's clients give theirs."""
    if fetch.cancelled():
        return
    error = fetch.exception()
    if error is None:
        callback(fetch.result())
        return
    queued = str(error) == QUEUED
    callback(
        HTTPResponse(
            asked,
            599,
            error=error,
            request_time=time.time() - started,
            start_time=None if queued else started,
        )
    )
