"""The contest: the same GETs through Tornado's own client and through ours, timed and checked.

Refuses: servers and words. Called by: `demo`.
Law: every answer is checked: a fast wrong one is a failure. A run has BOUND seconds to start requests in, so
that the demo ends in time whatever the machine; what it did by then is what is reported.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from time import perf_counter
from typing import NamedTuple

from tornado.simple_httpclient import SimpleAsyncHTTPClient

from .._message.limits import Limits
from ..client import Client
from ..keepalive_client import SimpleKeepAliveHTTPClient
from .display import Advance
from .failure import DemoFailed

BOUND = 3.0
"""Seconds; six runs, and the rest of the demo beside them, stay under 30."""
IN_FLIGHT = 50
STEPS = 20
"""Times that a run moves its progress bar: drawing it for each request would be measured with the request."""

Get = Callable[[str], Awaitable[bytes]]


class Contender(NamedTuple):
    """A client: its name, how many requests it has in flight, and how it is opened (with whom TLS trusts)."""

    name: str
    in_flight: int
    open: Callable[[ssl.SSLContext], AbstractAsyncContextManager[Get]]


class Sample(NamedTuple):
    """What one run gave. `latencies` holds the seconds of each request, call to answer."""

    asked: int
    seconds: float
    latencies: list[float]

    @property
    def done(self) -> int:
        """Requests answered."""
        return len(self.latencies)

    @property
    def rate(self) -> float:
        """Requests a second, opening connections included."""
        return self.done / self.seconds


@asynccontextmanager
async def open_tornado(context: ssl.SSLContext) -> AsyncIterator[Get]:
    """Tornado's simple client, with one TLS context for all its connections, which is its fastest way."""
    client = SimpleAsyncHTTPClient(force_instance=True, max_clients=IN_FLIGHT, defaults={"ssl_options": context})

    async def get(url: str) -> bytes:
        return (await client.fetch(url)).body

    try:
        yield get
    finally:
        client.close()


@asynccontextmanager
async def open_simple(context: ssl.SSLContext) -> AsyncIterator[Get]:
    """Ours, on one connection."""
    async with SimpleKeepAliveHTTPClient(defaults={"ssl_options": context}) as client:

        async def get(url: str) -> bytes:
            return (await client.fetch(url)).body

        yield get


@asynccontextmanager
async def open_client(context: ssl.SSLContext) -> AsyncIterator[Get]:
    """Ours, on as many connections as there are requests in flight."""
    async with Client(verify=context, limits=Limits(max_per_host=IN_FLIGHT)) as client:

        async def get(url: str) -> bytes:
            return (await client.get(url)).body

        yield get


CONTENDERS = (
    Contender("Tornado's simple client", IN_FLIGHT, open_tornado),
    Contender("SimpleKeepAliveHTTPClient", 1, open_simple),
    Contender("Client", IN_FLIGHT, open_client),
)


async def measure(get: Get, url: str, asked: int, in_flight: int, advance: Advance) -> Sample:
    """`asked` GETs of numbered pages, `in_flight` at once. Raises DemoFailed for a wrong answer."""
    numbers = iter(range(asked))
    latencies: list[float] = []
    step = max(1, asked // STEPS)
    began = perf_counter()

    async def work() -> None:
        for number in numbers:
            start = perf_counter()
            await check(get, f"{url}/n/{number}", b"%d" % number)
            end = perf_counter()
            latencies.append(end - start)
            if len(latencies) % step == 0:
                advance(len(latencies))
            if end - began > BOUND:
                return

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(in_flight, asked)):
                group.create_task(work())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return Sample(asked, perf_counter() - began, latencies)


async def check(get: Get, url: str, expected: bytes) -> None:
    """GET `url`. Raises DemoFailed unless the body is `expected`."""
    try:
        body = await get(url)
    except Exception as error:
        raise DemoFailed(f"GET {url} gave no answer: {str(error) or type(error).__name__}") from error
    if body != expected:
        raise DemoFailed(f"GET {url} gave the body {body[:80]!r}; it should be {expected!r}")
