"""Which event loop the demo runs on: uvloop's where it is installed, else asyncio's own.

Refuses: anything but choosing. Called by: `demo` and `server`.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import Callable
from typing import NamedTuple


class Loop(NamedTuple):
    """A kind of event loop."""

    name: str
    make: Callable[[], asyncio.AbstractEventLoop]


def choose_loop() -> Loop:
    """The fastest loop there is."""
    try:
        import uvloop
    except ImportError:
        return Loop("asyncio's own event loop (uvloop is not installed)", asyncio.new_event_loop)
    return Loop(f"uvloop {importlib.metadata.version('uvloop')}", uvloop.new_event_loop)
