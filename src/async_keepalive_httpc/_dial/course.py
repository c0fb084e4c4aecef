"""The course of one dial: its steps, and what became of each address. For messages only.

Refuses: deciding anything.
Called by: `dialer` (steps), `tcp` (addresses), whatever else is a step.
Law: an address is noted when it is tried, its outcome when it is known; what a timeout finds unanswered says so.
"""

from __future__ import annotations

import os
import time
from typing import Any, Final

from .._message.url import Origin

RESOLVING: Final = "resolving"
CONNECTING: Final = "connecting to"
LOADING: Final = "loading the TLS certificates for"
SHAKING_HANDS: Final = "making a TLS handshake with"

TRIED_SHOWN: Final = 8
"""Addresses that a message tells of; a name may have hundreds."""
UNANSWERED: Final = "no answer yet"


class Course:
    """Where a dial is. `step` is what it does now, in words that end in the name of a host."""

    __slots__ = ("_began", "_done", "_started", "marks", "origin", "step", "tried")

    def __init__(self) -> None:
        self.step = ""
        self.origin: Origin | None = None
        """Whom the step is about: the origin, or a proxy before it."""
        self.tried: dict[str, str] = {}
        self.marks: dict[str, float] = {}
        """Seconds from the start of the dial to the end of each step."""
        self._done: list[str] = []
        self._began = self._started = time.monotonic()

    def enter(self, step: str) -> float:
        """Begin a step. Gives the seconds that the one before it took."""
        now = time.monotonic()
        took, self._began = now - self._began, now
        if self.step:
            self.marks[self.step] = now - self._started
            self._done.append(f"{self.step} it: {took:.3g} s")
        self.step = step
        return took

    def end(self) -> dict[str, float]:
        """All is done; `marks`."""
        self.marks[self.step] = time.monotonic() - self._started
        return self.marks

    def note(self, address: Any, outcome: str | Exception = UNANSWERED) -> None:
        """What became of an attempt at `address`."""
        self.tried[shown(address)] = outcome if isinstance(outcome, str) else reason(outcome)

    def tries(self) -> str:
        """Each address that was tried, and why it did not serve."""
        said = [f"{address}: {outcome}" for address, outcome in self.tried.items()]
        more = len(said) - TRIED_SHOWN
        return "; ".join(said[:TRIED_SHOWN]) + (f"; and {more} more" if more > 0 else "")

    def __str__(self) -> str:
        """What was done so far, in brackets; "" at the first step."""
        said = [*self._done, *([self.tries()] if self.tried else [])]
        return f" ({'; '.join(said)})" if said else ""


def reason(error: Exception) -> str:
    """Why an attempt failed, in the system's words where it has some."""
    number = getattr(error, "errno", None)
    if not isinstance(number, int):
        return str(error) or type(error).__name__
    said, system = str(getattr(error, "strerror", None) or error), os.strerror(number)
    # asyncio puts "Connect call failed ('192.0.2.1', 80)" in the place of the system's words.
    text = system if said.startswith("Connect call failed") else said
    return f"{text} (errno {number})"


def shown(address: Any) -> str:
    """An address as messages show it: host and port, or the path of a unix socket."""
    if not isinstance(address, tuple):
        path = address.decode(errors="replace") if isinstance(address, bytes) else str(address)
        # Linux: a name in the abstract namespace, which `ss` and `socat` show with "@".
        return f"@{path[1:]}" if path.startswith("\0") else path
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
