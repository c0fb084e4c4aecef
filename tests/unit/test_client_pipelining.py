"""Doors that pipeline: the argument, one connection for many, cancelling, closing, and a chaotic server."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from tests.conftest import Run
from tests.looped import looped

from async_keepalive_httpc import Client, ClientClosed, ConnectionLost, InvalidRequest, Limits
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient
from async_keepalive_httpc.testing import Chaos, Conn, Peer, Rates, Request, chaos, response, serving

ONE = Limits(max_per_host=1)
OFTEN = Rates(die_unread=0.01, die_acted=0.01, close_after=0.02, idle_close=0.05, delay=0.02, split=0.2)


def echo(conn: Conn, request: Request) -> bytes:
    return response(request.target.encode())


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "2", None])
@pytest.mark.parametrize("door", [Client, SimpleKeepAliveHTTPClient])
def test_what_is_no_depth(door: Any, wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match="pipelining must be a whole number"):
        door(pipelining=wrong)


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@looped
async def test_one_connection_for_many(tls: bool) -> None:
    async with Peer(serving(echo), tls=tls) as peer:
        options: dict[str, Any] = {"verify": peer.ca_context()} if tls else {}
        async with Client(limits=ONE, pipelining=50, **options) as client:
            for _ in range(3):
                got = await asyncio.gather(*(client.get(f"{peer.url}/{place}") for place in range(100)))
                assert [answer.body for answer in got] == [f"/{place}".encode() for place in range(100)]
            counts = client.stats()["connections"]
            assert (counts["opened"], counts["requests"], counts["resends"]) == (1, 300, 0)
            assert counts["pipelined"] > 250


@looped
async def test_the_simple_client_pipelines_when_told() -> None:
    async with Peer(serving(echo)) as peer, SimpleKeepAliveHTTPClient(pipelining=10) as client:
        await client.fetch(f"{peer.url}/first")
        calls = [client.fetch(f"{peer.url}/{place}") for place in range(10)]
        calls[3].cancel()  # before it is written
        got = await asyncio.gather(*calls, return_exceptions=True)
        bodies = [answer.body for answer in got if not isinstance(answer, BaseException)]
        assert bodies == [f"/{place}".encode() for place in range(10) if place != 3]
        assert client.connect_times == 1
        assert len(peer.requests) == 10
        assert client.stats()["connections"]["pipelined"] == 9


@looped
async def test_a_post_is_never_behind_another_request() -> None:
    async with Peer(serving(echo)) as peer, Client(limits=ONE, pipelining=10) as client:
        await client.get(peer.url)
        await asyncio.gather(*(client.request("POST" if n % 2 else "GET", f"{peer.url}/{n}") for n in range(10)))
        assert client.stats()["connections"]["pipelined"] == 0


@looped
async def test_streams_take_their_turn() -> None:
    async def read(client: Client, url: str) -> bytes:
        async with client.stream("GET", url) as got:
            return await got.read()

    async def get(client: Client, url: str) -> bytes:
        return (await client.get(url)).body

    async with Peer(serving(echo)) as peer, Client(limits=ONE, pipelining=10) as client:
        await client.get(peer.url)
        urls = [f"{peer.url}/{n}" for n in range(12)]
        calls = [read(client, url) if n % 3 == 2 else get(client, url) for n, url in enumerate(urls)]
        assert await asyncio.gather(*calls) == [f"/{n}".encode() for n in range(12)]
        assert client.connect_times == 1


@pytest.mark.parametrize("how", ["close", "aclose"])
@looped
async def test_the_client_is_closed(how: str) -> None:
    async def silent(conn: Conn) -> None:
        await conn.request()
        conn.send(response(b"first"))
        await conn.closed()

    async with Peer(silent) as peer:
        client = Client(limits=ONE, pipelining=4)
        await client.get(peer.url)
        calls = [asyncio.ensure_future(client.get(peer.url)) for _ in range(6)]
        await peer.until(lambda: len(peer.requests) >= 1)
        await asyncio.sleep(0)
        if how == "close":
            client.close()
        else:
            await client.aclose(0)
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {ClientClosed}


@looped
async def test_aclose_waits_for_what_is_behind() -> None:
    async with Peer(serving(echo)) as peer:
        client = Client(limits=ONE, pipelining=4)
        await client.get(peer.url)
        calls = [asyncio.ensure_future(client.get(f"{peer.url}/{place}")) for place in range(10)]
        await asyncio.sleep(0)
        await client.aclose()
        assert [(await call).body for call in calls] == [f"/{place}".encode() for place in range(10)]


async def race(client: Client, url: str, names: list[str], at_once: int) -> dict[str, Any]:
    """Get all, so many at once; every seventh is cancelled after some turns. The body or the error of the others."""
    left = iter(names)
    outcomes: dict[str, Any] = {}

    async def work() -> None:
        for name in left:
            call = asyncio.ensure_future(client.get(f"{url}{name}"))
            if int(name[1:]) % 7 == 0:
                for _ in range(int(name[1:]) % 5 + 1):
                    await asyncio.sleep(0)
                call.cancel()
                with contextlib.suppress(asyncio.CancelledError, ConnectionLost):
                    await call
                continue
            try:
                outcomes[name] = (await call).body
            except ConnectionLost as error:
                outcomes[name] = error

    await asyncio.gather(*(work() for _ in range(at_once)))
    return outcomes


@pytest.mark.parametrize("most", [1, 4])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_get_is_mixed_up_by_chaos(run: Run, seed: int, most: int) -> None:
    async def main() -> None:
        storm = Chaos(seed, OFTEN)
        async with Peer(storm) as peer:
            async with Client(limits=Limits(max_per_host=most), pipelining=8) as client:
                outcomes = await race(client, peer.url, [f"/{n}" for n in range(500)], 20)
                assert client.stats()["connections"]["pipelined"] > 100
        assert {name: body for name, body in outcomes.items() if body != chaos.body(name)} == {}
        assert max(storm.attempts.values()) <= 2
        assert storm.harms["die_unread"] + storm.harms["die_acted"] + storm.harms["close_after"] > 5

    run(main())


@pytest.mark.parametrize("which", [0, 1, 2])
@looped
async def test_one_of_three_is_cancelled_at_any_moment(which: int) -> None:
    """Its neighbours get their own answers, and nothing is sent twice."""
    async with Peer(serving(echo)) as peer:
        for turns in range(30):
            async with Client(limits=ONE, pipelining=3) as client:
                await client.get(f"{peer.url}/warm")
                before = len(peer.requests)
                calls = [asyncio.ensure_future(client.get(f"{peer.url}/{place}")) for place in range(3)]
                for _ in range(turns):
                    await asyncio.sleep(0)
                calls[which].cancel()
                outcomes = await asyncio.gather(*calls, return_exceptions=True)
                for place, outcome in enumerate(outcomes):
                    if place != which:
                        assert not isinstance(outcome, BaseException)
                        assert outcome.body == f"/{place}".encode()
                assert (await client.get(f"{peer.url}/check")).body == b"/check"
                assert len(peer.requests) - before in (3, 4)
                counts = client.stats()["connections"]
                assert (counts["active"], counts["waiting"], counts["resends"]) == (0, 0, 0)
