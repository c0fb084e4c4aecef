"""A proxy: where it is, what it speaks, and who we are to it.

Refuses: a path, query or fragment, schemes it does not know, and what `url` refuses in an authority.
Called by: the doors and `_policy` (to make one), `reach` (which holds it), `_transport`, `_connection`, `_dial`.
Law: the credentials in it are for this proxy alone; they are in no str, repr or error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple, Protocol

from ..errors import InvalidRequest
from .url import _Fault, _locate

PORTS: Final = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}
"""Schemes, and the port where none is given. With socks4a and socks5h the proxy resolves names."""
_CONFIG: Final = ("proxy_host", "proxy_port", "proxy_username", "proxy_password", "proxy_auth_mode")
AUTH_MODES: Final = (None, "basic", "digest")
MAX_SOCKS_PART: Final = 255
"""Bytes of a SOCKS5 user name or password, whose length is one byte (RFC 1929 section 2)."""

_ADVICE: Final = "write [scheme://][user:password@]host[:port], credentials percent-encoded"
# A lone surrogate has no UTF-8 form.
_BARRED: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


class Credentials(Protocol):
    """What one proxy is told of us (`_policy.credentials`)."""

    def value(self, method: str, target: str, body: bytes | None) -> bytes | None:
        """The value of Proxy-Authorization for a request; None: nothing yet."""

    def accept(self, challenges: Iterable[str], told: bytes, answered: int) -> bool:
        """Whether a 407 is answered by sending again, with what `value` gives then."""


class Proxy(NamedTuple):
    """A proxy as a dictionary key: equal ones are the same hop with the same credentials.

    scheme: "http", "https" (TLS to the proxy), "socks4", "socks4a", "socks5" or "socks5h".
    host: what is dialled and verified, as in `Origin`. port: 1-65535.
    username, password: decoded; both None, or both a str.
    auth_mode: "basic": sent at once; "digest": after its challenge; None: Basic at once, and Digest where it is wanted.
    """

    scheme: str
    host: str
    port: int
    username: str | None = None
    password: str | None = None
    auth_mode: str | None = None

    def __str__(self) -> str:
        userinfo = "" if self.username is None else "***@"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{userinfo}{host}:{self.port}"

    def __repr__(self) -> str:
        return f"Proxy({str(self)!r})"

    @property
    def is_socks(self) -> bool:
        """Whether it hands on bytes of any kind, by one of the SOCKS protocols."""
        return self.scheme.startswith("socks")

    def with_credentials(
        self, username: str | None, password: str | None = None, auth_mode: str | None = None
    ) -> Proxy:
        """This proxy for another user; None for nobody.

        A user without a password has the empty one. auth_mode: how to answer an HTTP proxy.
        Raises InvalidRequest for a mode that is unknown or set for SOCKS, a password without a user, a
        control character, more than MAX_SOCKS_PART bytes for SOCKS, a password for SOCKS4, which has none.
        """
        if auth_mode not in AUTH_MODES or (auth_mode and self.is_socks):
            raise InvalidRequest(
                f"Authentication mode {auth_mode!r:.100} for proxy {self}: an http or https proxy takes "
                "basic, digest or None, a SOCKS proxy None"
            )
        if username is None:
            if password:
                raise InvalidRequest(f"A password without a user name for proxy {self}: give both")
            return self._replace(username=None, password=None, auth_mode=auth_mode)
        password = password or ""
        if ":" in username and auth_mode != "digest" and not self.is_socks:
            raise InvalidRequest(
                f"The user name for proxy {self} holds a colon, which Basic authentication cannot send (RFC 7617 "
                "section 2): use another name, or digest"
            )
        for part, text in (("user name", username), ("password", password)):
            if _BARRED.search(text):
                raise InvalidRequest(f"The {part} for proxy {self} holds a control character: remove it")
            if self.is_socks and len(text.encode()) > MAX_SOCKS_PART:
                raise InvalidRequest(f"The {part} for proxy {self} has more than {MAX_SOCKS_PART} bytes")
        if password and self.scheme.startswith("socks4"):
            raise InvalidRequest(f"A password for proxy {self}: SOCKS4 has none, use socks5 or leave it out")
        return self._replace(username=username, password=password, auth_mode=auth_mode)


NO_PROXY: Final = Proxy("", "", 0)
"""No proxy at all, whatever the client or its environment says."""

Wanted = str | Proxy | Literal[False] | None
"""A proxy as callers say it: a URL, a Proxy, False for none at all, None for what the client or environment says."""


def proxy_of(wanted: Wanted) -> Proxy | None:
    """What goes into a Reach. Raises InvalidRequest for what is no proxy."""
    if wanted is None or isinstance(wanted, str):
        return None if wanted is None else parse_proxy(wanted)
    if wanted is False or wanted == NO_PROXY:
        return NO_PROXY
    if not isinstance(wanted, Proxy):
        what = type(wanted).__name__
        raise InvalidRequest(f"proxy is a {what}: give a URL such as http://host:port, a Proxy, or False for none")
    host = f"[{wanted.host}]" if ":" in str(wanted.host) else wanted.host
    bare = parse_proxy(f"{wanted.scheme}://{host}:{wanted.port}")
    return bare.with_credentials(wanted.username, wanted.password, wanted.auth_mode)


def proxy_at(
    host: str, port: int | None, username: str | None = None, password: str | None = None, auth_mode: str | None = None
) -> Proxy:
    """The proxy that Tornado's five `proxy_` arguments name; `host` may begin with a scheme.

    Raises InvalidRequest, for a host without a port too.
    """
    if not isinstance(host, str):
        raise InvalidRequest(f"proxy_host is a {type(host).__name__}: give a host name")
    scheme, mark, name = host.rpartition("://")
    name = f"[{name}]" if name.count(":") > 1 and not name.startswith("[") else name
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
        raise InvalidRequest(f"proxy_port must be given with proxy_host: a number from 1 to 65535, not {port!r:.50}")
    return parse_proxy(f"{scheme}{mark}{name}:{port}").with_credentials(username or None, password, auth_mode)


def proxy_from(config: Mapping[str, Any]) -> Proxy:
    """The proxy that a `proxy_config` names: {"proxy_host": ..., "proxy_port": ...}.

    Also: proxy_username, proxy_password, proxy_auth_mode. Raises InvalidRequest, which names the key.
    """
    if not isinstance(config, Mapping):
        raise InvalidRequest(f"proxy_config is a {type(config).__name__}: give a dict of proxy_host and proxy_port")
    unknown = [str(key) for key in config if key not in _CONFIG]
    if unknown:
        raise InvalidRequest(f"proxy_config has {', '.join(sorted(unknown))[:100]}: it knows {', '.join(_CONFIG)}")
    missing = [key for key in _CONFIG[:2] if config.get(key) in (None, "")]
    if missing:
        raise InvalidRequest(f"proxy_config lacks {' and '.join(missing)}: both are needed")
    return proxy_at(*(config.get(key) for key in _CONFIG))  # type: ignore[arg-type]


def parse_proxy(text: str) -> Proxy:
    """The proxy that `text` spells: [scheme://][user:password@]host[:port][/]; without a scheme it is http.

    Raises InvalidRequest for all that is not that, and for all that `url.parse()` refuses before the path.
    """
    if not isinstance(text, str):
        raise InvalidRequest(f"Bad proxy: {type(text).__name__} given ({_ADVICE}, as a str)")
    scheme, mark, rest = text.partition("://")
    if not mark:
        scheme, rest = "http", text
    scheme = scheme.lower()
    authority = rest.removesuffix("/")
    try:
        if scheme not in PORTS:
            raise _Fault("Unsupported proxy scheme", f"use one of {', '.join(PORTS)}")
        if not {"/", "?", "#"}.isdisjoint(authority):
            raise _Fault("Path, query or fragment in the URL of a proxy", _ADVICE)
        origin, _, username, password, _ = _locate(f"http://{authority}")
    except _Fault as fault:
        raise InvalidRequest(f"Bad proxy: {fault.refusal(text)}") from None
    # http stands in for every scheme above, so its default port shows only where none was given.
    hostport = authority.rpartition("@")[2]
    given = hostport.rpartition("]")[2].partition(":")[2]
    proxy = Proxy(scheme, origin.host, origin.port if given else PORTS[scheme])
    return proxy.with_credentials(username, password)
