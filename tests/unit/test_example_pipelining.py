"""examples/pipelining.py: its three ways, over a short line."""

from __future__ import annotations

import re

import pytest
from examples.pipelining import DEPTH, WAYS, main
from tests.conftest import Run


def test_the_three_ways(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(main(0.001, 60))
    title, *lines = capsys.readouterr().out.splitlines()
    assert title == "60 GETs at once, 1 ms there and back"
    found = [re.fullmatch(r"(.+?) +[\d.]+ s, +(\d+) connections", line) for line in lines]
    assert [match[1] for match in found if match] == list(WAYS)
    assert [int(match[2]) for match in found if match] == [1, 1, DEPTH]
