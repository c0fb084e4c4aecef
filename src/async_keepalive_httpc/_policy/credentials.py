"""Credentials: what one proxy is told of us, and which of its challenges are taken up.

Refuses: sending, and origins: what a proxy is told is nobody else's.
Called by: `proxies` (makes them), connections to proxies (`value`), `walk` and `_transport.tunnel` (`accept`).
Law:

    auth_mode    told at once               told after a challenge
    "basic"      Basic                      the same would be told again: the 407 is delivered
    "digest"     nothing                    Digest
    None         Basic                      Digest, if that is what the proxy wants

A nonce is used again for every request of that proxy, whatever the connection. Of several that come at once, each
answers a request first, so that many requests get on even where a nonce is good for few uses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .._message.challenge import Challenge, parse
from .auth import basic
from .digest import MAX_STALE, Digest, choose, refused

OFFERED_KEPT: Final = 64
"""Nonces not used yet that are kept; the oldest goes first, as it does at the proxy."""


class Credentials:
    """One user, to one proxy. `mode`: None, "basic" or "digest". Raises InvalidRequest as `auth` and `digest` do."""

    __slots__ = ("_basic", "_digest", "_mode", "_offered")

    def __init__(self, username: str, password: str, mode: str | None) -> None:
        self._mode = mode or "any"
        self._basic = None if mode == "digest" else basic(username, password)
        self._digest = None if mode == "basic" else Digest(username, password)
        self._offered: list[Challenge] = []

    def value(self, method: str, target: str, body: bytes | None) -> bytes | None:
        """The value of Proxy-Authorization for a request, None: nothing yet. `body`: None if it is not known."""
        digest = self._digest
        if digest is None:
            return self._basic
        if self._offered:
            digest.accept(self._offered.pop())
        told = digest.preempt(method, target, body)
        return self._basic if told is None else told

    def accept(self, challenges: Iterable[str], told: bytes, answered: int) -> bool:
        """Whether a 407 is answered by sending again; `value` gives the answer then.

        challenges: the lines of Proxy-Authenticate. told: what was sent, b"" for nothing. answered: how many
        challenges of this proxy the same call has answered before.
        """
        challenge = choose(parse(challenges), self._mode)
        if challenge is None or (answered >= MAX_STALE if _shared(told) else refused(challenge, told, answered)):
            if self._digest is not None:
                self._offered.clear()
                self._digest.forget()
            return False
        if challenge.scheme == "digest":
            self._offered.append(challenge)
            del self._offered[:-OFFERED_KEPT]
        return True

    def __repr__(self) -> str:
        return "Credentials('***')"


def _shared(told: bytes) -> bool:
    """Whether the nonce had been used before: then it may have run out, whatever the proxy says."""
    return any(int(last.parameters.get("nc", "0"), 16) > 1 for last in parse([told.decode("latin-1")]))
