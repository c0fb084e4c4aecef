"""The bench runs: every work, every client that is installed, the first points of every curve, every door inside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bench import inside, rounds
from bench.clients import CONTENDERS
from bench.curve import CURVES
from bench.work import WORKS

ROOT = Path(__file__).parents[2]
OURS = ("floor", "request-uvloop", "pipelined-uvloop")
OTHERS = [name for name in CONTENDERS if name not in OURS]


def bench(*arguments: str) -> None:
    """Run it to its end; what it measures needs no coverage."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    command = [sys.executable, "-m", "bench", *arguments, "--short"]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def samples(folder: Path, name: str) -> dict[str, dict[str, list[Any]]]:
    """What was measured."""
    found: dict[str, dict[str, list[Any]]] = json.loads((folder / name).read_text())["samples"]
    return found


@pytest.mark.parametrize(
    ("works", "clients"),
    [(list(WORKS), OURS), (["https-1", "pipelined-50"], OTHERS)],
    ids=["works", "clients"],
)
def test_the_race(works: list[str], clients: list[str], tmp_path: Path) -> None:
    bench("--works", *works, "--clients", *clients, "--results", str(tmp_path))
    found = samples(tmp_path, "race.json")
    assert list(found) == [name for name in WORKS if name in works]
    missing = rounds.find_missing([CONTENDERS[name] for name in clients])
    for work, measured in found.items():
        able = [name for name in CONTENDERS if name in clients and CONTENDERS[name].suits(WORKS[work])]
        assert list(measured) == [name for name in able if name not in missing]
        assert all(sample["requests"] > 0 for each in measured.values() for sample in each)
    assert (tmp_path / "report.md").exists()


def test_the_curves(tmp_path: Path) -> None:
    bench("curves", "--results", str(tmp_path))
    found = samples(tmp_path, "curves.json")
    assert {name: len(points) for name, points in found.items()} == dict.fromkeys(CURVES, 2)
    assert (tmp_path / "curves.svg").exists()


def test_inside(capsys: pytest.CaptureFixture[str]) -> None:
    assert inside.main(["--short"]) == 0
    page = capsys.readouterr().out
    assert [line.count("|") for line in page.splitlines() if "fetch" in line] == [6, 6]
