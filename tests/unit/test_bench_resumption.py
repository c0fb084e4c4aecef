"""bench.resumption: what is made of the measurements."""

from __future__ import annotations

import pytest
from bench.resumption import GOAL, Spent, compare


def test_medians_of_rounds() -> None:
    rounds = [
        (Spent(0.002, 0.001), Spent(0.001, 0.0005)),
        (Spent(0.004, 0.001), Spent(0.001, 0.0005)),
        (Spent(9, 9), Spent(0, 0)),
    ]
    cells, ratio = compare(rounds)
    assert cells == ["4000", "1000", "0.25", "5000", "1500", "0.30"]
    assert ratio == pytest.approx(0.3)
    assert ratio < GOAL


def test_for_each_of_so_many() -> None:
    assert Spent(3.0, 5.0).since(Spent(1.0, 1.0), 4) == Spent(0.5, 1.0)
