"""http through squid: one connection to the proxy for every origin, and what squid itself has to say."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest
from tests.conftest import Run
from tests.live.doors import Hop, MakeDoor
from tests.live.nginx import LARGE, TEXT, Nginx
from tests.live.process import HOST
from tests.live.squid import NONCE_USES, USERS, Squid

from async_keepalive_httpc import Client, Limits
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient


def hosts(tag: str) -> list[str]:
    return [f"{tag}{end}.live.test" for end in ("", "-a", "-b")]


def test_one_connection_for_all_hosts(run: Run, door: MakeDoor, nginx: Nginx, squid: Squid, tag: str) -> None:
    async def main() -> None:
        async with door(proxy=Hop(squid.port)) as client:
            for number in range(4):
                for host in hosts(tag):
                    assert await client.get(f"http://{host}:{nginx.http}/echo/{number}") == f"/echo/{number}".encode()
        assert await squid.connections(tag, 12) == 1
        lines = await nginx.seen(tag, 12)
        assert [line.host for line in lines] == hosts(tag) * 4

    run(main())


def test_many_at_once(run: Run, nginx: Nginx, squid: Squid, tag: str) -> None:
    """The limit for a host counts the connections to the proxy."""

    async def main() -> None:
        async with Client(proxy=Hop(squid.port).url, limits=Limits(max_per_host=3)) as client:
            urls = [f"http://{host}:{nginx.http}/echo/{number}" for number in range(10) for host in hosts(tag)]
            got = await asyncio.gather(*(client.get(url) for url in urls))
            assert [answer.text for answer in got] == [url.partition(str(nginx.http))[2] for url in urls]
        assert await squid.connections(tag, 30) == 3

    run(main())


def test_messages_of_every_kind(run: Run, door: MakeDoor, nginx: Nginx, squid: Squid, tag: str) -> None:
    async def main() -> None:
        base = f"http://{tag}.live.test:{nginx.http}"
        async with door(proxy=Hop(squid.port)) as client:
            assert await client.get(f"{base}/files/large") == LARGE
            assert await client.get(f"{base}/moved") == b"/echo/moved?"
            text = await client.ask("GET", f"{base}/text", headers={"Accept-Encoding": "gzip"})
            assert text.body == TEXT
            head = await client.ask("HEAD", f"{base}/files/large")
            assert (head.body, head.headers["Content-Length"]) == (b"", str(len(LARGE)))
            assert (await client.ask("GET", f"{base}/empty")).status == 204
            put = await client.ask("PUT", f"{base}/files/{tag}", body=LARGE[:1_000_000])
            assert put.status == 201
            assert await client.get(f"{base}/files/{tag}") == LARGE[:1_000_000]
        assert await squid.connections(tag, 8) == 1

    run(main())


def test_upload_in_chunks(run: Run, nginx: Nginx, squid: Squid, tag: str) -> None:
    """Of a length that nobody knows before; and refused by the origin on the way."""

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(LARGE), 100_000):
            yield LARGE[start : start + 100_000]

    async def main() -> None:
        base = f"http://{tag}.live.test:{nginx.http}"
        async with Client(proxy=Hop(squid.port).url) as client:
            for _ in range(2):
                assert (await client.put(f"{base}/files/{tag}", body=pieces())).status in (201, 204)
                assert (await client.get(f"{base}/files/{tag}")).body == LARGE
            assert await squid.connections(tag, 4) == 1
            assert (await client.post(f"{base}/small", body=pieces())).status == 413
            assert (await client.post(f"{base}/small", body=LARGE)).status == 413
            assert (await client.get(f"{base}/echo/")).status == 200

    run(main())


def test_continue(run: Run, nginx: Nginx, squid: Squid, tag: str) -> None:
    async def main() -> None:
        async with Client(proxy=Hop(squid.port).url) as client:
            url = f"http://{tag}.live.test:{nginx.http}/post"
            for _ in range(2):
                assert (await client.post(url, body=LARGE, expect_continue=True)).text == str(len(LARGE))
        assert await squid.connections(tag, 2) == 1

    run(main())


def test_denied(run: Run, door: MakeDoor, nginx: Nginx, squid: Squid, tag: str) -> None:
    """squid's 403 and 503 are answers, with squid's body; the connection stays."""

    async def main() -> None:
        async with door(proxy=Hop(squid.port)) as client:
            denied = await client.ask("GET", f"http://{tag}.denied.live.test/")
            assert (denied.status, denied.headers["X-Squid-Error"]) == (403, "ERR_ACCESS_DENIED 0")
            absent = await client.ask("GET", f"http://{tag}.live.test:1/")
            assert (absent.status, absent.headers["X-Squid-Error"]) == (503, "ERR_CONNECT_FAIL 111")
            await client.get(f"http://{tag}.live.test:{nginx.http}/echo/")
        assert await squid.connections(tag, 3) == 1

    run(main())


def test_basic_authentication(run: Run, door: MakeDoor, nginx: Nginx, basic_squid: Squid, tag: str) -> None:
    """Sent at once, so there is no 407; the origin never hears of it."""

    async def main() -> None:
        async with door(proxy=Hop(basic_squid.port, "alice", USERS["alice"])) as client:
            for host in hosts(tag) * 2:
                await client.get(f"http://{host}:{nginx.http}/echo/")
            denied = await client.ask("GET", f"http://{tag}.denied.live.test/")
            assert denied.status == 403
        lines = await basic_squid.seen(tag, 7)
        assert {line.port for line in lines} == {lines[0].port}
        assert [(line.status, line.user) for line in lines[:6]] == [(200, "alice")] * 6
        assert {line.proxy_authorization + line.authorization for line in await nginx.seen(tag, 6)} == {""}

    run(main())


def test_origin_and_proxy_have_their_own_credentials(run: Run, nginx: Nginx, basic_squid: Squid, tag: str) -> None:
    """And a redirect to another origin takes along the proxy's alone."""

    async def main() -> None:
        proxy = Hop(basic_squid.port, "alice", USERS["alice"]).url
        url = f"http://{tag}-a.live.test:{nginx.http}"
        async with Client(proxy=proxy, auth=("carol", "origin's own")) as client:
            assert (await client.get(f"{url}/moved")).status == 200
        told = f"Basic {base64.b64encode(b'carol:origin' + bytes([39]) + b's own').decode()}"
        lines = await nginx.seen(tag, 2)
        assert [(line.authorization, line.proxy_authorization) for line in lines] == [(told, "")] * 2
        assert [line.user for line in await basic_squid.seen(tag, 2)] == ["alice"] * 2

    run(main())


def test_digest_authentication(run: Run, door: MakeDoor, nginx: Nginx, digest_squid: Squid, tag: str) -> None:
    """The 407 is answered on its connection; the nonce then serves until squid says that it is stale."""

    async def main() -> None:
        async with door(proxy=Hop(digest_squid.port, "alice", USERS["alice"], "digest")) as client:
            for number in range(2 * NONCE_USES):
                host = hosts(tag)[number % 3]
                answer = await client.ask("POST", f"http://{host}:{nginx.http}/post", body=b"body")
                assert (answer.status, answer.body) == (200, b"4")
        answered = await digest_squid.log.wait(2 * NONCE_USES, lambda line: tag in line.target and line.status == 200)
        assert [line.user for line in answered] == ["alice"] * 2 * NONCE_USES
        lines = digest_squid.log.lines(lambda line: tag in line.target)
        assert len({line.port for line in lines}) == 1
        assert 1 <= len(lines) - len(answered) <= 3
        assert {line.proxy_authorization + line.authorization for line in await nginx.seen(tag, 2 * NONCE_USES)} == {""}

    run(main())


def test_digest_authentication_of_many(run: Run, nginx: Nginx, digest_squid: Squid, tag: str) -> None:
    """They arrive in another order than they were numbered in, which squid takes for a stale nonce."""

    async def main() -> None:
        hop = Hop(digest_squid.port, "alice", USERS["alice"])
        async with Client(proxy=hop.url, limits=Limits(max_per_host=10)) as client:
            url = f"http://{tag}.live.test:{nginx.http}/echo/"
            got = await asyncio.gather(*(client.get(f"{url}{number}") for number in range(200)))
            assert [answer.text for answer in got] == [f"/echo/{number}" for number in range(200)]

    run(main())


@pytest.mark.parametrize("mode", ["basic", "digest"])
@pytest.mark.parametrize("username", [None, "alice", "nobody"])
def test_wrong_password(
    run: Run, door: MakeDoor, basic_squid: Squid, digest_squid: Squid, tag: str, mode: str, username: str | None
) -> None:
    """The 407 is the answer, soon; nothing was asked of the origin; the right password is then good on another
    connection."""

    async def main() -> None:
        squid = {"basic": basic_squid, "digest": digest_squid}[mode]
        hop = Hop(squid.port, username, "wrong", mode if username else None)
        async with door(proxy=hop) as client:
            for _ in range(2):
                answer = await client.ask("GET", f"http://{tag}.live.test:1/")
                assert (answer.status, b"wrong" in answer.body) == (407, False)
                assert answer.headers["Proxy-Authenticate"].lower().startswith(mode)
        lines = await squid.log.wait(2, lambda line: tag in line.target)
        assert {line.status for line in lines} == {407}
        assert len({line.port for line in lines}) == 1
        assert len(lines) <= (2 if mode == "basic" else 6)

    run(main())


def test_users_and_proxies_share_nothing(
    run: Run, nginx: Nginx, squid: Squid, basic_squid: Squid, digest_squid: Squid, tag: str
) -> None:
    async def main() -> None:
        hops = [
            None,
            Hop(squid.port),
            Hop(squid.port, "alice", USERS["alice"]),
            Hop(basic_squid.port, "alice", USERS["alice"]),
            Hop(basic_squid.port, "bob", USERS["bob"]),
            Hop(digest_squid.port, "alice", USERS["alice"]),
            Hop(digest_squid.port, "bob", USERS["bob"]),
        ]

        async with Client(hostname_mapping={f"{tag}.live.test": HOST}) as client:
            for number in range(3):
                for hop in hops:
                    url = f"http://{tag}.live.test:{nginx.http}/echo/{number}"
                    assert (await client.get(url, proxy=hop and hop.url)).status == 200
            assert client.connect_times == len(hops)
        assert await squid.connections(tag, 6) == 2
        for other in (basic_squid, digest_squid):
            lines = await other.log.wait(6, lambda line: tag in line.target and line.status == 200)
            users = {line.port: line.user for line in lines}
            assert sorted(users.values()) == ["alice", "bob"]
        secrets = [base64.b64encode(f"{user}:{password}".encode()).decode() for user, password in USERS.items()]
        for line in await nginx.seen(tag, 3 * len(hops)):
            assert not any(secret in str(line) for secret in [*secrets, *USERS.values()])

    run(main())


def test_document(run: Run, nginx: Nginx, squid: Squid, tag: str) -> None:
    """The proxy of the user's document: localhost, port 3128, at the class whose connection it speaks of."""

    async def main() -> None:
        proxy_config = {"proxy_host": "localhost", "proxy_port": squid.port}
        async with SimpleKeepAliveHTTPClient(defaults=proxy_config) as client:
            for number in range(5):
                answer = await client.fetch(f"http://{tag}.live.test:{nginx.http}/echo/{number}")
                assert answer.body == f"/echo/{number}".encode()
            assert client.connection.connect_times == 1
        assert await squid.connections(tag, 5) == 1

    run(main())
