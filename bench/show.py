"""Pages of the results: `python -m bench show` writes report, plots and README's section anew from what was measured.

Refuses to measure. Called by the race and the curves when they have written their figures, by tests and by hand.
Law: race.json and curves.json are the only source; each page follows from them, to the byte.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench import curve
from bench.clients import CONTENDERS, ROOT
from bench.plot import Bar, draw_bars, draw_panels
from bench.report import Circumstances, draw_table, read_json, show_number, write_markdown
from bench.rounds import Results
from bench.sample import Sample, find_median
from bench.work import WORKS

RESULTS: Final = ROOT / "bench" / "results"
README: Final = ROOT / "README.md"
MARKED: Final = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", re.S)
LIMITS: Final = ("wrk", "h2load", "floor")
COLUMNS: Final = {
    "http, 50 in flight: requests/s": ("small-50", "rate"),
    "CPU us/request": ("small-50", "cpu_micros"),
    "https, 50 in flight": ("https-50", "rate"),
    "http, one in flight": ("small-1", "rate"),
    "1 MiB bodies, 8 in flight": ("mib-8", "rate"),
}
LEFT_OUT: Final = ("floor", "pipelined-uvloop", "fetch-uvloop", "tornado-simple-novalidate")
"""Clients that are in the report, but not in README's table."""


def show_race(folder: Path) -> dict[Path, str]:
    """The pages of race.json: the report, and a plot for each work."""
    results, circumstances = read_json(json.loads((folder / "race.json").read_text()))
    plots = {folder / f"{work}.svg": plot_work(work, clients) for work, clients in results.samples.items()}
    return {folder / "report.md": write_markdown(results, circumstances), **plots}


def show_curves(folder: Path) -> dict[Path, str]:
    """The pages of curves.json: the tables, and one plot of all."""
    measured = curve.read_json(json.loads((folder / "curves.json").read_text()))
    plot = draw_panels("What a request costs", measured.panels())
    return {folder / "curves.md": curve.write_markdown(measured), folder / "curves.svg": plot}


def plot_work(work: str, clients: dict[str, list[Sample | None]]) -> str:
    """Bars of one work, the fastest first."""
    bars = [
        Bar(CONTENDERS[name].title, _kind(name), rate, find_median(rounds, lambda sample: sample.cpu_micros) or 0.0)
        for name, rounds in clients.items()
        if (rate := find_median(rounds, lambda sample: sample.rate))
    ]
    return draw_bars(WORKS[work].title, sorted(bars, key=lambda bar: bar.rate, reverse=True))


def _kind(name: str) -> str:
    return "limit" if name in LIMITS else "ours" if CONTENDERS[name].title.startswith("ours") else "peer"


def write_section(results: Results, circumstances: Circumstances) -> str:
    """README's measured section: under what, the table, the plot."""
    machine, plan = circumstances.machine, circumstances.plan
    names = [name for name in results.samples["small-50"] if name not in LEFT_OUT]
    rows = [[_name(name), *(_cell(results, name, *column) for column in COLUMNS.values())] for name in names]
    return "\n".join(
        [
            "",
            f"{machine['Python']} on {machine['processor']} processors; medians of {plan.rounds} interleaved rounds of"
            f" {plan.seconds:g} s;",
            "a 3-byte GET where nothing else is said. All works, clients, settings and goals:",
            "[bench/results/report.md](bench/results/report.md).",
            "",
            draw_table(["client", *COLUMNS], rows),
            "",
            "![small GET, 50 in flight: requests/s and CPU of each client](bench/results/small-50.svg)",
            "",
            *_tell_more(results, circumstances),
            "",
            "",
        ]
    )


def _name(name: str) -> str:
    title = CONTENDERS[name].title.removeprefix("ours, ")
    return f"**{title}**" if _kind(name) == "ours" else title


def _cell(results: Results, name: str, work: str, figure: str) -> str:
    rounds = results.samples.get(work, {}).get(name, ())
    return show_number(find_median(rounds, lambda sample: getattr(sample, figure)))


def _tell_more(results: Results, circumstances: Circumstances) -> list[str]:
    lines = []
    rates = {name: _cell(results, name, "pipelined-50", "rate") for name in ("pipelined-uvloop", "h2load")}
    if "-" not in rates.values():
        lines.append(
            f"One connection, pipelining 50: `Client(pipelining=50)` does {rates['pipelined-uvloop']} requests/s,"
            f" h2load {rates['h2load']}."
        )
    each = {scheme: loops.get("uvloop") for scheme, loops in circumstances.held.items()}
    if http := each.get("http"):
        https = each.get("https")
        lines.append(
            f"An idle connection takes {http / 1024:.1f} KiB"
            + (f" (https: {https / 1024:.1f})" if https else "")
            + " of memory, uvloop's part included, the kernel's not."
        )
    unchecked = _cell(results, "tornado-simple-novalidate", "https-50", "rate")
    if unchecked != "-":
        lines.append("Tornado's simple client has one shared SSLContext here; with `validate_cert=False` it loads the")
        lines.append(f"system's certificates for each request, and does {unchecked} over https, 50 in flight.")
    lines.append("What a request costs with many in flight, long bodies, many fields, many origins:")
    return [*lines, "[bench/results/curves.md](bench/results/curves.md)."]


def renew_readme(folder: Path, readme: Path) -> dict[Path, str]:
    """README with the section of race.json between its markers."""
    section = write_section(*read_json(json.loads((folder / "race.json").read_text())))
    text, times = MARKED.subn(lambda found: f"{found[1]}{section}{found[2]}", readme.read_text())
    if times != 1:
        raise ValueError(f"{readme.name} has {times} places between <!-- bench --> and <!-- /bench -->, not one")
    return {readme: text}


def render(folder: Path = RESULTS, readme: Path | None = README) -> dict[Path, str]:
    """Every page that follows from the figures in this folder."""
    pages: dict[Path, str] = {}
    if (folder / "race.json").exists():
        pages |= show_race(folder)
        if readme:
            pages |= renew_readme(folder, readme)
    if (folder / "curves.json").exists():
        pages |= show_curves(folder)
    return pages


def write(folder: Path, document: dict[str, Any], name: str) -> None:
    """Keep the figures, and write every page that follows from them; README only for the project's own results."""
    folder.mkdir(parents=True, exist_ok=True)
    # A line for the samples of each client on each work, or of each point.
    (folder / name).write_text(json.dumps(document).replace("], ", "],\n") + "\n")
    for path, text in render(folder, README if folder == RESULTS else None).items():
        path.write_text(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages anew."""
    if arguments:
        print("python -m bench show takes no arguments")
        return 2
    for path, text in render().items():
        path.write_text(text)
        print(path.relative_to(ROOT))
    return 0
