"""Measures one point of a cost curve in its own process: `python -m bench.point ORDER`, JSON for JSON.

Refuses to count what comes before its connections are open: a point is of a warm client. Called by `bench.curves`.
Law: every connection that counts has answered a request.
"""

import asyncio
import ctypes
import gc
import itertools
import json
import resource
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from async_keepalive_httpc import Client, Limits
from bench.clients import Target
from bench.floor import BATCH, start
from bench.sample import Sample
from bench.worker import STATUS, Load, WrongResponse, answer, measure

NAME = "h{number}.bench"


@dataclass(frozen=True, slots=True)
class Order:
    """One point: `concurrency` requests in flight to `origins` names of one server, on at most `connections` each.

    `held`: the connections are only kept, and what is told is their memory. `bare`: no client, but the floor.
    """

    url: str
    concurrency: int
    connections: int
    origins: int
    size: int
    authority: str
    loop: str
    warmup: float
    seconds: float
    held: bool = False
    bare: bool = False


def locate(order: Order) -> list[str]:
    """A URL for each origin."""
    if order.origins == 1:
        return [order.url]
    return [order.url.replace("127.0.0.1", NAME.format(number=number)) for number in range(order.origins)]


def make_client(order: Order) -> Client:
    """A client as it comes, save for limits that allow what is ordered."""
    return Client(
        limits=Limits(max_connections=order.connections * order.origins, max_per_host=order.connections),
        hostname_mapping={NAME.format(number=number): "127.0.0.1" for number in range(order.origins)},
        ca_certs=order.authority,
        trust_env=False,
    )


async def connect(client: Client, url: str, number: int, there: int = 0) -> None:
    """Open so many connections beside those that are there, and have each answer once: the newest are taken first."""
    for least in range(there, there + number, BATCH):
        more = min(BATCH, there + number - least)
        await client.preconnect(url, least + more)
        await asyncio.gather(*(client.get(url) for _ in range(more)))


def check(client: Client, number: int) -> None:
    """Raise WrongResponse unless so many connections are idle, and each has answered once."""
    counts = client.stats()["connections"]
    if {counts["idle"], counts["requests"]} != {number}:
        raise WrongResponse(f"of {number} connections {counts['idle']} are idle; may this process open more files?")


async def measure_bare(order: Order) -> Sample:
    """Requests and CPU, without a client."""
    session = await start(Target(order.url, order.concurrency, order.authority))
    try:
        load = Load(session.fetch, (STATUS, order.size))
        return await measure(load, order.concurrency, order.warmup, order.seconds)
    finally:
        await session.close()


async def measure_rate(order: Order) -> Sample:
    """Requests and CPU."""
    async with make_client(order) as client:
        for url in locate(order):
            await connect(client, url, order.connections)
        check(client, order.connections * order.origins)
        urls = itertools.cycle(locate(order))

        async def fetch() -> tuple[int, int]:
            response = await client.request("GET", next(urls))
            return response.status, len(response.body)

        gc.collect()
        load = Load(fetch, (STATUS, order.size))
        return await measure(load, order.concurrency, order.warmup, order.seconds)


async def measure_held(order: Order) -> Sample:
    """The memory of idle connections, in `peak_bytes`: what the process holds with them, less what it held before.

    Some are there before: what is made once for all is no part of it.
    """
    async with make_client(replace(order, connections=order.connections + BATCH)) as client:
        await connect(client, order.url, BATCH)
        before = read_private()
        await connect(client, order.url, order.connections, BATCH)
        grown = read_private() - before
        check(client, order.connections + BATCH)
        return Sample(order.connections, 1.0, 0.0, grown, order.connections)


def read_private() -> int:
    """Bytes of memory that are this process's own, once it has given back what it can."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise WrongResponse("this system does not tell the memory of a process in /proc/self/status")


def main() -> int:
    """Obey the order in the only argument; the answer is a Sample, or {"error": text}."""
    order = Order(**json.loads(sys.argv[1]))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    kind = measure_held if order.held else measure_bare if order.bare else measure_rate
    return answer(order.loop, kind(order))


if __name__ == "__main__":
    sys.exit(main())
