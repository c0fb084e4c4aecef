"""The relay keeps order and distance, and the ends of a connection arrive as what they are."""

from __future__ import annotations

import asyncio

import pytest
from tests.conftest import Run

from async_keepalive_httpc import Client, ConnectError, ConnectionLost
from async_keepalive_httpc.testing import Conn, Latency, Peer, echo, faults, in_turn

ROUND_TRIP = 0.1


def test_a_round_trip(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo) as peer, Latency(peer.host, peer.port, ROUND_TRIP) as line, Client() as client:
            await client.get(f"{line.url}/n/1")
            loop = asyncio.get_running_loop()
            began = loop.time()
            assert (await client.post(line.url, body=b"x" * 100_000)).body == b"x" * 100_000
            assert loop.time() - began >= ROUND_TRIP
            assert client.connect_times == 1

    run(main())


@pytest.mark.parametrize("reset", [False, True])
def test_a_request_and_the_end_pass_each_other(run: Run, reset: bool) -> None:
    """The server ends an idle connection; what the client sends before it hears of that meets a closed door."""

    async def main() -> None:
        script = in_turn(faults.last(pause=0.03, reset=reset), faults.well())
        async with Peer(script) as peer, Latency(peer.host, peer.port, ROUND_TRIP) as line, Client() as client:
            await client.get(line.url)
            with pytest.raises(ConnectionLost) as caught:
                await client.post(line.url)
            assert caught.value.reused
            assert len(peer.requests) == 1
            assert (await client.get(line.url)).body == b"ok"

    run(main())


def test_a_half_closed_connection(run: Run) -> None:
    async def script(conn: Conn) -> None:
        conn.send(b"first")
        conn.half_close()
        assert await conn.closed() == b"second"

    async def main() -> None:
        async with Peer(script) as peer, Latency(peer.host, peer.port, ROUND_TRIP) as line:
            reader, writer = await asyncio.open_connection(line.host, line.port)
            assert await reader.read() == b"first"
            writer.write(b"second")
            writer.close()
            await writer.wait_closed()
            await peer.ended()

    run(main())


def test_nobody_behind_it(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo) as peer:
            port = peer.port
        async with Latency("127.0.0.1", port, 0) as line, Client() as client:
            with pytest.raises((ConnectionLost, ConnectError)):
                await client.get(line.url)

    run(main())


def test_it_ends_while_connections_are_open(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo) as peer, Client() as client:
            async with Latency(peer.host, peer.port, ROUND_TRIP) as line:
                await client.get(line.url)
            await peer.ended()

    run(main())
