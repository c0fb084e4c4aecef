"""Tables and the figures in them. Pure.

Refuses: terminals (`display` has them). Called by: `demo`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Row = Sequence[str]


def write_table(header: Row, rows: Sequence[Row], words: int = 1) -> str:
    """Rows under a header, as text; the first `words` columns are words, the others figures."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(_write_row(line, widths, words) for line in lines)


def _write_row(row: Row, widths: list[int], words: int) -> str:
    cells = [
        cell.ljust(width) if place < words else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def find_percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of `values` that at least `percent` per cent of them do not exceed (nearest rank).

    Raises ValueError when there are no values, or for a percentage outside 0-100.
    """
    if not values or not 0 <= percent <= 100:
        raise ValueError(f"no {percent}th percentile of {len(values)} values: give some, and a percentage of 0-100")
    rank = math.ceil(percent * len(values) / 100)
    return sorted(values)[max(rank, 1) - 1]


def write_milliseconds(seconds: float) -> str:
    """Seconds as milliseconds, with as many digits as can mean something."""
    milliseconds = seconds * 1000
    return f"{milliseconds:.2f}" if milliseconds < 10 else f"{milliseconds:.0f}"
