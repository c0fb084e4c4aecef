"""How sockets are set up: what a caller may say about them beside where they lead.

Refuses: making them; `_dial` does. Nothing here decides who may share a connection (`reach` does).
Called by: `client` (to make one), `_dial` (to follow it).
Law: every value is checked when it is given.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from ..errors import InvalidRequest

Option = tuple[int, int, int | bytes]
Factory = Callable[[Any], socket.socket]

KEEP_ALIVE: Final = (("TCP_KEEPIDLE", "TCP_KEEPALIVE", 30), ("TCP_KEEPINTVL", "", 10), ("TCP_KEEPCNT", "", 3))
"""Seconds of silence before TCP asks whether the peer is there, seconds between such questions, and how many of them go
unanswered before the connection is given up: NAT and firewalls forget a connection after minutes of silence, and a peer
that lost its power says nothing. The second name is macOS's."""


class Sockets(NamedTuple):
    """Options set on each socket, and who makes it."""

    options: tuple[Option, ...] = ()
    factory: Factory | None = None


ORDINARY: Final = Sockets()


def sockets(options: Iterable[Option], factory: Factory | None) -> Sockets:
    """The checked value. Raises InvalidRequest for what is no (level, name, value), and for no function."""
    if factory is not None and not callable(factory):
        raise InvalidRequest(
            f"socket_factory is a {type(factory).__name__}: give a function that makes a socket of an address info, "
            "(family, type, protocol, name, address)"
        )
    checked = tuple(options) if isinstance(options, Iterable) else (options,)
    for option in checked:
        if not _is_option(option):
            raise InvalidRequest(
                "socket_options must be (level, name, value) each, as socket.setsockopt takes them: two ints, then an "
                f"int or bytes; not {option!r:.80}"
            )
    return Sockets(checked, factory)


def _is_option(option: Any) -> bool:
    if not isinstance(option, tuple) or len(option) != 3:
        return False
    level, name, value = option
    return isinstance(level, int) and isinstance(name, int) and isinstance(value, (int, bytes))
