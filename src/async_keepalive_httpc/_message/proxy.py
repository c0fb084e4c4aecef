"""A proxy: where it is, what it speaks, and who we are to it.

Refuses: a path, query or fragment, schemes it does not know, and what `url` refuses in an authority.
Called by: the doors and `_policy` (to make one), `_transport` (as part of what may share a socket), `_dial`.
Law: the credentials in it are for this proxy alone; they are in no str, repr or error.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from ..errors import InvalidRequest
from .url import _Fault, _locate

PORTS: Final = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}
"""Schemes, and the port where none is given. With socks4a and socks5h the proxy resolves names."""
AUTH_MODES: Final = (None, "basic", "digest")
MAX_SOCKS_PART: Final = 255
"""Bytes of a SOCKS5 user name or password, whose length is one byte (RFC 1929 section 2)."""

_ADVICE: Final = "write [scheme://][user:password@]host[:port], credentials percent-encoded"
# A lone surrogate has no UTF-8 form.
_BARRED: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


class Proxy(NamedTuple):
    """A proxy as a dictionary key: equal ones are the same hop with the same credentials.

    scheme: "http", "https" (TLS to the proxy), "socks4", "socks4a", "socks5" or "socks5h".
    host: what is dialled and verified, as in `Origin`. port: 1-65535.
    username, password: decoded; both None, or both a str. auth_mode: None (Basic), "basic" or "digest".
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

    def with_credentials(
        self, username: str | None, password: str | None = None, auth_mode: str | None = None
    ) -> Proxy:
        """This proxy for another user; None for nobody.

        A user without a password has the empty one. auth_mode: how to answer an HTTP proxy.
        Raises InvalidRequest for a mode that is unknown or set for SOCKS, a password without a user, a
        control character, more than MAX_SOCKS_PART bytes for SOCKS, a password for SOCKS4, which has none.
        """
        if auth_mode not in AUTH_MODES or (auth_mode and not self.scheme.startswith("http")):
            raise InvalidRequest(
                f"Authentication mode {auth_mode!r:.100} for proxy {self}: an http or https proxy takes "
                "basic, digest or None, a SOCKS proxy None"
            )
        if username is None:
            if password:
                raise InvalidRequest(f"A password without a user name for proxy {self}: give both")
            return self._replace(username=None, password=None, auth_mode=auth_mode)
        password = password or ""
        for part, text in (("user name", username), ("password", password)):
            if _BARRED.search(text):
                raise InvalidRequest(f"The {part} for proxy {self} holds a control character: remove it")
            if self.scheme.startswith("socks") and len(text.encode()) > MAX_SOCKS_PART:
                raise InvalidRequest(f"The {part} for proxy {self} has more than {MAX_SOCKS_PART} bytes")
        if password and self.scheme.startswith("socks4"):
            raise InvalidRequest(f"A password for proxy {self}: SOCKS4 has none, use socks5 or leave it out")
        return self._replace(username=username, password=password, auth_mode=auth_mode)


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
