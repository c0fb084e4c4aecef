"""The demo: the user's example, a contest with Tornado's own client, a pool of clients, and AWS.

Refuses: measuring (`contest`), serving (`server`), drawing (`display`), the AWS part (`aws`): it tells the story.
Called by: `command`.
"""

from __future__ import annotations

import asyncio
import platform
from collections import Counter
from typing import TextIO

import tornado

from ..keepalive_client import SimpleKeepAliveHTTPClient
from ..pool import ResourcePool
from ..version import __version__
from .contest import BOUND, CONTENDERS, Contender, Sample, check, measure
from .display import Display
from .emulator import Emulator
from .failure import DemoFailed
from .loop import choose_loop
from .process import Servers
from .table import find_percentile, write_milliseconds, write_table

PYTHON = f"{platform.python_implementation()} {platform.python_version()}"
CLIENTS = 3
BURST = 30
ROUNDS = 10

HEADER = ("client", "over", "at once", "requests/s", "connections", "p50", "p99")


def run(requests: int, stream: TextIO) -> None:
    """Show everything on `stream`, with `requests` GETs in each measured run. Raises DemoFailed."""
    display = Display(stream)
    loop = choose_loop()
    with Emulator() as emulator, Servers() as servers, asyncio.Runner(loop_factory=loop.make) as runner:
        display.say(
            f"async_keepalive_httpc {__version__}, Tornado {tornado.version}, {PYTHON}, {loop.name}\n"
            f"Servers: {servers.urls['http']} and {servers.urls['https']}, in process {servers.number}"
        )
        runner.run(tell(display, servers, emulator, requests))


async def tell(display: Display, servers: Servers, emulator: Emulator, requests: int) -> None:
    """The four parts, in turn."""
    await show_example(display, servers.urls["http"])
    # Starting, it would take from the processor that the contest measures.
    emulator.ready()
    await show_contest(display, servers, requests)
    await show_pool(display, servers.urls["http"])
    if emulator.missing:
        display.say(f"\n4. AWS: left out; pip install 'async_keepalive_httpc[{','.join(emulator.missing)}]'")
        return
    from .aws import show_aws

    display.say(f"\n4. AWS, as moto emulates it: {emulator.url}, in process {emulator.number}")
    await show_aws(display, emulator)


async def show_example(display: Display, url: str) -> None:
    """Three files over one connection. Raises DemoFailed if it took another number."""
    display.say("\n1. a.txt, b.txt and c.txt, fetched at once by one SimpleKeepAliveHTTPClient")
    async with SimpleKeepAliveHTTPClient() as client:

        async def get(page: str) -> bytes:
            return (await client.fetch(page)).body

        await asyncio.gather(
            check(get, f"{url}/a.txt", b"aaa"),
            check(get, f"{url}/b.txt", b"bbb"),
            check(get, f"{url}/c.txt", b"ccc"),
        )
        times = client.connection.connect_times
    if times != 1:
        raise DemoFailed(f"a.txt, b.txt and c.txt took {times} connections; they should have shared one")
    display.say(f"   aaa, bbb and ccc came; client.connection.connect_times == {times}")


async def show_contest(display: Display, servers: Servers, requests: int) -> None:
    """The same GETs by each contender over http and https, as one table."""
    display.say(
        f"\n2. The same {requests:,} GETs with three clients (half of the answers took p50 ms at most, 99 % p99 ms)"
    )
    rows, late = [], []
    for scheme, url in servers.urls.items():
        for contender in CONTENDERS:
            before = servers.count()[scheme]
            title = f"{contender.name}, {scheme}"
            with display.progress(title, requests) as advance:
                async with contender.open(servers.context) as get:
                    sample = await measure(get, url, requests, contender.in_flight, advance)
            rows.append(make_row(contender, scheme, sample, servers.count()[scheme] - before))
            if sample.done < sample.asked:
                late.append(f"   {title}: {sample.done:,} requests, then its {BOUND:g} s were over")
    display.say(write_table(HEADER, rows, words=2))
    for line in late:
        display.say(line)


def make_row(contender: Contender, scheme: str, sample: Sample, connections: int) -> tuple[str, ...]:
    """A line of the contest's table."""
    return (
        contender.name,
        scheme,
        f"{contender.in_flight}",
        f"{sample.rate:,.0f}",
        f"{connections:,}",
        write_milliseconds(find_percentile(sample.latencies, 50)),
        write_milliseconds(find_percentile(sample.latencies, 99)),
    )


async def show_pool(display: Display, url: str) -> None:
    """Bursts of requests through a ResourcePool, and which client of it took how many."""
    display.say(f"\n3. {ROUNDS} bursts of {BURST} GETs through a ResourcePool of {CLIENTS} SimpleKeepAliveHTTPClients")
    most: Counter[int] = Counter()

    async def get(page: str) -> bytes:
        client = pool.get()
        answer = client.fetch(page)
        most[id(client)] = max(most[id(client)], len(client))
        return (await answer).body

    with ResourcePool(SimpleKeepAliveHTTPClient, max_count=CLIENTS) as pool:
        for start in range(0, ROUNDS * BURST, BURST):
            await asyncio.gather(*(check(get, f"{url}/n/{n}", b"%d" % n) for n in range(start, start + BURST)))
        rows = [
            (
                f"{number}",
                f"{client.stats()['connections']['requests']:,}",
                f"{client.connect_times}",
                f"{most[id(client)]}",
            )
            for number, client in enumerate(pool)
        ]
        for client in pool:
            await client.aclose()
    display.say(write_table(("res_id", "requests", "connections", "most at once"), rows))
