"""Plain http against nginx: how many connections it counts, and what becomes of those that it ends."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from tests.conftest import Run
from tests.live.doors import MakeDoor
from tests.live.nginx import Nginx
from tests.live.process import HOST

from async_keepalive_httpc import Client, ConnectionLost, Limits
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient


def test_one_connection_for_all_in_sequence(run: Run, door: MakeDoor, nginx: Nginx, tag: str) -> None:
    async def main() -> None:
        async with door() as client:
            for number in range(20):
                target = f"/echo/{number}?{tag}"
                assert await client.get(f"http://{HOST}:{nginx.http}{target}") == target.encode()
        lines = await nginx.seen(tag, 20)
        assert len({line.connection for line in lines}) == 1
        assert [line.number for line in lines] == list(range(1, 21))

    run(main())


def test_simple_client_has_one_for_all_at_once(run: Run, nginx: Nginx, tag: str) -> None:
    async def main() -> None:
        async with SimpleKeepAliveHTTPClient() as client:
            targets = [f"/echo/{number}?{tag}" for number in range(20)]
            got = await asyncio.gather(*(client.fetch(f"http://{HOST}:{nginx.http}{target}") for target in targets))
            assert [answer.body.decode() for answer in got] == targets
            assert client.connection.connect_times == 1
        assert await nginx.connections(tag, 20) == 1

    run(main())


def test_no_more_connections_than_the_limit(run: Run, nginx: Nginx, tag: str) -> None:
    async def main() -> None:
        async with Client(limits=Limits(max_per_host=3)) as client:
            targets = [f"/echo/{number}?{tag}" for number in range(60)]
            got = await asyncio.gather(*(client.get(f"http://{HOST}:{nginx.http}{target}") for target in targets))
            assert [answer.body.decode() for answer in got] == targets
            assert client.connect_times == 3
        assert await nginx.connections(tag, 60) == 3

    run(main())


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_keepalive_requests(run: Run, door: MakeDoor, nginx: Nginx, tag: str, method: str) -> None:
    """nginx closes after every third answer, and says so in it."""

    async def main() -> None:
        async with door() as client:
            for number in range(9):
                target = f"/{number}?{tag}"
                body = b"body" if method == "POST" else None
                answer = await client.ask(method, f"http://{HOST}:{nginx.thrice}{target}", body=body)
                assert (answer.status, answer.body.decode()) == (200, target)
        lines = await nginx.seen(tag, 9)
        assert [line.number for line in lines] == [1, 2, 3] * 3
        assert len({line.connection for line in lines}) == 3

    run(main())


def test_keepalive_requests_many_at_once(run: Run, nginx: Nginx, tag: str) -> None:
    async def main() -> None:
        async with Client(limits=Limits(max_per_host=4)) as client:
            targets = [f"/{number}?{tag}" for number in range(60)]
            got = await asyncio.gather(*(client.get(f"http://{HOST}:{nginx.thrice}{target}") for target in targets))
            assert [answer.body.decode() for answer in got] == targets
        lines = await nginx.seen(tag, 60)
        assert max(line.number for line in lines) == 3

    run(main())


def test_keepalive_timeout(run: Run, door: MakeDoor, nginx: Nginx, tag: str) -> None:
    """nginx ends an idle connection after a second, announced or not; what comes after comes once, on another."""

    async def main() -> None:
        async with door() as client:
            for port in (nginx.brief, nginx.hinted):
                await client.get(f"http://{HOST}:{port}/first?{tag}-{port}")
            await asyncio.sleep(1.2)
            for port in (nginx.brief, nginx.hinted):
                target = f"/second?{tag}-{port}"
                answer = await client.ask("POST", f"http://{HOST}:{port}{target}", body=b"once")
                assert (answer.status, answer.body.decode()) == (200, target)
                assert await nginx.connections(f"{tag}-{port}", 2) == 2

    run(main())


def test_post_races_the_keepalive_timeout(run: Run, nginx: Nginx, tag: str) -> None:
    """Twenty connections are used again about when nginx ends them: each POST is answered, or known to be lost; none
    comes twice."""

    async def main() -> None:
        async with Client() as client:
            answered, lost = set(), []

            async def race(number: int) -> None:
                await asyncio.sleep(0.9 + number * 0.01)
                target = f"/{number}?{tag}-second"
                try:
                    assert (await client.post(f"http://{HOST}:{nginx.brief}{target}", body=b"once")).status == 200
                    answered.add(target)
                except ConnectionLost as error:
                    lost.append(error)

            first = [client.get(f"http://{HOST}:{nginx.brief}/{number}?{tag}-first") for number in range(20)]
            assert [got.status for got in await asyncio.gather(*first)] == [200] * 20
            await asyncio.gather(*(race(number) for number in range(20)))
        targets = [
            line.target for line in await nginx.log.wait(len(answered), lambda line: f"{tag}-second" in line.target)
        ]
        assert answered <= set(targets)
        assert len(set(targets)) == len(targets)
        assert all(error.reused for error in lost)

    run(main())


def test_reload_of_the_server(run: Run, door: MakeDoor, nginx: Nginx, tag: str) -> None:
    """SIGHUP makes nginx end its idle connections and go on with a new worker."""

    async def main() -> None:
        async with door() as client:
            for _ in range(4):
                await client.get(f"http://{HOST}:{nginx.http}/echo/?{tag}")
                os.kill(nginx.pid, signal.SIGHUP)
                while client.client.stats()["connections"]["idle"]:
                    await asyncio.sleep(0.01)
        assert await nginx.connections(tag, 4) == 4

    run(main())


def test_local_address(run: Run, nginx: Nginx, tag: str) -> None:
    """Where a connection comes from is part of what may share it."""

    async def main() -> None:
        for address in ("127.0.0.2", "127.0.0.3"):
            async with Client(local_address=address) as client:
                for _ in range(3):
                    assert (await client.get(f"http://{HOST}:{nginx.http}/echo/?{tag}")).status == 200
        async with SimpleKeepAliveHTTPClient() as simple:
            for address in ("127.0.0.4", "127.0.0.5") * 2:
                await simple.fetch(f"http://{HOST}:{nginx.http}/echo/?{tag}", network_interface=address)
        lines = await nginx.seen(tag, 10)
        assert sorted({(line.connection, line.address) for line in lines}) == [
            (connection, f"127.0.0.{last}")
            for last, connection in enumerate(sorted({line.connection for line in lines}), 2)
        ]

    run(main())


def test_connection_close(run: Run, door: MakeDoor, nginx: Nginx, tag: str) -> None:
    """Both sides may say that an answer is the last."""

    async def main() -> None:
        async with door() as client:
            for number in range(3):
                assert await client.get(f"http://{HOST}:{nginx.http}/last?{tag}-{number}")
            url = f"http://{HOST}:{nginx.http}/echo/?{tag}"
            assert (await client.ask("GET", url, headers={"Connection": "close"})).status == 200
            assert (await client.ask("GET", url)).status == 200
        assert await nginx.connections(tag, 5) == 5

    run(main())
