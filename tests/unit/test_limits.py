"""Timeout, Limits and Reading: what they accept, and what they make of it (case 102)."""

from __future__ import annotations

import math
from typing import Any

import pytest

from async_keepalive_httpc._message.limits import LONGEST, Limits, Reading, Timeout, count, seconds
from async_keepalive_httpc.errors import InvalidRequest

TIMES = ["total", "connect", "pool", "read", "write"]


def test_defaults() -> None:
    timeout = Timeout()
    assert [getattr(timeout, name) for name in TIMES] == [300, 10, None, 60, 60]
    assert timeout.first == 60
    assert timeout.from_queue
    limits = Limits()
    assert (limits.max_connections, limits.max_per_host) == (512, 100)
    assert (limits.idle_timeout, limits.max_age) == (60, 600)
    assert limits.max_waiters is limits.max_requests_per_connection is None
    reading = Reading()
    assert (reading.header_size, reading.interims, reading.strict_tls_eof) == (131072, 0, True)


@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize("value", [0, 0.0, None, math.inf, 10**400, LONGEST * 2])
def test_no_limit(name: str, value: Any) -> None:
    assert getattr(Timeout(**{name: value}), name) is None


@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize("value", [1, 0.5, 1e-9, LONGEST])
def test_seconds(name: str, value: Any) -> None:
    got = getattr(Timeout(**{name: value}), name)
    assert got == value
    assert type(got) is float


@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize("value", [-1, -0.001, -math.inf, math.nan, "5", b"5", True, False, [5], -(10**400)])
def test_no_number_of_seconds(name: str, value: Any) -> None:
    with pytest.raises(InvalidRequest, match=f"Timeout {name} must be a number of seconds"):
        Timeout(**{name: value})


def test_the_first_moment_to_look() -> None:
    assert Timeout(total=5).first == 5
    assert Timeout(pool=3).first == 3
    assert Timeout(None, 10, None, None, None).first == math.inf


def test_of() -> None:
    timeout = Timeout(total=1)
    assert Timeout.of(timeout) is timeout
    assert (Timeout.of(5).total, Timeout.of(5).connect) == (5, 5)
    assert (Timeout.of(50).total, Timeout.of(50).connect) == (50, 10)
    assert (Timeout.of(0).total, Timeout.of(0).connect) == (None, 10)
    assert Timeout.of(5) is Timeout.of(5)
    wrongs: list[Any] = [True, "5", [5], {}]
    for wrong in wrongs:
        with pytest.raises(InvalidRequest, match="timeout must be a number of seconds"):
            Timeout.of(wrong)
    with pytest.raises(InvalidRequest, match="timeout must be"):
        Timeout.of(-1)


def test_reprs() -> None:
    assert repr(Timeout(total=1)) == "Timeout(total=1.0, connect=10.0, pool=None, read=60.0, write=60.0)"
    assert "max_per_host=100" in repr(Limits())


COUNTS = ["max_connections", "max_per_host", "max_waiters", "max_requests_per_connection"]


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", [0, -1, 1.5, "3", True])
def test_no_count(name: str, value: Any) -> None:
    with pytest.raises(InvalidRequest, match=name):
        Limits(**{name: value})
    assert getattr(Limits(**{name: 3}), name) == 3


@pytest.mark.parametrize("name", ["idle_timeout", "max_age"])
def test_seconds_of_limits(name: str) -> None:
    none: Any = None
    assert getattr(Limits(**{name: 5}), name) == 5
    assert getattr(Limits(**{name: none}), name) is None
    with pytest.raises(InvalidRequest, match=name):
        Limits(**{name: -5})


def test_reading() -> None:
    with pytest.raises(InvalidRequest, match="max_header_size"):
        Reading(0)
    with pytest.raises(InvalidRequest, match="max_interims"):
        Reading(interims=-1)
    assert Reading(1, 10, False).interims == 10


def test_helpers_name_what_they_check() -> None:
    assert seconds("x", 3) == 3.0
    assert count("x", 0, 0) == 0
    with pytest.raises(InvalidRequest, match="x must be a whole number of at least 2"):
        count("x", 1, 2)
