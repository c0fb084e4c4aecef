"""The chaos race and the soak run, in small; and how outcomes are judged."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from bench import chaos_server
from bench.chaos import Tally, good, judge, main, parse_arguments, plan, show

from async_keepalive_httpc.testing import chaos

ROOT = Path(__file__).parents[2]


def test_the_race_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    # So many that the share of POSTs that fail, 2 %, is far from its bound: of 125 there were once 7.
    assert main(["--seeds", "2", "--requests", "3000", "--clients", "ours"]) == 0
    told = capsys.readouterr().out
    assert "get: 6000 GETs, 0 POSTs" in told
    assert told.count("| ours | 0 | ") == 3


def test_a_plan_depends_on_its_seed() -> None:
    assert plan(1, 100, 0.2) == plan(1, 100, 0.2) != plan(2, 100, 0.2)
    methods = [method for method, _ in plan(1, 1000, 0.2)]
    assert 150 < methods.count("POST") < 250


def test_outcomes_are_judged() -> None:
    calls = [("GET", "/get/0"), ("GET", "/get/1"), ("GET", "/get/2"), ("POST", "/post/3"), ("POST", "/post/4")]
    outcomes = {
        "/get/0": chaos.body("/get/0"),
        "/get/1": chaos.body("/get/0"),
        "/get/2": ValueError("cut"),
        "/post/3": ValueError("lost"),
        "/post/4": chaos.body("/post/4"),
    }
    saw = {"attempts": {"3": ["/get/0"]}, "executed": {"2": ["/get/0", "/post/4"]}, "cut": ["/get/2"], "harms": {}}
    tally = Tally()
    judge(calls, outcomes, saw, tally)
    assert (tally.gets, tally.posts, tally.cut, tally.attempts) == (3, 2, 1, 3)
    assert (tally.failed_gets, tally.failed_posts, tally.wrong, tally.doubled_posts) == (0, 1, 1, 1)
    table = show({"get": {"ours": tally}})
    assert "| ours | 0 | 1 (50.0%) | 1 | 1 | 3 |" in table
    assert "ValueError 2" in table
    assert not good({"get": {"ours": tally}})
    assert good({"get": {"ours": Tally(), "other": tally}})


def test_the_server_tells_what_came_more_than_once() -> None:
    assert chaos_server.count(Counter({"a": 1, "b": 2, "c": 2, "d": 3})) == {2: ["b", "c"], 3: ["d"]}


def test_arguments() -> None:
    options = parse_arguments(["--clients", "ours", "--races", "cut"])
    assert (options.seeds, options.requests, options.at_once, options.races) == (10, 20_000, 50, ["cut"])


def test_the_soak_in_small() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "soak.py"), "--scale", "0.005", "--parts", "cancel", "timeouts"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "slots leaked: 0 (at most 0): good" in done.stdout, done.stdout + done.stderr
    assert "earliest before its time: 0 ms" in done.stdout
