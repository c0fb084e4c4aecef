"""The seeded chaos server counts rightly and harms only what may be harmed; and the race in small.

The race itself, with its peers, is `python -m bench.chaos`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from tests.conftest import Run

from async_keepalive_httpc import Client, ConnectionLost, Limits
from async_keepalive_httpc.testing import Chaos, Peer, Rates, chaos

CALM = Rates(*[0.0] * 9)
OFTEN = Rates(die_unread=0.05, die_acted=0.05, close_after=0.05, idle_close=0.2, delay=0.05, split=0.1)


async def race(client: Client, url: str, names: list[str], method: str = "GET", at_once: int = 20) -> dict[str, Any]:
    """Send all requests, so many at once; the body or the error for each."""
    left = iter(names)
    outcomes: dict[str, Any] = {}

    async def work() -> None:
        for name in left:
            try:
                outcomes[name] = (await client.request(method, f"{url}{name}")).body
            except ConnectionLost as error:
                outcomes[name] = error

    await asyncio.gather(*(work() for _ in range(at_once)))
    return outcomes


def names(number: int) -> list[str]:
    return [f"/{n}" for n in range(number)]


@pytest.mark.parametrize("seed", [1, 2])
def test_no_get_is_lost_or_mixed_up(run: Run, seed: int) -> None:
    async def main() -> None:
        storm = Chaos(seed, OFTEN)
        async with Peer(storm) as peer, Client(limits=Limits(max_per_host=20)) as client:
            outcomes = await race(client, peer.url, names(600))
        assert {name for name, body in outcomes.items() if body != chaos.body(name)} == set()
        assert max(storm.attempts.values()) <= 2
        assert storm.harms["die_unread"] + storm.harms["die_acted"] > 10

    run(main())


@pytest.mark.parametrize("seed", [1, 2])
def test_no_post_is_executed_twice(run: Run, seed: int) -> None:
    async def main() -> None:
        storm = Chaos(seed, OFTEN)
        async with Peer(storm) as peer, Client(limits=Limits(max_per_host=20)) as client:
            outcomes = await race(client, peer.url, names(400), "POST")
        lost = {name for name, body in outcomes.items() if isinstance(body, ConnectionLost)}
        assert all(body == chaos.body(name) for name, body in outcomes.items() if name not in lost)
        assert 0 < len(lost) < 200
        assert max(storm.attempts.values()) == max(storm.executed.values()) == 1

    run(main())


@pytest.mark.parametrize("seed", [1, 2])
def test_a_cut_body_is_an_error_and_a_whole_one_is_none(run: Run, seed: int) -> None:
    async def main() -> None:
        storm = Chaos(seed, Rates(cut=0.1))
        async with Peer(storm) as peer, Client(limits=Limits(max_per_host=20)) as client:
            outcomes = await race(client, peer.url, names(400))
        assert {name for name, body in outcomes.items() if body != chaos.body(name)} == storm.cut
        assert storm.harms["cut"] == len(storm.cut) > 10

    run(main())


def test_without_harm_nothing_happens(run: Run) -> None:
    async def main() -> None:
        storm = Chaos(rates=CALM)
        async with Peer(storm) as peer, Client() as client:
            outcomes = await race(client, peer.url, names(100), at_once=1)
            assert outcomes == {name: chaos.body(name) for name in names(100)}
            assert client.connect_times == 1
            await client.post(peer.url, headers={"X-Request-Id": "mine"}, body=b"x")
        assert storm.executed == storm.attempts == Counter([*names(100), "mine"])
        assert storm.harms == Counter()

    run(main())


@pytest.mark.parametrize("harm", ["die_unread", "die_acted", "close_after"])
def test_a_harm_that_is_certain(run: Run, harm: str) -> None:
    """It comes with the second request of each connection, or after the first; a lost GET finds its way."""

    async def main() -> None:
        storm = Chaos(7, Rates(**{**dict.fromkeys(Rates.__slots__, 0.0), harm: 1.0}))
        async with Peer(storm) as peer, Client() as client:
            outcomes = await race(client, peer.url, names(10), at_once=1)
            assert outcomes == {name: chaos.body(name) for name in names(10)}
            await client.aclose()
            assert storm.harms[harm] == len(peer.conns) - (harm != "close_after")
        acted_twice = {name for name, times in storm.executed.items() if times == 2}
        assert bool(acted_twice) == (harm == "die_acted")

    run(main())


def test_the_seed_decides(run: Run) -> None:
    async def harms(seed: int) -> Counter[str]:
        storm = Chaos(seed, Rates(idle_close=0.0, die_unread=0.2))
        async with Peer(storm) as peer, Client() as client:
            await race(client, peer.url, names(60), at_once=1)
        return storm.harms

    assert run(harms(1)) == run(harms(1)) != run(harms(2))


def test_an_idle_connection_is_ended(run: Run) -> None:
    async def main() -> None:
        storm = Chaos(1, Rates(idle_close=1.0, idle_span=0.001, close_after=0.0))
        async with Peer(storm) as peer, Client() as client:
            await client.get(f"{peer.url}/1")
            await peer.ended()
            assert storm.harms["idle_close"] == 1

    run(main())
