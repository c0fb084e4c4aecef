"""What a Lane and a Connection know of each other; all of it.

Refuses: code.
Called by: `_transport` (which owns connections) and every connection (which reports to its owner).
Law: `send` never awaits and never raises for reasons of the network; `freed` is called when `capacity` rises
from 0, `lost` once; `gone` last, when the socket itself is closed.
"""

from __future__ import annotations

from typing import Any, Protocol

from .._message.response import Response


class Connection(Protocol):
    """One connected peer that answers requests."""

    number: int
    capacity: int
    made: float
    moved: float
    served: int
    limit: int
    hint: float | None
    patience: float
    """Seconds it may rest."""
    retires: float
    """The moment from which on it takes no new request."""

    @property
    def answering(self) -> tuple[Response, ...]:
        """The responses under way on it."""

    @property
    def paused(self) -> bool:
        """It waits for its own caller, to read or to give more of a body: no silence of the peer's."""

    @property
    def blocked(self) -> bool:
        """A body waits for the peer to read it."""

    def send(self, response: Response) -> None:
        """Write the request of `response`, and fill `response` with its answer."""

    def listen(self, now: float) -> bool:
        """Whether the peer has spoken since `moved`, which is `now` then: asked before it is called silent."""

    def abandon(self, response: Response) -> None:
        """Nobody waits for `response` any more."""

    def sound(self) -> bool:
        """Whether it is still open and silent: asked just before an idle connection is used."""

    def outworn(self, now: float) -> str:
        """Why it has rested too long to be used, by the names that `stats()` counts; empty: it has not."""

    def close(self, reason: str, *, at_once: bool = False) -> None:
        """End it; `reason` is counted in `stats()`."""


class Owner(Protocol):
    """The Lane, as its connections see it."""

    def freed(self, connection: Any) -> None:
        """`connection` can take a request again."""

    def lost(self, connection: Any, reason: str) -> None:
        """`connection` is gone, for `reason`."""

    def gone(self, connection: Any) -> None:
        """The socket of `connection` is closed."""


class Filling(Owner, Protocol):
    """A Lane whose client pipelines, as its connections see it."""

    answers: int
    """With which answer its server closed a connection last, though requests stood behind that one."""

    unanswered: int
    """How many requests stood behind others, written, when their connection ended."""

    def fill(self, connection: Any) -> None:
        """`connection` is under way, and takes as many more requests as its `capacity` says."""
