"""A Link: a connected byte stream with its protocol, and the facts of how it came about.

Refuses: bytes; the protocol has them.
Called by: `dialer` (makes it), the Lane (takes it).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Link(NamedTuple):
    """What a dial gives."""

    connection: Any
    """The protocol that the Lane's factory made, connected."""
    rtt: float
    """Seconds that the TCP connect took: the measured round trip."""
    tls: bool
    resumed: bool = False
    """Whether the TLS handshake resumed a session."""
    marks: Mapping[str, float] = {}
    """Seconds from the start of the dial to the end of each of its steps; see `course`."""
    send: Callable[[bytes], int] | None = None
    """The socket's own, which does not block; None: something stands between, as TLS does."""
