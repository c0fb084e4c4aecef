"""The socket's end of a connection: made, moved, silent, paused, closed; the same whatever is spoken over it.

Refuses: bytes, requests and responses; those are the protocol's that stands on it.
Called by: a Lane (facts, `sound`, `close`), a stream (`pause`, `resume`), the event loop.
Law: `owner.lost` is told once, when it is not to be used any more; `owner.gone` when the socket is closed.
What is still unwritten when it is closed is for nobody: it is cut off, since a peer need never read it.
"""

from __future__ import annotations

import asyncio
import math
import select
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from .interface import Owner

NO_LIMIT: Final = sys.maxsize
"""Requests on one connection, where nobody limits them."""


class Wire(asyncio.BufferedProtocol):
    """What every connection has. Times are of the clock that `now` reads, in seconds."""

    __slots__ = (
        "_ended",
        "_now",
        "_owner",
        "_paused",
        "_poll",
        "_transport",
        "_write",
        "capacity",
        "hint",
        "is_gone",
        "limit",
        "made",
        "marks",
        "moved",
        "number",
        "patience",
        "peer",
        "retires",
        "served",
    )

    def __init__(self, owner: Owner, now: Callable[[], float], number: int) -> None:
        self._owner = owner
        self._now = now
        self._transport: asyncio.Transport | None = None
        self._write: Any = None
        self._poll: Any = None
        self._ended = self._paused = False
        self.number = number
        self.peer = "not connected"
        self.capacity = 0
        self.served = 0
        self.limit = NO_LIMIT
        self.hint: float | None = None
        self.made = self.moved = 0.0
        self.patience = math.inf
        self.retires = math.inf
        self.is_gone = False
        self.marks: Mapping[str, float] = {}
        """Of the dial, from `made` on: see `_dial.link`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._write = self._transport.write
        self.peer = _address(transport.get_extra_info("peername"))
        self.made = self.moved = self._now()
        if self._ended:  # inside a tunnel, where the peer may have spoken before this is called
            self._transport.abort()
        else:
            self.capacity = 1

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_gone = True
        self._transport = self._write = self._poll = None
        self._owner.gone(self)

    def sound(self) -> bool:
        """Open and silent. One poll of the socket, since the loop may not have run since the peer spoke."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if self._poll is None:
            if not hasattr(select, "poll"):
                return True
            self._poll = select.poll()
            self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not self._poll.poll(0)

    def outworn(self, now: float) -> str:
        """Why it may not be used after resting until `now`; empty: it may."""
        if now >= self.retires:
            return "age"
        return "idle" if now - self.moved >= self.patience else ""

    def close(self, reason: str, *, at_once: bool = False) -> None:
        if self._ended:
            return
        self._ended = True
        self.capacity = 0
        transport = self._transport
        if transport is not None:
            if at_once or transport.get_write_buffer_size():
                transport.abort()
            else:
                transport.close()
        self._owner.lost(self, reason)

    def pause(self) -> None:
        """The reader of a stream is slow: stop reading, so that the peer's window closes."""
        if self._transport is not None and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """The reader has caught up. The peer's silence counts from now on."""
        if self._paused:
            self._paused = False
            self.moved = self._now()
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()


def _address(name: Any) -> str:
    """The name of a peer's socket, for messages: an IP address and port, or a path."""
    if isinstance(name, tuple):
        host, port = name[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return str(name or "an unnamed socket")
