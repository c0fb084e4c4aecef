"""The report: a markdown page and a JSON document of one run's results. Pure.

Refuses to print a ratio without its spread. Called by the command.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.clients import CONTENDERS, Contender
from bench.goal import GOALS, HELD_ISSUE, HELD_MOST, KIB, Goal
from bench.held import Held
from bench.rounds import Plan, Results
from bench.sample import Rounds, Sample, Spread, compare_rates, find_median
from bench.work import WORKS

UNKNOWN = "-"
LIMIT = "wrk"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Under what a run was made: facts of the machine, versions, the plan, and the peer to compare with."""

    machine: dict[str, str]
    versions: dict[str, str]
    plan: Plan
    peer: str
    held: Held = field(default_factory=dict)


def write_json(results: Results, circumstances: Circumstances) -> dict[str, Any]:
    """All there is: for `read_json`, from which every page is made, and for other programs."""
    return {
        "machine": circumstances.machine,
        "versions": circumstances.versions,
        "plan": asdict(circumstances.plan),
        "peer": circumstances.peer,
        "held": circumstances.held,
        "samples": {
            work: {client: [sample and asdict(sample) for sample in rounds] for client, rounds in clients.items()}
            for work, clients in results.samples.items()
        },
        "missing": results.missing,
        "errors": results.errors,
    }


def read_json(document: dict[str, Any]) -> tuple[Results, Circumstances]:
    """What `write_json` was given."""
    samples = {
        work: {client: [sample and Sample(**sample) for sample in rounds] for client, rounds in clients.items()}
        for work, clients in document["samples"].items()
    }
    circumstances = Circumstances(
        document["machine"], document["versions"], Plan(**document["plan"]), document["peer"], document["held"]
    )
    return Results(samples, document["missing"], document["errors"]), circumstances


def write_markdown(results: Results, circumstances: Circumstances) -> str:
    """A page: what was run on what, a table per work, the goals, who was missing, what failed."""
    measured = {client for clients in results.samples.values() for client in clients}
    parts = [
        "# Measured",
        _describe_run(circumstances),
        *(
            f"## {WORKS[work].title}\n\n{tabulate_work(clients, circumstances.peer)}"
            for work, clients in results.samples.items()
        ),
        *([tabulate_held(circumstances.held)] if circumstances.held else []),
        tabulate_goals(results, circumstances.held),
        "## Settings\n\n" + _tabulate_settings(CONTENDERS[name] for name in CONTENDERS if name in measured),
    ]
    if results.missing:
        lines = [f"- {CONTENDERS[name].title}: {lacking} is not installed" for name, lacking in results.missing.items()]
        parts.append("## Missing\n\n" + "\n".join(lines))
    if results.errors:
        parts.append("## Errors\n\n" + "\n".join(f"- {error}" for error in results.errors))
    return "\n\n".join(parts) + "\n"


def _describe_run(circumstances: Circumstances) -> str:
    plan = circumstances.plan
    lines = [f"- {name}: {value}" for name, value in circumstances.machine.items()]
    lines.append("- versions: " + ", ".join(f"{name} {value}" for name, value in circumstances.versions.items()))
    lines.append(
        f"- {plan.rounds} interleaved rounds of {plan.seconds:g} s after {plan.warmup:g} s of warm-up"
        " (wrk and h2load: whole seconds, no warm-up); figures are medians of the rounds; ratios are of requests/s"
        " within one round: median (least to greatest)"
    )
    lines.append(
        "- one nginx worker on loopback; each client in a process of its own; CPU is user and system time of"
        " that process; peak memory is resident, interpreter included; connections are counted by nginx,"
        " warm-up included; busy is the client's share of the window: if well below 100 with many in flight,"
        " the server or other programs were in the way"
    )
    return "\n".join(lines)


def tabulate_work(clients: dict[str, list[Sample | None]], peer: str) -> str:
    """One work: a line per client, the fastest first."""
    nothing: Rounds = ()
    lines = []
    for name, rounds in clients.items():
        rate = find_median(rounds, lambda sample: sample.rate)
        peak = find_median(rounds, lambda sample: sample.peak_bytes)
        cells = [
            CONTENDERS[name].title,
            show_number(rate),
            show_number(find_median(rounds, lambda sample: sample.cpu_micros)),
            show_number(find_median(rounds, lambda sample: sample.busy_percent)),
            show_number(None if peak is None else peak / (1 << 20)),
            show_number(find_median(rounds, lambda sample: sample.connections)),
            show_spread(compare_rates(rounds, clients.get(LIMIT, nothing))),
            show_spread(compare_rates(rounds, clients.get(peer, nothing))),
        ]
        lines.append((rate or 0.0, cells))
    lines.sort(key=lambda line: line[0], reverse=True)
    heads = [
        "client",
        "requests/s",
        "CPU us/request",
        "busy %",
        "peak MiB",
        "connections",
        f"of {LIMIT}",
        f"of {peer}",
    ]
    return draw_table(heads, (cells for _, cells in lines))


def tabulate_held(held: Held) -> str:
    """What idle connections take."""
    lines = [
        [f"{scheme}, {loop}", UNKNOWN if each is None else f"{each / KIB:.1f}"]
        for scheme, loops in held.items()
        for loop, each in loops.items()
    ]
    told = "Private memory of the process for each connection that has answered and rests; the kernel's is not in it."
    return f"## memory of idle connections\n\n{told}\n\n{draw_table(['ours', 'KiB each'], lines)}"


def tabulate_goals(results: Results, held: Held) -> str:
    """Each goal, with what was measured, and whether that reaches it."""
    lines = []
    for goal in GOALS:
        measured, verdict = _judge(goal, results.samples.get(goal.work, {}))
        names = f"{CONTENDERS[goal.client].title} / {CONTENDERS[goal.base].title}"
        least = f"{goal.least:g}" + (f", or {goal.rate:,.0f} requests/s" if goal.rate else "")
        lines.append([str(goal.issue), WORKS[goal.work].title, names, least, measured, verdict])
    for loop, each in held.get("http", {}).items():
        verdict = UNKNOWN if each is None else "yes" if each <= HELD_MOST else "no"
        measured = UNKNOWN if each is None else f"{each / KIB:.1f} KiB"
        most = f"at most {HELD_MOST / KIB:g} KiB"
        lines.append([str(HELD_ISSUE), "memory of idle connections, http", f"ours, {loop}", most, measured, verdict])
    heads = ["issue", "work", "ratio of requests/s of", "at least", "measured", "reached"]
    return "## Goals\n\n" + draw_table(heads, lines)


def _judge(goal: Goal, clients: dict[str, list[Sample | None]]) -> tuple[str, str]:
    rounds = clients.get(goal.client, ())
    spread = compare_rates(rounds, clients.get(goal.base, ()))
    if spread is None:
        return UNKNOWN, UNKNOWN
    measured, reached = show_spread(spread), spread.middle >= goal.least
    if goal.rate:
        rate = find_median(rounds, lambda sample: sample.rate) or 0.0
        measured, reached = f"{measured}; {rate:,.0f}/s", reached or rate >= goal.rate
    return measured, "yes" if reached else "no"


def _tabulate_settings(contenders: Iterable[Contender]) -> str:
    return draw_table(["client", "settings"], ([one.title, one.settings] for one in contenders))


def draw_table(heads: list[str], lines: Iterable[list[str]]) -> str:
    """A markdown table."""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def show_number(value: float | None) -> str:
    """Whole from 100 on, else one decimal; a dash if unknown."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def show_spread(spread: Spread | None) -> str:
    """Median (least to greatest)."""
    if spread is None:
        return UNKNOWN
    return f"{_show_ratio(spread.middle)} ({_show_ratio(spread.low)} to {_show_ratio(spread.high)})"


def _show_ratio(value: float) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 4
    return f"{value:.{digits}f}"
