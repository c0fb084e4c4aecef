"""Figures of one measurement, and what is told of several: medians, and ratios with their spread. Pure.

Refuses to average over unlike rounds: a ratio is of two samples of one round; then comes the median of those.
Called by the rounds (which fill them) and the report.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Sample:
    """What one client did in one measured window.

    `seconds` and `cpu_seconds` (user and system) belong to that window; `peak_bytes` (resident memory) and
    `connections` (counted at the server) to the whole life of the client, warm-up included. None: not known.
    """

    requests: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int | None = None
    connections: int | None = None

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    @property
    def busy_percent(self) -> float:
        """How much of the window the client was on a processor; more than 100 if on several."""
        return self.cpu_seconds / self.seconds * 100

    @property
    def cpu_micros(self) -> float:
        """CPU microseconds of the client per request."""
        return self.cpu_seconds * 1e6 / self.requests


@dataclass(frozen=True, slots=True)
class Spread:
    """The median, least and greatest of the per-round ratios."""

    middle: float
    low: float
    high: float


# One client on one work, a place per round; None where the round failed.
Rounds = Sequence[Sample | None]


def find_median(rounds: Rounds, figure: Callable[[Sample], float | None]) -> float | None:
    """The median of `figure` over the rounds in which it is known; None if it never is."""
    known = [value for sample in rounds if sample is not None and (value := figure(sample)) is not None]
    return median(known) if known else None


def compare_rates(rounds: Rounds, base: Rounds) -> Spread | None:
    """How many times as fast as `base`, round by round; None if no round has both."""
    return _compare(rounds, base, lambda ours, theirs: ours.rate / theirs.rate)


def compare_costs(rounds: Rounds, base: Rounds) -> Spread | None:
    """How many times the CPU of these `base` takes for a request, round by round; None if no round has both."""
    return _compare(rounds, base, lambda ours, theirs: theirs.cpu_micros / ours.cpu_micros)


def _compare(rounds: Rounds, base: Rounds, divide: Callable[[Sample, Sample], float]) -> Spread | None:
    ratios = [
        divide(ours, theirs)
        for ours, theirs in zip(rounds, base, strict=False)
        if ours is not None and theirs is not None
    ]
    return Spread(median(ratios), min(ratios), max(ratios)) if ratios else None
