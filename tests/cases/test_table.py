"""docs/reliability.md has a row for each of the 199 cases, and each test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (\d+)(?:-(\d+))? \| (.*) \| (.*) \| (.*) \|$", re.MULTILINE)
UNTESTED = {*range(171, 193)}
"""What is not offered: HTTP/2."""


def rows() -> list[tuple[range, str, list[str]]]:
    text = (ROOT / "docs" / "reliability.md").read_text().partition("## Cases")[2]
    return [
        (range(int(first), int(last or first) + 1), outcome, re.findall(r"`([^`]+)`", tests))
        for first, last, _, outcome, tests in ROW.findall(text)
    ]


def test_every_case_has_a_row() -> None:
    assert [number for numbers, _, _ in rows() for number in numbers] == list(range(1, 200))


def test_every_row_says_what_is_done() -> None:
    assert all(outcome for _, outcome, _ in rows())


def test_every_case_that_is_offered_has_a_test() -> None:
    assert {number for numbers, _, tests in rows() if not tests for number in numbers} == UNTESTED


def test_every_test_is_there() -> None:
    for _, _, tests in rows():
        for test in tests:
            path, _, name = test.partition("::")
            assert f"def {name}(" in (ROOT / "tests" / path).read_text(), test
