"""One HTTP/1.1 connection to a proxy that is asked for tunnels, until it opens one (RFC 9110 section 9.3.6).

Refuses: TLS, and asking again: `_transport.tunnel` does both.
Called by: `tunnel`, for each dial through such a proxy.
Law: a 2xx ends with its head, whatever that says of a body (RFC 9112 section 6.3); what comes after it is the tunnel's,
and nobody was asked for it yet: the connection is closed. A 407 that is to be answered is read to the end of its body,
so that the next question may follow it. Any other answer refuses: it is handed over with its head, and what has come of
its body, and the connection closed.
"""

from __future__ import annotations

import asyncio
from typing import cast

import httptools

from .._message.response import Head, Response
from ..errors import RESPONDING
from .framing import learn_reason
from .h1 import H1Connection
from .parsed import COMPLETE, Stop


class Nobody:
    """The owner of a connection that no Lane has yet."""

    __slots__ = ()

    def freed(self, connection: object) -> None:
        """Whoever asked has the answer."""

    def lost(self, connection: object, reason: str) -> None:
        """Whoever asked has the error."""

    def gone(self, connection: object) -> None:
        """Its socket is closed."""


class Opening(H1Connection):
    """A connection to a proxy before it is a tunnel."""

    __slots__ = ("_challenged",)

    def ask(
        self, response: Response, target: bytes, fields: bytes, authorization: bytes | None, challenged: bool
    ) -> None:
        """Ask for a tunnel to `target`, host and port, with more `fields`; `response` gets the answer.

        challenged: whether a 407 is to be answered.
        """
        self._challenged = challenged
        self._take_on(response)
        added = b"" if authorization is None else b"Proxy-Authorization: %b\r\n" % authorization
        self._write(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b%b\r\n" % (target, target, fields, added))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._parser = httptools.HttpResponseParser(self)

    def buffer_updated(self, nbytes: int) -> None:
        super().buffer_updated(nbytes)
        response = self._response
        if response is not None and response._stage == RESPONDING and not (self._challenged and response.status == 407):
            self._response = None
            response.finish()
            self.close("abandoned", at_once=True)

    def give(self) -> asyncio.Transport:
        """The byte stream, for the protocol that is spoken in the tunnel."""
        self._ended = True
        self.capacity = 0
        transport, self._transport = self._transport, None
        return cast(asyncio.Transport, transport)

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        version = self._parser.get_http_version()
        if not 200 <= status < 300 or version not in ("1.0", "1.1"):
            super().on_headers_complete()
            return
        self._check_head_size()
        response = cast(Response, self._response)
        response.begin(Head(status, learn_reason(self._reason) or "", version, self._fields, 0))
        self._keep = True
        self._state = COMPLETE
        raise Stop

    def _finish_early(self) -> None:
        response = self._response
        if response is not None and 200 <= response.status < 300:
            self._parser = httptools.HttpResponseParser(self)
            self._extra = self._heads_size() != self._fed
            self._finish()
        else:
            super()._finish_early()
