"""Our errors as Tornado's: the one translation, made at the door.

Refuses: texts of its own where Tornado's users (and its tests) know Tornado's.
Called by: `fetch`.
Law: what the system raised (OSError, gaierror, SSLError) reaches the caller as it is; what Tornado calls a
closed stream is one. Ours explains what happened: as the note of the one, as the `__cause__` of the other.
"""

from __future__ import annotations

import os
import ssl
from typing import Final

from tornado.httpclient import HTTPError
from tornado.iostream import UnsatisfiableReadError
from tornado.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError

from .._message.url import Origin
from ..errors import (
    ClientClosed,
    ConnectError,
    ConnectionLost,
    DecodeError,
    ProtocolError,
    ProxyError,
    TimeoutExpired,
    TLSError,
    TooLarge,
)

QUEUED: Final = "Timeout in request queue"


class HeaderTooLarge(HTTPStreamClosedError, UnsatisfiableReadError):
    """A response head above `max_header_size`: Tornado's stream error, and an HTTPError as well."""


def tornado_error(error: BaseException) -> BaseException:
    """What Tornado's own client would raise in place of `error`."""
    if isinstance(error, TimeoutExpired):
        return _caused(HTTPTimeoutError(_timeout_text(error)), error)
    if type(error) is ConnectError:
        return _refusal(error)
    if isinstance(error, ProxyError):
        # As Tornado's curl client, the only one of its clients that knows proxies: 599, whatever the proxy said.
        return _caused(HTTPError(599, str(error)), error)
    if isinstance(error, TLSError):
        # A refusal of our own, such as a pin's, has no cause; whoever knows Tornado waits for an SSLError.
        return _cause(error) or _caused(ssl.SSLError(ssl.SSL_ERROR_SSL, str(error)), error)
    if isinstance(error, ConnectError):
        return _cause(error) or error
    if isinstance(error, ConnectionLost):
        return _cause(error) or _caused(HTTPStreamClosedError("Connection closed"), error)
    if isinstance(error, TooLarge) and error.part == "header":
        return _caused(HeaderTooLarge(str(error)), error)
    if isinstance(error, (ProtocolError, TooLarge, DecodeError, ClientClosed)):
        return _caused(HTTPStreamClosedError(str(error)), error)
    return error


def _timeout_text(error: TimeoutExpired) -> str:
    origin: Origin | None = error.origin
    if error.phase == "pool":
        return QUEUED
    if error.phase == "connect" and origin is not None:
        if error.step == "resolving":
            return f"Timeout while resolving {origin.host}"
        doing = "during TLS handshake with" if "TLS" in error.step else "while connecting to"
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        return f"Timeout {doing} {host}:{origin.port}"
    return "Timeout during request"


def _refusal(error: ConnectError) -> BaseException:
    """asyncio says "Connect call failed"; who reads Tornado's errors looks for the system's own words."""
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno and os.strerror(cause.errno) not in str(cause):
        # OSError chooses the subclass by the number: ConnectionRefusedError and its like.
        return _caused(OSError(cause.errno, f"{os.strerror(cause.errno)}: {cause.strerror}"), error)
    return _cause(error) or error


def _cause(error: BaseException) -> BaseException | None:
    """What the system, or the caller's own TLS options, raised: with a note of what was being done."""
    cause = error.__cause__
    if not isinstance(cause, (OSError, ValueError, TypeError)):
        return None
    cause.add_note(str(error))
    return cause


def _caused(made: BaseException, error: BaseException) -> BaseException:
    made.__cause__ = error
    return made
