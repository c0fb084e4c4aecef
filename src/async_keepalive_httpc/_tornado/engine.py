"""The Client under a Tornado door: what Tornado's own client promises, in the engine's terms.

Refuses: what Tornado says for each request (certificates, timeouts, credentials): HTTPRequest and `defaults` have it.
Called by: both Tornado doors, once.
Law: Tornado's limits, and nothing that Tornado does not do, unless the caller wants it: gzip alone is undone, a
truncated TLS stream passes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, TypedDict

from tornado.httpclient import HTTPRequest
from tornado.netutil import DefaultLoopResolver, Resolver

from .._message.limits import Limits, count
from .._message.proxy import Wanted
from .._message.reach import UnixSocket
from .._message.request import NOTHING, HeaderInput
from .._message.response import Response
from .._message.sockets import Factory, Option
from .._message.tls import Pins
from .._message.url import URL
from ..client import Client

MAX_HEADER_SIZE: Final = 64 * 1024
"""Tornado's own limit for a response head, bytes."""


class EngineOptions(TypedDict, total=False):
    """What both doors hand on to their Client as it is; their docstrings say what it means."""

    dns_ttl: float
    max_interims: int
    pin_sha256: Pins
    pipelining: int
    proxy: Wanted
    proxy_headers: HeaderInput
    redirect_filter: Callable[[Response, URL], bool] | None
    sensitive_headers: Collection[str]
    server_hostname: str | None
    socket_factory: Factory | None
    socket_options: Iterable[Option]
    strict_tls_eof: bool
    tls_resumption: bool
    trust_env: bool
    unix_socket: UnixSocket | None


TORNADOS: Final[EngineOptions] = {"max_interims": 10, "strict_tls_eof": False, "trust_env": False}
"""Where Tornado's own client is not as a Client is by default."""
OF_REQUESTS: Final = {
    "auth": "auth_username",
    "cert": "client_cert",
    "decode": "decompress_response",
    "ipv6": "allow_ipv6",
    "local_address": "network_interface",
    "timeout": "request_timeout",
    "verify": "validate_cert",
}
"""What Tornado has for each request, by the name that a Client has for it, where that is another."""


def body_limit(max_buffer_size: int, max_body_size: int | None) -> int:
    """Bytes of a body: Tornado's two numbers as one. Raises InvalidRequest."""
    if max_body_size is None:
        return count("max_buffer_size", max_buffer_size)
    return count("max_body_size", max_body_size)


def engine(
    limits: Limits,
    max_body_size: int,
    max_header_size: int | None,
    resolver: Any,
    hostname_mapping: Mapping[Any, Any] | None,
    options: EngineOptions,
) -> Client:
    """A Client that behaves as Tornado's, save for `options`.

    Raises InvalidRequest for arguments that make no sense, TypeError for options that do not exist.
    """
    for name in options:
        if name not in EngineOptions.__annotations__:
            raise TypeError(_unknown(name))
    settings: EngineOptions = {**TORNADOS, **options}
    return Client(
        limits=limits,
        max_body_size=max_body_size,
        max_header_size=max_header_size or MAX_HEADER_SIZE,
        codings=("gzip",),
        resolver=_configured() if resolver is None else resolver,
        hostname_mapping=hostname_mapping,
        defaults=NOTHING,
        **settings,
    )


def _unknown(name: str) -> str:
    of_request = OF_REQUESTS.get(name, name)
    if getattr(HTTPRequest("http://h/"), of_request, name) is None:
        return (
            f"a Tornado-shaped client has no argument {name!r}: say {of_request}=... in the HTTPRequest, or "
            f"defaults={{{of_request!r}: ...}} for all of them"
        )
    return (
        f"a Tornado-shaped client has no argument {name!r}: beside those in its signature it takes "
        f"{', '.join(EngineOptions.__annotations__)}"
    )


def _configured() -> Resolver | None:
    """What `Resolver.configure` chose; None where that is the event loop's own, whose answers the engine remembers."""
    return None if Resolver.configured_class() is DefaultLoopResolver else Resolver()
