"""The schedule: within each work, round 1 of all clients, then round 2 of all clients, and so on.

Refuses to run two clients at once, or to let one hang: each has its own process and a bound in time.
Called by the command. Law: a failed measurement is an error in the results; the client is out of that work.
"""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bench.clients import ROOT, Contender
from bench.machine import hide_paths, pin
from bench.programs import ProgramError, run_program
from bench.sample import Sample
from bench.server import Server, find_program
from bench.work import Work
from bench.worker import Order

# Beyond warm-up and window: starting an interpreter, importing, connecting, and letting slow requests end.
SPARE_SECONDS = 30.0


class MeasurementError(Exception):
    """One measurement failed; the text is the client's own."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How often, and how long in seconds."""

    rounds: int
    seconds: float
    warmup: float
    cpu: int | None = None
    """Where clients run. With one request in flight they run where the scheduler likes: two processors that wake each
    other up for every request measure the machine, and every client does the same."""


@dataclass(slots=True)
class Results:
    """Samples by work and client, a place per round; who was missing, for want of what; what failed."""

    samples: dict[str, dict[str, list[Sample | None]]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


def run_rounds(
    works: Sequence[Any],
    contenders: Sequence[Contender],
    plan: Plan,
    measure: Callable[[Any, Any], Sample],
    tell: Callable[[str], None],
) -> Results:
    """Measure all of `contenders` on all of `works`; `tell` gets a line of text per measurement.

    A work, of whatever kind the contenders and `measure` know, has a name, a title and a concurrency. `measure` takes
    a contender and a work, and raises MeasurementError.
    """
    results = Results(missing=find_missing(contenders))
    present = [contender for contender in contenders if contender.name not in results.missing]
    for work in works:
        able = [contender for contender in present if contender.suits(work)]
        samples = results.samples[work.name] = {one.name: [None] * plan.rounds for one in able}
        failed = set[str]()
        for number, contender in itertools.product(range(plan.rounds), able):
            if contender.name in failed:
                continue
            title = f"{work.title} · round {number + 1} of {plan.rounds} · {contender.title}"
            try:
                with pin(plan.cpu if work.concurrency > 1 else None):
                    sample = measure(contender, work)
            except MeasurementError as error:
                failed.add(contender.name)
                results.errors.append(f"{title}: {hide_paths(str(error))}")
                tell(results.errors[-1])
            else:
                samples[contender.name][number] = sample
                tell(f"{title}: {sample.rate:,.0f}/s, {sample.cpu_micros:,.1f} us")
    return results


def find_missing(contenders: Sequence[Contender]) -> dict[str, str]:
    """Names of the contenders that cannot run here, with what each lacks."""
    missing = {}
    for contender in contenders:
        lacking = contender.find_missing()
        if not contender.address and find_program(contender.name) is None:
            lacking = contender.name
        if lacking is not None:
            missing[contender.name] = lacking
    return missing


def measure(contender: Contender, work: Work, plan: Plan, server: Server) -> Sample:
    """One client, one work, one round; raises MeasurementError."""
    before = server.count_connections()
    if contender.address:
        sample = _run_worker(contender, work, plan, server)
    else:
        try:
            sample = run_program(contender.name, server.locate(work), work, plan.seconds)
        except (ProgramError, subprocess.TimeoutExpired) as error:
            raise MeasurementError(str(error)) from error
    # The second count came over a connection of its own.
    return replace(sample, connections=server.count_connections() - before - 1)


def _run_worker(contender: Contender, work: Work, plan: Plan, server: Server) -> Sample:
    authority = str(server.authority)
    seconds = max(plan.seconds, contender.seconds)
    order = Order(contender.name, server.locate(work), work.concurrency, work.size, authority, plan.warmup, seconds)
    python = contender.find_python()
    return ask_worker("bench.worker", asdict(order), plan, {"SSL_CERT_FILE": authority}, python)


def ask_worker(
    module: str, order: dict[str, Any], plan: Plan, environment: dict[str, str], python: str = sys.executable
) -> Sample:
    """The answer of a worker, which is a module, to an order; `environment`: variables it gets beside ours."""
    try:
        done = subprocess.run(
            [python, "-m", module, json.dumps(order)],
            cwd=ROOT,
            env={**find_variables(), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=plan.warmup + plan.seconds + SPARE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MeasurementError(f"gave no answer within {error.timeout:g} s, and was ended") from error
    return read_answer(done.stdout, done.stderr)


def find_variables() -> dict[str, str]:
    """This process's environment, less the machine's proxies, through which some would send what others do not."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


def read_answer(stdout: str, stderr: str) -> Sample:
    """The sample in the last line of a worker's output; raises MeasurementError with what it says instead."""
    try:
        answer = json.loads(stdout.splitlines()[-1])
    except (IndexError, ValueError) as error:
        last = stderr.strip().splitlines()[-1:] or ["nothing"]
        raise MeasurementError(f"the worker gave no answer; the last it said: {last[0][:300]}") from error
    if "error" in answer:
        raise MeasurementError(answer["error"])
    return Sample(**answer)
