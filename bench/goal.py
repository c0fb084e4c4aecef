"""The ratios this project promises, to be put beside the measured ones.

Refuses to judge anything but a ratio of rates within one run. Read by the report.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """On `work`, `client` does at least `least` times the requests per second of `base`."""

    work: str
    client: str
    base: str
    least: float


GOALS = (
    Goal("small-50", "request-uvloop", "wrk", 0.4),
    Goal("small-50", "request-uvloop", "pyreqwest", 2.0),
    Goal("small-50", "request-uvloop", "aiohttp", 4.5),
    Goal("small-50", "request-asyncio", "pyreqwest", 1.4),
    Goal("small-50", "drop-in-uvloop", "wrk", 0.4),
    Goal("small-50", "drop-in-uvloop", "pyreqwest", 2.0),
    Goal("small-50", "drop-in-uvloop", "aiohttp", 4.5),
    Goal("small-50", "drop-in-uvloop", "tornado-curl", 10.0),
    Goal("small-50", "drop-in-uvloop", "tornado-simple", 25.0),
    Goal("small-1", "fetch-uvloop", "pyreqwest", 1.5),
    Goal("https-50", "request-uvloop", "tornado-simple-novalidate", 400.0),
)
