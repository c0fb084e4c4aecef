"""The command line: `python -m bench [--works ...] [--clients ...] [--short] ...`.

Refuses unknown names and impossible numbers before anything is started. Called by `bench.__main__`.
Law: the report is written even if some measurement failed; then the exit status is 1.
"""

import argparse
import json
import math
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from bench.clients import CONTENDERS
from bench.machine import ROOT, choose_cpus, describe_machine, describe_versions
from bench.report import Circumstances, write_json, write_markdown
from bench.rounds import Plan, Results, run_rounds
from bench.server import ServerError, serve
from bench.work import WORKS

REPORT = ROOT / "bench" / "results" / "report.md"
SHORT = Plan(rounds=1, seconds=0.2, warmup=0.05)


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Check the arguments; a wrong one ends the program with status 2 and a text that tells what is right."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure this package and its peers against one nginx worker on loopback.",
    )
    parser.add_argument(
        "--works",
        nargs="+",
        metavar="WORK",
        choices=tuple(WORKS),
        default=[work.name for work in WORKS.values() if work.by_default],
        help=f"any of {', '.join(WORKS)}; without this, all but fields-50",
    )
    parser.add_argument(
        "--clients",
        nargs="+",
        metavar="CLIENT",
        choices=tuple(CONTENDERS),
        default=list(CONTENDERS),
        help=f"any of {', '.join(CONTENDERS)}; without this, all",
    )
    parser.add_argument(
        "--peer",
        metavar="CLIENT",
        choices=tuple(CONTENDERS),
        default="pyreqwest",
        help="whom to compare with beside wrk (pyreqwest)",
    )
    parser.add_argument("--rounds", type=_parse_count, default=3, help="interleaved rounds (3)")
    parser.add_argument("--seconds", type=_parse_seconds, default=2.5, help="of each measured window (2.5)")
    parser.add_argument("--warmup", type=_parse_seconds, default=0.5, help="seconds before the window (0.5)")
    parser.add_argument(
        "--short", action="store_true", help="one round of 0.2 s, only to see that all runs; writes no report"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--report", type=Path, metavar="FILE", help="where the report goes (bench/results/report.md)")
    return parser.parse_args(arguments)


def _parse_count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _parse_seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench; 0, or 1 if something failed, or 130 if it was interrupted."""
    chosen = parse_arguments(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _run(chosen)
    except ServerError as error:
        _tell(str(error))
        return 1
    except KeyboardInterrupt:
        _tell("interrupted: nothing is written")
        return 130


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _run(chosen: argparse.Namespace) -> int:
    works = [work for work in WORKS.values() if work.name in chosen.works]
    contenders = [one for one in CONTENDERS.values() if one.name in chosen.clients]
    cpus = choose_cpus()
    client_cpu, server_cpu = cpus or (None, None)
    plan = SHORT if chosen.short else Plan(chosen.rounds, chosen.seconds, chosen.warmup, client_cpu)
    with serve(works, server_cpu) as server:
        results = run_rounds(works, contenders, plan, server, _tell)
    present = [one for one in contenders if one.name not in results.missing]
    circumstances = Circumstances(describe_machine(cpus), describe_versions(present), plan, chosen.peer)
    _write(chosen, results, circumstances)
    return 1 if results.errors else 0


def _write(chosen: argparse.Namespace, results: Results, circumstances: Circumstances) -> None:
    page = write_markdown(results, circumstances)
    print(page)
    if chosen.json:
        chosen.json.write_text(json.dumps(write_json(results, circumstances), indent=1) + "\n")
    report = chosen.report or (None if chosen.short else REPORT)
    if report:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(page)
