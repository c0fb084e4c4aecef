"""The chaos server in a process of its own: `python -m bench.chaos_server SEED CUT`; prints its port, then what it saw.

Refuses to stay: it ends with its standard input. Called by `bench.chaos`.
Law: the last line is JSON: attempts and executions, each as {times: ids}, the ids that were cut, and the harms.
"""

import asyncio
import json
import sys
from collections import Counter

from async_keepalive_httpc.testing import Chaos, Peer, Rates


def count(times: Counter[str]) -> dict[int, list[str]]:
    """The ids that came more than once, by how often."""
    found: dict[int, list[str]] = {}
    for name, number in times.items():
        if number > 1:
            found.setdefault(number, []).append(name)
    return found


async def serve(seed: int, cut: float) -> None:
    """Serve until the standard input ends."""
    chaos = Chaos(seed, Rates(cut=cut))
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with Peer(chaos) as peer:
        print(peer.port, flush=True)
        await reader.read()
    saw = {
        "attempts": count(chaos.attempts),
        "executed": count(chaos.executed),
        "cut": sorted(chaos.cut),
        "harms": dict(chaos.harms),
    }
    print(json.dumps(saw), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
