"""The cost curves: `python -m bench curves`. What a request costs with more of whatever there can be more of.

Refuses to compare clients: only ours is measured. Called by `bench.__main__`.
Law: round 1 of all points, then round 2 of all points; a point that fails is an error in the results.
"""

import argparse
import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from bench.clients import CONTENDERS
from bench.command import SHORT, guard, parse_count, parse_seconds, tell
from bench.curve import CURVES, OWN_FIELDS, Curve, Measured, write_json, write_markdown
from bench.held import allow, measure_held
from bench.machine import choose_cpus, describe_machine, describe_versions, hide_paths, pin
from bench.point import Order
from bench.rounds import MeasurementError, Plan, ask_worker
from bench.sample import Sample
from bench.server import Server, serve
from bench.show import RESULTS, write
from bench.work import Work

READING = 3e-8
"""Seconds of a window for each byte of a body: it sees some of the longest, on a slow machine too."""
SHORT_POINTS = 2
"""The short run has so many points of each curve, the least."""


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Check the arguments."""
    parser = argparse.ArgumentParser(prog="python -m bench curves", description="Measure what a request costs.")
    parser.add_argument("--curves", nargs="+", metavar="CURVE", choices=tuple(CURVES), default=list(CURVES))
    parser.add_argument("--rounds", type=parse_count, default=3, help="interleaved rounds (3)")
    parser.add_argument("--seconds", type=parse_seconds, default=0.5, help="of each measured window (0.5)")
    parser.add_argument("--warmup", type=parse_seconds, default=0.15, help="seconds before the window (0.15)")
    parser.add_argument("--short", action="store_true", help="one round of the small points, to see that all runs")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="where curves.json and its pages go")
    return parser.parse_args(arguments)


def make_work(curve: Curve, point: int) -> Work:
    """What the server is to have for a point."""
    fields = (point if curve.fields is None else curve.fields) - OWN_FIELDS
    size = point if curve.size is None else curve.size
    scheme = curve.held or "http"
    return Work(f"{curve.name}-{point}", curve.title, curve.concurrency or point, scheme, size, fields)


def make_order(curve: Curve, point: int, plan: Plan, server: Server) -> Order:
    """What is asked of the process that measures a point."""
    work = make_work(curve, point)
    connections = point if curve.connections is None else min(curve.connections, work.concurrency)
    origins = point if curve.origins is None else curve.origins
    if origins > 1:
        connections = max(1, connections // origins)
    seconds = max(plan.seconds, READING * work.size)
    authority = str(server.authority)
    url = server.locate(work)
    return Order(
        url,
        work.concurrency,
        connections,
        origins,
        work.size,
        authority,
        "uvloop",
        plan.warmup,
        seconds,
        bare=curve.bare,
    )


def measure_point(curve: Curve, point: int, plan: Plan, server: Server) -> Sample:
    """One point, one round; raises MeasurementError."""
    server.settle()
    if curve.held:
        each = measure_held(curve.held, "uvloop", point, plan, server)
        return Sample(point, 1.0, 0.0, int(each * point), point)
    order = make_order(curve, point, plan, server)
    with pin(plan.cpu if order.concurrency > 1 else None):
        patience = allow(plan, order.connections * order.origins)
        return ask_worker("bench.point", asdict(order), patience, {})


def measure_all(
    points: dict[str, tuple[int, ...]], plan: Plan, server: Server, measured: Measured, tell: Callable[[str], None]
) -> None:
    """Fill `measured`."""
    measured.samples = {name: {point: [None] * plan.rounds for point in some} for name, some in points.items()}
    failed = set[tuple[str, int]]()
    every = [(name, point) for name, some in points.items() for point in some]
    for number, (name, point) in itertools.product(range(plan.rounds), every):
        if (name, point) in failed:
            continue
        title = f"{name} {point:,} · round {number + 1} of {plan.rounds}"
        try:
            sample = measure_point(CURVES[name], point, plan, server)
        except MeasurementError as error:
            failed.add((name, point))
            measured.errors.append(f"{title}: {hide_paths(str(error))}")
            tell(measured.errors[-1])
        else:
            measured.samples[name][point][number] = sample
            tell(f"{title}: " + (f"{(sample.peak_bytes or 0) / point:,.0f} B" if CURVES[name].held else _told(sample)))


def _told(sample: Sample) -> str:
    return f"{sample.rate:,.0f}/s, {sample.cpu_micros:,.1f} us"


def choose_points(names: Sequence[str], short: bool) -> dict[str, tuple[int, ...]]:
    """The points of these curves."""
    most = SHORT_POINTS if short else None
    return {name: curve.points[:most] for name, curve in CURVES.items() if name in names}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the curves; 0, or 1 if something failed, or 130 if it was interrupted."""
    return guard(lambda: _run(parse_arguments(arguments)))


def _run(chosen: argparse.Namespace) -> int:
    points = choose_points(chosen.curves, chosen.short)
    cpus = choose_cpus()
    client_cpu, server_cpu = cpus or (None, None)
    plan = SHORT if chosen.short else Plan(chosen.rounds, chosen.seconds, chosen.warmup, client_cpu)
    versions = describe_versions([CONTENDERS["request-uvloop"]])
    measured = Measured(describe_machine(cpus), versions, asdict(plan), {}, [])
    works = [make_work(CURVES[name], point) for name, some in points.items() for point in some]
    with serve(works, server_cpu) as server:
        measure_all(points, plan, server, measured, tell)
    print(write_markdown(measured))
    whole = not chosen.short and points == {name: curve.points for name, curve in CURVES.items()}
    if folder := chosen.results or (RESULTS if whole else None):
        write(folder, write_json(measured), "curves.json")
    return 1 if measured.errors else 0
