"""What large bodies cost in memory: one copy of what is wanted whole, a few pieces of what passes through.

Both sides of a socket are in this process, so what the peer holds counts too.
"""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

from tests.conftest import Run
from tests.feeding import Wired
from tests.peers import Conn, Peer

from async_keepalive_httpc import Client
from async_keepalive_httpc._connection.bulk import Bulk

MIB = 1 << 20
PIECE = bytes(MIB // 4)
LARGE = 64 * MIB
PASSING = 8 * MIB
"""Bytes of a body on its way, wherever they are: buffers of both sides, pieces, and what a loop holds for a moment."""


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_a_whole_body_is_there_once() -> None:
    """Not in pieces beside it, and not twice while it is put together."""
    wired = Wired()
    tracemalloc.start()
    got = wired.send(limit=LARGE)
    wired.feed(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE)
    for _ in range(LARGE // len(PIECE)):
        wired.feed(PIECE)
    assert len(got.body) == LARGE
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < LARGE + MIB


def test_what_is_announced_is_not_taken(run: Run) -> None:
    """Peers that announce 90 MiB each and send 70 kB cost what they sent."""
    number = 10

    async def script(conn: Conn) -> None:
        await conn.request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (90 * MIB) + bytes(70_000))
        await conn.closed()

    async def main() -> None:
        async with Peer(script) as peer, Client() as client:
            before = resident()
            tasks = [asyncio.ensure_future(client.get(peer.url)) for _ in range(number)]
            transport = None
            begun = 0
            while begun < number:
                await asyncio.sleep(0)
                transport = client._loops.current
                lanes = () if transport is None else transport.lanes.values()
                under_way = [connection for lane in lanes for connection in lane.members]
                begun = sum(isinstance(connection._parser, Bulk) for connection in under_way)
            assert resident() - before < 30 * MIB
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    run(main())


def test_a_stream_passes_through(run: Run) -> None:
    async def script(conn: Conn) -> None:
        await conn.request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE)
        for _ in range(LARGE // len(PIECE)):
            conn.send(PIECE)
            await conn.flushed()
        await conn.closed()

    async def main() -> None:
        async with Peer(script) as peer, Client() as client:
            tracemalloc.start()
            size = 0
            async with client.stream("GET", peer.url) as response:
                async for piece in response:
                    size += len(piece)
                    await asyncio.sleep(0)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert size == LARGE
            assert peak < PASSING

    run(main(), timeout=60)


def test_an_upload_passes_through(run: Run) -> None:
    received = 0

    async def script(conn: Conn) -> None:
        nonlocal received
        await conn.head()
        while received < LARGE:
            received += len(await conn.read_some())
            await asyncio.sleep(0)  # it is slower than we are
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await conn.closed()

    async def body() -> AsyncIterator[bytes]:
        for _ in range(LARGE // len(PIECE)):
            yield PIECE

    async def main() -> None:
        async with Peer(script) as peer, Client() as client:
            tracemalloc.start()
            got = await client.post(peer.url, body=body(), headers={"Content-Length": str(LARGE)})
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert got.body == b"ok"
            assert received == LARGE
            assert peak < PASSING

    run(main(), timeout=60)
