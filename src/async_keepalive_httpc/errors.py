"""Every exception of the package, in one tree.

Refuses: translation. The Tornado doors turn these into Tornado's own classes, once, in `_tornado`.
Called by: every room. Imports nothing of ours.

    HTTPCError
      InvalidRequest      also ValueError       the call is wrong; nothing was sent
      ClientClosed        also RuntimeError     the client was closed
      WrongLoop           also RuntimeError     called from a thread or event loop it does not belong to
      TooManyWaiters                            the queue limit the caller set is reached
      ConnectError        also OSError          no connection came about
        DNSError, TLSError, ProxyError
      ConnectionLost      also ConnectionError  a connection ended under a request
      ProtocolError                             the peer broke the protocol
      TimeoutExpired      also TimeoutError     a limit in time was reached
      TooLarge                                  a limit in size was reached
      TooManyRedirects
      DecodeError                               a content coding is damaged
      StatusError                               raise_for_status() met a status that is no success
"""

from __future__ import annotations

from typing import Any, Final

UNSENT: Final = "unsent"
SENT: Final = "sent"
RESPONDING: Final = "responding"


class HTTPCError(Exception):
    """Base of every error that this package raises by itself."""


class InvalidRequest(HTTPCError, ValueError):
    """The request is not one that may be sent; nothing was sent."""


class ClientClosed(HTTPCError, RuntimeError):
    """The client was closed before the request could start or end."""


class WrongLoop(HTTPCError, RuntimeError):
    """The client was called from a thread or an event loop that it does not belong to."""


class TooManyWaiters(HTTPCError):
    """More requests wait for a connection than `Limits.max_waiters` allows; nothing was sent."""


class ConnectError(HTTPCError, OSError):
    """No connection could be made; nothing was sent. `__cause__` holds the system's own error."""


class DNSError(ConnectError):
    """The host name has no address."""


class TLSError(ConnectError):
    """The TLS handshake failed, the check of the peer's certificate included."""


class ProxyError(ConnectError):
    """The proxy refused, could not be reached, or did not speak its protocol.

    `status` is what an HTTP proxy answered to CONNECT, 0 where it gave no answer, and `headers` the Headers of that
    answer, or None. (407 and others to a request that is forwarded are responses like any.)
    """

    def __init__(self, message: str, status: int = 0, headers: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


class ConnectionLost(HTTPCError, ConnectionError):
    """The connection ended before the response was complete.

    `stage` is how far the request had come: "unsent" (not one byte was written), "sent" (written, no byte
    of an answer), "responding" (an answer had begun). `reused` tells whether the connection had answered
    an earlier request. RFC 9110 section 9.2.2 makes of these two facts what may be sent again.
    """

    def __init__(self, message: str, stage: str = SENT, reused: bool = False) -> None:
        super().__init__(message)
        self.stage = stage
        self.reused = reused


class ProtocolError(HTTPCError):
    """What the peer sent is not HTTP as RFC 9110 and RFC 9112 define it; the connection was closed."""


class TimeoutExpired(HTTPCError, TimeoutError):
    """A time limit was reached. `phase` names it: "pool", "connect", "read", "write" or "total".

    `step` says, for a connect timeout, what the dial was doing: "resolving", "connecting to", "loading the TLS
    certificates for", "making a TLS handshake with", or waiting for a proxy, and `origin` with whom.
    """

    def __init__(self, message: str, phase: str = "total", step: str = "", origin: Any = None) -> None:
        super().__init__(message)
        self.phase = phase
        self.step = step
        self.origin = origin


class TooLarge(HTTPCError):
    """A size limit was reached. `part` says of what: "header", "framing" (of chunks) or "body"."""

    def __init__(self, message: str, part: str = "body") -> None:
        super().__init__(message)
        self.part = part


class TooManyRedirects(HTTPCError):
    """The chain of redirects is longer than `max_redirects`. `response` is the redirect not followed any more."""

    def __init__(self, message: str, response: Any = None) -> None:
        super().__init__(message)
        self.response = response


class DecodeError(HTTPCError):
    """A content coding (gzip, deflate, br, zstd) is damaged, cut off or nested too deep."""


class StatusError(HTTPCError):
    """`Response.raise_for_status()` met a status outside 200-299. `status` holds it."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
