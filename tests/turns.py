"""Turns of the event loop: for what needs nothing else, and to stop a call at any moment of its way.

Called by: tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def turns(number: int = 5) -> None:
    """Some turns of the loop: enough for whatever waits for nothing else."""
    for _ in range(number):
        await asyncio.sleep(0)


async def begun(number: int, call: Awaitable[T]) -> asyncio.Future[T]:
    """The call, which has had so many turns."""
    task = asyncio.ensure_future(call)
    await turns(number)
    return task


async def cancelled_after(number: int, call: Awaitable[object]) -> None:
    """Give the call so many turns, then cancel it and wait for its end."""
    task = await begun(number, call)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
