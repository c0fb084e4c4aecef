"""Measures one client on one work in its own process: `python -m bench.aws.worker ORDER`, JSON for JSON.

Refuses to count a wrong answer: the first one ends the measurement. Called by the schedule.
Law: calls, time and CPU are read at both ends of one window, as `bench.worker` reads them.
"""

import asyncio
import json
import sys
import traceback
from dataclasses import asdict, dataclass

from bench.aws.clients import CONTENDERS, OPEN, Target
from bench.aws.work import WORKS
from bench.sample import Sample
from bench.worker import choose_loop, measure


@dataclass(frozen=True, slots=True)
class Order:
    """What the schedule asks for; times in seconds."""

    client: str
    work: str
    url: str
    warmup: float
    seconds: float


async def run(order: Order) -> Sample:
    """Open the ordered client, measure it, close it."""
    work = WORKS[order.work]
    in_flight = CONTENDERS[order.client].most or work.concurrency
    async with OPEN[order.client](Target(work, order.url)) as load:
        return await measure(load, in_flight, order.warmup, order.seconds)


def main() -> int:
    """Obey the order in the only argument; the answer is a Sample, or {"error": text}."""
    order = Order(**json.loads(sys.argv[1]))
    try:
        with asyncio.Runner(loop_factory=choose_loop(CONTENDERS[order.client].loop)) as runner:
            answer = asdict(runner.run(run(order)))
    except Exception as error:
        traceback.print_exc()
        answer = {"error": f"{type(error).__name__}: {error}"[:300]}
    print(json.dumps(answer))
    return 1 if "error" in answer else 0


if __name__ == "__main__":
    sys.exit(main())
