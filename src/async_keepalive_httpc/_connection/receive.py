"""The receive buffer: one for each thread, shared by all its connections.

Refuses: keeping anything; what is read is parsed before the loop reads again.
Called by: `h1`, once for each connection.
Law: `get_buffer`, the read and `buffer_updated` follow one another without a step of the loop in between
(asyncio's and uvloop's contract for BufferedProtocol), so nobody else writes in between. On stock asyncio
that is worth 2.5 times the requests/s: a stream transport allocates 256 KiB for each read.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import cache
from typing import Final

RECEIVE_SIZE: Final = 256 * 1024
"""Bytes taken in one read: a whole 1 MiB body in four, and small enough to stay in a core's cache."""

LESSON: Final = 32 * 1024 * 1024 - 8192
"""Bytes of the largest block that glibc learns from, with what it adds to it."""

_local = threading.local()


def buffer() -> memoryview:
    """This thread's receive buffer."""
    view: memoryview | None = getattr(_local, "view", None)
    if view is None:
        _teach_allocator()
        view = _local.view = memoryview(bytearray(RECEIVE_SIZE))
    return view


@cache
def _teach_allocator() -> None:
    """Have memory that bodies give back serve the next ones. Once: a second block would be cleared, and so be there.

    glibc returns large blocks to the system until it has seen some freed: then blocks up to that size, and twice as
    much in all, stay with the process (mallopt(3), M_MMAP_THRESHOLD). This block, which nothing is written to, is the
    one to learn from. Else each body has its pages made and zeroed anew: up to 600 us for 1 MiB, 20 times its copy.
    Other allocators have their own ways, and nothing to learn.
    """
    with suppress(MemoryError):
        bytes(LESSON)
