"""The clock: who is asked, when, how often, and when no timer is armed at all."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from async_keepalive_httpc._transport import clock
from async_keepalive_httpc._transport.clock import ROWS, TICK, Clock


class Item:
    """Something watched. `again` is what it says when it is asked: the moment to ask again, or 0.0."""

    def __init__(self, name: str = "", again: float = 0.0) -> None:
        self.name = name
        self.again = again
        self._row: Any = None

    def leave(self) -> None:
        if self._row is not None:
            del self._row[self]
            self._row = None


class Handle:
    """An armed timer."""

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class World:
    """A loop with one kind of timer, and its time."""

    def __init__(self, idle: bool = False) -> None:
        self.now = 100.0
        self.idle = idle
        self.handles: list[Handle] = []
        self.asked: list[tuple[str, float]] = []
        self.clock = Clock(self, lambda: self.now, self._expire, self._sweep)  # type: ignore[arg-type]

    def call_later(self, delay: float, callback: Callable[[], None]) -> Handle:
        assert 0.0 <= delay <= TICK
        handle = Handle(self.now + delay, callback)
        self.handles.append(handle)
        return handle

    def _sweep(self, now: float) -> float:
        return now + TICK if self.idle else math.inf

    def _expire(self, item: Any, now: float) -> float:
        self.asked.append((item.name, now - 100.0))
        again: float = item.again
        item.again = 0.0
        return again

    @property
    def armed(self) -> list[Handle]:
        return [handle for handle in self.handles if not handle.cancelled]

    def run(self, until: float) -> None:
        """Fire the timers that are due, at most one of which is armed at any moment."""
        while self.armed and self.armed[0].when <= 100.0 + until:
            (handle,) = self.armed
            self.handles.clear()
            self.now = max(self.now, handle.when)
            handle.callback()
        self.now = 100.0 + until


def test_time_goes_on_and_is_the_loops_or_the_machines() -> None:
    assert 0 < clock.now() <= clock.now()


def test_an_item_is_asked_once_at_its_moment() -> None:
    world = World()
    item = Item("a")
    world.clock.watch(item, 0.25, world.now)
    world.run(0.2)
    assert world.asked == []
    world.run(10)
    assert world.asked == [("a", 0.25)]
    assert item._row is None
    assert world.armed == []


def test_an_item_that_left_is_not_asked_and_the_timer_ends() -> None:
    world = World()
    item = Item()
    world.clock.watch(item, 5.0, world.now)
    world.run(0.5)
    item.leave()
    world.run(1.5)
    assert world.armed == []
    world.run(20)
    assert world.asked == []


def test_items_are_asked_in_the_order_of_their_moments() -> None:
    world = World()
    for name, seconds in (("c", 3.0), ("a", 1.5), ("d", 3.0), ("b", 2.5)):
        world.clock.watch(Item(name), seconds, world.now)
    world.run(10)
    assert world.asked == [("a", 1.5), ("b", 2.5), ("c", 3.0), ("d", 3.0)]


def test_a_sooner_moment_moves_the_timer_and_a_later_one_does_not() -> None:
    world = World()
    world.clock.watch(Item("later"), 0.8, world.now)
    world.clock.watch(Item("sooner"), 0.3, world.now)
    world.clock.watch(Item("last"), 0.9, world.now)
    assert [handle.when for handle in world.armed] == [100.3]
    assert len(world.handles) == 2
    world.run(2)
    assert [name for name, _ in world.asked] == ["sooner", "later", "last"]


def test_the_timer_never_sleeps_longer_than_a_tick() -> None:
    world = World()
    world.clock.watch(Item(), 60.0, world.now)
    assert world.armed[0].when == 100.0 + TICK


def test_an_item_that_puts_itself_off_is_asked_again() -> None:
    world = World()
    item = Item("a", again=107.25)
    world.clock.watch(item, 2.0, world.now)
    world.run(7.0)
    assert world.asked == [("a", 2.0)]
    assert item._row is not None
    world.run(60)
    assert world.asked == [("a", 2.0), ("a", 7.25)]


def test_an_item_that_put_itself_off_can_leave() -> None:
    world = World()
    item = Item("a", again=150.0)
    world.clock.watch(item, 2.0, world.now)
    world.run(3.0)
    item.leave()
    world.run(5.0)
    assert world.armed == []
    assert world.clock._heap == []


def test_a_moment_of_its_own() -> None:
    world = World()
    world.clock.watch(Item("row"), 0.75, world.now)
    world.clock.watch_until(Item("own"), 100.5, world.now)
    world.clock.watch_until(Item("past"), 99.0, world.now)
    world.run(0.0)
    assert world.asked == [("past", 0.0)]
    world.run(1.0)
    assert world.asked == [("past", 0.0), ("own", 0.5), ("row", 0.75)]


def test_an_item_that_leaves_while_others_are_asked_is_not_asked() -> None:
    world = World()
    items = [Item(name) for name in "abc"]
    ask = world.clock._expire

    def leaving(item: Any, now: float) -> float:
        items[1].leave()
        return ask(item, now)

    world.clock._expire = leaving
    for item in items:
        world.clock.watch(item, 1.0, world.now)
    world.run(2)
    assert [name for name, _ in world.asked] == ["a", "c"]


def test_more_numbers_than_rows() -> None:
    world = World()
    count = 3 * ROWS
    for number in range(count):
        world.clock.watch(Item(str(number)), 1.0 + (number * 7 % count) / count, world.now)
    assert len(world.clock._rows) == ROWS
    assert len(world.clock._heap) == count - ROWS
    world.run(5)
    assert len(world.asked) == count
    for name, when in world.asked:
        moment = 1.0 + (int(name) * 7 % count) / count
        assert moment <= when + 1e-9
    assert world.armed == []


def test_rows_nobody_is_in_make_room() -> None:
    world = World()
    for number in range(10 * ROWS):
        item = Item()
        world.clock.watch(item, 60.0 + number, world.now)
        item.leave()
    assert len(world.clock._rows) <= ROWS
    assert world.clock._heap == []


def test_the_heap_does_not_grow_with_those_who_left() -> None:
    world = World()
    keep = [Item() for _ in range(10)]
    for item in keep:
        world.clock.watch_until(item, 300.0, world.now)
    for number in range(100 * ROWS):
        item = Item()
        world.clock.watch_until(item, 200.0 + number, world.now)
        item.leave()
    assert len(world.clock._heap) <= ROWS + len(keep)
    assert sum(len(row) for _, _, row in world.clock._heap) == len(keep)


@pytest.mark.parametrize("watched", [True, False])
def test_idle_connections_keep_the_tick(watched: bool) -> None:
    world = World(idle=True)
    if watched:
        world.clock.watch(Item("a"), 1.25, world.now)
    world.clock.look_by(world.now + TICK, world.now)
    assert len(world.armed) == 1
    world.run(5.5)
    assert world.asked == ([("a", 1.25)] if watched else [])
    assert [handle.when for handle in world.armed] == [106.25 if watched else 106.0]
    world.idle = False
    world.run(8)
    assert world.armed == []


def test_what_is_not_entered_is_looked_at_by_its_moment() -> None:
    world = World()
    world.clock.look_by(world.now + 0.5, world.now)
    world.clock.look_by(world.now + 0.75, world.now)
    assert [handle.when for handle in world.armed] == [100.5]
    world.clock.look_by(world.now + 0.25, world.now)
    assert [handle.when for handle in world.armed] == [100.25]
    assert world.clock.wake == 100.25
    world.run(1)
    assert (world.armed, world.clock.wake) == ([], math.inf)


def test_stop_disarms_and_forgets() -> None:
    world = World()
    item = Item()
    world.clock.watch(item, 1.0, world.now)
    world.clock.watch_until(Item(), 105.0, world.now)
    world.clock.stop()
    assert world.armed == []
    assert (world.clock._rows, world.clock._heap) == ({}, [])
    item.leave()
    world.clock.stop()
    world.clock.watch(Item("again"), 0.5, world.now)
    world.run(1)
    assert world.asked == [("again", 0.5)]
