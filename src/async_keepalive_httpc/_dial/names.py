"""What is known of names: their addresses for a while, and which kind of address answered.

Refuses: literals in need of no lookup are their own address; a caller's own resolver is not remembered here, since it
may answer each question in another way.
Called by: `dialer`; Tornado's OverrideResolver, whose resolver this can be.
Law: one lookup at a time for each question and event loop, apart from those who wait for it: cancelling one of them
ends nothing. It is a task only while it runs.

    younger than ttl         the answer, its addresses in turn
    older                    asked again; for 5 minutes more the old answer, where no new one comes (RFC 8767)
    no such name             an error at once, for 1 s; an old answer is forgotten
    led to no connection     believed for 1 s from when it was given
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any, Final

from ..errors import InvalidRequest
from .dns import Address, literal

TTL: Final = 30.0
"""Seconds an answer is used: getaddrinfo does not tell its own time to live, and load balancers change in a minute."""
NEGATIVE_TTL: Final = 1.0
"""Seconds an error is: enough that a burst of requests asks once, too short to be noticed once the name is there."""
STALE: Final = 300.0
"""Seconds that an answer is kept beyond its time, for when resolution fails (RFC 8767 allows days)."""
STALE_WAIT: Final = 1.8
"""Seconds after which a lookup under way is not waited for, if there is an old answer (RFC 8767 section 5)."""
STALE_TTL: Final = 30.0
"""Seconds until resolution is tried again after an old answer was used in its place (RFC 8767 section 5)."""
GOOD_FAMILY: Final = 600.0
"""Seconds that the family of the last connection goes first: a broken IPv6 costs 250 ms once, not each time."""
KEPT: Final = 1000
"""Names remembered; a crawler meets more."""

# These say that the name has no address; all else, that nobody could tell.
_ANSWERS: Final = frozenset(
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name)
)

Question = tuple[str, int, int]
Place = tuple[asyncio.AbstractEventLoop, Question]


class Known:
    """The answer to a question: addresses by family, or the error."""

    __slots__ = ("asked", "error", "families", "fresh", "stale", "turn")

    def __init__(self, asked: float, ttl: float, found: list[Address], error: Exception | None = None) -> None:
        self.families: dict[int, list[Address]] = {}
        for address in dict.fromkeys(found):
            self.families.setdefault(address[0], []).append(address)
        self.error = error
        self.asked = asked
        self.fresh = asked + (ttl if found else min(ttl, NEGATIVE_TTL))
        self.stale = self.fresh + STALE if found else asked
        self.turn = 0

    def answer(self) -> list[Address]:
        """The addresses, those of each family one further at each call. Raises the error, anew each time."""
        if self.error is not None:
            # Whoever gets it may add a note or a traceback to it.
            raise type(self.error)(*self.error.args)
        found = []
        for group in self.families.values():
            first = self.turn % len(group)
            found += group[first:] + group[:first]
        self.turn += 1
        return found


class Names:
    """The memory of one client, on all its event loops. `resolve` is shaped as a Tornado Resolver's.

    ttl: seconds an answer is used; 0: none is remembered.
    """

    # No lock: each step on these dictionaries is one that another thread cannot cut in two.
    __slots__ = ("_good", "_known", "_lookups", "_now", "_ttl")

    def __init__(self, ttl: float = TTL, now: Callable[[], float] = time.monotonic) -> None:
        if isinstance(ttl, bool) or not isinstance(ttl, (int, float)) or not ttl >= 0:
            raise InvalidRequest(f"dns_ttl must be zero or more seconds (0: nothing is remembered), not {ttl!r}")
        self._ttl = ttl
        self._now = now
        self._known: dict[Question, Known] = {}
        self._good: dict[str, tuple[int, float]] = {}
        self._lookups: dict[Place, asyncio.Task[Known]] = {}

    async def resolve(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> list[Address]:
        """The addresses of `host`. Raises OSError and UnicodeError, as getaddrinfo does."""
        own = literal(host, port)
        if own is not None:
            return [own]
        question = (host, port, family)
        known = self._known.get(question)
        if known is None or self._now() >= known.fresh:
            known = await self._ask(question, known)
        elif not known.error:
            _put(self._known, question, known)
        return known.answer()

    async def _ask(self, question: Question, known: Known | None) -> Known:
        """The answer to a new lookup, or to the one that is under way."""
        loop = asyncio.get_running_loop()
        lookup = self._lookups.get((loop, question))
        if lookup is None:
            lookup = self._lookups[loop, question] = loop.create_task(self._look_up(question))
            lookup.add_done_callback(lambda lookup: self._ended((loop, question), lookup))
        old = known is not None and self._now() < known.stale
        done, _ = await asyncio.wait([lookup], timeout=STALE_WAIT if old else None)
        return lookup.result() if done or known is None else self._prolong(known)

    async def _look_up(self, question: Question) -> Known:
        host, port, family = question
        asked = self._now()
        found: list[Address] = []
        failure: OSError | UnicodeError | None = None
        try:
            infos = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
            found = [(info[0], info[4]) for info in infos]
        except (OSError, UnicodeError) as error:
            failure = error
            old = self._known.get(question)
            if old is not None and asked < old.stale and getattr(error, "errno", None) not in _ANSWERS:
                return self._prolong(old)
        known = Known(asked, self._ttl, found, failure)
        if self._ttl:
            _put(self._known, question, known)
        return known

    def _prolong(self, known: Known) -> Known:
        known.fresh = min(self._now() + STALE_TTL, known.stale)
        return known

    def _ended(self, place: Place, lookup: asyncio.Task[Known]) -> None:
        if self._lookups.get(place) is lookup:
            del self._lookups[place]

    def leave(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the lookups on `loop`; called on it, or once it is closed."""
        for place, lookup in list(self._lookups.items()):
            if place[0] is loop:
                self._lookups.pop(place, None)
                if not loop.is_closed():
                    lookup.cancel()

    # -- what became of the answers

    def prefer(self, host: str, found: list[Address]) -> list[Address]:
        """`found`, with the family first that `host` was reached by last."""
        good, until = self._good.get(host, (None, 0.0))
        if good is None or self._now() >= until:
            return found
        return sorted(found, key=lambda address: address[0] != good)

    def reached(self, host: str, family: int) -> None:
        """`host` answered at an address of `family`."""
        _put(self._good, host, (family, self._now() + GOOD_FAMILY))

    def doubt(self, host: str, port: int) -> None:
        """No address of `host` answered: it may have others by now."""
        for family in (socket.AF_UNSPEC, socket.AF_INET):
            known = self._known.get((host, port, family))
            if known is not None:
                known.fresh = min(known.fresh, known.asked + NEGATIVE_TTL)


def _put(kept: dict[Any, Any], key: Any, value: Any) -> None:
    """Remember as the newest; the tenth that was not used for longest makes room."""
    kept.pop(key, None)
    if len(kept) >= KEPT:
        for old in list(kept)[: KEPT // 10]:
            kept.pop(old, None)
    kept[key] = value
