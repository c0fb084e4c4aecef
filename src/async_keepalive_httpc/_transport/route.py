"""Route: what may share a socket.

Refuses: options that decide nothing about the other end or how it was verified.
Called by: `transport`, as the key of its Lanes; `_dial`, to know where to go.
Law: same Route, same peer, same checks; anything that could change either is a field here.
"""

from __future__ import annotations

from typing import NamedTuple

from .._message.reach import Reach
from .._message.url import Origin


class Route(NamedTuple):
    """An origin and how it is reached."""

    origin: Origin
    reach: Reach

    def __str__(self) -> str:
        scheme, host, port = self.origin
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
