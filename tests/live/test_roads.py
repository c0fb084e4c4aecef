"""Every road to an origin under load: many at once, some cancelled, all else answered right, and nothing left open."""

from __future__ import annotations

import asyncio
import os
import random
from typing import Any

import pytest
from tests.conftest import Run
from tests.live.certificates import Certificates
from tests.live.doors import Hop
from tests.live.haproxy import Haproxy
from tests.live.microsocks import PASSWORD, USER, Microsocks
from tests.live.nginx import MEDIUM, Nginx
from tests.live.process import HOST
from tests.live.squid import USERS, Squid

from async_keepalive_httpc import Client, Limits

MOST = 6
ROADS = ("direct", "unix socket", "forward proxy", "digest proxy", "https proxy", "socks5 proxy")


@pytest.fixture(params=ROADS)
def road(
    request: pytest.FixtureRequest,
    nginx: Nginx,
    squid: Squid,
    digest_squid: Squid,
    haproxy: Haproxy,
    microsocks: Microsocks,
    closed_microsocks: Microsocks,
) -> dict[str, Any]:
    """What `Client` is told of the road."""
    roads: dict[str, dict[str, Any]] = {
        "direct": {},
        "unix socket": {"unix_socket": nginx.socket},
        "forward proxy": {"proxy": Hop(squid.port).url},
        "digest proxy": {"proxy": Hop(digest_squid.port, "alice", USERS["alice"]).url},
        "https proxy": {"proxy": Hop(haproxy.secure, scheme="https").url},
        "socks5 proxy": {"proxy": Hop(closed_microsocks.port, USER, PASSWORD, scheme="socks5").url},
    }
    return roads[request.param]


def count_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_many(run: Run, nginx: Nginx, certificates: Certificates, road: dict[str, Any], tag: str, scheme: str) -> None:
    async def main() -> None:
        chance = random.Random(tag)
        way = {**road, "unix_socket": nginx.secure_socket} if "unix_socket" in road and scheme == "https" else road
        port = nginx.https if scheme == "https" else nginx.http
        async with Client(
            limits=Limits(max_per_host=MOST),
            ca_certs=certificates.authority,
            hostname_mapping={f"{tag}.live.test": HOST},
            **way,
        ) as client:

            async def ask(number: int) -> bool:
                base = f"{scheme}://{tag}.live.test:{port}"
                kind = number % 4
                path = ("/echo/", "/files/medium?", "/last?", "/post?")[kind] + str(number)
                body = MEDIUM[: number * 1000] if kind == 3 else None
                asked = client.request("POST" if kind == 3 else "GET", base + path, body=body)
                try:
                    async with asyncio.timeout(chance.random() * 0.1 if number % 5 == 0 else None):
                        got = await asked
                except TimeoutError:
                    return False
                assert got.body == (path.encode(), MEDIUM, path.encode(), str(number * 1000).encode())[kind]
                return True

            answered = await asyncio.gather(*(ask(number) for number in range(1, 41)))
            assert sum(answered) >= 32
            connections = client.stats()["connections"]
            assert (connections["active"], connections["waiting"]) == (0, 0)
            assert connections["idle"] <= MOST

    async def measured() -> None:
        # What a loop, its resolver and its threads keep open is there after the first request.
        async with Client(ca_certs=certificates.authority) as client:
            await client.get(f"http://localhost:{nginx.http}/echo/")
            before = count_files()
        await main()
        await asyncio.sleep(0.05)
        assert count_files() < before

    run(measured())
