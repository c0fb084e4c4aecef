"""Counts: the plain numbers of `stats()`, and how they are added up.

Refuses: deciding anything by them.
Called by: `lane` (makes them), `transport` and `loops` (sum them).
"""

from __future__ import annotations

from typing import Any, Final

NOW: Final = ("dialling", "active", "idle", "waiting")
"""What there is at this moment."""
SO_FAR: Final = ("opened", "requests", "reused", "pipelined", "resends", "handshakes", "resumed")
"""What has happened."""

Counts = dict[str, Any]


def nothing() -> Counts:
    """Counts of nothing; `closed` holds a number for each reason."""
    return {**dict.fromkeys(NOW + SO_FAR, 0), "closed": {}}


def add(total: Counts, counts: Counts) -> None:
    """Add `counts` to `total`, nested ones name by name."""
    for name, number in counts.items():
        if isinstance(number, dict):
            add(total.setdefault(name, {}), number)
        else:
            total[name] = total.get(name, 0) + number
