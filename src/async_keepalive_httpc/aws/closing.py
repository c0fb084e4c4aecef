"""What has an `aclose` is used by `async with`: its end waits for what is under way, but not after an error.

Refuses: closing itself. Called by: `api`, `verbs`: the classes that users open.
"""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self


class Closing(Protocol):
    """The two methods of `async with`, over `aclose`."""

    async def aclose(self, timeout: float | None = None) -> None:
        """Take no new call, wait `timeout` seconds (None: no limit) for those under way, then close."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose(None if kind is None else 0)
