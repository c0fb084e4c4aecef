"""Tornado's HTTPRequest, read once and made into our Request.

Refuses: sending. What Tornado's client refuses, this refuses with Tornado's words, before anything is sent.
Called by: `fetch`.
Law: an attribute of the request counts unless it is None; then the client's `defaults`, then Tornado's own
(TORNADO contract, section 3). The caller's objects are not changed. Everything that decides about sockets
goes into a Reach.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final
from unicodedata import normalize

from tornado import version as tornado_version
from tornado.escape import to_unicode
from tornado.httpclient import HTTPRequest
from tornado.netutil import is_valid_ip

from .._message.body import Produced
from .._message.limits import Timeout, seconds
from .._message.proxy import Proxy, proxy_at
from .._message.reach import DIRECT, Reach, check
from .._message.request import Request
from .._message.tls import TLS, options_of
from .._message.url import URL, parse
from ..client import Client, Digest, Options

USER_AGENT: Final = f"Tornado/{tornado_version}"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
_WITH_BODY: Final = ("POST", "PATCH", "PUT")


class Asked:
    """An HTTPRequest with a client's defaults behind it; attributes are Tornado's."""

    __slots__ = ("defaults", "request")

    def __init__(self, request: HTTPRequest, defaults: dict[str, Any]) -> None:
        self.request = request
        self.defaults = defaults

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.request, name)
        return self.defaults.get(name) if value is None else value


Answering = Callable[[str, str], Digest]
"""Who answers digest challenges for a user name and a password: the same for the same."""


def translate(asked: Asked, client: Client, max_body_size: int, answering: Answering) -> Request:
    """Our Request for Tornado's. Raises ValueError, or KeyError for a method, in Tornado's words."""
    method = asked.method
    nonstandard = bool(asked.allow_nonstandard_methods)
    if not nonstandard:
        _check_method(asked, method)
    url = parse(to_unicode(asked.url))
    body = asked.body
    if body is None and asked.body_producer is not None:
        body = Produced(asked.body_producer)
    options: Options = {
        "timeout": timeout_of(asked.connect_timeout, asked.request_timeout),
        "max_redirects": asked.max_redirects if asked.follow_redirects else 0,
        "decode": bool(asked.decompress_response),
        "max_body_size": max_body_size,
        "expect_continue": bool(asked.expect_100_continue),
        "allow_body": nonstandard,
        "reach": _reach(asked, client._reach),
    }
    auth = _auth(asked, url)
    if auth is not None:
        options["auth"] = answering(*auth) if asked.auth_mode == "digest" else auth
    return client.build(method, url, headers=_fields(asked, method, auth is not None), body=body, **options)


def _check_method(asked: Asked, method: str) -> None:
    if method not in _METHODS:
        raise KeyError(f"unknown method {method}")
    expected = method in _WITH_BODY
    if expected != (asked.body is not None or asked.body_producer is not None):
        raise ValueError(
            f"Body must {'not ' if expected else ''}be None for method {method} (unless "
            "allow_nonstandard_methods is true)"
        )


def _auth(asked: Asked, url: URL) -> tuple[str, str] | None:
    """Who asks: the URL's own user counts more than auth_username, as in Tornado's simple client."""
    if url.username is None and asked.auth_username is None:
        return None
    if asked.auth_mode not in (None, "basic", "digest"):
        raise ValueError(f"unsupported auth_mode {asked.auth_mode}")
    if url.username is not None:
        return url.username, url.password or ""
    # RFC 7617 section 2.1: normalized, so that a name is one name however it was typed.
    return _normal(asked.auth_username), _normal(asked.auth_password or "")


def _normal(text: str | bytes) -> str:
    return normalize("NFC", to_unicode(text))


def _fields(asked: Asked, method: str, authorized: bool) -> list[tuple[str, str]]:
    """The caller's fields, less those that an argument replaces, then Tornado's own."""
    headers = asked.request.headers
    own: list[tuple[str, str]] = []
    replaced = {"Authorization"} if authorized else set()
    if asked.user_agent or headers.get("User-Agent") is None:
        own.append(("User-Agent", asked.user_agent or USER_AGENT))
    if method == "POST" and "Content-Type" not in headers:
        own.append(("Content-Type", "application/x-www-form-urlencoded"))
    if asked.decompress_response:
        own.append(("Accept-Encoding", "gzip"))
    if asked.body is not None:
        # The engine writes the length of a body that it knows, whatever the caller says, as Tornado does.
        replaced.add("Content-Length")
    replaced.update(name for name, _ in own)
    return [pair for pair in headers.get_all() if pair[0] not in replaced] + own


_proxy_at = lru_cache(maxsize=256)(proxy_at)


def _proxy(asked: Asked) -> Proxy | None:
    """The proxy that Tornado's five arguments name; without a host the others count for nothing, as with curl."""
    host = asked.proxy_host
    if not host:
        return None
    if asked.proxy_auth_mode not in (None, "basic", "digest"):
        raise ValueError(f"unsupported proxy_auth_mode {asked.proxy_auth_mode}")
    given = (asked.proxy_port, asked.proxy_username, asked.proxy_password, asked.proxy_auth_mode)
    return _proxy_at(to_unicode(host), *(to_unicode(value) if isinstance(value, bytes) else value for value in given))


@lru_cache(maxsize=256)
def timeout_of(connect: float | None, request: float | None) -> Timeout:
    """Tornado's two timeouts: dial and queue each within the shorter of them, zero meaning none."""
    limits = (seconds("connect_timeout", connect), seconds("request_timeout", request))
    shorter = min((limit for limit in limits if limit), default=None)
    return Timeout(total=limits[1], connect=shorter, pool=shorter, read=None, write=None, from_queue=False)


def _start(given: str | None) -> tuple[str | None, str | None]:
    """Where a connection sets out: an address, as in Tornado's simple client, or an interface, as in its curl one."""
    if not given or is_valid_ip(given):
        return given or None, None
    try:
        socket.if_nametoindex(given)
    except (OSError, TypeError):
        raise ValueError(f"Unrecognized IPv4 or IPv6 address for network_interface, got {given!r}") from None
    return None, given


def _reach(asked: Asked, own: Reach) -> Reach | None:
    """How the origin is reached; None where that is the client's own way. What only a client can say stands."""
    source, interface = _start(asked.network_interface)
    options = asked.ssl_options
    if isinstance(options, ssl.SSLContext):
        tls = TLS(context=options)
    elif options is not None:
        tls = TLS(options=options_of(options))
    else:
        verify = asked.validate_cert
        tls = TLS(verify is None or bool(verify), None, asked.ca_certs, asked.client_cert, asked.client_key)
    reach = Reach(tls, source, asked.allow_ipv6 is not False, interface, proxy=_proxy(asked))
    if own != DIRECT:
        tls = tls._replace(server_hostname=own.tls.server_hostname, pins=own.tls.pins)
        reach = check(reach._replace(tls=tls, unix_socket=own.unix_socket, proxy=reach.proxy or own.proxy))
    return None if reach == own else reach
