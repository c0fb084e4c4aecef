"""https through squid's CONNECT: one tunnel for all requests to an origin, verified inside; and refusals."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from typing import Any

import pytest
from tests.conftest import Run
from tests.live.certificates import Certificates
from tests.live.doors import Hop, MakeDoor
from tests.live.nginx import LARGE, TEXT, Nginx
from tests.live.squid import NONCE_USES, USERS, Squid

from async_keepalive_httpc import Client, ProxyError, TLSError
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient


def test_one_tunnel(run: Run, door: MakeDoor, nginx: Nginx, squid: Squid, certificates: Certificates, tag: str) -> None:
    async def main() -> None:
        async with door(proxy=Hop(squid.port), ca_certs=certificates.authority) as client:
            for number in range(10):
                body = await client.get(f"https://{tag}.live.test:{nginx.https}/echo/{number}")
                assert body == f"/echo/{number}".encode()
        [tunnel] = await squid.seen(tag, 1)
        assert (tunnel.method, tunnel.target, tunnel.status) == ("CONNECT", f"{tag}.live.test:{nginx.https}", 200)
        assert await nginx.connections(tag, 10) == 1

    run(main())


def test_a_tunnel_for_each_origin(
    run: Run, door: MakeDoor, nginx: Nginx, squid: Squid, certificates: Certificates, tag: str
) -> None:
    async def main() -> None:
        async with door(proxy=Hop(squid.port), ca_certs=certificates.authority) as client:
            for _ in range(3):
                for host in (f"{tag}-a", f"{tag}-b"):
                    await client.get(f"https://{host}.live.test:{nginx.https}/echo/")
        assert len(await squid.seen(tag, 2)) == 2
        lines = await nginx.seen(tag, 6)
        assert len({line.connection for line in lines}) == len({(line.connection, line.host) for line in lines}) == 2

    run(main())


def test_messages_of_every_kind(
    run: Run, door: MakeDoor, nginx: Nginx, squid: Squid, certificates: Certificates, tag: str
) -> None:
    async def main() -> None:
        base = f"https://{tag}.live.test:{nginx.https}"
        async with door(proxy=Hop(squid.port), ca_certs=certificates.authority) as client:
            assert await client.get(f"{base}/files/large") == LARGE
            text = await client.ask("GET", f"{base}/text", headers={"Accept-Encoding": "gzip"})
            assert text.body == TEXT
            assert (await client.ask("HEAD", f"{base}/text")).body == b""
            assert (await client.ask("PUT", f"{base}/files/{tag}", body=LARGE)).status == 201
            assert await client.get(f"{base}/files/{tag}") == LARGE
        await squid.seen(tag, 1)
        assert await nginx.connections(tag, 5) == 1

    run(main())


def test_stream(run: Run, nginx: Nginx, squid: Squid, certificates: Certificates, tag: str) -> None:
    async def main() -> None:
        async with Client(proxy=Hop(squid.port).url, ca_certs=certificates.authority) as client:
            digest = hashlib.sha256()
            async with client.stream("GET", f"https://{tag}.live.test:{nginx.https}/files/large") as response:
                async for piece in response:
                    digest.update(piece)
            assert digest.digest() == hashlib.sha256(LARGE).digest()
            async with client.stream("GET", f"https://{tag}.live.test:{nginx.https}/files/large") as response:
                assert LARGE.startswith(await anext(response))
        await squid.seen(tag, 1)

    run(main())


def test_origin_ends_its_connections(
    run: Run, door: MakeDoor, nginx: Nginx, squid: Squid, certificates: Certificates, tag: str
) -> None:
    """A tunnel is the connection within: after every third answer there is another."""

    async def main() -> None:
        async with door(proxy=Hop(squid.port), ca_certs=certificates.authority) as client:
            for number in range(9):
                url = f"https://{tag}.live.test:{nginx.secure_thrice}/{number}"
                assert (await client.ask("POST", url, body=b"once")).body == f"/{number}".encode()
        assert await squid.connections(tag, 3) == 3
        assert [line.number for line in await nginx.seen(tag, 9)] == [1, 2, 3] * 3

    run(main())


def test_origin_ends_an_idle_connection(
    run: Run, nginx: Nginx, squid: Squid, certificates: Certificates, tag: str
) -> None:
    async def main() -> None:
        async with Client(proxy=Hop(squid.port).url, ca_certs=certificates.authority) as client:
            for number in range(2):
                url = f"https://{tag}.live.test:{nginx.secure_brief}/{number}"
                assert (await client.post(url, body=b"once")).status == 200
                await asyncio.sleep(1.2 if number == 0 else 0)
        await squid.seen(tag, 2)
        assert await nginx.connections(tag, 2) == 2

    run(main())


def test_many_at_once(run: Run, nginx: Nginx, squid: Squid, certificates: Certificates, tag: str) -> None:
    async def main() -> None:
        async with Client(proxy=Hop(squid.port).url, ca_certs=certificates.authority) as client:
            urls = [f"https://{tag}.live.test:{nginx.https}/echo/{number}" for number in range(20)]
            got = await asyncio.gather(*(client.get(url) for url in urls))
            assert [answer.text for answer in got] == [f"/echo/{number}" for number in range(20)]
            opened = client.connect_times
        await squid.seen(tag, opened)
        assert await nginx.connections(tag, 20) <= opened

    run(main())


@pytest.mark.parametrize("mode", ["basic", "digest"])
def test_authentication(
    run: Run,
    door: MakeDoor,
    nginx: Nginx,
    basic_squid: Squid,
    digest_squid: Squid,
    certificates: Certificates,
    tag: str,
    mode: str,
) -> None:
    """Basic is sent at once; Digest answers the 407 on its connection. Neither reaches the origin."""

    async def main() -> None:
        squid = {"basic": basic_squid, "digest": digest_squid}[mode]
        hop = Hop(squid.port, "alice", USERS["alice"], mode)
        async with door(proxy=hop, ca_certs=certificates.authority) as client:
            for _ in range(3):
                for host in (f"{tag}-a", f"{tag}-b"):
                    await client.get(f"https://{host}.live.test:{nginx.https}/echo/")
        opened = await squid.log.wait(2, lambda line: tag in line.target and line.status == 200)
        assert [line.user for line in opened] == ["alice"] * 2
        lines = squid.log.lines(lambda line: tag in line.target)
        assert {line.port for line in lines} == {line.port for line in opened}
        assert [line.status for line in lines].count(407) == (0 if mode == "basic" else 1)
        assert {line.proxy_authorization + line.authorization for line in await nginx.seen(tag, 6)} == {""}

    run(main())


def test_stale_nonce(
    run: Run, door: MakeDoor, nginx: Nginx, digest_squid: Squid, certificates: Certificates, tag: str
) -> None:
    """Each request needs a tunnel of its own, and each tunnel uses the nonce once more, until squid wants another."""

    async def main() -> None:
        hop = Hop(digest_squid.port, "alice", USERS["alice"], "digest")
        async with door(proxy=hop, ca_certs=certificates.authority) as client:
            for _ in range(2 * NONCE_USES):
                assert await client.get(f"https://{tag}.live.test:{nginx.https}/last") == b"/last"
        opened = await digest_squid.log.wait(2 * NONCE_USES, lambda line: tag in line.target and line.status == 200)
        lines = digest_squid.log.lines(lambda line: tag in line.target)
        assert 1 <= len(lines) - len(opened) <= 3
        assert {line.port for line in lines} == {line.port for line in opened}

    run(main())


def test_redirect_from_http(
    run: Run, door: MakeDoor, nginx: Nginx, squid: Squid, certificates: Certificates, tag: str
) -> None:
    """From what the proxy forwards to a tunnel, and back on what is there."""

    async def main() -> None:
        async with door(proxy=Hop(squid.port), ca_certs=certificates.authority) as client:
            for _ in range(3):
                assert await client.get(f"http://{tag}.live.test:{nginx.http}/secure") == b"/echo/secure"
        lines = await squid.seen(tag, 4)
        assert sorted(line.method for line in lines) == ["CONNECT", "GET", "GET", "GET"]
        assert len({line.port for line in lines}) == 2

    run(main())


@pytest.mark.parametrize("mode", ["basic", "digest"])
@pytest.mark.parametrize("username", [None, "alice", "nobody"])
def test_wrong_password(
    run: Run, basic_squid: Squid, digest_squid: Squid, tag: str, mode: str, username: str | None
) -> None:
    """An error with the 407, which does not repeat the password; nothing was sent to the origin."""

    async def main() -> None:
        squid = {"basic": basic_squid, "digest": digest_squid}[mode]
        async with Client(proxy=Hop(squid.port, username, "swordfish").url) as client:
            for _ in range(2):
                with pytest.raises(ProxyError) as caught:
                    await client.get(f"https://{tag}.live.test:1/")
                assert caught.value.status == 407
                assert f"{squid.port}" in str(caught.value)
                assert "swordfish" not in str(caught.value)
        lines = await squid.log.wait(2, lambda line: tag in line.target)
        assert {line.status for line in lines} == {407}
        assert len(lines) <= (2 if mode == "basic" else 6)

    run(main())


@pytest.mark.parametrize(("host", "status"), [("{tag}.denied.live.test:443", 403), ("{tag}.live.test:1", 503)])
def test_refused_by_the_proxy(run: Run, door: MakeDoor, squid: Squid, tag: str, host: str, status: int) -> None:
    """squid's page is not the origin's answer: it is an error, that says what squid answered."""

    async def main() -> None:
        async with door(proxy=Hop(squid.port)) as client:
            with pytest.raises(Exception, match=f"HTTP {status}") as caught:
                await client.get(f"https://{host.format(tag=tag)}/")
            error: Any = caught.value
            assert isinstance(error, ProxyError) or error.code == 599
        await squid.seen(tag, 1)

    run(main())


def test_no_proxy_at_all(run: Run, nginx: Nginx, certificates: Certificates, tag: str) -> None:
    """nginx knows no CONNECT, and says so as an HTTP server does, also where it awaits TLS."""

    async def main() -> None:
        for port in (nginx.http, nginx.https):
            async with Client(proxy=Hop(port).url, ca_certs=certificates.authority) as client:
                with pytest.raises(ProxyError, match=f":{port}") as caught:
                    await client.get(f"https://{tag}.live.test:{nginx.https}/echo/")
                assert caught.value.status in (400, 405)
        assert nginx.log.lines(lambda line: tag in line.host and line.method == "GET") == []

    run(main())


@pytest.mark.parametrize("case", ["wrong authority", "wrong name"])
def test_origin_is_verified_inside(
    run: Run, door: MakeDoor, nginx: Nginx, squid: Squid, certificates: Certificates, tag: str, case: str
) -> None:
    async def main() -> None:
        wrong_name = case == "wrong name"
        trusted = certificates.authority if wrong_name else certificates.other_authority
        port = nginx.misnamed if wrong_name else nginx.https
        async with door(proxy=Hop(squid.port), ca_certs=trusted) as client:
            with pytest.raises((TLSError, ssl.SSLCertVerificationError)) as caught:
                await client.get(f"https://{tag}.live.test:{port}/echo/")
            expected = "Hostname mismatch" if wrong_name else "unable to get local issuer certificate"
            assert expected in str(caught.value)
        await squid.seen(tag, 1)
        assert nginx.log.lines(lambda line: tag in line.host) == []

    run(main())


def test_client_certificate(
    run: Run, door: MakeDoor, nginx: Nginx, squid: Squid, certificates: Certificates, tag: str
) -> None:
    async def main() -> None:
        async with door(proxy=Hop(squid.port), ca_certs=certificates.authority, cert=certificates.client) as client:
            for _ in range(2):
                assert b"CN=client" in await client.get(f"https://{tag}.live.test:{nginx.certified}/")
        await squid.seen(tag, 1)
        assert await nginx.connections(tag, 2) == 1

    run(main())


def test_users_and_proxies_share_no_tunnel(
    run: Run, nginx: Nginx, squid: Squid, basic_squid: Squid, certificates: Certificates, tag: str
) -> None:
    async def main() -> None:
        hops = [
            Hop(squid.port),
            Hop(squid.port, "alice", USERS["alice"]),
            Hop(basic_squid.port, "alice", USERS["alice"]),
            Hop(basic_squid.port, "bob", USERS["bob"]),
        ]
        async with Client(ca_certs=certificates.authority) as client:
            for number in range(3):
                for hop in hops:
                    url = f"https://{tag}.live.test:{nginx.https}/echo/{number}"
                    assert (await client.get(url, proxy=hop.url)).status == 200
        await squid.seen(tag, 2)
        assert sorted(line.user for line in await basic_squid.seen(tag, 2)) == ["alice", "bob"]
        assert await nginx.connections(tag, 12) == 4

    run(main())


def test_tls_settings_share_no_tunnel(
    run: Run, nginx: Nginx, squid: Squid, certificates: Certificates, tag: str
) -> None:
    async def main() -> None:
        ways: list[dict[str, Any]] = [
            {"validate_cert": False},
            {"ca_certs": certificates.authority},
            {"ca_certs": certificates.authority, "client_cert": certificates.client},
        ]
        async with SimpleKeepAliveHTTPClient(defaults=Hop(squid.port).attributes) as client:
            for way in ways * 3:
                await client.fetch(f"https://{tag}.live.test:{nginx.https}/echo/", **way)
            with pytest.raises(ssl.SSLCertVerificationError):
                await client.fetch(f"https://{tag}.live.test:{nginx.https}/echo/")
        await squid.seen(tag, len(ways) + 1)
        assert await nginx.connections(tag, 3 * len(ways)) == len(ways)

    run(main())
