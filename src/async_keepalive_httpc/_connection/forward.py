"""One HTTP/1.1 connection to a proxy that forwards requests for http URLs (RFC 9112 section 3.2.2).

Refuses: tunnels (`_transport.tunnel`), and choosing what a proxy is told of us: `credentials` says it.
Called by: a Lane, as any connection.
Law: every request of every origin goes here; each names its URL in full, and who we are to the proxy. The credentials
are the proxy's alone: they are added here, are no field of the Request, and so go nowhere else.
"""

from __future__ import annotations

from .._message.proxy import Credentials
from .._message.response import Response
from .h1 import H1Connection
from .head import forward_head


class ForwardConnection(H1Connection):
    """A kept connection to a proxy; one request at a time, of whatever http origin."""

    __slots__ = ("credentials",)

    credentials: Credentials | None
    """Set by whoever makes the connection, before its first request."""

    def send(self, response: Response) -> None:
        self._take_on(response)
        request = response._request
        body = request.body
        whole = b"" if body is None else body if isinstance(body, bytes) else None
        told = request.for_proxy
        if told is None and self.credentials is not None:
            target = (b"http://%b%b" % (request.url.authority, request.url.target)).decode()
            told = self.credentials.value(request.method, target, whole)
            response._hop = self.credentials, told or b""
        written = forward_head(request, told)
        if whole is None or request.expect_continue:
            self._upload(request, written)
        else:
            self._write(written + whole)
