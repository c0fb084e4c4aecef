"""Bytes that are filled in place."""

from __future__ import annotations

import tracemalloc

from async_keepalive_httpc._message.vessel import Vessel


def test_taken_without_a_copy() -> None:
    tracemalloc.start()
    vessel = Vessel(1_000_000)
    vessel.room()[:] = b"x" * 1_000_001
    tracemalloc.reset_peak()
    body = vessel.take()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert body == b"x" * 1_000_000
    assert peak < 1_900_000


def test_taken_while_somebody_looks_into_it() -> None:
    """What he writes then is not in the bytes."""
    vessel = Vessel(3)
    room = vessel.room()
    room[:] = b"abcd"
    body = vessel.take()
    room[:] = b"wxyz"
    assert body == b"abc"
    room.release()
    assert vessel.take() == b"wxy"


def test_no_room() -> None:
    vessel = Vessel(0)
    vessel.room()[:] = b"x"
    assert vessel.take() == b""
