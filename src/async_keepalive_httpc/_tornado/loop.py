"""The event loop of a fetch.

Refuses: starting or ending one.
Called by: both Tornado doors.
Law: a fetch runs on the loop that runs where it is called; before any runs, on the one named.
"""

from __future__ import annotations

import asyncio

from ..errors import WrongLoop


def running() -> asyncio.AbstractEventLoop | None:
    """The loop that runs in this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def check_loop(
    loop: asyncio.AbstractEventLoop | None, here: asyncio.AbstractEventLoop | None
) -> asyncio.AbstractEventLoop:
    """`loop`, if a fetch that is called where `here` runs may be its. Raises WrongLoop.

    Before its loop runs, a fetch may be called by whoever can name the loop.
    """
    if loop is None or loop.is_closed() or here is not (loop if loop.is_running() else None):
        raise WrongLoop(
            "fetch() was called outside the thread or event loop of its client, or that loop is closed: "
            "call it there, for instance through io_loop.add_callback, or make a client for this one"
        )
    return loop
