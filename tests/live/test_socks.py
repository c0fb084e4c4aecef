"""SOCKS through microsocks: http and https origins, names resolved on either side, users."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from tests.conftest import Run
from tests.live.certificates import Certificates
from tests.live.doors import Hop, MakeDoor
from tests.live.microsocks import PASSWORD, USER, Access, Microsocks
from tests.live.nginx import LARGE, Nginx
from tests.live.process import HOST

from async_keepalive_httpc import Client, ConnectError, ProxyError


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(("kind", "named"), [("socks5", HOST), ("socks5h", "localhost")])
def test_one_connection(
    run: Run,
    door: MakeDoor,
    nginx: Nginx,
    microsocks: Microsocks,
    certificates: Certificates,
    tag: str,
    scheme: str,
    kind: str,
    named: str,
) -> None:
    """With socks5h the proxy is given the name."""

    async def main() -> None:
        before = microsocks.connections()
        port = nginx.https if scheme == "https" else nginx.http
        async with door(proxy=Hop(microsocks.port, scheme=kind), ca_certs=certificates.authority) as client:
            for number in range(5):
                target = f"/echo/{number}?{tag}"
                assert await client.get(f"{scheme}://localhost:{port}{target}") == target.encode()
            assert await client.get(f"{scheme}://localhost:{port}/files/large?{tag}") == LARGE
        assert await nginx.connections(tag, 6) == 1
        assert microsocks.connections()[len(before) :] == [Access(named, port)]

    run(main())


def test_socks5h_leaves_names_to_the_proxy(run: Run, nginx: Nginx, microsocks: Microsocks, tag: str) -> None:
    async def main() -> None:
        async def resolve(host: str, port: int, family: int) -> Any:
            assert host == HOST, "only the proxy is looked for here"
            return [(socket.AF_INET, (host, port))]

        async with Client(proxy=Hop(microsocks.port, scheme="socks5h").url, resolver=resolve) as client:
            assert (await client.get(f"http://localhost:{nginx.http}/echo/?{tag}")).status == 200

    run(main())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_user(
    run: Run,
    door: MakeDoor,
    nginx: Nginx,
    closed_microsocks: Microsocks,
    certificates: Certificates,
    tag: str,
    scheme: str,
) -> None:
    async def main() -> None:
        before = closed_microsocks.connections()
        port = nginx.https if scheme == "https" else nginx.http
        hop = Hop(closed_microsocks.port, USER, PASSWORD, scheme="socks5")
        async with door(proxy=hop, ca_certs=certificates.authority) as client:
            for _ in range(3):
                await client.get(f"{scheme}://{HOST}:{port}/echo/?{tag}")
        lines = await nginx.seen(tag, 3)
        assert len({line.connection for line in lines}) == 1
        assert {line.proxy_authorization + line.authorization for line in lines} == {""}
        assert closed_microsocks.connections()[len(before) :] == [Access(HOST, port)]

    run(main())


@pytest.mark.parametrize(("username", "password"), [(None, ""), (USER, "swordfish"), ("nobody", PASSWORD)])
def test_wrong_user(
    run: Run, nginx: Nginx, closed_microsocks: Microsocks, tag: str, username: str | None, password: str
) -> None:
    async def main() -> None:
        hop = Hop(closed_microsocks.port, username, password, scheme="socks5")
        async with Client(proxy=hop.url) as client:
            with pytest.raises(ProxyError, match=str(closed_microsocks.port)) as caught:
                await client.get(f"http://{HOST}:{nginx.http}/echo/?{tag}")
            assert not password or password not in str(caught.value)
        assert nginx.log.lines(lambda line: tag in line.target) == []

    run(main())


def test_users_share_nothing(
    run: Run, nginx: Nginx, microsocks: Microsocks, closed_microsocks: Microsocks, tag: str
) -> None:
    async def main() -> None:
        hops = [
            Hop(microsocks.port, scheme="socks5"),
            Hop(microsocks.port, scheme="socks5h"),
            Hop(microsocks.port, "alice", "one", scheme="socks5"),
            Hop(microsocks.port, "alice", "two", scheme="socks5"),
            Hop(closed_microsocks.port, USER, PASSWORD, scheme="socks5"),
        ]
        async with Client() as client:
            for _ in range(3):
                for hop in hops:
                    got = await client.get(f"http://{HOST}:{nginx.http}/echo/?{tag}", proxy=hop.url)
                    assert got.status == 200
        assert await nginx.connections(tag, 15) == len(hops)

    run(main())


def test_origin_refused(run: Run, microsocks: Microsocks) -> None:
    """microsocks says why: the error says it too, and which proxy it was."""

    async def main() -> None:
        async with Client(proxy=Hop(microsocks.port, scheme="socks5").url) as client:
            with pytest.raises(ProxyError, match="(?i)connection refused") as caught:
                await client.get(f"http://{HOST}:1/")
            assert f"{microsocks.port}" in str(caught.value)

    run(main())


@pytest.mark.parametrize("kind", ["socks4", "socks4a", "socks5", "socks5h"])
def test_no_socks_server(run: Run, nginx: Nginx, kind: str) -> None:
    """nginx answers what it takes for a bad request: an error, and never an answer."""

    async def main() -> None:
        async with Client(proxy=Hop(nginx.http, scheme=kind).url) as client:
            with pytest.raises(ConnectError, match=f"{HOST}:{nginx.http}"):
                await client.get(f"http://{HOST}:{nginx.http}/echo/")

    run(main())
