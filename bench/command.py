"""The race of all clients: `python -m bench [--works ...] [--clients ...] [--short] ...`.

Refuses unknown names and impossible numbers before anything is started. Called by `bench.__main__`.
Law: the report is written even if some measurement failed; then the exit status is 1. The project's own results are
written by a whole run only, of all works and clients.
"""

import argparse
import math
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import FrameType

from bench.clients import CONTENDERS
from bench.held import measure_all
from bench.machine import choose_cpus, describe_machine, describe_versions
from bench.report import Circumstances, write_json, write_markdown
from bench.rounds import Plan, measure, run_rounds
from bench.server import ServerError, serve
from bench.show import RESULTS, write
from bench.work import WORKS

SHORT = Plan(rounds=1, seconds=0.2, warmup=0.05)
SHORT_HELD = 0.02
"""The share of idle connections that the short run holds."""
DEFAULT_WORKS = tuple(work.name for work in WORKS.values() if work.by_default)


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Check the arguments; a wrong one ends the program with status 2 and a text that tells what is right."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure this package and its peers against one nginx worker on loopback."
        " For others: python -m bench curves, inside or show, with --help; all runs everything.",
    )
    parser.add_argument(
        "--works",
        nargs="+",
        metavar="WORK",
        choices=tuple(WORKS),
        default=list(DEFAULT_WORKS),
        help=f"any of {', '.join(WORKS)}; without this, {', '.join(DEFAULT_WORKS)}",
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
    parser.add_argument("--rounds", type=parse_count, default=3, help="interleaved rounds (3)")
    parser.add_argument("--seconds", type=parse_seconds, default=1.0, help="of each measured window (1.0)")
    parser.add_argument("--warmup", type=parse_seconds, default=0.25, help="seconds before the window (0.25)")
    parser.add_argument(
        "--short", action="store_true", help="one round of 0.2 s, only to see that all runs; writes no report"
    )
    parser.add_argument(
        "--results",
        type=Path,
        metavar="FOLDER",
        help="where race.json, report.md and the plots go (bench/results, if all works and clients are measured)",
    )
    return parser.parse_args(arguments)


def parse_count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def parse_seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the race; 0, or 1 if something failed, or 130 if it was interrupted."""
    return guard(lambda: _run(parse_arguments(arguments)))


def guard(run: Callable[[], int]) -> int:
    """The exit status of `run`, which may be interrupted, or find no server."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return run()
    except ServerError as error:
        tell(str(error))
        return 1
    except KeyboardInterrupt:
        tell("interrupted: nothing is written")
        return 130


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def tell(line: str) -> None:
    """Show how far the run is."""
    print(line, file=sys.stderr, flush=True)


def _run(chosen: argparse.Namespace) -> int:
    works = [work for work in WORKS.values() if work.name in chosen.works]
    contenders = [one for one in CONTENDERS.values() if one.name in chosen.clients]
    whole = set(DEFAULT_WORKS) <= set(chosen.works) and len(contenders) == len(CONTENDERS)
    cpus = choose_cpus()
    client_cpu, server_cpu = cpus or (None, None)
    plan = SHORT if chosen.short else Plan(chosen.rounds, chosen.seconds, chosen.warmup, client_cpu)
    with serve([*works, WORKS["small-50"], WORKS["https-50"]], server_cpu) as server:
        results = run_rounds(works, contenders, plan, partial(measure, plan=plan, server=server), tell)
        share = SHORT_HELD if chosen.short else 1.0
        held = measure_all(plan, server, share, results.errors, tell) if whole else {}
    present = [one for one in contenders if one.name not in results.missing]
    circumstances = Circumstances(describe_machine(cpus), describe_versions(present), plan, chosen.peer, held)
    print(write_markdown(results, circumstances))
    if folder := chosen.results or (RESULTS if whole and not chosen.short else None):
        write(folder, write_json(results, circumstances), "race.json")
    return 1 if results.errors else 0
