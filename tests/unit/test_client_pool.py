"""Connections over real sockets: how many, which one next, why each was closed, and that the counts are exact."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from tests.conftest import Run
from tests.peers import Conn, Peer, Request, echo, ok, response, serving

from async_keepalive_httpc import Client, ConnectError, Limits, TooManyWaiters


async def gathered(client: Client, url: str, number: int) -> list[Any]:
    return await asyncio.gather(*(client.get(url) for _ in range(number)))


def test_one_after_another_take_one_connection(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo) as peer, Client() as client:
            for number in range(50):
                got = await client.get(f"{peer.url}/n/{number}")
                assert (got.text, got.headers["X-Connection"], got.reused) == (str(number), "1", number > 0)
            assert client.connect_times == peer.connections == 1

    run(main())


def test_https_too(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo, tls=True) as peer, Client(verify=peer.ca_context()) as client:
            for number in range(10):
                assert (await client.get(f"{peer.url}/n/{number}")).text == str(number)
            assert (client.connect_times, peer.connections) == (1, 1)
            await client.preconnect(peer.url, 3)
            await gathered(client, peer.url, 20)
            assert peer.connections <= 20
        assert client.stats()["connections"]["closed"] == {"closed": peer.connections}

    run(main())


@pytest.mark.parametrize("most", [1, 10])
def test_two_waves_of_many(run: Run, most: int) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client(limits=Limits(max_per_host=most)) as client:
            for _ in range(2):
                await gathered(client, peer.url, 500)
                assert peer.connections == peer.peak == most
            connections = client.stats()["connections"]
            assert (connections["requests"], connections["reused"], connections["idle"]) == (1000, 1000 - most, most)

    run(main())


def test_ten_thousand_waiters_in_order(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client(limits=Limits(max_per_host=2)) as client:
            order: list[int] = []

            async def ask(number: int) -> None:
                await client.get(f"{peer.url}/{number}")
                order.append(number)

            await asyncio.gather(*(ask(number) for number in range(10_000)))
            targets = [int(request.target[1:]) for request in peer.requests]
            assert all(abs(number - place) <= 2 for place, number in enumerate(targets))
            assert sorted(order) == list(range(10_000))
            assert peer.connections == 2

    run(main(), timeout=60)


def test_the_limit_of_all_origins(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo) as a, Peer(echo) as b, Peer(echo) as c:
            peers = [a, b, c]
            async with Client(limits=Limits(max_connections=3, max_per_host=2)) as client:
                calls = [client.get(f"{peers[number % 3].url}/n/{number}") for number in range(150)]
                outcomes = await asyncio.gather(*calls)
                assert [got.text for got in outcomes] == [str(number) for number in range(150)]
                assert client._loops.current is not None
                assert client._loops.current.size <= 3
                assert all(peer.peak <= 3 for peer in peers)  # one of the two may not have heard of a close yet
                assert set(client.stats()["connections"]["closed"]) <= {"evicted"}

    run(main())


def test_idle_connections_of_other_origins_make_room(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as a, Peer(ok()) as b, Client(limits=Limits(max_connections=2)) as client:
            await client.preconnect(a.url, 2)
            await client.get(b.url)
            origins = client.stats()["origins"]
            assert origins[f"http://127.0.0.1:{a.port}"]["closed"] == {"evicted": 1}
            assert origins[f"http://127.0.0.1:{b.port}"]["opened"] == 1

    run(main())


def test_too_many_waiters(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client(limits=Limits(max_per_host=1, max_waiters=5)) as client:
            calls = [client.get(peer.url) for _ in range(20)]
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            refused = [outcome for outcome in outcomes if isinstance(outcome, TooManyWaiters)]
            assert len(refused) == 14
            assert len(peer.requests) == 6

    run(main())


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([("Connection", "close")], "server"),
        ([("Keep-Alive", "timeout=0")], "idle"),
        ([("Keep-Alive", "max=0")], "max requests"),
    ],
)
def test_an_answer_that_ends_its_connection(run: Run, headers: Any, reason: str) -> None:
    async def main() -> None:
        async with Peer(serving(lambda conn, request: response(b"x", headers=headers))) as peer, Client() as client:
            for _ in range(3):
                assert (await client.get(peer.url)).body == b"x"
            assert peer.connections == 3
            assert client.stats()["connections"]["closed"] == {reason: 3}

    run(main())


def test_a_request_that_says_close(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client() as client:
            await client.get(peer.url, headers={"Connection": "close"})
            assert client.stats()["connections"]["closed"] == {"client": 1}
            assert peer.requests[0].get("Connection") == "close"

    run(main())


@pytest.mark.parametrize("turns", [0, 1, 5])
@pytest.mark.parametrize("how", ["fin", "reset"])
def test_a_connection_that_ended_while_idle_hurts_nobody(run: Run, how: str, turns: int) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client() as client:
            await client.get(peer.url)
            if how == "fin":
                peer.conns[0].close()
            else:
                peer.conns[0].reset()
            for _ in range(turns):
                await asyncio.sleep(0)
            assert (await client.get(peer.url)).body == b"ok"
            assert len(peer.requests) == peer.connections == 2

    run(main())


def test_bytes_on_an_idle_connection_are_no_answer(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client() as client:
            await client.get(peer.url)
            peer.conns[0].send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            for _ in range(5):
                await asyncio.sleep(0)
            assert (await client.get(peer.url)).body == b"ok"
            assert client.stats()["connections"]["closed"] == {"poisoned": 1}

    run(main())


def test_bytes_that_the_loop_has_not_read_are_seen_by_a_look(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client() as client:
            await client.get(peer.url)
            transport = client._loops.current
            assert transport is not None
            (connection,) = transport.resting
            connection.moved -= 1  # as if it had rested
            peer.conns[0].send(b"evil")
            assert (await client.get(peer.url)).body == b"ok"
            assert client.stats()["connections"]["closed"] == {"server": 1}
            assert peer.connections == 2

    run(main())


def test_an_answer_and_more_in_one_read(run: Run) -> None:
    async def main() -> None:
        def reply(conn: Conn, request: Request) -> bytes:
            return response(request.target.encode()) + response(b"evil")

        async with Peer(serving(reply)) as peer, Client() as client:
            for number in range(3):
                assert (await client.get(f"{peer.url}/{number}")).text == f"/{number}"
            assert client.stats()["connections"]["closed"] == {"poisoned": 3}

    run(main())


def test_preconnect(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client() as client:
            assert await client.preconnect(peer.url, 5) == 5
            assert peer.connections == client.connect_times == 5
            assert client.stats()["connections"]["idle"] == 5
            await gathered(client, peer.url, 5)
            assert peer.connections == 5
            assert await client.preconnect(peer.url) == 5
        with pytest.raises(ConnectError):
            async with Client() as client:
                await client.preconnect(peer.url, 2)

    run(main())


def test_random_cancellations_lose_no_slot(run: Run) -> None:
    async def main() -> None:
        generator = random.Random(7)
        async with Peer(echo) as peer, Client(limits=Limits(max_per_host=4)) as client:

            async def ask(number: int) -> None:
                got = await client.get(f"{peer.url}/n/{number}")
                assert got.text == str(number)

            for start in range(0, 500, 50):
                tasks = [asyncio.ensure_future(ask(number)) for number in range(start, start + 50)]
                for _ in range(generator.randrange(12)):
                    await asyncio.sleep(0)
                for task in generator.sample(tasks, 25):
                    task.cancel()
                outcomes = await asyncio.gather(*tasks, return_exceptions=True)
                assert {type(outcome) for outcome in outcomes} <= {type(None), asyncio.CancelledError}
            await ask(1000)
            await peer.until(lambda: peer.open <= 4)
            connections = client.stats()["connections"]
            assert connections["active"] == connections["waiting"] == 0
            assert connections["idle"] + connections["dialling"] <= 4

    run(main())
