"""How an origin is to be reached: what, beside the origin itself, decides who may share a socket.

Refuses: doing any of it; `_dial` does. It is a value that can be a dictionary key.
Called by: `client` and `_tornado` (to make one), `_transport` (as part of a Route), `_dial` (to follow it).
Law: two requests whose Reach differs in any field never share a connection (CASES 1.2 rule 6).
"""

from __future__ import annotations

import ssl
from typing import Any, Final, NamedTuple


class TLS(NamedTuple):
    """How the peer is verified, and what is shown to it. Contexts count by identity, all else by content."""

    verify: bool = True
    context: ssl.SSLContext | None = None
    ca_certs: str | None = None
    cert: str | None = None
    key: str | None = None
    options: tuple[tuple[str, Any], ...] | None = None
    """Tornado's `ssl_options` dict, as sorted items."""


class Reach(NamedTuple):
    """TLS options, source address and address family of a connection."""

    tls: TLS = TLS()
    source: str | None = None
    """The local IP address to connect from."""
    ipv6: bool = True
    """False: IPv4 only."""


DIRECT: Final = Reach()
