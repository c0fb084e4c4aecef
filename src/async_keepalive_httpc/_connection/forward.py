"""One HTTP/1.1 connection to a proxy that forwards requests for http URLs (RFC 9112 section 3.2.2).

Refuses: tunnels (`_transport.tunnel`), and choosing what a proxy is told of us: `credentials` says it.
Called by: a Lane, as any connection.
Law: every request of every origin goes here; each names its URL in full, and who we are to the proxy. The credentials
are the proxy's alone: they are added here, are no field of the Request, and so go nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from .._message.limits import Reading
from .._message.response import Response
from .h1 import H1Connection
from .head import forward_head
from .interface import Owner


class Credentials(Protocol):
    """What one proxy is told of us (`_policy.proxies.Credentials`)."""

    def value(self, method: str, target: str, body: bytes | None) -> bytes | None:
        """The value of Proxy-Authorization for a request; None: nothing yet."""


class ForwardConnection(H1Connection):
    """A kept connection to a proxy; one request at a time, of whatever http origin."""

    __slots__ = ("_credentials",)

    def __init__(
        self,
        owner: Owner,
        reading: Reading,
        now: Callable[[], float],
        loop: asyncio.AbstractEventLoop,
        number: int,
        credentials: Credentials | None,
    ) -> None:
        super().__init__(owner, reading, now, loop, number)
        self._credentials = credentials

    def send(self, response: Response) -> None:
        self.capacity = 0
        self.served += 1
        self._response = response
        response.sent(self, self.served > 1)
        request = response.request
        body = request.body
        whole = b"" if body is None else body if isinstance(body, bytes) else None
        told = request.for_proxy
        if told is None and self._credentials is not None:
            target = (b"http://%b%b" % (request.url.authority, request.url.target)).decode()
            told = self._credentials.value(request.method, target, whole)
            response._hop = self._credentials, told or b""
        written = forward_head(request, told)
        if whole is None or request.expect_continue:
            self._upload(request, written)
        else:
            self._write(written + whole)
