"""A Link: a connected byte stream with its protocol, and the facts of how it came about.

Refuses: bytes; the protocol has them.
Called by: `dialer` (makes it), the Lane (takes it).
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Link(NamedTuple):
    """What a dial gives."""

    connection: Any
    """The protocol that the Lane's factory made, connected."""
    rtt: float
    """Seconds that the TCP connect took: the measured round trip."""
    tls: bool
