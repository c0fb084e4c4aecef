"""A fetch: Tornado's call on our client, from `fetch()` to the Future's result.

Refuses: sockets, pooling, policy: all of that is the Client's.
Called by: both Tornado doors, through `Door`.
Law: a fetch starts when it is called and is its own Future; no task is made for an answer that needs
nothing more (2xx, no content coding, no callback). Cancelling the Future ends the request and frees its
place at once. Errors reach the Future, as Tornado has it; only misuse of `fetch` itself raises.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from tornado import httputil
from tornado.escape import to_unicode
from tornado.httpclient import HTTPRequest, HTTPResponse

from .._message.fields import CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING
from .._message.request import Defaults, Request
from .._message.response import Response
from .._message.stream import StreamedResponse
from ..client import Client
from ..errors import ClientClosed, ProtocolError
from .callbacks import Callbacks
from .errors import tornado_error
from .request import Asked, translate
from .response import KeepAliveResponse

URLS_KEPT: Final = 256
"""URLs whose Request is remembered: making one costs as much as all the rest of a warm fetch in this room."""
PLAIN_URL: Final = "http://plain.invalid/"
_NOT_PLAIN: Final = ("streaming_callback", "header_callback", "body_producer", "body")

_resolve: Final = asyncio.Future.set_result


class Door:
    """What both Tornado-shaped clients do with a request. `active`: fetches that have not ended."""

    __slots__ = (
        "_plain",
        "_plain_fields",
        "_requests",
        "active",
        "client",
        "defaults",
        "max_body_size",
        "now",
    )

    def __init__(self, client: Client, defaults: dict[str, Any] | None, max_body_size: int) -> None:
        self.client = client
        self.now = client.now
        self.defaults = {**HTTPRequest._DEFAULTS, **(defaults or {})}
        self.max_body_size = max_body_size
        self.active = 0
        self._requests: dict[str, Request] = {}
        self._plain: Request | None = None
        if not any(self.defaults.get(name) for name in _NOT_PLAIN):
            self._plain = self._translate(Asked(HTTPRequest(PLAIN_URL), self.defaults))
            self._plain_fields = Defaults(self._plain.fields)

    def fetch(
        self,
        loop: asyncio.AbstractEventLoop,
        asked: str | HTTPRequest,
        raise_error: bool,
        options: dict[str, Any],
    ) -> Fetch:
        """Start a fetch. Raises ValueError for options beside an HTTPRequest; all else is the Future's."""
        if isinstance(asked, HTTPRequest):
            if options:
                raise ValueError("kwargs can't be used if request is an HTTPRequest object")
        elif options or self._plain is None:
            asked = HTTPRequest(asked, **options)
        fetch = Fetch(self, asked, raise_error, loop)
        self.active += 1
        try:
            if isinstance(asked, HTTPRequest):
                self._start(fetch, asked, loop)
            else:
                request = self._requests.get(asked) or self._remember(asked)
                fetch.response = self.client.begin(request, fetch, loop)
        except Exception as error:
            fetch.fail(error)
        return fetch

    def _start(self, fetch: Fetch, asked: HTTPRequest, loop: asyncio.AbstractEventLoop) -> None:
        if not isinstance(asked.headers, httputil.HTTPHeaders):
            asked.headers = httputil.HTTPHeaders(asked.headers)
        whole = Asked(asked, self.defaults)
        if whole.streaming_callback or whole.header_callback:
            fetch.callbacks = Callbacks(whole.header_callback, whole.streaming_callback, self.max_body_size)
        request = self._translate(whole)
        fetch.response = self.client.begin(request, fetch, loop, fetch.callbacks is not None)

    def _remember(self, url: str) -> Request:
        """What `fetch(url)` asks for, without an HTTPRequest where the URL says nothing special."""
        plain = cast(Request, self._plain)
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
            return self._translate(Asked(HTTPRequest(url), self.defaults))
        if len(self._requests) >= URLS_KEPT:
            self._requests.clear()
        self._requests[url] = request
        return request

    def _translate(self, asked: Asked) -> Request:
        return translate(asked, self.client, self.max_body_size)


class Fetch(asyncio.Future[HTTPResponse]):
    """The Future of one fetch; to the engine, who waits for a response."""

    __slots__ = ("asked", "callbacks", "door", "raise_error", "response", "task")

    def __init__(
        self, door: Door, asked: str | HTTPRequest, raise_error: bool, loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(loop=loop)
        self.door = door
        self.asked = asked
        self.raise_error = raise_error
        self.response: Response
        self.callbacks: Callbacks | None = None
        self.task: asyncio.Task[None] | None = None

    def set_result(self, result: Any) -> None:
        """The engine's word: the Response has ended, good or bad; or, where callbacks wait, it has begun."""
        response: Response = result
        if (
            response._error is None
            and 200 <= response.status < 300
            and not response._kinds & CONTENT_ENCODING
            and response.status != 204
            and self.callbacks is None
        ):
            self.door.active -= 1
            _resolve(self, KeepAliveResponse(response, self.asked, self.door.now()))
        elif isinstance(response._error, ClientClosed):
            self.fail(response._error)
        else:
            self.task = self.get_loop().create_task(self._finish(response))

    def cancel(self, msg: Any = None) -> bool:
        """End the request, wherever it is, and free what it holds."""
        if not super().cancel(msg):
            return False
        self.door.active -= 1
        if self.task is not None:
            self.task.cancel()
        self.response.abandon()
        return True

    def fail(self, error: BaseException) -> None:
        """End with an error, as Tornado would name it."""
        if self.done():
            return
        self.door.active -= 1
        self.set_exception(tornado_error(error))
        if isinstance(error, ClientClosed):
            # Nobody may be left to look; in Tornado's own clients such a Future never ends: log nothing.
            self.exception()

    async def _finish(self, response: Response) -> None:
        """All that may come after a first answer: the engine's policy, a content coding, callbacks."""
        try:
            response = self.response = await self.door.client.settle(response, surplus=True)
            _check_no_content(response)
            if self.callbacks is not None:
                await self.callbacks.take(cast(StreamedResponse, response))
            self._deliver(response)
        except Exception as error:
            response.abandon()
            self.fail(error)
        except BaseException:
            self.cancel()
            raise

    def _deliver(self, response: Response) -> None:
        if self.done():
            return
        self.door.active -= 1
        made = KeepAliveResponse(response, self.asked, self.door.now())
        made._streamed = self.callbacks is not None and self.callbacks.body is not None
        error = made.error
        if error is not None and self.raise_error:
            self.set_exception(error)
        else:
            _resolve(self, made)


def _check_no_content(response: Response) -> None:
    """Tornado refuses a 204 that announces a body. Raises ProtocolError."""
    if response.status != 204 or not response._kinds & (CONTENT_LENGTH | TRANSFER_ENCODING):
        return
    if response.headers.get("Content-Length") != "0":
        raise ProtocolError(
            f"{response.request.method} {response.request.url}: a 204 response announces a body (RFC 9110 "
            "section 8.6): the server is at fault"
        )
