"""Time limits, with real sockets: each phase, never early, and nothing left behind.

What happens when is in test_deadline.py, where time is virtual; here it is only whether.
"""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
import time
from typing import Any

import pytest
from tests.conftest import Run
from tests.peers import Conn, Peer, ok, response

from async_keepalive_httpc import Client, Limits, StreamedResponse, Timeout, TimeoutExpired

SOON = 0.06


async def silent(conn: Conn) -> None:
    await conn.closed()


async def expires(call: Any, phase: str, limit: float = SOON) -> TimeoutExpired:
    """The call ends by this limit, and not before it."""
    await asyncio.sleep(0)
    began = time.monotonic()
    with pytest.raises(TimeoutExpired) as caught:
        await call
    # A dial is timed by the loop, and uvloop's time stands still within a turn and counts milliseconds.
    early = 0.005 if phase == "connect" else 0.0
    assert time.monotonic() - began >= limit - early
    assert caught.value.phase == phase
    assert f"{phase} timeout of {limit:g} s" in str(caught.value)
    assert isinstance(caught.value, TimeoutError)
    return caught.value


def nothing_left(client: Client) -> None:
    """Neither slot nor dial nor waiter nor watch."""
    connections = client.stats()["connections"]
    assert [connections[name] for name in ("dialling", "active", "waiting")] == [0, 0, 0]
    transport = client._loops.on(asyncio.get_running_loop())
    assert transport is not None
    assert not any(transport.clock._rows.values())
    assert transport.size == connections["idle"]


@pytest.mark.parametrize(
    "beginning", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n", response(b"part")[:-2]]
)
@pytest.mark.parametrize(("timeout", "phase"), [(Timeout(read=SOON), "read"), (SOON, "total")])
def test_an_answer_that_does_not_come(run: Run, beginning: bytes, timeout: Any, phase: str) -> None:
    async def main() -> None:
        async def script(conn: Conn) -> None:
            await conn.request()
            conn.send(beginning)
            await conn.closed()

        async with Peer(script) as peer, Client() as client:
            error = await expires(client.get(peer.url, timeout=timeout), phase)
            assert f"GET {peer.url}/: " in str(error)
            assert f"127.0.0.1:{peer.port}" in str(error)
            assert "raise Timeout(" in str(error)
            nothing_left(client)
            await peer.ended()
            assert client.stats()["connections"]["closed"] == {"abandoned": 1}

    run(main())


@pytest.mark.parametrize("drip", [b"x", b"1\r\nx\r\n"])
def test_a_dripping_answer_ends_by_the_total(run: Run, drip: bytes) -> None:
    async def main() -> None:
        async def script(conn: Conn) -> None:
            await conn.request()
            chunks = drip != b"x"
            framing = b"Transfer-Encoding: chunked" if chunks else b"Content-Length: 100000"
            conn.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n")
            while conn.open:
                conn.send(drip)
                await asyncio.sleep(0.005)

        async with Peer(script) as peer, Client() as client:
            await expires(client.get(peer.url, timeout=Timeout(total=0.15, read=0.1)), "total", 0.15)
            nothing_left(client)

    run(main())


def test_a_stream_lives_as_long_as_something_comes(run: Run) -> None:
    async def main() -> None:
        async def script(conn: Conn) -> None:
            await conn.request()
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n")
            for _ in range(12):
                conn.send(b"x")
                await asyncio.sleep(0.01)
            await conn.closed()

        async with Peer(script) as peer, Client(timeout=Timeout(read=0.1)) as client:
            pieces = []
            with pytest.raises(TimeoutExpired) as caught:
                async with client.stream("GET", peer.url) as got:
                    async for piece in got:
                        pieces.append(piece)
            assert caught.value.phase == "read"
            assert b"".join(pieces) == b"x" * 12
            nothing_left(client)

    run(main())


def test_a_slow_reader_is_not_the_peers_silence(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok(b"x" * 3_000_000)) as peer, Client(timeout=Timeout(read=SOON)) as client:
            async with client.stream("GET", peer.url) as got:
                assert isinstance(got, StreamedResponse)
                await asyncio.sleep(3 * SOON)
                assert len(await got.read()) == 3_000_000
            nothing_left(client)

    run(main())


def test_a_slow_producer_is_not_the_peers_silence(run: Run) -> None:
    async def main() -> None:
        async def produce() -> Any:
            for _ in range(3):
                await asyncio.sleep(SOON)
                yield b"x"

        async with Peer(ok()) as peer, Client(timeout=Timeout(read=SOON)) as client:
            assert (await client.post(peer.url, body=produce())).status == 200

    run(main())


def test_a_peer_that_does_not_read(run: Run) -> None:
    async def main() -> None:
        async def script(conn: Conn) -> None:
            await conn.head()
            await stop.wait()

        stop = asyncio.Event()
        async with Peer(script) as peer, Client(timeout=Timeout(read=0.01, write=SOON)) as client:
            body = b"x" * 30_000_000
            await expires(client.put(peer.url, body=body), "write")
            nothing_left(client)
            stop.set()

    run(main())


def test_the_queue(run: Run) -> None:
    async def main() -> None:
        async with Peer(silent) as peer, Client(limits=Limits(max_per_host=1)) as client:
            first = asyncio.ensure_future(client.get(peer.url))
            await peer.until(lambda: peer.connections == 1)
            await asyncio.sleep(0)
            await expires(client.get(peer.url, timeout=Timeout(pool=SOON)), "pool")
            error = await expires(client.get(peer.url, timeout=SOON), "total")
            assert f"waiting for a connection to http://127.0.0.1:{peer.port}" in str(error)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            nothing_left(client)

    run(main())


def test_connecting(run: Run) -> None:
    """A listener whose queue is full: the system drops what would be the next connection."""

    async def main() -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            address = listener.getsockname()
            fillers = []
            for _ in range(4):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(address)
                fillers.append(filler)
            async with Client() as client:
                url = f"http://127.0.0.1:{address[1]}/"
                error = await expires(client.get(url, timeout=Timeout(connect=SOON)), "connect")
                assert error.step == "connecting to"
                assert f"while connecting to 127.0.0.1:{address[1]}" in str(error)
                nothing_left(client)
            for filler in fillers:
                filler.close()

    run(main())


def test_resolving(run: Run) -> None:
    async def main() -> None:
        async def never(host: str, port: int, family: int) -> list[Any]:
            await asyncio.get_running_loop().create_future()
            return []

        async with Client(resolver=never, timeout=Timeout(connect=SOON)) as client:
            error = await expires(client.get("http://slow.test/"), "connect")
            assert error.step == "resolving"
            assert "while resolving slow.test:80" in str(error)
            nothing_left(client)

    run(main())


def test_a_handshake(run: Run) -> None:
    async def main() -> None:
        # A context that is there: to load the system's certificates may take as long.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        async with Peer(silent) as peer, Client(verify=context) as client:
            url = peer.url.replace("http:", "https:")
            error = await expires(client.get(url, timeout=Timeout(connect=SOON)), "connect")
            assert error.step == "making a TLS handshake with"
            nothing_left(client)
            await peer.ended()

    run(main())


def test_a_total_shorter_than_the_dial(run: Run) -> None:
    """The request ends; its dial, which others may wait for, goes on until its own limit."""

    async def main() -> None:
        async with Peer(silent) as peer, Client() as client:
            url = peer.url.replace("http:", "https:")
            timeout = Timeout(total=SOON, connect=3 * SOON)
            await expires(client.get(url, timeout=timeout), "total")
            assert client.stats()["connections"]["dialling"] == 1
            await peer.ended()
            while client.stats()["connections"]["dialling"]:
                await asyncio.sleep(0.01)
            nothing_left(client)

    run(main())


def test_a_number_is_the_total_and_bounds_the_dial(run: Run) -> None:
    async def main() -> None:
        async with Peer(silent) as peer, Client(timeout=SOON) as client:
            with pytest.raises(TimeoutExpired) as caught:
                await client.get(peer.url.replace("http:", "https:"))
            assert caught.value.phase in ("total", "connect")
            await expires(client.get(peer.url), "total")

    run(main())


@pytest.mark.parametrize("value", [0, None, math.inf, 1e9])
def test_no_limit(run: Run, value: Any) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer:
            timeout = Timeout(value, value, value, value, value)
            async with Client(timeout=timeout) as client:
                assert (await client.get(peer.url)).status == 200
                assert (await client.get(peer.url, timeout=1e9)).status == 200
                nothing_left(client)

    run(main())


def test_an_answer_after_the_time_belongs_to_nobody(run: Run) -> None:
    async def main() -> None:
        async def script(conn: Conn) -> None:
            while (request := await conn.request()) is not None:
                if request.target == "/late":
                    await late.wait()
                conn.send(response(request.target.encode()))

        late = asyncio.Event()
        async with Peer(script) as peer, Client() as client:
            await client.get(f"{peer.url}/first")
            await expires(client.get(f"{peer.url}/late", timeout=SOON), "total")
            late.set()
            assert (await client.get(f"{peer.url}/next")).body == b"/next"
            assert peer.connections == 2

    run(main())


def test_many_at_once(run: Run) -> None:
    async def main() -> None:
        async with Peer(silent) as peer, Client(limits=Limits(max_per_host=50)) as client:
            calls = [client.get(peer.url, timeout=Timeout(total=0.2, connect=None)) for _ in range(200)]
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} == {TimeoutExpired}
            while client.stats()["connections"]["dialling"]:
                await asyncio.sleep(0.01)
            await client.aclose()
            nothing_left(client)
            await peer.ended()

    run(main())


def test_no_timer_is_armed_when_nothing_is_under_way(run: Run) -> None:
    async def main() -> None:
        closing = response(headers=[("Connection", "close")])
        async with Peer([closing] * 3) as peer, Client() as client:
            for _ in range(3):
                await client.get(peer.url)
            transport = client._loops.on(asyncio.get_running_loop())
            assert transport is not None
            transport.clock._sweep()
            assert transport.clock._handle is None

    run(main())
