"""What pipelining is worth: the same requests over a line with a round trip, in three ways.

    python examples/pipelining.py --round-trip=0.05 --requests=200

The server and the line are on this machine. Needs the extra `testing`.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Any

from async_keepalive_httpc import Client, Limits
from async_keepalive_httpc.testing import Conn, Latency, Peer, Request, response, serving

DEPTH = 50
WAYS: dict[str, dict[str, Any]] = {
    "one connection": {"limits": Limits(max_per_host=1)},
    f"one connection, pipelining={DEPTH}": {"limits": Limits(max_per_host=1), "pipelining": DEPTH},
    f"{DEPTH} connections": {"limits": Limits(max_per_host=DEPTH)},
}


def reply(conn: Conn, request: Request) -> bytes:
    return response(request.target.encode())


async def measure(url: str, requests: int, options: dict[str, Any]) -> tuple[float, int]:
    """Seconds from the first request to the last answer, on a client that is new; and how often it connected."""
    async with Client(trust_env=False, **options) as client:
        began = time.perf_counter()
        answers = await asyncio.gather(*(client.get(f"{url}/{number}") for number in range(requests)))
        seconds = time.perf_counter() - began
        assert [answer.text for answer in answers] == [f"/{number}" for number in range(requests)]
        return seconds, client.connect_times


async def main(round_trip: float, requests: int) -> None:
    print(f"{requests} GETs at once, {round_trip * 1000:g} ms there and back")
    async with Peer(serving(reply)) as peer, Latency(peer.host, peer.port, round_trip) as line:
        for name, options in WAYS.items():
            seconds, connections = await measure(line.url, requests, options)
            print(f"{name:<32}{seconds:8.2f} s, {connections:3} connections")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What pipelining is worth over a line with a round trip.")
    parser.add_argument("--round-trip", type=float, default=0.05, help="seconds there and back (default 0.05)")
    parser.add_argument("--requests", type=int, default=200, help="how many (default 200)")
    given = parser.parse_args()
    asyncio.run(main(given.round_trip, given.requests))
