"""async_keepalive_httpc: many requests over one connection, nothing lost.

Re-exports; no logic. See `Client`, `KeepAliveAsyncHTTPClient`, `keepalive_client.SimpleKeepAliveHTTPClient` and
`pool.ResourcePool`.
"""

from typing import TYPE_CHECKING, Any

from ._message.cookie import Cookie
from ._message.limits import Limits, Timeout
from ._message.proxy import Proxy
from ._message.request import Request
from ._message.response import Response
from ._message.stream import StreamedResponse
from .client import Client, CookieJar, Digest
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

if TYPE_CHECKING:
    from .adapters.tornado import KeepAliveAsyncHTTPClient

__all__ = [
    "Client",
    "ClientClosed",
    "ConnectError",
    "ConnectionLost",
    "Cookie",
    "CookieJar",
    "DNSError",
    "DecodeError",
    "Digest",
    "HTTPCError",
    "InvalidRequest",
    "KeepAliveAsyncHTTPClient",
    "Limits",
    "ProtocolError",
    "Proxy",
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


def __getattr__(name: str) -> Any:
    # Tornado's own client comes along with ours: only for those who want it.
    if name == "KeepAliveAsyncHTTPClient":
        from .adapters.tornado import KeepAliveAsyncHTTPClient

        return KeepAliveAsyncHTTPClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
