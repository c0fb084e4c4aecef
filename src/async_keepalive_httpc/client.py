"""Client: the native door, and the walk of every request.

Refuses: sockets and parsing (`_transport`), Tornado's names (`_tornado`).
Called by: users; `_tornado` (through `begin` and `settle`).
Law: one walk for every request. It sets out; what comes back is the answer, or `_policy.walk` says what is to be sent
after it; the answer is decoded and handed over. A warm request is suspended once: for its answer.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from functools import partial
from itertools import chain
from threading import get_ident
from types import TracebackType
from typing import Any, Final, Self, Unpack

from ._message.fields import CONTENT_ENCODING
from ._message.limits import MAX_BODY_SIZE, MAX_HEADER_SIZE, Limits, Reading, Timeout, count
from ._message.proxy import Wanted
from ._message.reach import Reach, UnixSocket, merged
from ._message.request import Defaults, HeaderInput, Request
from ._message.response import Response, Waiter
from ._message.sockets import Factory, Option, sockets
from ._message.stream import StreamedResponse
from ._message.stream import Streaming as Streaming
from ._message.tls import Pins, pins_of, tls_of
from ._message.url import URL, parse
from ._policy import additions, building, redirect
from ._policy import decode as decoding
from ._policy.additions import Options as Options
from ._policy.carrier import walks
from ._policy.cookies import CookieJar as CookieJar
from ._policy.digest import Digest as Digest
from ._policy.proxies import Proxies
from ._policy.walk import Step
from ._transport.clock import now
from ._transport.loops import Loops
from ._transport.transport import Transport
from .errors import ClientClosed, DecodeError, InvalidRequest, TooLarge, WrongLoop

DECODE_STEP: Final = 1024 * 1024
"""Decoded bytes after which other tasks get a turn: a few milliseconds of work, whatever a bomb unpacks to."""

PLAIN_KEPT: Final = 10_000
HEADED_KEPT: Final = 256
"""Requests without options that are kept built, by method and URL: a service's working set. One takes 1 KiB."""

Turn = Callable[[Request], Awaitable[Request]]


class Client:
    """A keep-alive HTTP client for asyncio.

    timeout: Timeout, or total seconds (default: Timeout(): total 300, connect 10, read 60, write 60).
    limits: Limits (default: 512 connections, 100 a host, 60 s idle).
    pipelining: requests at most that are sent on one HTTP/1.1 connection before it has answered the first of them
        (default 1: one at a time; RFC 9112 section 9.3.2). Only idempotent ones without a body are.
    headers: fields added to every request that does not set them itself.
    auth: (username, password) sent as Basic credentials with every request (RFC 7617), or a Digest (RFC 7616).
    max_redirects: redirects followed (default 10; 0: none).
    cookies: a CookieJar that keeps what servers set, and gives it back to them (default None: no cookies).
    decode: ask for and undo content codings: gzip, deflate, and br and zstd where importable (default True).
    max_body_size: decoded bytes of a body held in memory (default 100 MiB).
    max_header_size: bytes of a response head, interim responses included (default 128 KiB).
    sensitive_headers: more names of fields that a redirect to another origin must not carry along.
    redirect_filter: function of a redirect's Response and the URL it leads to: True: it is followed (default: all are).
    verify: check certificates (default True); an `ssl.SSLContext` is used as it is, and never changed.
    ca_certs: a file of trusted certificates in place of the system's.
    cert: a client certificate: the file of certificate and key, or (certificate, key); read again once it has changed.
    server_hostname: the name that servers are asked for (SNI) and that their certificates must have, in the place of
        the URL's host (default None).
    pin_sha256: SHA-256 digests in hexadecimal or base64, one or several: a server's certificate, or the public key in
        it (SubjectPublicKeyInfo), must have one of them, beside what else is checked (default None).
    tls_resumption: resume TLS sessions when an origin is connected to again (default True; RFC 8446 section 2.2).
    local_address: IP address to connect from; network_interface: the name of the interface to connect from.
    unix_socket: path of a unix socket to connect to, whatever the host; a first "\\0": the abstract namespace.
    ipv6: also use IPv6 addresses (default True).
    resolver: a Tornado Resolver or an async function of its shape; hostname_mapping: as Tornado's OverrideResolver.
    dns_ttl: seconds that the addresses of a name are remembered (default 30; 0: not at all; not with a `resolver`).
    socket_options: (level, name, value) for each socket, as `socket.setsockopt` takes them, beside TCP keep-alive.
    socket_factory: function that makes a socket of an address info (family, type, protocol, name, address).
    proxy: URL of a proxy for every request, [scheme://][user:password@]host[:port], with the scheme http, https,
        socks4, socks4a, socks5 or socks5h; or a `Proxy`; False: none, whatever the environment says.
    proxy_headers: fields for a proxy that is asked for a tunnel (CONNECT), such as User-Agent; no origin sees them.
    trust_env: without `proxy`, take it from http_proxy, https_proxy, all_proxy and no_proxy, read once (default True).
    strict_tls_eof: over TLS, a body framed by close needs a close_notify (default True; RFC 9112 section 9.8).
    codings: the only content codings that are undone (default None: all that are importable).
    max_interims: interim (1xx) responses before a final one (default 0: counted by bytes only).
    defaults: the default fields as they are to be sent; `headers` and `auth` are not looked at then.

    Use it as `async with Client() as client`, or end it with `await client.aclose()`.
    Raises InvalidRequest for arguments that make no sense.
    """

    now = staticmethod(now)

    def __init__(
        self,
        *,
        timeout: float | Timeout | None = None,
        limits: Limits | None = None,
        pipelining: int = 1,
        headers: HeaderInput = None,
        auth: tuple[str, str] | Digest | None = None,
        max_redirects: int = 10,
        cookies: CookieJar | None = None,
        decode: bool = True,
        max_body_size: int = MAX_BODY_SIZE,
        max_header_size: int = MAX_HEADER_SIZE,
        sensitive_headers: Collection[str] = (),
        redirect_filter: redirect.RedirectFilter | None = None,
        verify: bool | ssl.SSLContext = True,
        ca_certs: str | None = None,
        cert: str | tuple[str, str] | None = None,
        server_hostname: str | None = None,
        pin_sha256: Pins = None,
        tls_resumption: bool = True,
        local_address: str | None = None,
        network_interface: str | None = None,
        unix_socket: UnixSocket | None = None,
        ipv6: bool = True,
        resolver: Any = None,
        hostname_mapping: Mapping[Any, Any] | None = None,
        dns_ttl: float = 30.0,
        socket_options: Iterable[Option] = (),
        socket_factory: Factory | None = None,
        proxy: Wanted = None,
        proxy_headers: HeaderInput = None,
        trust_env: bool = True,
        strict_tls_eof: bool = True,
        codings: Collection[str] | None = None,
        max_interims: int = 0,
        defaults: Defaults | None = None,
    ) -> None:
        self.timeout = Timeout() if timeout is None else Timeout.of(timeout)
        self.limits = Limits.of(limits)
        self.max_redirects = count("max_redirects", max_redirects, 0)
        self._cookies = cookies
        self._walk = walks(cookies)
        # Responses that are ready with a status below this are handed over at once: a jar sees each.
        self._direct = 300 if cookies is None else 0
        self.decode = decode
        self.max_body_size = count("max_body_size", max_body_size)
        self._redirects = redirect.rules(additions.lower_names(sensitive_headers), redirect_filter)
        self._codings = decoding.only(codings)
        digest, basic = (auth, None) if isinstance(auth, Digest) else (None, auth)
        defaults = defaults or Defaults(additions.default_fields(headers, basic, decode))
        self._plain: dict[tuple[str, str], Request] = {}
        self._headed: dict[tuple[Any, ...], Request] = {}
        tls = tls_of(verify, ca_certs, cert)._replace(pins=pins_of(pin_sha256))
        self._reach = merged(Reach(tls, local_address, ipv6, network_interface), proxy, unix_socket, server_hostname)
        self._common = building.Common(defaults, self._reach, digest, cookies)
        self._loops = Loops(
            self.limits,
            Reading(max_header_size, max_interims, strict_tls_eof),
            self._reach,
            resolver,
            hostname_mapping,
            dns_ttl,
            sockets(socket_options, socket_factory),
            proxies=Proxies(os.environ if trust_env and proxy is None else None, Defaults(proxy_headers).block),
            resumption=tls_resumption,
            pipelining=count("pipelining", pipelining),
        )

    # -- requests

    async def request(
        self,
        method: str,
        url: str | URL,
        *,
        headers: HeaderInput = None,
        body: Any = None,
        **options: Unpack[Options],
    ) -> Response:
        """Send a request and read its whole answer. `headers`, `body` and `options` as for `build`.

        Raises InvalidRequest (nothing was sent), ConnectError, ConnectionLost, ProtocolError, TimeoutExpired,
        TooLarge, TooManyRedirects, DecodeError, ClientClosed. A status such as 404 is no error: see
        `Response.raise_for_status`.
        """
        if headers is None and body is None and not options and type(url) is str:
            request = self._plain.get((method, url)) or self._remember(method, url)
        elif type(headers) is dict and body is None and not options and type(url) is str:
            request = self._remember_headed(method, url, headers)
        else:
            request = self.build(method, url, headers=headers, body=body, **options)
        # `send` once more, without its frame: 0.2 us.
        transport = self._loops.current
        if transport is None or transport.thread != get_ident() or not transport.loop.is_running():
            transport = self._enter(asyncio.get_running_loop(), request)
        waiter = transport.loop.create_future()
        size = request.max_body_size or self.max_body_size
        response = Response()
        transport.send(response, request, waiter, request.timeout or self.timeout, size)
        try:
            await waiter
        except BaseException:
            response.abandon()
            raise
        if response._outcome < self._direct:
            return response
        return await self.settle(response)

    def _remember(self, method: str, url: str) -> Request:
        """The plain request for `url`, built once: sending never changes it."""
        request = self.build(method, url)
        if request.auth is not None or self._cookies is not None:
            return request  # each needs credentials of its own
        if len(self._plain) >= PLAIN_KEPT:
            self._plain.clear()
        self._plain[method, url] = request
        return request

    def _remember_headed(self, method: str, url: str, headers: dict[str, str | bytes]) -> Request:
        """The same with header fields, of which there are as many as requests, or few: few are kept."""
        key = (method, url, *headers.items())
        try:
            known = self._headed.get(key)
        except TypeError:
            known = None  # what is no text, `build` refuses
        if known is None:
            known = self.build(method, url, headers=headers)
            if known.auth is None and self._cookies is None:
                if len(self._headed) >= HEADED_KEPT:
                    self._headed.clear()
                self._headed[key] = known
        return known

    def get(self, url: str | URL, **options: Any) -> Coroutine[Any, Any, Response]:
        """`request("GET", url, ...)`."""
        return self.request("GET", url, **options)

    def head(self, url: str | URL, **options: Any) -> Coroutine[Any, Any, Response]:
        """`request("HEAD", url, ...)`."""
        return self.request("HEAD", url, **options)

    def delete(self, url: str | URL, **options: Any) -> Coroutine[Any, Any, Response]:
        """`request("DELETE", url, ...)`."""
        return self.request("DELETE", url, **options)

    def post(self, url: str | URL, **options: Any) -> Coroutine[Any, Any, Response]:
        """`request("POST", url, ...)`."""
        return self.request("POST", url, **options)

    def put(self, url: str | URL, **options: Any) -> Coroutine[Any, Any, Response]:
        """`request("PUT", url, ...)`."""
        return self.request("PUT", url, **options)

    def patch(self, url: str | URL, **options: Any) -> Coroutine[Any, Any, Response]:
        """`request("PATCH", url, ...)`."""
        return self.request("PATCH", url, **options)

    def stream(
        self,
        method: str,
        url: str | URL,
        *,
        headers: HeaderInput = None,
        body: Any = None,
        **options: Unpack[Options],
    ) -> Streaming:
        """`async with client.stream(...) as response`: the answer when its head is here, its body piece by piece.

        A body that was not read to its end closes its connection, unless the rest is short. `max_body_size` limits a
        streamed body only where it is given here. Errors as for `request`.
        """
        request = self.build(method, url, headers=headers, body=body, **options)
        return Streaming(partial(self.send, request, stream=True))

    def build(
        self,
        method: str,
        url: str | URL,
        *,
        headers: HeaderInput = None,
        body: Any = None,
        **options: Unpack[Options],
    ) -> Request:
        """A Request with this client's default fields, for `send`.

        params: added to the query. json: a body encoded as JSON. form: a body of form fields. auth: (username,
        password) as Basic credentials, or a Digest. timeout, max_redirects, decode, max_body_size, expect_continue,
        idempotent, allow_body, reach: see `Request`. proxy, unix_socket, server_hostname: as for the client, in the
        place of its own; redirects go the same way. Raises InvalidRequest.
        """
        return building.build(self._common, method, url, headers, body, options)

    async def send(self, request: Request, *, stream: bool = False) -> Response:
        """Send a Request as it stands. With `stream`, gives a StreamedResponse, which the caller must close."""
        transport = self._loops.current
        if transport is None or transport.thread != get_ident() or not transport.loop.is_running():
            transport = self._enter(asyncio.get_running_loop(), request)
        waiter = transport.loop.create_future()
        response = StreamedResponse() if stream else Response()
        size = request.max_body_size or (0 if stream else self.max_body_size)
        transport.send(response, request, waiter, request.timeout or self.timeout, size)
        try:
            await waiter
        except BaseException:
            response.abandon()
            raise
        if response._outcome < self._direct:
            return response
        return await self.settle(response)

    # -- the walk

    def begin(self, request: Request, waiter: Waiter, loop: asyncio.AbstractEventLoop, response: Response) -> Response:
        """Set a request on its way; `waiter` gets the `response`, good or bad, when it has ended."""
        transport = self._loops.current
        if transport is None or transport.loop is not loop:
            transport = self._enter(loop, request)
        size = request.max_body_size or (0 if isinstance(response, StreamedResponse) else self.max_body_size)
        transport.send(response, request, waiter, request.timeout or self.timeout, size)
        return response

    def _enter(self, loop: asyncio.AbstractEventLoop, request: Request) -> Transport:
        """The Transport of a loop that was not the last one used. Raises ClientClosed."""
        transport = self._loops.enter(loop)
        if transport is None:
            raise ClientClosed(f"{request.method} {request.url}: the client is closed; make a new one")
        return transport

    async def settle(self, response: Response, *, surplus: bool = False, turn: Turn | None = None) -> Response:
        """All that may come after a first answer: resends, redirects, decoding. Raises as `request` does.

        With `surplus`, a redirect beyond the limit is handed over as it is. `turn` is awaited before a redirect
        is followed: it is given the next request, and gives the one to send.
        """
        most = response._request.max_redirects
        walk = self._walk(self.max_redirects if most is None else most, self._redirects, surplus)
        try:
            while (step := walk.after(response)) is not None:
                if isinstance(response, StreamedResponse):
                    await response.aclose()
                if step.redirect and turn is not None:
                    step = step._replace(request=await turn(step.request))
                response = await self._next(response, step)
            response._history = walk.history
            return await self._decoded(response)
        except BaseException:
            response.abandon()
            raise

    async def _next(self, last: Response, step: Step) -> Response:
        """Take a step from `last`, within the same total time."""
        request = step.request
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        response = last.again()
        transport = self._loops.on(loop)
        if transport is None:
            raise WrongLoop(
                f"{request.method} {request.url}: its first try was made on another event loop; finish it there"
            )
        started = last._started if last.timeout.from_queue else 0.0
        response.ask(request, waiter, last.timeout, last._limit)
        transport.send_on(response, started, fresh=step.fresh, unsent=step.unsent)
        try:
            await waiter
        except BaseException:
            response.abandon()
            raise
        return response

    async def _decoded(self, response: Response) -> Response:
        """Undo the content codings, in steps, or have a stream do so on its way."""
        request = response._request
        wanted = self.decode if request.decode is None else request.decode
        if not wanted or not response._head.kinds & CONTENT_ENCODING:
            return response
        if request.method == "HEAD" or response.status in (204, 304):
            return response
        codings = response._head.headers.get_list("Content-Encoding")
        if self._codings is not None and not self._codings.issuperset(value.lower() for value in codings):
            return response
        try:
            decoder = decoding.decoder(codings)
            if isinstance(response, StreamedResponse):
                response.decode_with(decoder)
            elif decoder is not None:
                response.body = await self._decode(response, decoder)
        except DecodeError as error:
            raise DecodeError(f"{request.method} {request.url}: {error}") from error.__cause__
        return response

    async def _decode(self, response: Response, decoder: decoding.Decoder) -> bytes:
        response.collect()  # an eager task comes before the loop has let go of a long body
        pieces, size, step = [], 0, DECODE_STEP
        for piece in chain(decoder.decode(response.body), decoder.finish()):
            pieces.append(piece)
            size += len(piece)
            if size > response._limit:
                raise TooLarge(
                    f"{response._request.method} {response._request.url}: the decoded body is longer than "
                    f"{response._limit} bytes: raise max_body_size, or read it piece by piece with stream()"
                )
            if size > step:
                step = size + DECODE_STEP
                await asyncio.sleep(0)
        return b"".join(pieces)

    # -- connections

    async def preconnect(self, url: str | URL, number: int = 1, *, reach: Reach | None = None) -> int:
        """Open connections to the origin of `url` until `number` are idle, within the limits; how many then are.

        Raises ConnectError, TimeoutExpired, ClientClosed, InvalidRequest.
        """
        count("number", number)
        target = url if isinstance(url, URL) else parse(url)
        transport = self._loops.enter(asyncio.get_running_loop())
        if transport is None:
            raise ClientClosed(f"preconnect to {target}: the client is closed; make a new one")
        return await transport.preconnect(target, reach, number, self.timeout)

    def stats(self) -> dict[str, Any]:
        """Plain counts: `connections` is the sum over `origins`, which holds one entry for each origin.

        Each entry: dialling, active, idle, waiting (now); opened, requests, reused, resends (so far); closed, by
        reason. A client that is used on several event loops counts them together.
        """
        return self._loops.stats()

    def waiting(self) -> list[Response]:
        """The requests that wait for a connection, for each origin in order of arrival."""
        return self._loops.waiting()

    @property
    def cookies(self) -> CookieJar | None:
        """The jar that it was given."""
        return self._cookies

    @property
    def connect_times(self) -> int:
        """Connections opened so far."""
        return self._loops.opened()

    @property
    def closed(self) -> bool:
        """Whether `close()` or `aclose()` was called."""
        return self._loops.closed

    def close(self) -> None:
        """Close every connection now; requests under way raise ClientClosed. Safe to call twice.

        May be called from any thread: connections of a loop that runs in another one are closed there.
        """
        self._loops.close()

    async def aclose(self, timeout: float | None = None) -> None:
        """Take no new request, wait up to `timeout` seconds (None: without limit) for those under way, then close.

        Connections of other event loops are closed as by `close()`. Raises InvalidRequest for a negative timeout.
        """
        if timeout is not None and not timeout >= 0:
            raise InvalidRequest(f"aclose: timeout must be zero or more seconds, or None, not {timeout!r}")
        await self._loops.aclose(timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose(None if kind is None else 0)

    def __repr__(self) -> str:
        return f"<Client {'closed' if self.closed else 'open'} connect_times={self.connect_times}>"
