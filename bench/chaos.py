"""The chaos race: `python -m bench.chaos`. Who loses requests, takes wrong bodies, or has POSTs executed twice?

Refuses to compare unlike things: each client meets the same server with the same seeds, in a process of its own, and
counts by the same rules. Called by `make soak` and by hand.
Law: a body is right if it is the one that belongs to the request's id; what was executed twice is told by the server.

Three races for each seed: `get`, all GETs; `post`, one request in five a POST; `cut`, GETs of which the server cuts one
answer in a hundred.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from async_keepalive_httpc.testing import chaos
from bench.chaos_clients import CLIENTS, Fetch, installed

RACES = {"get": (0.0, 0.0), "post": (0.2, 0.0), "cut": (0.0, 0.01)}
"""Share of POSTs, and of answers that are cut."""
BOUND = 300.0
"""Seconds for one race: 20,000 requests take a tenth of it."""


@dataclass
class Tally:
    """What came of the requests of one client in one kind of race, over all seeds."""

    gets: int = 0
    posts: int = 0
    failed_gets: int = 0
    failed_posts: int = 0
    wrong: int = 0
    cut: int = 0
    doubled_posts: int = 0
    attempts: int = 1
    seconds: float = 0.0
    errors: dict[str, int] = field(default_factory=dict)

    def fail(self, error: BaseException) -> None:
        """Note what kind of error it was."""
        name = type(error).__name__
        self.errors[name] = self.errors.get(name, 0) + 1


def plan(seed: int, requests: int, share: float) -> list[tuple[str, str]]:
    """Method and target of each request; the id of a POST says that it is one."""
    chance = random.Random(f"plan/{seed}")
    methods = ["POST" if chance.random() < share else "GET" for _ in range(requests)]
    return [(method, f"/{method.lower()}/{number}") for number, method in enumerate(methods)]


async def send(fetch: Fetch, url: str, calls: Sequence[tuple[str, str]], at_once: int) -> dict[str, Any]:
    """Send them all, so many at once; for each id its body, or the error."""
    left = iter(calls)
    outcomes: dict[str, Any] = {}

    async def work() -> None:
        for method, name in left:
            try:
                outcomes[name] = await fetch(method, url + name)
            except Exception as error:
                outcomes[name] = error

    await asyncio.gather(*(work() for _ in range(at_once)))
    return outcomes


async def race(client: str, kind: str, seed: int, requests: int, at_once: int, tally: Tally) -> None:
    """One client against one server."""
    share, cut = RACES[kind]
    command = (sys.executable, "-m", "bench.chaos_server", str(seed), str(cut))
    pipe = asyncio.subprocess.PIPE
    server = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=1 << 26)
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        port = int(await server.stdout.readline())
        calls = plan(seed, requests, share)
        async with asyncio.timeout(BOUND), CLIENTS[client][0](at_once) as fetch:
            began = time.monotonic()
            outcomes = await send(fetch, f"http://127.0.0.1:{port}", calls, at_once)
            tally.seconds += time.monotonic() - began
        server.stdin.close()
        judge(calls, outcomes, json.loads(await server.stdout.readline()), tally)
    finally:
        server.stdin.close()
        await server.wait()


def judge(calls: Sequence[tuple[str, str]], outcomes: dict[str, Any], saw: dict[str, Any], tally: Tally) -> None:
    """Count what came of the calls, with what the server saw."""
    cut = set(saw["cut"])
    tally.cut += len(cut)
    for method, name in calls:
        outcome = outcomes[name]
        if method == "GET":
            tally.gets += 1
        else:
            tally.posts += 1
        if isinstance(outcome, BaseException):
            tally.fail(outcome)
            if name not in cut:
                tally.failed_gets += method == "GET"
                tally.failed_posts += method == "POST"
        elif outcome != chaos.body(name):
            tally.wrong += 1
    doubled = [name for names in saw["executed"].values() for name in names]
    tally.doubled_posts += sum(name.startswith("/post/") for name in doubled)
    tally.attempts = max([tally.attempts, *map(int, saw["attempts"])])


def show(results: dict[str, dict[str, Tally]]) -> str:
    """A table for each race."""
    lines: list[str] = []
    for kind, tallies in results.items():
        first = next(iter(tallies.values()))
        lines += [f"{kind}: {first.gets} GETs, {first.posts} POSTs, for each client", ""]
        lines += ["| client | GETs failed | POSTs failed | POSTs executed twice | wrong bodies | most attempts | s |"]
        lines += ["|---|---|---|---|---|---|---|"]
        for client, tally in tallies.items():
            share = f" ({tally.failed_posts / tally.posts:.1%})" if tally.posts else ""
            lines.append(
                f"| {client} | {tally.failed_gets} | {tally.failed_posts}{share} | {tally.doubled_posts} "
                f"| {tally.wrong} | {tally.attempts} | {tally.seconds:.1f} |"
            )
        lines += ["", *(f"{client}: {told(tally)}" for client, tally in tallies.items() if tally.errors)]
        if first.cut:
            lines += ["", "Answers that were cut, so that an error is right, are not among the failed ones."]
        lines.append("")
    return "\n".join(lines)


def told(tally: Tally) -> str:
    """The errors by kind, the most frequent first."""
    return ", ".join(f"{name} {times}" for name, times in sorted(tally.errors.items(), key=lambda item: -item[1]))


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Check the arguments."""
    here = installed()
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description="Race this client and its peers.")
    parser.add_argument("--seeds", type=int, default=10, help="seeds 1 to this (10)")
    parser.add_argument("--requests", type=int, default=20_000, help="requests for each seed (20000)")
    parser.add_argument("--at-once", type=int, default=50, help="requests in flight (50)")
    parser.add_argument("--races", nargs="+", choices=tuple(RACES), default=list(RACES))
    parser.add_argument("--clients", nargs="+", choices=here, default=here)
    return parser.parse_args(arguments)


def good(results: dict[str, dict[str, Tally]]) -> bool:
    """Whether ours did what is promised; peers may do as they like."""
    ours = [tallies["ours"] for tallies in results.values() if "ours" in tallies]
    return all(
        tally.failed_gets == tally.wrong == tally.doubled_posts == 0
        and tally.attempts <= 2
        and tally.failed_posts <= 0.04 * tally.posts
        for tally in ours
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the races; the exit status is 1 if ours broke a promise."""
    options = parse_arguments(arguments)
    results: dict[str, dict[str, Tally]] = {}
    for kind in options.races:
        results[kind] = {client: Tally() for client in options.clients}
        for seed in range(1, options.seeds + 1):
            for client, tally in results[kind].items():
                asyncio.run(race(client, kind, seed, options.requests, options.at_once, tally))
            print(f"{kind}: seed {seed} of {options.seeds}", file=sys.stderr, flush=True)
    print(show(results))
    return 0 if good(results) else 1


if __name__ == "__main__":
    sys.exit(main())
