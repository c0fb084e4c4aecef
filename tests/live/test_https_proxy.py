"""An https proxy: haproxy's TLS in front of squid, so http within TLS, and TLS within TLS."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pytest
from tests.conftest import Run
from tests.live.certificates import Certificates
from tests.live.doors import Hop
from tests.live.haproxy import Haproxy
from tests.live.nginx import LARGE, Nginx
from tests.live.process import HOST
from tests.live.squid import Squid

from async_keepalive_httpc import Client, ConnectError
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient


def test_forward(run: Run, nginx: Nginx, squid: Squid, haproxy: Haproxy, certificates: Certificates, tag: str) -> None:
    """One connection for two hosts."""

    async def main() -> None:
        hop = Hop(haproxy.secure, scheme="https")
        async with Client(proxy=hop.url, ca_certs=certificates.authority) as client:
            for number in range(4):
                for host in (f"{tag}-a", f"{tag}-b"):
                    got = await client.get(f"http://{host}.live.test:{nginx.http}/echo/{number}")
                    assert got.text == f"/echo/{number}"
        assert await squid.connections(tag, 8) == 1

    run(main())


def test_tunnel(run: Run, nginx: Nginx, squid: Squid, haproxy: Haproxy, certificates: Certificates, tag: str) -> None:
    """TLS in TLS: many requests, megabytes both ways, one tunnel."""

    async def main() -> None:
        hop = Hop(haproxy.secure, scheme="https")
        base = f"https://{tag}.live.test:{nginx.https}"
        async with Client(proxy=hop.url, ca_certs=certificates.authority) as client:
            for number in range(5):
                assert (await client.get(f"{base}/echo/{number}")).text == f"/echo/{number}"
            assert (await client.put(f"{base}/files/{tag}", body=LARGE)).status == 201
            assert (await client.get(f"{base}/files/{tag}")).body == LARGE
        await squid.seen(tag, 1)
        assert await nginx.connections(tag, 7) == 1

    run(main())


def test_stream(run: Run, nginx: Nginx, squid: Squid, haproxy: Haproxy, certificates: Certificates, tag: str) -> None:
    async def main() -> None:
        hop = Hop(haproxy.secure, scheme="https")
        async with Client(proxy=hop.url, ca_certs=certificates.authority) as client:
            url = f"https://{tag}.live.test:{nginx.https}/files/large"
            digest = hashlib.sha256()
            async with client.stream("GET", url) as response:
                async for piece in response:
                    digest.update(piece)
            assert digest.digest() == hashlib.sha256(LARGE).digest()
            async with client.stream("GET", url) as response:
                assert LARGE.startswith(await anext(response))
        await squid.seen(tag, 1)

    run(main())


SCRIPT = """\
import asyncio, json, sys
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient

async def main(defaults, urls):
    async with SimpleKeepAliveHTTPClient(defaults=defaults) as client:
        for url in urls * 3:
            print((await client.fetch(url)).body.decode(), client.connection.connect_times)

asyncio.run(main(*json.loads(sys.argv[1])))
"""


def test_simple_client_trusts_the_system(
    nginx: Nginx, squid: Squid, haproxy: Haproxy, certificates: Certificates, tag: str
) -> None:
    """A request's TLS options are for its origin; a proxy is verified as the client says, or else the system does."""
    hop = Hop(haproxy.secure, scheme="https")
    urls = [f"http://{tag}.live.test:{nginx.http}/echo/1", f"https://{tag}.live.test:{nginx.https}/echo/2"]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps([hop.attributes, urls])],
        env=os.environ | {"SSL_CERT_FILE": certificates.authority},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.splitlines() == ["/echo/1 1", "/echo/2 2"] + ["/echo/1 2", "/echo/2 2"] * 2, done.stderr
    lines = squid.log.lines(lambda line: tag in line.target)
    assert [line.method for line in lines] == ["GET"] * 3 + ["CONNECT"]


def test_options_of_a_request_are_not_for_the_proxy(
    run: Run, nginx: Nginx, squid: Squid, haproxy: Haproxy, certificates: Certificates, tag: str
) -> None:
    async def main() -> None:
        hop = Hop(haproxy.secure, scheme="https")
        async with SimpleKeepAliveHTTPClient(defaults=hop.attributes) as client:
            with pytest.raises(Exception, match="unable to get local issuer certificate"):
                await client.fetch(f"https://{tag}.live.test:{nginx.https}/echo/", validate_cert=False)
        assert squid.log.lines(lambda line: tag in line.target) == []

    run(main())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy_is_verified(
    run: Run, nginx: Nginx, squid: Squid, haproxy: Haproxy, certificates: Certificates, tag: str, scheme: str
) -> None:
    """The error names the proxy; not one byte of the request was sent to it."""

    async def main() -> None:
        hop = Hop(haproxy.secure, "alice", "swordfish", scheme="https")
        port = nginx.https if scheme == "https" else nginx.http
        async with Client(proxy=hop.url, ca_certs=certificates.other_authority) as client:
            with pytest.raises(ConnectError, match="unable to get local issuer certificate") as caught:
                await client.get(f"{scheme}://{tag}.live.test:{port}/echo/")
            assert f"{HOST}:{haproxy.secure}" in str(caught.value)
            assert "swordfish" not in str(caught.value)
        assert squid.log.lines(lambda line: tag in line.target) == []

    run(main())


def test_plain_proxy_taken_for_an_https_one(run: Run, squid: Squid, certificates: Certificates, tag: str) -> None:
    async def main() -> None:
        hop = Hop(squid.port, scheme="https")
        async with Client(proxy=hop.url, ca_certs=certificates.authority) as client:
            with pytest.raises(ConnectError, match=f"{HOST}:{squid.port}"):
                await client.get(f"http://{tag}.live.test/")

    run(main())


def test_http_and_https_proxies_share_nothing(
    run: Run, nginx: Nginx, squid: Squid, haproxy: Haproxy, certificates: Certificates, tag: str
) -> None:
    async def main() -> None:
        async with Client(ca_certs=certificates.authority) as client:
            for _ in range(3):
                for hop in (Hop(squid.port), Hop(haproxy.secure, scheme="https")):
                    for url in (f"http://{tag}.live.test:{nginx.http}", f"https://{tag}.live.test:{nginx.https}"):
                        assert (await client.get(f"{url}/echo/", proxy=hop.url)).status == 200
        lines = await squid.seen(tag, 8)
        assert [line.method for line in lines].count("CONNECT") == 2
        assert len({line.port for line in lines}) == 4

    run(main())
