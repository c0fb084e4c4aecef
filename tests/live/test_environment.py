"""Proxies that the environment names: read once, on at `Client`, off at Tornado's doors."""

from __future__ import annotations

import pytest
from tests.conftest import Run
from tests.live.certificates import Certificates
from tests.live.doors import Hop
from tests.live.nginx import Nginx
from tests.live.process import HOST
from tests.live.squid import USERS, Squid

from async_keepalive_httpc import Client
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient


def test_http_and_https(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    nginx: Nginx,
    squid: Squid,
    basic_squid: Squid,
    certificates: Certificates,
    tag: str,
) -> None:
    """Each has its own; what is read is what was there when the client was made."""

    async def main() -> None:
        monkeypatch.setenv("http_proxy", Hop(squid.port).url)
        monkeypatch.setenv("HTTPS_PROXY", Hop(basic_squid.port, "alice", USERS["alice"]).url)
        async with Client(ca_certs=certificates.authority) as client:
            monkeypatch.delenv("http_proxy")
            for _ in range(2):
                assert (await client.get(f"http://{tag}.live.test:{nginx.http}/echo/")).status == 200
                assert (await client.get(f"https://{tag}.live.test:{nginx.https}/echo/")).status == 200
        assert await squid.connections(tag, 2) == 1
        [tunnel] = await basic_squid.seen(tag, 1)
        assert (tunnel.method, tunnel.user) == ("CONNECT", "alice")

    run(main())


def test_exceptions(run: Run, monkeypatch: pytest.MonkeyPatch, nginx: Nginx, squid: Squid, tag: str) -> None:
    """NO_PROXY's names, and loopback, are reached directly."""

    async def main() -> None:
        monkeypatch.setenv("http_proxy", Hop(squid.port).url)
        monkeypatch.setenv("no_proxy", f"{tag}-a.live.test,10.0.0.0/8")
        async with Client(hostname_mapping={f"{tag}-a.live.test": HOST}) as client:
            for host in (f"{tag}-a.live.test", f"{tag}-b.live.test"):
                assert (await client.get(f"http://{host}:{nginx.http}/echo/")).status == 200
            assert (await client.get(f"http://{HOST}:{nginx.http}/echo/?{tag}")).status == 200
        [line] = await squid.seen(tag, 1)
        assert line.target.startswith(f"http://{tag}-b.")
        await nginx.seen(tag, 3)

    run(main())


def test_not_trusted(run: Run, monkeypatch: pytest.MonkeyPatch, nginx: Nginx, squid: Squid, tag: str) -> None:
    """With trust_env=False, with proxy=False for one request; and at Tornado's doors, unless they are told to."""

    async def main() -> None:
        monkeypatch.setenv("http_proxy", Hop(squid.port).url)
        mapping = {f"{tag}.live.test": HOST}
        url = f"http://{tag}.live.test:{nginx.http}/echo/"
        async with Client(trust_env=False, hostname_mapping=mapping) as client:
            assert (await client.get(url)).status == 200
        async with Client(hostname_mapping=mapping) as client:
            assert (await client.get(url, proxy=False)).status == 200
        async with SimpleKeepAliveHTTPClient(hostname_mapping=mapping) as simple:
            assert (await simple.fetch(url)).code == 200
        assert await nginx.connections(tag, 3) == 3
        assert squid.log.lines(lambda line: tag in line.target) == []
        async with SimpleKeepAliveHTTPClient(trust_env=True) as simple:
            assert (await simple.fetch(url)).code == 200
        await squid.seen(tag, 1)

    run(main())
