"""async_keepalive_httpc: many requests over one connection, nothing lost.

Re-exports; no logic. See `Client`, `keepalive_client.SimpleKeepAliveHTTPClient` and `pool.ResourcePool`.
"""

from ._message.limits import Limits, Timeout
from ._message.request import Request
from ._message.response import Response
from ._message.stream import StreamedResponse
from .client import Client
from .errors import (
    ClientClosed,
    ConnectError,
    ConnectionLost,
    DecodeError,
    DNSError,
    HTTPCError,
    InvalidRequest,
    ProtocolError,
    ProxyError,
    StatusError,
    TimeoutExpired,
    TLSError,
    TooLarge,
    TooManyRedirects,
    TooManyWaiters,
    WrongLoop,
)
from .version import __version__

__all__ = [
    "Client",
    "ClientClosed",
    "ConnectError",
    "ConnectionLost",
    "DNSError",
    "DecodeError",
    "HTTPCError",
    "InvalidRequest",
    "Limits",
    "ProtocolError",
    "ProxyError",
    "Request",
    "Response",
    "StatusError",
    "StreamedResponse",
    "TLSError",
    "Timeout",
    "TimeoutExpired",
    "TooLarge",
    "TooManyRedirects",
    "TooManyWaiters",
    "WrongLoop",
    "__version__",
]
