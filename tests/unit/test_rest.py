"""Rest: what a server's closing of idle connections teaches, in numbers."""

from __future__ import annotations

import pytest

from async_keepalive_httpc._transport.rest import CALM, LEAST, SURE, Rest


class Used:
    """A connection."""

    def __init__(self) -> None:
        self.capacity = 0
        self.moved = 0.0
        self.served = 1
        self.answering: tuple[object, ...] = ()

    def take(self, rest: Rest, rested: float, now: float) -> None:
        rest.try_after(rested, self, now)
        self.served += 1
        self.moved = now


@pytest.mark.parametrize(
    ("rested", "round_trip", "limit"),
    [
        (5.0, 0.0, 4.25),
        (5.0, 0.1, 4.05),
        (1.0, 0.04, 0.77),
        (100.0, 0.0, 60.0),  # above the ceiling
        (1.0, 2.0, LEAST),  # nothing would be left of it
        (LEAST / 2, 0.0, 60.0),  # a fault
    ],
)
def test_the_limit_that_is_learned(rested: float, round_trip: float, limit: float) -> None:
    rest = Rest(60.0)
    assert rest.learn(rested, round_trip, 1000.0) is (limit != 60.0)
    assert rest.limit == pytest.approx(limit)


def test_it_grows_while_nothing_is_lost() -> None:
    rest = Rest(60.0)
    rest.learn(10.0, 0.0, 1000.0)
    rest.relax(1000.0 + CALM - 1)
    assert rest.limit == 8.5
    rest.relax(1000.0 + CALM)
    assert rest.limit == 8.5 * 1.25
    rest.relax(1000.0 + 3 * CALM)
    assert rest.limit == 8.5 * 1.25**3
    rest.relax(1000.0 + 100 * CALM)
    assert rest.limit == 60.0


def test_a_loss_begins_the_calm_anew() -> None:
    rest = Rest(60.0)
    rest.learn(10.0, 0.0, 1000.0)
    assert not rest.learn(30.0, 0.0, 1000.0 + CALM - 1)
    rest.relax(1000.0 + CALM)
    assert rest.limit == 8.5
    assert rest.learn(10.0, 0.0, 1000.0 + 3 * CALM)
    assert rest.limit == 8.5


def test_no_ceiling() -> None:
    rest = Rest(float("inf"))
    rest.learn(10.0, 0.0, 1000.0)
    rest.relax(1000.0 + CALM)
    assert rest.limit == 8.5 * 1.25


@pytest.mark.parametrize("ages", [(0.3, 2.0, 20.0), (20.0, 0.3, 2.0)])
def test_a_server_that_goes_away_teaches_the_longest_rest_only(ages: tuple[float, ...]) -> None:
    rest = Rest(60.0)
    for number, age in enumerate(ages):
        rest.learn(age, 0.0, 1000.0 + number / 10)
    assert rest.limit == 17.0
    rest.learn(2.0, 0.0, 1010.0)
    assert rest.limit == 1.7


def test_what_is_sure() -> None:
    rest = Rest(60.0)
    assert rest.sure(SURE)
    assert not rest.sure(SURE + 0.01)


@pytest.mark.parametrize("how", ["a byte of its answer", "another request", "it rests again"])
def test_an_age_that_is_proven(how: str) -> None:
    rest, connection = Rest(60.0), Used()
    connection.take(rest, 10.0, 1000.0)
    assert not rest.sure(10.0)
    if how == "a byte of its answer":
        connection.moved = 1000.1
    elif how == "another request":
        connection.served += 1
    else:
        connection.capacity = 1
    assert rest.sure(10.0)
    assert not rest.sure(10.1)
    assert rest.lose(connection) == 0.0


def test_the_next_use_settles_the_last() -> None:
    rest, connection = Rest(60.0), Used()
    connection.take(rest, 10.0, 1000.0)
    connection.capacity = 1
    connection.take(rest, 6.0, 1020.0)
    connection.capacity = 0
    assert rest.lose(connection) == 6.0
    assert rest.sure(10.0)


def test_a_rest_that_killed() -> None:
    rest, connection = Rest(60.0), Used()
    connection.take(rest, 10.0, 1000.0)
    assert rest.lose(connection) == 10.0
    assert rest.lose(connection) == 0.0
    assert not rest.sure(10.0)


def test_what_was_learned_bounds_what_was_proven() -> None:
    rest, connection = Rest(60.0), Used()
    connection.take(rest, 20.0, 1000.0)
    connection.capacity = 1
    assert rest.sure(20.0)
    rest.learn(10.0, 0.0, 1030.0)
    assert not rest.sure(8.6)
    assert rest.sure(8.5)


def test_what_was_learned_while_it_was_used_bounds_it_too() -> None:
    rest, connection = Rest(60.0), Used()
    connection.take(rest, 20.0, 1000.0)
    rest.learn(10.0, 0.0, 1000.5)
    connection.moved = 1001.0
    assert not rest.sure(8.6)
    assert rest.sure(8.5)


@pytest.mark.parametrize("how", ["not yet written", "not yet answered"])
def test_room_for_more_behind_it_proves_nothing(how: str) -> None:
    """A connection that pipelines."""
    rest, connection = Rest(60.0), Used()
    connection.take(rest, 10.0, 1000.0)
    connection.capacity = 3
    if how == "not yet written":
        connection.served -= 1
    else:
        connection.answering = ("a response",)
    assert not rest.sure(10.0)
