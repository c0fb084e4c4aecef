"""Credentials as values, and keeping them fresh.

Refuses: signing (`signing`), and where credentials are found (`chain`, `metadata`).
Called by: `service` (for each request), `chain`, `endpoints` (for the account).
Law: a Source answers `current` at once as long as its keys live. What ends is fetched again ahead of its end, by one
fetch at a time, behind the requests; only when no living keys are left does anybody wait.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol

from ..errors import HTTPCError

AHEAD: Final = 900.0
"""Seconds before their end from which on keys are fetched again."""
MARGIN: Final = 30.0
"""Seconds before their end from which on keys sign nothing more: a request takes its time to be looked at."""
PAUSE: Final = 30.0
"""Seconds between a fetch that failed behind living keys and the next."""

log = logging.getLogger(__name__)


class CredentialsError(HTTPCError):
    """No credentials were found, or what keeps them did not hand them out; the request was not sent."""


class Credentials(NamedTuple):
    """What a request is signed with.

    access_key, secret_key: the two keys. token: the session token of temporary keys. expires: when they end, in
    seconds since the epoch (None: never). account_id: the account they belong to, where it is known (DynamoDB's
    endpoints can name it).
    """

    access_key: str
    secret_key: str
    token: str | None = None
    expires: float | None = None
    account_id: str | None = None

    def __repr__(self) -> str:
        return f"<Credentials {self.access_key[:4]}***{' with a session token' if self.token else ''}>"


class Source(Protocol):
    """Where credentials come from."""

    def current(self, now: float) -> Credentials | None:
        """Those to sign with at `now` (seconds since the epoch); None: `fetch` must be awaited."""

    async def fetch(self) -> Credentials:
        """Those to sign with, got from where they are kept. Raises CredentialsError."""

    async def refresh(self, spoiled: Credentials) -> Credentials:
        """Others than `spoiled`, which the service refused; the same where there are no others.

        Raises CredentialsError.
        """

    def close(self) -> None:
        """End a fetch that is under way behind the requests."""


class Static:
    """Credentials that are what they are."""

    __slots__ = ("_credentials",)

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def current(self, now: float) -> Credentials | None:
        return self._credentials

    async def fetch(self) -> Credentials:
        return self._credentials

    async def refresh(self, spoiled: Credentials) -> Credentials:
        return self._credentials

    def close(self) -> None:
        """Nothing is under way."""

    def __repr__(self) -> str:
        return f"<Static {self._credentials!r}>"


class Refreshing:
    """Credentials that an async function hands out, kept ahead of their end.

    load: called without arguments for new ones; raises CredentialsError. ahead: seconds before their end from which
    on they are fetched again behind the requests (default 900; at most half their life). pause: seconds between a
    fetch that failed and the next, while the old ones live (default 30). clock: seconds since the epoch.
    """

    __slots__ = ("_ahead", "_clock", "_early", "_end", "_held", "_load", "_pause", "_task")

    def __init__(
        self,
        load: Callable[[], Coroutine[Any, Any, Credentials]],
        *,
        ahead: float = AHEAD,
        pause: float = PAUSE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._load = load
        self._ahead = ahead
        self._pause = pause
        self._clock = clock
        self._held: Credentials | None = None
        self._early = self._end = -math.inf
        self._task: asyncio.Task[Credentials] | None = None

    def current(self, now: float) -> Credentials | None:
        if now < self._early:
            return self._held
        if now >= self._end:
            return None
        self._under_way()
        return self._held

    async def fetch(self) -> Credentials:
        return self.current(self._clock()) or await self._arrival()

    async def refresh(self, spoiled: Credentials) -> Credentials:
        held = self._held
        if held is not None and held != spoiled:
            return held
        return await self._arrival()

    def close(self) -> None:
        """End a fetch that is under way; the next request starts another."""
        task = self._task
        if task is not None and not task.get_loop().is_closed():
            task.cancel()

    async def _arrival(self) -> Credentials:
        task = self._under_way()
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if task.cancelled() and not (me and me.cancelling()):
                raise CredentialsError("The fetch of credentials was ended by close(): make a new client") from None
            raise

    def _under_way(self) -> asyncio.Task[Credentials]:
        """The one fetch of this event loop, started unless it is running."""
        loop = asyncio.get_running_loop()
        task = self._task
        if task is None or task.get_loop() is not loop:
            task = self._task = loop.create_task(self._load())
            task.add_done_callback(self._landed)
        return task

    def _landed(self, task: asyncio.Task[Credentials]) -> None:
        if self._task is task:
            self._task = None
        if task.cancelled():
            return
        now = self._clock()
        error = task.exception()
        if error is None:
            self._hold(task.result(), now)
        else:
            log.debug("Credentials could not be fetched: %s", error)
            if self._early <= now:
                self._early = min(now + self._pause, self._end)

    def _hold(self, fresh: Credentials, now: float) -> None:
        self._held = fresh
        if fresh.expires is None:
            self._early = self._end = math.inf
            return
        # What was handed out just now is used, even if it seems to have ended: the clock here may be ahead.
        life = max(fresh.expires - now - MARGIN, self._pause)
        self._early = now + max(life + MARGIN - self._ahead, life / 2)
        self._end = now + life

    def __repr__(self) -> str:
        return f"<Refreshing {self._held!r}>"


def moment(text: str) -> float:
    """An ISO 8601 time, UTC unless it says otherwise, in seconds since the epoch. Raises ValueError."""
    found = datetime.fromisoformat(text.strip())
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
