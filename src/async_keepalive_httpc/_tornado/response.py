"""Our Response as Tornado's HTTPResponse: a subclass whose parts are made when they are first asked for.

Refuses: doing any work for what nobody reads: an eager HTTPHeaders of eight fields costs as much as the
rest of a request.
Called by: `fetch`, once for each fetch that was answered; `callbacks`, for the head as Tornado shows it.
Law: what is read is what Tornado's own client gives (TORNADO contract, section 4); a value, once made, stays.
"""

from __future__ import annotations

import time
from functools import cached_property
from http.client import responses
from io import BytesIO
from typing import Final

from tornado import httputil
from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse

from .._message.response import Response
from ..client import Client

_STEPS: Final = {
    "namelookup": "resolving",
    "connect": "connecting to",
    "appconnect": "making a TLS handshake with",
}
"""curl's names for the steps of a dial, which are those of `TimeoutExpired.step`."""


class KeepAliveResponse(HTTPResponse):
    """Tornado's HTTPResponse over ours."""

    _streamed = False
    """Whether the body went to a `streaming_callback`."""

    _asked: str | HTTPRequest
    _native: Response

    # `shown` makes one: an __init__ of our own, or Tornado's, is a frame more.
    __init__ = object.__init__

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
        return self._native._ended - self._native._started

    @cached_property
    def reason(self) -> str:  # type: ignore[override]
        return self._native.reason or responses.get(self.code, "Unknown")

    @cached_property
    def headers(self) -> httputil.HTTPHeaders:  # type: ignore[override]
        return headers_of(self._native)

    @cached_property
    def buffer(self) -> BytesIO:  # type: ignore[override]
        return BytesIO(self.body)

    @property
    def body(self) -> bytes:
        return b"" if self._streamed else self._native.body

    @cached_property
    def effective_url(self) -> str:  # type: ignore[override]
        if self._native.history:
            return self._native.url.text
        asked = self._asked
        return asked.url if isinstance(asked, HTTPRequest) else asked

    @property
    def _error_is_response_code(self) -> bool:  # type: ignore[override]
        return not 200 <= self.code < 300

    @cached_property
    def error(self) -> BaseException | None:  # type: ignore[override]
        if not self._error_is_response_code:
            return None
        return HTTPClientError(self.code, message=self.reason, response=self)

    @cached_property
    def start_time(self) -> float:  # type: ignore[override]
        # Reckoned back from now, since most callers never ask.
        return time.time() - (Client.now() - self._native._started)

    @cached_property
    def time_info(self) -> dict[str, float]:  # type: ignore[override]
        return time_info(self._native, self.request_time or 0.0)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.code} {self._native.url}>"


def shown(native: Response, asked: str | HTTPRequest) -> KeepAliveResponse:
    """The answer to what was `asked`, as Tornado shows it."""
    response: KeepAliveResponse = KeepAliveResponse()
    response.code = native.status
    response._native = native
    response._asked = asked
    return response


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
    for name, value in native.headers.multi_items():
        headers.add(name, value)
    if native.request.decode and headers.get("Content-Encoding", "").lower() == "gzip":
        headers.add("X-Consumed-Content-Encoding", headers["Content-Encoding"])
        del headers["Content-Encoding"]
    return headers


def first_line(native: Response) -> str:
    """The status line as Tornado gives it to a `header_callback`."""
    return f"HTTP/{native.http_version} {native.status} {native.reason}\r\n"
