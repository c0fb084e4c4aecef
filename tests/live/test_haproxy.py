"""A reverse proxy: haproxy in front of nginx, which has its own mind about connections on both sides."""

from __future__ import annotations

import asyncio

from tests.conftest import Run
from tests.live.doors import MakeDoor
from tests.live.haproxy import Haproxy
from tests.live.nginx import LARGE, TEXT
from tests.live.process import HOST

from async_keepalive_httpc import Client, Limits


def test_one_connection(run: Run, door: MakeDoor, haproxy: Haproxy, tag: str) -> None:
    """Its own 503 leaves the connection open too."""

    async def main() -> None:
        async with door() as client:
            for number in range(10):
                target = f"/echo/{number}?{tag}"
                assert await client.get(f"http://{HOST}:{haproxy.reverse}{target}") == target.encode()
                answer = await client.ask("GET", f"http://{HOST}:{haproxy.reverse}/down?{tag}")
                assert (answer.status, b"No server is available" in answer.body) == (503, True)
        assert await haproxy.connections(tag, 20) == 1

    run(main())


def test_idle_connection_ended(run: Run, door: MakeDoor, haproxy: Haproxy, tag: str) -> None:
    """haproxy ends an idle connection after a second, without a hint; what comes after comes once."""

    async def main() -> None:
        async with door() as client:
            await client.get(f"http://{HOST}:{haproxy.reverse}/echo/?{tag}")
            await asyncio.sleep(1.2)
            answer = await client.ask("POST", f"http://{HOST}:{haproxy.reverse}/post?{tag}", body=b"once")
            assert (answer.status, answer.body) == (200, b"4")
        assert await haproxy.connections(tag, 2) == 2

    run(main())


def test_messages_of_many_kinds_at_once(run: Run, haproxy: Haproxy, tag: str) -> None:
    async def main() -> None:
        async with Client(limits=Limits(max_per_host=4)) as client:
            base = f"http://{HOST}:{haproxy.reverse}"
            kinds = [
                client.get(f"{base}/files/large?{tag}"),
                client.get(f"{base}/text?{tag}"),
                client.head(f"{base}/text?{tag}"),
                client.get(f"{base}/empty?{tag}"),
                client.post(f"{base}/post?{tag}", body=LARGE),
            ]
            got = await asyncio.gather(*kinds)
            assert [answer.body for answer in got] == [LARGE, TEXT, b"", b"", str(len(LARGE)).encode()]
        assert await haproxy.connections(tag, 5) <= 4

    run(main())
