"""The receive buffer of a thread, and what is done before there is a first one."""

from __future__ import annotations

import threading

from async_keepalive_httpc._connection.receive import RECEIVE_SIZE, _teach_allocator, buffer


def test_each_thread_has_one() -> None:
    found: list[memoryview] = []

    def look() -> None:
        found.extend((buffer(), buffer()))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    here = buffer()
    assert here is buffer()
    assert found[0] is found[1] is not here
    assert len(here) == len(found[0]) == RECEIVE_SIZE


def test_the_allocator_is_taught_once() -> None:
    buffer()
    assert _teach_allocator.cache_info().misses == 1
