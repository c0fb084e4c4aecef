"""Each fault of `testing.faults` does what it says, and what the client makes of it."""

from __future__ import annotations

import asyncio
import time
import zlib
from typing import Any

import pytest
from tests.conftest import Run

from async_keepalive_httpc import Client, ConnectionLost, ProtocolError, Timeout, TimeoutExpired, TooLarge
from async_keepalive_httpc.testing import Peer, faults, in_turn, response


async def ask(peer: Peer, times: int = 1, **options: Any) -> list[Any]:
    """What the client makes of so many GETs, one after the other: a body, or the error."""
    got: list[Any] = []
    async with Client(**options) as client:
        for _ in range(times):
            try:
                got.append((await client.get(peer.url)).body)
            except (ConnectionLost, ProtocolError, TooLarge, TimeoutExpired) as error:
                got.append(type(error))
    return got


@pytest.mark.parametrize(
    ("reply", "outcome", "connections"),
    [
        (faults.well(), [b"ok"] * 3, 1),
        (faults.delay(0.001), [b"ok"] * 3, 1),
        (faults.pieces(), [b"ok"] * 3, 1),
        (faults.pieces(size=7), [b"ok"] * 3, 1),
        (faults.drip(seconds=0), [b"ok"] * 3, 1),
        (faults.poison(), [b"ok"] * 3, 2),
        (faults.poison(extra=b"x"), [b"ok"] * 3, 2),
        (faults.last(), [b"ok"] * 3, 2),
        (faults.last(reset=True), [b"ok"] * 3, 2),
        (faults.drop(), [b"ok"] * 3, 2),
        (faults.reset(), [b"ok"] * 3, 2),
        (faults.drop(read=False), [b"ok"] * 3, 2),
        (faults.reset(read=False), [b"ok"] * 3, 2),
        (faults.request_timeout(), [b"ok"] * 3, 2),
        (faults.cut(response(b"0123456789"), 45), [b"ok", ConnectionLost, b"ok"], 2),
        (faults.cut(response(b"0123456789"), 45, reset=True), [b"ok", ConnectionLost, b"ok"], 2),
        (faults.garbage(), [b"ok", ProtocolError, b"ok"], 2),
        (faults.endless_header(), [b"ok", TooLarge, b"ok"], 2),
        (faults.endless_interims(), [b"ok", TooLarge, b"ok"], 2),
        (faults.endless_extension(), [b"ok", TooLarge, b"ok"], 2),
        (faults.endless_body(), [b"ok", TooLarge, b"ok"], 2),
        (faults.bomb(), [b"ok", TooLarge, b"ok"], 1),
    ],
)
def test_on_a_connection_that_was_used(run: Run, reply: faults.Reply, outcome: list[Any], connections: int) -> None:
    async def main() -> None:
        async with Peer(in_turn(faults.well(), reply, faults.well())) as peer:
            assert await ask(peer, 3, max_body_size=1 << 20) == outcome
            assert peer.connections == connections
            await peer.ended()

    run(main())


def test_poison_of_an_idle_connection(run: Run) -> None:
    async def main() -> None:
        async with Peer(in_turn(faults.poison(pause=0.001, extra=response(b"evil")), faults.well())) as peer:
            async with Client() as client:
                await client.get(peer.url)
                await peer.ended()
                assert (await client.get(peer.url)).body == b"ok"
                assert client.stats()["connections"]["closed"] == {"poisoned": 1}

    run(main())


def test_silence(run: Run) -> None:
    async def main() -> None:
        async with Peer(in_turn(faults.silence())) as peer:
            assert await ask(peer, timeout=Timeout(read=0.01)) == [TimeoutExpired]
            await peer.ended()

    run(main())


def test_early(run: Run) -> None:
    async def main() -> None:
        async with Peer(in_turn(faults.early(), faults.well())) as peer, Client() as client:
            assert (await client.post(peer.url, body=bytes(50_000_000))).status == 413
            assert not peer.requests[0].complete
            assert (await client.get(peer.url)).body == b"ok"

    run(main())


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (5 << 20) + 3])
def test_a_bomb_is_one_sound_member(size: int) -> None:
    member = zlib.decompressobj(31)
    assert member.decompress(faults.zeros(size)) == bytes(size)
    assert (member.eof, member.unused_data) == (True, b"")


def test_a_bomb_is_made_at_once() -> None:
    began = time.process_time()
    assert len(faults.zeros(200 << 20)) < 300_000
    assert time.process_time() - began < 5


def test_a_request_that_says_close_is_the_last(run: Run) -> None:
    async def main() -> None:
        async with Peer(in_turn(faults.well())) as peer:
            reader, writer = await asyncio.open_connection(peer.host, peer.port)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await reader.read()).endswith(b"ok")
            writer.close()
            await writer.wait_closed()

    run(main())
