"""The caller's functions that a response is given to, as its head and its body come.

Refuses: running them anywhere but in the fetch's own task, and one beside the other.
Called by: `fetch`.
Law: a callback may be a function or a coroutine function; the next piece waits for it, so a slow one holds up
the peer. What it raises is logged once, as Tornado does, and the fetch ends as a closed stream.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import Any, Final

from tornado.simple_httpclient import HTTPStreamClosedError

from ..errors import TooLarge
from .response import KeepAliveStream, first_line, headers_of

CHUNK: Final = 64 * 1024
"""Bytes that a `streaming_callback` is given at most, as from Tornado."""
_app_log: Final = logging.getLogger("tornado.application")


class Callbacks:
    """What a response is given to: `header` each line of its head, `body` each piece of its body, decoded."""

    __slots__ = ("_limit", "body", "header")

    def __init__(self, header: Callable[[str], Any] | None, body: Callable[[bytes], Any] | None, limit: int) -> None:
        self.header = header
        self.body = body
        self._limit = limit

    async def take(self, response: KeepAliveStream) -> None:
        """Hand `response` out; read it where there is no `body`. Raises TooLarge, HTTPStreamClosedError."""
        if self.header is not None:
            self._call_with_head(self.header, response)
        if self.body is None:
            await response.read()
            return
        size = 0
        async for piece in response:
            size += len(piece)
            if size > self._limit:
                raise TooLarge(
                    f"{response._request.method} {response._request.url}: the decoded body is longer than "
                    f"{self._limit} bytes: raise max_body_size"
                )
            for start in range(0, len(piece), CHUNK):
                await _call(self.body, piece[start : start + CHUNK])

    def _call_with_head(self, callback: Callable[[str], Any], response: KeepAliveStream) -> None:
        try:
            callback(first_line(response))
            for name, value in headers_of(response).get_all():
                callback(f"{name}: {value}\r\n")
            callback("\r\n")
        except Exception as error:
            raise _logged(error) from error


async def _call(callback: Callable[[bytes], Any], piece: bytes) -> None:
    try:
        outcome = callback(piece)
        if inspect.isawaitable(outcome):
            await outcome
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise _logged(error) from error
    except Exception as error:
        raise _logged(error) from error


def _logged(error: BaseException) -> HTTPStreamClosedError:
    _app_log.error("Uncaught exception", exc_info=error)
    return HTTPStreamClosedError("Connection closed")
