"""The soak: what only shows in large numbers or over minutes. `make soak`, or `python scripts/soak.py --parts memory`.

Refuses to be a test: figures in time and memory depend on the machine, and this takes a quarter of an hour, most of it
for the posts. Counts are tested in tests/. Called by scripts/soak.sh and by hand.
Law: each part prints what it measured beside its bound; the exit status is 1 if one was passed.

memory      a million requests: what the process holds afterwards, and its open files
cancel      100,000 requests cancelled at random moments: slots, sockets, tasks, bodies
waiters     10,000 and 20,000 requests on 20 connections: order, and the time the second takes; 9,000 at once
timeouts    requests that are never answered: how early, how late
callbacks   the longest turn that the loop is held by one callback: 1 MiB bodies, hostile answers; the idle check
posts       one POST a second to a server that closes idle connections after a second, 40 ms away
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import gzip
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median
from timeit import timeit
from typing import NamedTuple

from async_keepalive_httpc import Client, ConnectionLost, HTTPCError, Limits, TimeoutExpired
from async_keepalive_httpc.testing import Conn, Latency, Peer, response

AT_ONCE = 50
KIB = 1024


class Figure(NamedTuple):
    """What was measured, and what it may be at most."""

    name: str
    value: float
    most: float
    unit: str = ""

    def __str__(self) -> str:
        verdict = "good" if self.value <= self.most else "TOO MUCH"
        return f"  {self.name}: {self.value:.6g} {self.unit}".rstrip() + f" (at most {self.most:g}): {verdict}"


class Server(asyncio.Protocol):
    """Answers each request with its target; in a process of its own, where what it holds does not count."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.rest = b""

    def data_received(self, data: bytes) -> None:
        *heads, self.rest = (self.rest + data).split(b"\r\n\r\n")
        for head in heads:
            target = head.split(b" ", 2)[1]
            answer = ANSWERS.get(target)
            self.transport.write(answer or b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(target), target))


def hostile() -> dict[bytes, bytes]:
    """Answers that make work, by target."""
    head = b"HTTP/1.1 200 OK\r\n"
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n"
    bomb = gzip.compress(bytes(64 * KIB * KIB))
    return {
        b"/mib": head + b"Content-Length: %d\r\n\r\n%b" % (KIB * KIB, bytes(KIB * KIB)),
        b"/chunks": chunked + b"1\r\nx\r\n" * 200_000 + b"0\r\n\r\n",
        b"/bomb": head + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(bomb), bomb),
        b"/fields": head + b"X: y\r\n" * 900 + b"Content-Length: 0\r\n\r\n",
        b"/header": head + b"X-" + b"a" * (120 * KIB) + b": b\r\nContent-Length: 0\r\n\r\n",
        b"/interims": b"HTTP/1.1 103 X\r\n\r\n" * 6_000 + head + b"Content-Length: 0\r\n\r\n",
        b"/odd": b"HTTP/1.1 103 X\r\nContent-Length: 1\r\n\r\n" * 3_000 + head + b"Content-Length: 0\r\n\r\n",
        b"/extension": chunked + b"1;" + b"e" * (15 * KIB) + b"\r\nx\r\n0\r\n\r\n",
        b"/trailers": chunked + b"0\r\n" + b"T: u\r\n" * 900 + b"\r\n",
        b"/lengths": head + b"Content-Length: 0\r\n" * 900 + b"\r\n",
    }


ANSWERS: dict[bytes, bytes] = {}


async def serve() -> None:
    """Print the port, then serve until the standard input ends."""
    loop = asyncio.get_running_loop()
    ANSWERS.update(hostile())
    server = await loop.create_server(Server, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    """The URL of a server in another process."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, __file__, "--serve", stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.stdin.close()
        await process.wait()


def resident() -> int:
    """Bytes of memory that this process holds."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files() -> int:
    """Files and sockets that this process has open."""
    return len(os.listdir("/proc/self/fd"))


async def send(client: Client, url: str, number: int, start: int = 0) -> int:
    """So many GETs, AT_ONCE in flight; how many bodies were wrong."""
    wrong = 0
    numbers = iter(range(start, start + number))

    async def work() -> None:
        nonlocal wrong
        for turn in numbers:
            target = f"/{turn % 5000}"
            wrong += (await client.get(url + target)).body != target.encode()

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return wrong


async def memory(scale: float) -> list[Figure]:
    """A million requests."""
    async with served() as url:
        files = open_files()
        client = Client()
        wrong = await send(client, url, 10_000)
        before = resident()
        wrong += await send(client, url, int(1_000_000 * scale))
        grown = resident() - before
        await client.aclose()
        await asyncio.sleep(0.1)
        left = open_files() - files
    return [
        Figure("memory grown after the first 10,000 requests", max(0, grown) / KIB / KIB, 2, "MiB"),
        Figure("wrong bodies", wrong, 0),
        Figure("open files left after aclose()", left, 0),
    ]


async def cancel(scale: float) -> list[Figure]:
    """Requests that are cancelled after a random number of turns of the loop."""
    chance = random.Random(1)
    wrong = finished = 0
    numbers = iter(range(int(100_000 * scale)))
    async with served() as url, Client(limits=Limits(max_per_host=10)) as client:

        async def work() -> None:
            nonlocal wrong, finished
            for turn in numbers:
                task = asyncio.ensure_future(client.get(f"{url}/{turn % 5000}"))
                for _ in range(chance.randrange(12)):
                    await asyncio.sleep(0)
                task.cancel()
                try:
                    wrong += (await task).body != f"/{turn % 5000}".encode()
                    finished += 1
                except asyncio.CancelledError:
                    pass

        await asyncio.gather(*(work() for _ in range(20)))
        wrong += await send(client, url, 1000)
        await asyncio.sleep(0.1)
        counts = client.stats()["connections"]
        tasks = len(asyncio.all_tasks()) - 1
    print(f"  {finished} of them had been answered before")
    return [
        Figure("wrong bodies", wrong, 0),
        Figure("slots leaked", counts["active"] + counts["waiting"] + counts["dialling"], 0),
        Figure("connections at the end", counts["idle"], 10),
        Figure("tasks left", tasks, 0),
    ]


async def queue(url: str, number: int) -> tuple[float, int]:
    """So many requests at once on 20 connections: the CPU seconds, and how far one was answered out of its turn."""
    order: list[int] = []
    async with Client(limits=Limits(max_per_host=20), timeout=None) as client:

        async def one(turn: int) -> None:
            await client.get(f"{url}/{turn}")
            order.append(turn)

        # Without the collector, which walks through all that lives, queued or not: it adds 0.15 to the ratio of 2.0.
        gc.collect()
        gc.disable()
        try:
            began = time.process_time()
            await asyncio.gather(*(one(turn) for turn in range(number)))
            took = time.process_time() - began
        finally:
            gc.enable()
    return took, max(abs(place - turn) for place, turn in enumerate(order))


async def waiters(scale: float) -> list[Figure]:
    """Many requests on few connections."""
    number = int(10_000 * scale)
    async with served() as url:
        rounds = [(await queue(url, number), await queue(url, 2 * number)) for _ in range(5)]
        once = min(first[0] for first, _ in rounds)
        twice = min(second[0] for _, second in rounds)
        astray = max(second[1] for _, second in rounds)
        async with Client() as client:
            answers = await asyncio.gather(
                *(client.get(f"{url}/{turn}") for turn in range(9000)), return_exceptions=True
            )
    failed = sum(isinstance(answer, BaseException) for answer in answers)
    return [
        Figure(f"time for {2 * number} waiters by that for {number}", twice / once, 2.2),
        Figure("places that one was answered out of turn", astray, 20),
        Figure("errors among 9,000 at once", failed, 0),
    ]


async def timeouts(scale: float) -> list[Figure]:
    """Requests that are never answered, at rest: a few at a time."""
    chance = random.Random(1)
    early: list[float] = [0.0]
    late: list[float] = [0.0]

    async def silent(conn: Conn) -> None:
        await conn.closed()

    async with Peer(silent) as peer, Client() as client:

        async def one() -> None:
            limit = chance.uniform(0.05, 1.5)
            began = time.monotonic()
            try:
                await client.get(peer.url, timeout=limit)
            except TimeoutExpired:
                took = time.monotonic() - began
                early.append(limit - took)
                late.append(took - limit)

        for _ in range(max(1, int(30 * scale))):
            await asyncio.gather(*(one() for _ in range(10)))
    return [
        Figure("earliest before its time", max(early) * 1000, 0, "ms"),
        Figure("latest after its time", max(late) * 1000, 50, "ms"),
    ]


@contextmanager
def longest() -> Iterator[list[float]]:
    """Holds the seconds of the longest callback that asyncio's own loop runs inside."""
    run = asyncio.Handle._run  # type: ignore[attr-defined]
    found = [0.0]

    def timed(handle: asyncio.Handle) -> None:
        began = time.perf_counter()
        run(handle)
        found[0] = max(found[0], time.perf_counter() - began)

    asyncio.Handle._run = timed  # type: ignore[attr-defined]
    try:
        yield found
    finally:
        asyncio.Handle._run = run  # type: ignore[attr-defined]


async def callbacks(scale: float) -> list[Figure]:
    """One answer at a time, the loop being asyncio's own; the idle check by itself."""
    figures = []
    async with served() as url, Client() as client:
        for target in hostile():
            worst = []
            for _ in range(max(3, int(20 * scale))):
                gc.collect()
                with longest() as found:
                    try:
                        await client.get(url + target.decode())
                    except HTTPCError:
                        pass
                worst.append(found[0])
            # The median of the worst: another program on this processor is no callback of ours.
            most = 10 if target == b"/mib" else 50
            figures.append(Figure(f"longest callback, {target.decode()[1:]}", median(worst) * 1000, most, "ms"))
        await client.get(url + "/1")
        transport = client._loops.current
        assert transport is not None
        connection = next(iter(transport.resting))
        assert connection.sound()
        figures.append(Figure("idle check", timeit(connection.sound, number=100_000) * 10, 1, "us"))
    return figures


async def posts(scale: float) -> list[Figure]:
    """Four clients, a POST a second each, of slightly different periods."""
    number = int(600 * scale)
    executed: dict[str, int] = {}

    async def script(conn: Conn) -> None:
        loop = asyncio.get_running_loop()
        while True:
            closing = loop.call_later(1.0, conn.close)
            request = await conn.head()
            closing.cancel()
            if request is None:
                return
            await conn.rest()
            executed[request.target] = executed.get(request.target, 0) + 1
            conn.send(response(b"done"))

    async def one(url: str, name: str, period: float) -> int:
        failed = 0
        async with Client(limits=Limits(max_per_host=1)) as client:
            for turn in range(number):
                began = time.monotonic()
                try:
                    await client.post(f"{url}/{name}/{turn}", body=b"order")
                except ConnectionLost:
                    failed += 1
                await asyncio.sleep(max(0.0, period - (time.monotonic() - began)))
        return failed

    async with Peer(script) as peer, Latency(peer.host, peer.port, 0.04) as line:
        periods = (0.97, 1.0, 1.02, 1.05)
        failed = await asyncio.gather(*(one(line.url, str(period), period) for period in periods))
    doubled = sum(times > 1 for times in executed.values())
    print(f"  failed, by period: {dict(zip(periods, failed, strict=True))} of {number} each")
    return [
        Figure("POSTs failed", 100 * max(failed) / number, 0.5, "%"),
        Figure("POSTs executed twice", doubled, 0),
    ]


PARTS: dict[str, Callable[[float], Awaitable[list[Figure]]]] = {
    part.__name__: part for part in (memory, cancel, waiters, timeouts, callbacks, posts)
}


def main() -> int:
    """Run the parts; 1 if a bound was passed."""
    parser = argparse.ArgumentParser(description="Run this client for long, and look at what is left.")
    parser.add_argument("--parts", nargs="+", choices=tuple(PARTS), default=list(PARTS))
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of requests (1.0)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
        return 0
    good = True
    for name in options.parts:
        print(f"{name}: {PARTS[name].__doc__}", flush=True)
        began = time.monotonic()

        async def run(part: Callable[[float], Awaitable[list[Figure]]] = PARTS[name]) -> list[Figure]:
            return await part(options.scale)

        figures = asyncio.run(run())
        print(*figures, f"  ({time.monotonic() - began:.0f} s)", sep="\n", flush=True)
        good = good and all(figure.value <= figure.most for figure in figures)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
