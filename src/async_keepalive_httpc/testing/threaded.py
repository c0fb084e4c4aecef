"""A server of this package in a thread of its own, for tests that have no event loop, or another one.

Refuses: to be a server itself. Called by: `fixtures`, tests.
Law: what the server's scripts raise is raised at the end of the `with`; the server's facts may be read from anywhere,
everything else is done on its loop, by `call`.

    with Threaded(Peer(ok())) as peer:
        ... peer.url ...
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")
Server = TypeVar("Server", bound=AbstractAsyncContextManager[Any])

PATIENCE: Final = 30.0
"""Seconds for the server to begin and to end: it does either in milliseconds, or never."""


class Threaded(Generic[Server]):
    """`with Threaded(server) as server`: it serves in a thread until then."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name=f"{type(server).__name__} of a test", daemon=True)
        self._error: BaseException | None = None

    def __enter__(self) -> Server:
        self._thread.start()
        self._started.result(PATIENCE)
        return self.server

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(PATIENCE)
        if self._error is not None and error is None:
            raise self._error

    def call(self, function: Callable[[], T]) -> T:
        """Call `function` on the server's loop, and return what it returns."""

        async def inside() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(inside(), self._loop).result(PATIENCE)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._error = error
            if not self._started.done():
                self._started.set_exception(error)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        async with self.server:
            self._started.set_result(None)
            await self._ended.wait()
