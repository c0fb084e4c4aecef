"""A fetch: Tornado's call on our client, from `fetch()` to the Future's result.

Refuses: sockets, pooling, policy: all of that is the Client's.
Called by: both Tornado doors, through `Door`.
Law: a fetch starts when it is called; no task is made for an answer that needs nothing more (2xx, no content coding,
no callback): the answer itself ends the fetch (`response`), unless that had to wait for a place, is the first on its
loop, or wants errors as answers. Cancelling its Future ends the request and frees its place at once. Errors reach the
Future, as Tornado has it; only misuse of `fetch` itself raises.
The Future is an ordinary one that was given a `cancel` of its own: to await one of a subclass costs 0.5 us more.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from functools import lru_cache, partial
from threading import get_ident
from typing import Any, Final, cast

from tornado import httputil
from tornado.escape import to_unicode
from tornado.httpclient import HTTPRequest, HTTPResponse

from .._message.fields import CONTENT_LENGTH, TRANSFER_ENCODING
from .._message.request import Defaults, Request
from .._message.response import Response
from ..client import Client, Digest
from ..errors import ClientClosed, ProtocolError, TooManyWaiters
from .callbacks import Callbacks
from .defaults import ClientDefaults
from .errors import tornado_error
from .queue import Queue
from .request import translate
from .response import KeepAliveResponse, KeepAliveStream, Shown
from .terms import Memory

URLS_KEPT: Final = 256
"""URLs whose Request is remembered: making one costs as much as all the rest of a warm fetch in this room."""
USERS_KEPT: Final = 64
"""Users whose nonces (RFC 7616) are remembered, those of each origin."""
PLAIN_URL: Final = "http://plain.invalid/"
_NOT_PLAIN: Final = ("streaming_callback", "header_callback", "body_producer", "body")

_general_log: Final = logging.getLogger("tornado.general")
_Future: Final[type[asyncio.Future[Any]]] = asyncio.Future
_cancel: Final = asyncio.Future.cancel


class Door:
    """What both Tornado-shaped clients do with a request.

    active: fetches that have not ended. most: how many may be under way at once; the rest is in `queue`, of
    at most `max_waiters`. A place is free only while the queue is empty.
    """

    __slots__ = (
        "_answering",
        "_loops",
        "_plain",
        "_plain_fields",
        "_requests",
        "_special",
        "_terms",
        "active",
        "client",
        "defaults",
        "max_body_size",
        "max_waiters",
        "most",
        "now",
        "queue",
    )

    def __init__(
        self,
        client: Client,
        defaults: dict[str, Any] | None,
        max_body_size: int,
        most: int = sys.maxsize,
        max_waiters: int | None = None,
    ) -> None:
        self.client = client
        self._loops = client._loops
        self.now = client.now
        self.max_body_size = max_body_size
        self.max_waiters = max_waiters
        self.most = most
        self.active = 0
        self.queue = Queue(client.now)
        self._answering = lru_cache(USERS_KEPT)(Digest)
        self._requests: dict[str, Request] = {}
        self._terms = Memory(client, max_body_size)
        self.set_defaults({**HTTPRequest._DEFAULTS, **(defaults or {})})

    def set_defaults(self, defaults: dict[str, Any]) -> None:
        """Take these for what an HTTPRequest leaves at None. Raises ValueError for what no request may have."""
        self.defaults = ClientDefaults(defaults, self._forget)
        self._forget()
        if not self._special:
            self._make_plain()

    def _forget(self) -> None:
        """The defaults are other ones now: drop what was made of them."""
        self._requests.clear()
        self._terms.clear()
        self._plain: Request | None = None
        # An answer of Digest is for one request.
        digest = self.defaults.get("auth_mode") == "digest"
        self._special = digest or any(self.defaults.get(name) for name in _NOT_PLAIN)

    def refetch(self, asked: Any, request: Request | None = None) -> asyncio.Future[HTTPResponse] | None:
        """Start a fetch of a URL that was fetched before, or of `request`, where its answer can end it; else None."""
        if request is None:
            try:
                request = self._requests[asked]
            except (KeyError, TypeError, BytesWarning):  # no text, the last: `python -bb` minds looking bytes up
                return None
        transport = self._loops.current
        active = self.active
        if transport is None or active >= self.most:
            return None
        loop = transport.loop
        if transport.thread != get_ident() or not loop.is_running():
            return None
        self.active = active + 1
        future = _Future(loop=loop)
        response = KeepAliveResponse()
        response._asked = asked
        response._door = self
        future.cancel = response._give_up  # type: ignore[method-assign]
        # `_remember` and `translate` gave it both limits.
        transport.send(response, request, future, request.timeout, request.max_body_size)  # type: ignore[arg-type]
        return future

    def fetch(
        self,
        loop: asyncio.AbstractEventLoop,
        asked: str | HTTPRequest,
        raise_error: bool,
        options: dict[str, Any],
    ) -> asyncio.Future[HTTPResponse]:
        """Start a fetch. Raises ValueError for options beside an HTTPRequest; all else is the Future's."""
        asked = self._whole(asked, options)
        try:
            request = self._requested(asked)
        except Exception as error:
            refused = Fetch(self, asked, raise_error, loop.create_future())
            future = refused.waiting
            refused.end(error)
            return future
        callbacks = self._callbacks(asked)
        if raise_error and callbacks is None and (begun := self.refetch(asked, request)) is not None:
            return begun
        future = loop.create_future()
        fetch = Fetch(self, asked, raise_error, future)
        fetch.callbacks = callbacks
        self.active += 1
        try:
            if self.active <= self.most:
                self._begin(fetch, request, loop)
            else:
                self._wait(fetch, request, loop)
        except Exception as error:
            fetch.fail(error)
        return future

    def go_on(self, response: KeepAliveResponse, future: asyncio.Future[Any]) -> Fetch:
        """An answer needs more than its caller's look at it."""
        fetch = Fetch(self, response._asked, True, future)
        fetch.response = response
        return fetch

    def _whole(self, asked: str | HTTPRequest, options: dict[str, Any]) -> str | HTTPRequest:
        """What is asked for, as an HTTPRequest where it is more than a URL. Raises ValueError."""
        if isinstance(asked, HTTPRequest):
            if options:
                raise ValueError("kwargs can't be used if request is an HTTPRequest object")
            return asked
        return HTTPRequest(asked, **options) if options or self._special else asked

    def _begin(self, fetch: Fetch, request: Request, loop: asyncio.AbstractEventLoop) -> Response:
        response: Shown
        if fetch.callbacks is None:
            response = single = KeepAliveResponse()
            single._door = None
        else:
            response = KeepAliveStream()
        response._asked = fetch.asked
        fetch.response = response
        return self.client.begin(request, fetch, loop, response)

    def _requested(self, asked: str | HTTPRequest) -> Request:
        if not isinstance(asked, HTTPRequest):
            return self._requests.get(asked) or self._remember(asked)
        if not isinstance(asked.headers, httputil.HTTPHeaders):
            asked.headers = httputil.HTTPHeaders(asked.headers)
        return self._translate(asked)

    def _callbacks(self, asked: str | HTTPRequest) -> Callbacks | None:
        if not isinstance(asked, HTTPRequest):
            return None
        of_header = asked.header_callback or self.defaults.get("header_callback")
        of_body = asked.streaming_callback or self.defaults.get("streaming_callback")
        return Callbacks(of_header, of_body, self.max_body_size) if of_header or of_body else None

    def _remember(self, url: str) -> Request:
        """What `fetch(url)` asks for, without an HTTPRequest where the URL says nothing special."""
        plain = self._plain or self._make_plain()
        request = Request(
            "GET",
            to_unicode(url),
            defaults=self._plain_fields,
            timeout=plain.timeout,
            max_redirects=plain.max_redirects,
            decode=plain.decode,
            max_body_size=plain.max_body_size,
            reach=plain.reach,
        )
        if request.url.username is not None:
            return self._translate(HTTPRequest(url))
        if len(self._requests) >= URLS_KEPT:
            self._requests.clear()
        self._requests[url] = request
        return request

    def _make_plain(self) -> Request:
        """What the defaults make of an HTTPRequest that says nothing."""
        plain = self._plain = self._translate(HTTPRequest(PLAIN_URL))
        self._plain_fields = Defaults(plain.fields)
        return plain

    def _translate(self, asked: HTTPRequest) -> Request:
        terms = self._terms.terms(asked, self.defaults)
        return translate(asked, terms, self.defaults, self.client, self._answering)

    # -- places

    def _wait(self, fetch: Fetch, request: Request, loop: asyncio.AbstractEventLoop) -> None:
        """Every place is taken. Raises TooManyWaiters."""
        if self.max_waiters is not None and len(self.queue) >= self.max_waiters:
            raise TooManyWaiters(
                f"{request.method} {request.url}: {self.max_waiters} fetches already wait for one of max_clients="
                f"{self.most} places: send fewer at once, or raise max_waiters or max_clients"
            )
        self.queue.wait(loop, fetch, _queue_limit(request), partial(self._admitted, fetch, request, loop, self.now()))

    def _admitted(
        self,
        fetch: Fetch,
        request: Request,
        loop: asyncio.AbstractEventLoop,
        since: float,
        error: BaseException | None,
    ) -> None:
        """The wait of a fetch is over. What fails here frees no place, since it had none."""
        try:
            if error is not None:
                raise error
            self._begin(fetch, request, loop)._queued = since
        except Exception as failure:
            self.active -= 1
            fetch.end(failure)

    async def turn(self, fetch: Fetch, request: Request) -> Request:
        """A redirect gives its place away, and waits for another behind those who wait already."""
        if self.queue:
            loop = asyncio.get_running_loop()
            turn = loop.create_future()
            self.queue.wait(loop, fetch, _queue_limit(request), partial(_tell, turn))
            self.admit()
            await turn
        # As Tornado has it: a Host of the caller's own is for the first request.
        return request if request.host is None else request.changed(host=None)

    def admit(self) -> None:
        """Give the free places to those who wait."""
        while self.queue and self.active - len(self.queue) < self.most:
            self.queue.admit()

    def admit_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """A place is free, but the connection is not yet, so that the next one would dial."""
        if self.queue:
            loop.call_soon(self.admit)

    def close(self) -> None:
        """End every fetch, and the client."""
        self.queue.dismiss(lambda: ClientClosed("the client was closed while a fetch waited for one of max_clients"))
        self.client.close()


class Fetch:
    """A fetch that its first answer may not end; to the engine, who waits for that.

    future: the caller's; None once it has ended. callbacks: whom the answer goes to. raise_error: as `fetch` has it.
    """

    __slots__ = ("asked", "callbacks", "door", "future", "raise_error", "response", "task")

    def __init__(
        self, door: Door, asked: str | HTTPRequest, raise_error: bool, future: asyncio.Future[HTTPResponse]
    ) -> None:
        self.door = door
        self.asked = asked
        self.raise_error = raise_error
        self.future: asyncio.Future[HTTPResponse] | None = future
        self.callbacks: Callbacks | None = None
        self.response: Response | None = None
        self.task: asyncio.Task[None] | None = None
        future.cancel = self.cancel  # type: ignore[method-assign]

    @property
    def waiting(self) -> asyncio.Future[HTTPResponse]:
        """The Future of one that has not ended."""
        assert self.future is not None
        return self.future

    def done(self) -> bool:
        """Whether its caller has an outcome."""
        return self.future is None or self.future.done()

    def set_result(self, response: Response) -> None:
        """The engine's word: the Response has ended, good or bad; or, where callbacks wait, it has begun."""
        future, door = self.waiting, self.door
        if response._outcome < 300 and self.callbacks is None:
            self.future = None
            door.active -= 1
            future.set_result(cast(HTTPResponse, response))
            if door.active >= door.most - 1:
                door.admit_soon(future.get_loop())
        elif isinstance(response._error, ClientClosed):
            self.fail(response._error)
        else:
            self.task = future.get_loop().create_task(self._finish(response))
            # Not an `except` in the coroutine: one that is cancelled before its first step never runs.
            self.task.add_done_callback(self._stopped)

    def cancel(self, msg: Any = None) -> bool:
        """End the request, wherever it is, and free what it holds."""
        future = self.future
        if future is None or not _cancel(future, msg):
            return False
        self.future = None
        self.door.queue.pop(self, None)
        if self.task is not None:
            self.task.cancel()
        if self.response is not None:
            self.response.abandon()
        self._leave()
        return True

    def fail(self, error: BaseException) -> None:
        """End with an error, as Tornado would name it."""
        if not self.done():
            self.end(error)
            self._leave()

    def end(self, error: BaseException) -> None:
        """The same, of a fetch that holds no place."""
        future, self.future = self.waiting, None
        future.set_exception(tornado_error(error))
        if isinstance(error, ClientClosed):
            # Nobody may be left to look; in Tornado's own clients such a Future never ends: log nothing.
            future.exception()

    def _leave(self) -> None:
        self.door.active -= 1
        self.door.admit()

    async def _finish(self, response: Response) -> None:
        """All that may come after a first answer: the engine's policy, a content coding, callbacks."""
        try:
            response = self.response = await self.door.client.settle(
                response, surplus=True, turn=partial(self.door.turn, self)
            )
            _check_no_content(response)
            if self.callbacks is not None:
                await self.callbacks.take(cast(KeepAliveStream, response))
            self._deliver(response)
        except Exception as error:
            response.abandon()
            self.fail(error)

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """If the task was cancelled from outside, as at the end of a loop, so is the fetch."""
        if task.cancelled():
            self.cancel()

    def _deliver(self, response: Response) -> None:
        if self.done():
            return
        future, self.future = self.waiting, None
        shown = cast(Shown, response)
        shown.request_time = self.door.now() - response._started
        if isinstance(shown, KeepAliveStream):
            shown.streamed = self.callbacks is not None and self.callbacks.body is not None
        error = shown.error
        if error is not None and self.raise_error:
            future.set_exception(error)
        else:
            future.set_result(shown)
        self._leave()


def _queue_limit(request: Request) -> float | None:
    return None if request.timeout is None else request.timeout.pool


def _tell(turn: asyncio.Future[None], error: BaseException | None) -> None:
    if error is None:
        turn.set_result(None)
    else:
        turn.set_exception(error)


def _check_no_content(response: Response) -> None:
    """Tornado refuses a 204 that announces a body. Raises ProtocolError."""
    if response.status != 204 or not response._head.kinds & (CONTENT_LENGTH | TRANSFER_ENCODING):
        return
    if response._head.headers.get("Content-Length") != "0":
        # One of Tornado's tests waits for this record.
        _general_log.info("Malformed HTTP message from %s: Response with code 204 should not have body", response.url)
        raise ProtocolError(
            f"{response._request.method} {response._request.url}: a 204 response announces a body (RFC 9110 "
            "section 8.6): the server is at fault"
        )
