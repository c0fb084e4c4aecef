"""What a reconnect over TLS costs, with a full handshake and with a resumed session:
`python -m bench.resumption [--reconnects 50] [--rounds 9]`.

Refuses to take a handshake for what it is not: as many are resumed as a window says, or it is an error.
Called by hand. Law: full and resumed windows follow each other in one round, on the same server; the figure is CPU for
each reconnect (connect, handshake, one small GET, close), in this process and in nginx's worker; the ratio is that of
the medians. Tickets are on in nginx, as they are by default; the chain of certificates is what `bench.server` gives it.
"""

import argparse
import asyncio
import ssl
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import uvloop

from async_keepalive_httpc import Client, Limits
from bench.machine import choose_cpus, describe_machine, pin
from bench.server import Server, serve
from bench.work import WORKS

WORK: Final = WORKS["https-1"]
GOAL: Final = 0.65
LOOPS: Final = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
VERSIONS: Final = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}


class WrongHandshake(Exception):
    """A window was not of the kind it was to be."""


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds, of this process and of nginx's workers."""

    client: float
    server: float

    @classmethod
    def now(cls, server: Server) -> Self:
        """So far. Linux's schedstat counts in nanoseconds, where other clocks of processes count in 10 ms."""
        master = (server.authority.parent / "nginx.pid").read_text().strip()
        workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        nanoseconds = sum(int(Path(f"/proc/{worker}/schedstat").read_text().split()[0]) for worker in workers)
        return cls(time.process_time(), nanoseconds / 1e9)

    def since(self, before: Self, times: int) -> "Spent":
        """For each of so many, from `before` until this."""
        return Spent((self.client - before.client) / times, (self.server - before.server) / times)


def make_context(server: Server, version: ssl.TLSVersion) -> ssl.SSLContext:
    """A context that trusts the server, and speaks one version of TLS."""
    context = ssl.create_default_context(cafile=str(server.authority))
    context.minimum_version = context.maximum_version = version
    return context


async def reconnect(client: Client, server: Server, times: int) -> Spent:
    """What each of so many connections costs, one request on each."""
    url = server.locate(WORK)
    before = Spent.now(server)
    for _ in range(times):
        response = await client.get(url)
        if response.status != 200 or len(response.body) != WORK.size:
            raise WrongHandshake(f"{response!r} is not the answer of the work")
    return Spent.now(server).since(before, times)


async def measure(server: Server, version: ssl.TLSVersion, times: int, rounds: int) -> list[tuple[Spent, Spent]]:
    """What a reconnect costs, (full, resumed) for each round."""
    once, context = Limits(max_requests_per_connection=1), make_context(server, version)
    pairs = []
    async with (
        Client(verify=context, limits=once, tls_resumption=False) as full,
        Client(verify=context, limits=once) as resuming,
    ):
        for client in (full, resuming):
            await reconnect(client, server, times)
        for _ in range(rounds):
            before = resuming.stats()["connections"]["resumed"]
            pairs.append((await reconnect(full, server, times), await reconnect(resuming, server, times)))
            resumed = resuming.stats()["connections"]["resumed"] - before
            if resumed != times:
                raise WrongHandshake(f"{resumed} of {times} handshakes were resumed")
        if full.stats()["connections"]["resumed"]:
            raise WrongHandshake("a full handshake was resumed")
    return pairs


def compare(pairs: list[tuple[Spent, Spent]]) -> tuple[list[str], float]:
    """The cells of a row, and the ratio of client and server together."""
    cells = []
    sides = [[spent.client for spent in side] for side in zip(*pairs, strict=True)]
    both = [[spent.client + spent.server for spent in side] for side in zip(*pairs, strict=True)]
    for full, resumed in (map(statistics.median, sides), map(statistics.median, both)):
        cells += [f"{full * 1e6:.0f}", f"{resumed * 1e6:.0f}", f"{resumed / full:.2f}"]
    return cells, float(cells[-1])


def main(arguments: list[str] | None = None) -> int:
    """Measure, print one line for each loop and version; 1 where client and server together miss the goal."""
    parser = argparse.ArgumentParser(prog="python -m bench.resumption", description="CPU of a reconnect over TLS.")
    parser.add_argument("--reconnects", type=int, default=50, help="in each window (50)")
    parser.add_argument("--rounds", type=int, default=9, help="of a full and a resumed window each (9)")
    asked = parser.parse_args(arguments)
    cpus = choose_cpus()
    missed = False
    print("; ".join(describe_machine(cpus).values()))
    print("CPU in us for each reconnect\n")
    print("| loop | version | client, full | resumed | ratio | with server, full | resumed | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    with serve([WORK], cpus and cpus[1]) as server, pin(cpus and cpus[0]):
        for loop, factory in LOOPS.items():
            for version, number in VERSIONS.items():
                with asyncio.Runner(loop_factory=factory) as runner:
                    pairs = runner.run(measure(server, number, asked.reconnects, asked.rounds))
                cells, ratio = compare(pairs)
                missed = missed or ratio > GOAL
                print(f"| {loop} | {version} | {' | '.join(cells)} |", flush=True)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
