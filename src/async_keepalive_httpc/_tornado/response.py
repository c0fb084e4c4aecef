"""Our Response as Tornado's HTTPResponse: both in one object, whose Tornado parts are made when they are asked for.

Refuses: doing any work for what nobody reads: an eager HTTPHeaders of eight fields costs as much as the
rest of a request.
Called by: `fetch`, which makes one for each fetch, for the engine to fill; `callbacks`, for the head as Tornado has it.
Law: what is read is what Tornado's own client gives (TORNADO contract, section 4); a value, once made, stays.
    an answer that needs nothing more    ends its fetch itself, in `fill` or `finish`: see `_door`
    any other                            is a Fetch's to go on with
"""

from __future__ import annotations

import asyncio
import time
from functools import cached_property
from http.client import responses
from io import BytesIO
from typing import Any, Final, Protocol, Self, cast

from tornado import httputil
from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse

from .._message.headers import RawFields
from .._message.response import Head, Response, Waiter
from .._message.stream import StreamedResponse
from ..client import Client

_STEPS: Final = {
    "namelookup": "resolving",
    "connect": "connecting to",
    "appconnect": "making a TLS handshake with",
}
"""curl's names for the steps of a dial, which are those of `TimeoutExpired.step`."""
# Methods of a Future by names of their own: 3.11 finds them twice as fast on one that has attributes.
_cancel: Final = asyncio.Future.cancel
_set_result: Final = asyncio.Future.set_result


class Places(Protocol):
    """The Door, as far as an answer knows it: it counts the fetches under way."""

    active: int
    most: int
    queue: Any

    def admit(self) -> None: ...

    def admit_soon(self, loop: asyncio.AbstractEventLoop) -> None: ...

    def go_on(self, response: KeepAliveResponse, future: asyncio.Future[Any]) -> Waiter:
        """Who sees to an answer that needs more."""


class Shown(HTTPResponse, Response):  # type: ignore[override]
    """What Tornado's HTTPResponse has, in terms of ours."""

    _asked: str | HTTPRequest
    """What the caller gave to `fetch`."""

    code: int = vars(Response)["status"]  # the same slot under another name

    def again(self) -> Self:
        response = cast(Self, super().again())
        response._asked = self._asked
        return response

    @cached_property
    def request(self) -> HTTPRequest:  # type: ignore[override]
        asked = self._asked
        if isinstance(asked, HTTPRequest):
            return asked
        request = HTTPRequest(asked)
        request.start_time = self.start_time
        return request

    @cached_property
    def request_time(self) -> float:  # type: ignore[override]
        return self._ended - self._started

    @cached_property
    def reason(self) -> str:  # type: ignore[override]
        return self._head.reason or responses.get(self.status, "Unknown")

    @cached_property
    def headers(self) -> httputil.HTTPHeaders:  # type: ignore[override]
        return headers_of(self)

    @cached_property
    def buffer(self) -> BytesIO:  # type: ignore[override]
        return BytesIO(self.body)

    @cached_property
    def effective_url(self) -> str:  # type: ignore[override]
        if self.history:
            return self.url.text
        asked = self._asked
        return asked.url if isinstance(asked, HTTPRequest) else asked

    @property
    def _error_is_response_code(self) -> bool:  # type: ignore[override]
        return not 200 <= self.status < 300

    @cached_property
    def error(self) -> BaseException | None:  # type: ignore[override]
        if not self._error_is_response_code:
            return None
        return HTTPClientError(self.status, message=self.reason, response=self)

    @cached_property
    def start_time(self) -> float:  # type: ignore[override]
        # Reckoned back from now, since most callers never ask.
        return time.time() - (Client.now() - self._started)

    @cached_property
    def time_info(self) -> dict[str, float]:  # type: ignore[override]
        return time_info(self, self.request_time or 0.0)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status} {self.url}>"


class KeepAliveResponse(Shown):
    """Tornado's HTTPResponse over ours, its body held in memory."""

    __slots__ = ("_asked", "_door")

    _door: Places | None
    """Where the fetch is counted that this answers at once; None: a Fetch waits for it."""

    __init__ = object.__init__  # not Tornado's
    body: bytes = vars(Response)["body"]

    def again(self) -> Self:
        response = super().again()
        response._door = None
        return response

    def fill(self, head: Head, body: bytes) -> None:
        door = self._door
        if door is None:
            super().fill(head, body)
            return
        # `Response.fill` and what `finish` adds here, without their frames; nobody will ask for its outcome.
        self._head = head
        self.status = head.status
        self.body = body
        self._where = None
        row = self._row
        if row is not None:
            del row[self]
            self._row = None
        future: Any = self._waiter
        self._waiter = None
        door.active -= 1
        try:
            _set_result(future, self)
        except asyncio.InvalidStateError:
            pass  # somebody else has set it
        if door.queue:
            door.admit_soon(future.get_loop())

    def finish(self, trailers: RawFields | None = None) -> None:
        door, future = self._door, cast(Any, self._waiter)
        if door is None or future is None:
            super().finish(trailers)
        elif self._outcome >= 300 and not future.done():
            self._waiter = door.go_on(self, future)
            super().finish(trailers)
        else:
            super().finish(trailers)
            door.active -= 1
            door.admit_soon(future.get_loop())

    def _give_up(self, msg: Any = None) -> bool:
        """End the request, wherever it is, and free its place: `cancel` of the Future that this answers."""
        future = self._waiter
        if future is None or not _cancel(cast(Any, future), msg):
            return False
        self.abandon()
        cast(Places, self._door).admit()
        return True


class KeepAliveStream(Shown, StreamedResponse):
    """The same, whose body goes to callbacks as it comes."""

    __slots__ = ("_asked",)

    streamed = False
    """Whether the body went to a `streaming_callback`."""

    __init__ = StreamedResponse.__init__  # not Tornado's

    @property
    def body(self) -> bytes:  # type: ignore[override]
        return b"" if self.streamed else super(HTTPResponse, self).body


def time_info(native: Response, request_time: float) -> dict[str, float]:
    """How the time went, in seconds, under the names of Tornado's curl client.

    queue: before the request began. redirect: from the beginning of the first request to that of the last. The rest
    counts from the beginning of the last: namelookup, connect and appconnect (TLS) are 0 for what was not done for this
    request, since a connection was kept; pretransfer is the end of what was; starttransfer, the first byte of the
    answer. total: all that, up to the end.
    """
    began = native._started
    nothing: tuple[float, dict[str, float]] = (0.0, {})
    dialled, marks = getattr(native, "_dial", nothing)
    steps = {key: max(0.0, dialled + marks[step] - began) if step in marks else 0.0 for key, step in _STEPS.items()}
    if native.url.origin.scheme == "http":
        steps["appconnect"] = 0.0
    first = native.history[0]._started if native.history else began
    return {
        "queue": began - getattr(native, "_queued", began),
        **steps,
        "pretransfer": max(steps.values()),
        "starttransfer": getattr(native, "_began", began + request_time) - began,
        "redirect": began - first,
        "total": began - first + request_time,
    }


def headers_of(native: Response) -> httputil.HTTPHeaders:
    """Tornado's header map; where gzip was undone, rewritten as Tornado does."""
    headers = httputil.HTTPHeaders()
    for name, value in native._head.headers.multi_items():
        headers.add(name, value)
    if native._request.decode and headers.get("Content-Encoding", "").lower() == "gzip":
        headers.add("X-Consumed-Content-Encoding", headers["Content-Encoding"])
        del headers["Content-Encoding"]
    return headers


def first_line(native: Response) -> str:
    """The status line as Tornado gives it to a `header_callback`."""
    return f"HTTP/{native.http_version} {native.status} {native._head.reason}\r\n"
