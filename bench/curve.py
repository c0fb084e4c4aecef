"""Cost curves as values, and the page that tells them. Pure.

Refuses to measure. Read by the curves' command and `bench.show`.
Law: a curve says what its own work is, of which the cost is to grow no worse than linearly.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final

from bench.plot import Panel
from bench.report import UNKNOWN, draw_table, show_number
from bench.sample import Sample, find_median

LINEAR: Final = 1.1
"""A power of growth that still is linear: ten times the work for 12.6 times the cost. More sockets than the processor's
caches hold cost more each, in the kernel too: what grows no faster than the bare protocol does is linear as well."""


@dataclass(frozen=True, slots=True)
class Curve:
    """What varies (`across`, at `points`), and what else there is.

    `concurrency`, `connections` of an origin, `origins`, `size` and `fields` of a point; None: what varies.
    `each`: the cost is told for a request (or a connection), and as many as the point says are one piece of work; else
    the point is the work of one request. `held`: the scheme of connections that are only kept. `bare`: no client.
    """

    name: str
    title: str
    across: str
    points: tuple[int, ...]
    concurrency: int | None = 50
    connections: int | None = 50
    origins: int | None = 1
    size: int | None = 3
    fields: int | None = 5
    each: bool = True
    held: str = ""
    bare: bool = False

    @property
    def up(self) -> str:
        """What is told of each point."""
        return "KiB for each connection" if self.held else "CPU us/request"


# What nginx sends with every answer: Server, Date, Content-Type, Content-Length, Connection.
OWN_FIELDS: Final = 5
MANY: Final = (1, 10, 50, 200, 1000, 5000, 10_000)
SIZES: Final = (3, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
CURVES: Final = {
    curve.name: curve
    for curve in (
        Curve("concurrency", "requests in flight, a connection for each", "requests", MANY, None, None),
        Curve("bare", "the same without a client: bare BufferedProtocol", "requests", MANY, None, None, bare=True),
        Curve("waiting", "requests in flight on 50 connections", "requests", MANY[2:], None),
        Curve("size", "length of the body, 4 in flight", "bytes", SIZES, 4, 4, size=None, each=False),
        Curve("fields", "fields of the answer", "fields", (5, 10, 20, 50, 100, 200, 500), fields=None, each=False),
        Curve("origins", "origins in turn, 50 in flight", "origins", (1, 10, 100, 1000, 10_000), origins=None),
        Curve("held-http", "idle connections, http", "connections", (1000, 2000, 5000), 1, None, held="http"),
        Curve("held-https", "idle connections, https", "connections", (500, 1000, 2000), 1, None, held="https"),
    )
}


@dataclass(slots=True)
class Measured:
    """A run: facts, and the samples of each point of each curve, a place per round."""

    machine: dict[str, str]
    versions: dict[str, str]
    plan: dict[str, Any]
    samples: dict[str, dict[int, list[Sample | None]]]
    errors: list[str]

    def costs(self, name: str) -> list[tuple[int, float]]:
        """Each point of a curve with what a request, or a connection, costs there: us, or KiB."""
        known = self.samples.get(name, {}).items()
        return [(point, cost) for point, rounds in known if (cost := find_median(rounds, _cost_of(name))) is not None]

    def panels(self) -> list[Panel]:
        """For a plot."""
        return [
            Panel(CURVES[name].title, CURVES[name].across, CURVES[name].up, costs)
            for name in self.samples
            if (costs := self.costs(name))
        ]


def _cost_of(name: str) -> Any:
    if CURVES[name].held:
        return lambda sample: max(sample.peak_bytes, 1) / 1024 / sample.requests
    return lambda sample: sample.cpu_micros


def grow(curve: Curve, before: tuple[int, float], after: tuple[int, float]) -> tuple[float, float]:
    """How many times the work, and how many times the cost, from one point to another."""
    times = after[0] / before[0]
    cost = after[1] / before[1]
    return times, cost * times if curve.each else cost


def find_power(curve: Curve, costs: Sequence[tuple[int, float]]) -> float | None:
    """p, if the cost grows as the work's p-th power from the first point to the last; 1 is linear."""
    if len(costs) < 2:
        return None
    times, cost = grow(curve, costs[0], costs[-1])
    return math.log(cost) / math.log(times)


def write_json(measured: Measured) -> dict[str, Any]:
    """All there is, for `read_json`."""
    return {
        "machine": measured.machine,
        "versions": measured.versions,
        "plan": measured.plan,
        "samples": {
            name: {str(point): [sample and asdict(sample) for sample in rounds] for point, rounds in points.items()}
            for name, points in measured.samples.items()
        },
        "errors": measured.errors,
    }


def read_json(document: dict[str, Any]) -> Measured:
    """What `write_json` was given."""
    samples = {
        name: {int(point): [sample and Sample(**sample) for sample in rounds] for point, rounds in points.items()}
        for name, points in document["samples"].items()
    }
    return Measured(document["machine"], document["versions"], document["plan"], samples, document["errors"])


def write_markdown(measured: Measured) -> str:
    """A page: under what, each curve with its growth, what failed."""
    facts = [f"- {name}: {value}" for name, value in measured.machine.items()]
    facts.append("- versions: " + ", ".join(f"{name} {value}" for name, value in measured.versions.items()))
    plan = measured.plan
    facts.append(
        f"- `Client.request` on uvloop; medians of {plan['rounds']} interleaved rounds of {plan['seconds']:g} s, every"
        " connection open before; limits raised to what a point needs, all else as it comes"
    )
    parts = [
        "# Cost curves",
        "\n".join(facts),
        "How the cost grows from one point to the next, and from first to last: `x10: x9.8` is ten times the work for"
        f" 9.8 times the cost. A power of 1 is linear; up to {LINEAR:g} counts as linear, and so does what a bare"
        " protocol needs as well: more sockets than the processor's caches hold cost more each, whoever the client is.",
        "![the curves](curves.svg)",
        *(f"## {CURVES[name].title}\n\n{tabulate(measured, name)}" for name in measured.samples),
    ]
    if measured.errors:
        parts.append("## Errors\n\n" + "\n".join(f"- {error}" for error in measured.errors))
    return "\n\n".join(parts) + "\n"


def tabulate(measured: Measured, name: str) -> str:
    """The points of one curve, and its verdict."""
    curve, costs = CURVES[name], measured.costs(name)
    steps: dict[int, str] = {}
    for before, after in pairwise(costs):
        times, grown = grow(curve, before, after)
        steps[after[0]] = f"x{times:.3g}: x{grown:.3g}"
    rows: list[list[str]] = []
    for point, rounds in measured.samples[name].items():
        cost = show_number(find_median(rounds, _cost_of(name)))
        rate = UNKNOWN if curve.held else show_number(find_median(rounds, lambda sample: sample.rate))
        busy = UNKNOWN if curve.held else show_number(find_median(rounds, lambda sample: sample.busy_percent))
        rows.append([f"{point:,}", rate, cost, busy, steps.get(point, UNKNOWN)])
    table = draw_table([curve.across, "requests/s", curve.up, "busy %", "growth"], rows)
    bare = find_power(CURVES["bare"], measured.costs("bare")) if curve.each and not curve.held else None
    return f"{table}\n\n{judge(curve, costs, max(LINEAR, bare or 0.0))}"


def judge(curve: Curve, costs: Sequence[tuple[int, float]], most: float = LINEAR) -> str:
    """A line: how the whole grew, and whether its power is `most` at most."""
    power = find_power(curve, costs)
    if power is None:
        return "Too few points for a growth."
    times, cost = grow(curve, costs[0], costs[-1])
    verdict = "no worse than linear" if power <= most else "WORSE THAN LINEAR"
    return f"In all x{times:,.0f}: x{cost:,.4g}, power {power:.2f}: {verdict}."
