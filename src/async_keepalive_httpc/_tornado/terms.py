"""What an HTTPRequest says beside its method, its URL, its headers and its body: read once for all that say the same.

Refuses: those four, which are `request`'s.
Called by: `fetch`, which keeps the memory; `request`, to make our Request.
Law: an attribute of the request counts unless it is None; then the client's `defaults`, then Tornado's own (TORNADO
contract, section 3). Everything that decides about sockets goes into a Reach. What is equal in type and value says the
same; what cannot be compared (a dict of ssl_options) is read each time.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Hashable
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final
from unicodedata import normalize

from tornado.escape import to_unicode
from tornado.httpclient import HTTPRequest
from tornado.netutil import is_valid_ip

from .._message.limits import Timeout, seconds
from .._message.proxy import Proxy, proxy_at
from .._message.reach import DIRECT, Reach, check
from .._message.request import Request
from .._message.tls import TLS, options_of
from ..client import Client, Options

TERMS_KEPT: Final = 64
"""Different terms that a client remembers. Most applications have one, or a few."""

REQUESTS_KEPT: Final = 64
"""Requests of the same terms, with different headers, that are remembered."""

Pairs = tuple[tuple[str, str], ...]

_NUMBERS: Final = ("connect_timeout", "request_timeout", "max_redirects", "allow_ipv6")
"""Where 1 and True, or 0 and False, do not mean the same."""
_said: Final = attrgetter(
    *_NUMBERS,
    *("allow_nonstandard_methods", "auth_mode", "auth_password", "auth_username", "ca_certs", "client_cert"),
    *("client_key", "decompress_response", "expect_100_continue", "follow_redirects", "network_interface"),
    *("proxy_auth_mode", "proxy_host", "proxy_password", "proxy_port", "proxy_username", "ssl_options", "user_agent"),
    "validate_cert",
)


class Asked:
    """An HTTPRequest with a client's defaults behind it; attributes are Tornado's."""

    __slots__ = ("defaults", "request")

    def __init__(self, request: HTTPRequest, defaults: dict[str, Any]) -> None:
        self.request = request
        self.defaults = defaults

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.request, name)
        return self.defaults.get(name) if value is None else value


class Terms:
    """What is left of an HTTPRequest, in the engine's words. Raises ValueError in Tornado's.

    options: for `Client.build`. user: name and password, where auth_username says so. auth_mode: as it was said.
    user_agent: "" where nothing was said.
    """

    __slots__ = ("_made", "auth_mode", "decode", "nonstandard", "options", "user", "user_agent")

    def __init__(self, asked: Asked, client: Client, max_body_size: int) -> None:
        self.nonstandard = bool(asked.allow_nonstandard_methods)
        self.decode = bool(asked.decompress_response)
        self.user_agent = asked.user_agent or ""
        self.auth_mode = asked.auth_mode
        self.user: tuple[str, str] | None = None
        if asked.auth_username is not None:
            # RFC 7617 section 2.1: normalized, so that a name is one name however it was typed.
            self.user = _normal(asked.auth_username), _normal(asked.auth_password or "")
        self.options: Options = {
            "timeout": timeout_of(asked.connect_timeout, asked.request_timeout),
            "max_redirects": asked.max_redirects if asked.follow_redirects else 0,
            "decode": self.decode,
            "max_body_size": max_body_size,
            "expect_continue": bool(asked.expect_100_continue),
            "allow_body": self.nonstandard,
            "reach": _reach(asked, client._reach),
        }
        self._made: dict[Hashable, Request] = {}

    def made(self, method: str, headers: Pairs, body: Any) -> Request | None:
        """A Request that was made of the same, but for its URL and its body, where there was one."""
        try:
            return self._made.get((method, body is None, headers))
        except TypeError:
            return None  # a value that is no text, which `build` refuses

    def keep(self, headers: Pairs, request: Request) -> None:
        """Remember what was made, if nothing of it hangs on its URL or its body."""
        body = request.body
        if request.auth is None and request.url.username is None and not request.expect_continue:
            if len(self._made) >= REQUESTS_KEPT:
                self._made.clear()
            self._made[request.method, body is None, headers] = request


class Memory:
    """The Terms of one client. To be cleared when its defaults change."""

    __slots__ = ("_client", "_known", "_max_body_size")

    def __init__(self, client: Client, max_body_size: int) -> None:
        self._client = client
        self._max_body_size = max_body_size
        self._known: dict[tuple[Any, ...], Terms] = {}

    def terms(self, request: HTTPRequest, defaults: dict[str, Any]) -> Terms:
        """What `request` says. Raises ValueError for what nobody may ask."""
        said = _said(request)
        key = (said, *map(type, said[: len(_NUMBERS)]))
        try:
            known = self._known.get(key)
        except TypeError:
            return Terms(Asked(request, defaults), self._client, self._max_body_size)
        if known is None:
            known = Terms(Asked(request, defaults), self._client, self._max_body_size)
            if len(self._known) >= TERMS_KEPT:
                self._known.clear()
            self._known[key] = known
        return known

    def clear(self) -> None:
        """Read everything anew."""
        self._known.clear()


def _normal(text: str | bytes) -> str:
    return normalize("NFC", to_unicode(text))


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
