"""The report: a markdown page of one run's results, with the ratios this project promises. Pure.

Refuses to print a ratio without its spread. Called by the command.
"""

from dataclasses import dataclass

from bench.aws.clients import CONTENDERS
from bench.aws.emulated import EMULATED
from bench.aws.work import WORKS
from bench.report import UNKNOWN, Circumstances, draw_table, show_number, show_spread
from bench.rounds import Results
from bench.sample import Rounds, Sample, compare_costs, compare_rates, find_median

BASES = ("aiobotocore", "aiobotocore-unvalidated", "aiodynamo")
"""Whom to compare with."""
OURS = "ours"
PEER = "aiobotocore"


@dataclass(frozen=True, slots=True)
class Goal:
    """On `work` a call takes `base` at least `least` times the CPU of ours; or ours does as many times its calls/s.

    figure: "CPU" or "calls/s".
    """

    work: str
    base: str
    least: float
    figure: str = "CPU"


_SMALL = ("get-item", "put-item", "send", "receive-10", "send-batch-10", "put-record")
GOALS = (
    *(Goal(work, "aiobotocore", 20.0) for work in _SMALL),
    Goal("query-100", "aiobotocore", 8.0),
    Goal("get-item", "aiodynamo", 5.0),
    Goal("put-item", "aiodynamo", 5.0),
    Goal("query-100", "aiodynamo", 2.5),
    *(Goal(work.name, "aiobotocore", 3.0, "calls/s") for work in EMULATED),
)


def write_markdown(results: Results, circumstances: Circumstances) -> str:
    """A page: what was run on what, a table per work, the goals, who was missing, what failed."""
    measured = {client for clients in results.samples.values() for client in clients}
    settings = [[one.title, one.settings] for name, one in CONTENDERS.items() if name in measured]
    parts = [
        "# Measured: AWS",
        _describe_run(circumstances),
        *(f"## {WORKS[work].title}\n\n{tabulate_work(clients)}" for work, clients in results.samples.items()),
        _tabulate_goals(results),
        "## Settings\n\n" + draw_table(["client", "settings"], settings),
    ]
    if results.missing:
        parts.append("## Missing\n\n" + "\n".join(f"- {line}" for line in _list_missing(results.missing)))
    if results.errors:
        parts.append("## Errors\n\n" + "\n".join(f"- {error}" for error in results.errors))
    return "\n\n".join(parts) + "\n"


def _list_missing(missing: dict[str, str]) -> list[str]:
    """What contenders lack is the name of a module; what servers lack is told in a sentence."""
    return [
        f"{CONTENDERS[name].title}: {lacking} is not installed" if name in CONTENDERS else f"{name}: {lacking}"
        for name, lacking in missing.items()
    ]


def _describe_run(circumstances: Circumstances) -> str:
    plan = circumstances.plan
    return "\n".join(
        [
            *(f"- {name}: {value}" for name, value in circumstances.machine.items()),
            "- versions: " + ", ".join(f"{name} {value}" for name, value in circumstances.versions.items()),
            f"- {plan.rounds} interleaved rounds of {plan.seconds:g} s after {plan.warmup:g} s of warm-up; figures are"
            " medians of the rounds; ratios are taken within one round: median (least to greatest); those of calls/s"
            " say how many times as many, those of CPU how many times the CPU of this line a call takes that client",
            "- prepared answers on loopback, from a process of their own, each with another request id; each client in"
            " a process of its own, on uvloop; CPU is user and system time of that process; calls are signed, answers"
            " checked (CRC-32 of DynamoDB; MD5 of SQS by ours only) and looked at; ours and aiodynamo leave the"
            " validation of parameters to the service; busy is the client's share of the window: if well below 100"
            " with many in flight, the server or other programs were in the way",
        ]
    )


def tabulate_work(clients: dict[str, list[Sample | None]]) -> str:
    """One work: a line per client, the cheapest first."""
    nothing: Rounds = ()
    bases = [base for base in BASES if base in clients]
    lines = []
    for name, rounds in clients.items():
        cost = find_median(rounds, lambda sample: sample.cpu_micros)
        cells = [
            CONTENDERS[name].title,
            show_number(cost),
            show_number(find_median(rounds, lambda sample: sample.rate)),
            show_number(find_median(rounds, lambda sample: sample.busy_percent)),
            show_number(find_median(rounds, lambda sample: sample.connections)),
            show_spread(compare_rates(rounds, clients.get(PEER, nothing))),
            *(show_spread(compare_costs(rounds, clients.get(base, nothing))) for base in bases),
        ]
        lines.append((float("inf") if cost is None else cost, cells))
    lines.sort(key=lambda line: line[0])
    heads = ["client", "CPU us/call", "calls/s", "busy %", "connections", f"calls/s of {CONTENDERS[PEER].title}"]
    return draw_table([*heads, *(f"CPU of {CONTENDERS[base].title}" for base in bases)], [cells for _, cells in lines])


def _tabulate_goals(results: Results) -> str:
    lines = []
    for goal in GOALS:
        clients = results.samples.get(goal.work, {})
        compare = compare_costs if goal.figure == "CPU" else compare_rates
        spread = compare(clients.get(OURS, ()), clients.get(goal.base, ()))
        verdict = UNKNOWN if spread is None else "yes" if spread.middle >= goal.least else "no"
        title = f"{goal.figure} against {CONTENDERS[goal.base].title}"
        lines.append([WORKS[goal.work].title, title, f"{goal.least:g}", show_spread(spread), verdict])
    return "## Goals\n\n" + draw_table(["work", "figure", "at least", "measured", "reached"], lines)
