"""The command line: `python -m bench aws [--works ...] [--clients ...] [--short] ...`.

Refuses unknown names and impossible numbers before anything is started. Called by `bench.__main__`.
Law: the report of a whole run is written even if some measurement failed; then the exit status is 1.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from tests.live import dynalite, fauxqs, node

from bench.aws import server
from bench.aws.clients import CONTENDERS, AWSContender
from bench.aws.emulated import Emulated
from bench.aws.report import PEER, write_markdown
from bench.aws.work import WORKS, Work
from bench.aws.worker import Order
from bench.command import SHORT, guard, parse_count, parse_seconds, tell
from bench.machine import ROOT, choose_cpus, describe_machine, describe_packages, pin
from bench.report import Circumstances, write_json
from bench.rounds import Plan, Results, ask_worker, run_rounds
from bench.sample import Sample

REPORT = ROOT / "bench" / "results" / "aws.md"


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Check the arguments; a wrong one ends the program with status 2 and a text that tells what is right."""
    parser = argparse.ArgumentParser(
        prog="python -m bench aws",
        description="Measure aws.client and its peers against prepared answers, and emulators that run on Node.",
    )
    for name, known in (("works", WORKS), ("clients", CONTENDERS)):
        help = f"any of {', '.join(known)}; without this, all"
        parser.add_argument(
            f"--{name}", nargs="+", metavar=name[:-1].upper(), choices=tuple(known), default=list(known), help=help
        )
    parser.add_argument("--rounds", type=parse_count, default=5, help="interleaved rounds (5)")
    parser.add_argument("--seconds", type=parse_seconds, default=1.0, help="of each measured window (1)")
    parser.add_argument("--warmup", type=parse_seconds, default=0.3, help="seconds before the window (0.3)")
    parser.add_argument(
        "--short", action="store_true", help="one round of 0.2 s, only to see that all runs; writes no report"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="where the report goes (bench/results/aws.md, of a whole run)"
    )
    return parser.parse_args(arguments)


class Served(Protocol):
    """A running server of some works."""

    @property
    def url(self) -> str: ...

    def count_connections(self) -> int: ...


SERVERS: Final[dict[str, Callable[[], AbstractContextManager[Served]]]] = {
    "canned": server.serve,
    "dynalite": dynalite.run,
    "fauxqs": fauxqs.run,
}


def find_lacking(names: Iterable[str]) -> dict[str, str]:
    """Why servers that run on Node cannot be had here."""
    found = {name: node.find_missing(name) for name in names if name != "canned"}
    return {name: lacking for name, lacking in found.items() if lacking is not None}


def measure(contender: AWSContender, work: Work | Emulated, plan: Plan, served: Mapping[str, Served]) -> Sample:
    """One client, one work, one round; raises MeasurementError."""
    asked = served[work.server]
    before = asked.count_connections()
    order = Order(contender.name, work.name, asked.url, plan.warmup, plan.seconds)
    sample = ask_worker("bench.aws.worker", asdict(order), plan, {})
    return replace(sample, connections=asked.count_connections() - before)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench; 0, or 1 if something failed, or 130 if it was interrupted."""
    return guard(lambda: _run(parse_arguments(arguments)))


def _run(chosen: argparse.Namespace) -> int:
    lacking = find_lacking({WORKS[name].server for name in chosen.works})
    works = [work for work in WORKS.values() if work.name in chosen.works and work.server not in lacking]
    contenders = [one for one in CONTENDERS.values() if one.name in chosen.clients]
    cpus = choose_cpus()
    client_cpu, server_cpu = cpus or (None, None)
    plan = SHORT if chosen.short else Plan(chosen.rounds, chosen.seconds, chosen.warmup, client_cpu)
    with ExitStack() as running:
        with pin(server_cpu):
            served = {name: running.enter_context(SERVERS[name]()) for name in {work.server for work in works}}
        results = run_rounds(works, contenders, plan, partial(measure, plan=plan, served=served), tell)
    results.missing.update(lacking)
    present = [one for one in contenders if one.name not in results.missing]
    _write(chosen, results, Circumstances(_describe_machine(cpus), describe_packages(present), plan, PEER))
    return 1 if results.errors else 0


def _describe_machine(cpus: tuple[int, int] | None) -> dict[str, str]:
    pinning = {} if cpus is None else {"pinning": f"client on CPU {cpus[0]}, server on CPU {cpus[1]}"}
    return {**describe_machine(cpus), **pinning}


def _write(chosen: argparse.Namespace, results: Results, circumstances: Circumstances) -> None:
    page = write_markdown(results, circumstances)
    print(page)
    if chosen.json:
        chosen.json.write_text(json.dumps(write_json(results, circumstances), indent=1) + "\n")
    whole = len(chosen.works) == len(WORKS) and len(chosen.clients) == len(CONTENDERS)
    if report := chosen.report or (REPORT if whole and not chosen.short else None):
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(page)
