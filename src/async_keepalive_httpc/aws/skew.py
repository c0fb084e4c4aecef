"""How far this machine's clock is from the service's, learned from the Date of its answers.

Refuses: clocks: times are arguments, in seconds since the epoch.
Called by: `service`: `offset` for signing, `seen` after an answer, `explains` after a refused signature.
Law: an offset below four minutes signs nothing differently: AWS accepts five, and a Date has one second's grain.
"""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

CODES: Final = frozenset(
    {
        "AccessDeniedException",
        "AuthFailure",
        "InvalidSignatureException",
        "RequestExpired",
        "RequestInTheFuture",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)
"""Error codes that a wrong clock may have caused."""
SMALL: Final = 240.0
"""Seconds below which an offset is not corrected."""
STALE: Final = 900.0
"""Seconds after sending from which on a Date says nothing about the clock."""


class Skew:
    """The offset of one service's clock.

    offset: seconds to add to this machine's clock when signing: 0.0 while it is below four minutes.
    """

    __slots__ = ("_date", "measured", "offset")

    def __init__(self) -> None:
        self.offset = 0.0
        self.measured = 0.0
        self._date: bytes | str | None = None

    def seen(self, date: bytes | str | None, sent: float, received: float, age: bool = False) -> None:
        """An answer with this Date came; age: it has an Age header, so a cache gave it."""
        if date is None or date == self._date or age or received - sent >= STALE:
            return
        moment = seconds(date)
        if moment is None:
            return
        self._date = date
        self.measured = moment - received
        self.offset = self.measured if abs(self.measured) >= SMALL else 0.0

    def explains(self, code: str, used: float) -> bool:
        """Whether this error is the clock's, and signing again may help; used: the offset it was signed with."""
        # A Date has one second's grain: an offset that differs by less than what AWS accepts is no other one.
        return code in CODES and abs(self.measured) >= SMALL and abs(self.measured - used) >= SMALL

    def __repr__(self) -> str:
        return f"<Skew {self.offset:+.0f} s>"


def seconds(date: bytes | str) -> float | None:
    """An HTTP date (RFC 9110 section 5.6.7) in seconds since the epoch; None when it is none."""
    text = date.decode("latin-1") if isinstance(date, bytes) else date
    try:
        found = parsedate_to_datetime(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
