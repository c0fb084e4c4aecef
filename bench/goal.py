"""The figures this project promises, to be put beside the measured ones.

Refuses to judge rates of different runs. Read by the report.
"""

from dataclasses import dataclass
from typing import Final

KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class Goal:
    """On `work`, `client` does at least `least` times the requests per second of `base`; `rate` a second do as well.

    `issue` is the number of the project's issue that asks for it.
    """

    issue: int
    work: str
    client: str
    base: str
    least: float
    rate: float | None = None


GOALS: Final = (
    Goal(2, "small-50", "request-uvloop", "wrk", 0.4),
    Goal(2, "small-50", "request-uvloop", "pyreqwest", 2.0),
    Goal(2, "small-50", "request-uvloop", "aiohttp", 4.5),
    Goal(2, "small-50", "request-asyncio", "pyreqwest", 1.4),
    Goal(2, "small-1", "fetch-uvloop", "pyreqwest", 1.5),
    Goal(2, "https-50", "request-uvloop", "tornado-simple-novalidate", 400.0),
    Goal(3, "small-50", "drop-in-uvloop", "wrk", 0.4),
    Goal(3, "small-50", "drop-in-uvloop", "pyreqwest", 2.0),
    Goal(3, "small-50", "drop-in-uvloop", "aiohttp", 4.5),
    Goal(3, "small-50", "drop-in-uvloop", "tornado-curl", 10.0),
    Goal(3, "small-50", "drop-in-uvloop", "tornado-simple", 25.0),
    Goal(6, "small-50", "drop-in-uvloop", "wrk", 0.45),
    Goal(6, "small-50", "drop-in-uvloop", "pyreqwest", 2.2),
    Goal(6, "small-50", "drop-in-uvloop", "aiohttp", 5.0),
    Goal(6, "small-50", "drop-in-uvloop", "tornado-curl", 12.0),
    Goal(6, "small-50", "drop-in-uvloop", "tornado-simple", 30.0),
    Goal(6, "small-50", "request-uvloop", "wrk", 0.55),
    Goal(6, "small-50", "request-uvloop", "pyreqwest", 2.8),
    Goal(6, "small-50", "drop-in-asyncio", "pyreqwest", 1.6),
    Goal(6, "small-50", "request-asyncio", "pyreqwest", 1.6),
    Goal(6, "small-1", "drop-in-uvloop", "wrk", 0.6),
    Goal(6, "small-1", "drop-in-uvloop", "pyreqwest", 1.6),
    Goal(6, "small-1", "fetch-uvloop", "wrk", 0.6),
    Goal(6, "small-1", "fetch-uvloop", "pyreqwest", 1.6),
    Goal(6, "https-50", "drop-in-uvloop", "wrk", 0.4),
    Goal(6, "https-50", "drop-in-uvloop", "pyreqwest", 1.4),
    Goal(6, "https-50", "drop-in-uvloop", "tornado-simple-novalidate", 500.0),
    Goal(6, "pipelined-50", "pipelined-uvloop", "h2load", 0.45, rate=90_000),
    Goal(6, "mib-8", "drop-in-uvloop", "pyreqwest", 1.0),
    Goal(6, "mib-8", "drop-in-uvloop", "aiohttp", 2.2),
)

HELD_ISSUE: Final = 6
HELD_MOST: Final = 8 * KIB
"""Bytes of memory for an idle http connection at most, the kernel's not counted."""
