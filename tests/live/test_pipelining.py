"""Pipelining against servers as they are: nginx counts connections and requests, haproxy goes between."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter

import pytest
from tests.conftest import Run
from tests.live.certificates import Certificates
from tests.live.nginx import LARGE, MEDIUM, TEXT, Nginx
from tests.live.process import HOST

from async_keepalive_httpc import Client, Limits, Response
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient

ONE = Limits(max_per_host=1)


def base(nginx: Nginx, scheme: str) -> str:
    return f"{scheme}://{HOST}:{nginx.http if scheme == 'http' else nginx.https}"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_one_connection_for_all_at_once(
    run: Run, nginx: Nginx, certificates: Certificates, tag: str, scheme: str
) -> None:
    async def main() -> None:
        async with Client(limits=ONE, pipelining=50, ca_certs=certificates.authority) as client:
            targets = [f"/echo/{number}?{tag}" for number in range(500)]
            got = await asyncio.gather(*(client.get(base(nginx, scheme) + target) for target in targets))
            assert [answer.body.decode() for answer in got] == targets
            assert client.stats()["connections"]["pipelined"] > 450
        lines = await nginx.seen(tag, 500)
        assert len({line.connection for line in lines}) == 1
        assert sorted(line.number for line in lines) == list(range(1, 501))

    run(main())


def test_the_simple_client(run: Run, nginx: Nginx, tag: str) -> None:
    async def main() -> None:
        async with SimpleKeepAliveHTTPClient(pipelining=10) as client:
            targets = [f"/echo/{number}?{tag}" for number in range(50)]
            got = await asyncio.gather(*(client.fetch(base(nginx, "http") + target) for target in targets))
            assert [answer.body.decode() for answer in got] == targets
            assert client.connection.connect_times == 1
        assert await nginx.connections(tag, 50) == 1

    run(main())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_answers_of_all_kinds(run: Run, nginx: Nginx, certificates: Certificates, tag: str, scheme: str) -> None:
    """Long ones, codings, 204, a redirect, a HEAD and POSTs between GETs: each has its own, over one connection."""

    async def check(client: Client, kind: int) -> None:
        url = base(nginx, scheme)
        got: Response
        if kind == 0:
            got = await client.get(f"{url}/files/medium?{tag}")
            assert hashlib.sha256(got.body).digest() == hashlib.sha256(MEDIUM).digest()
        elif kind == 1:
            got = await client.get(f"{url}/text?{tag}")
            assert got.body == TEXT
        elif kind == 2:
            got = await client.get(f"{url}/empty?{tag}")
            assert (got.status, got.body) == (204, b"")
        elif kind == 3:
            got = await client.get(f"{url}/moved?{tag}")
            assert got.body.decode() == f"/echo/moved?{tag}"
        elif kind == 4:
            got = await client.head(f"{url}/files/large?{tag}")
            assert (got.body, got.headers["Content-Length"]) == (b"", str(len(LARGE)))
        elif kind == 5:
            got = await client.post(f"{url}/post?{tag}", body=b"12345")
            assert got.body == b"5"
        else:
            got = await client.get(f"{url}/echo/{kind}?{tag}")
            assert got.body.decode() == f"/echo/{kind}?{tag}"

    async def main() -> None:
        async with Client(limits=ONE, pipelining=8, ca_certs=certificates.authority) as client:
            await asyncio.gather(*(check(client, number % 20) for number in range(100)))
            assert client.connect_times == 1
            assert client.stats()["connections"]["pipelined"] > 30

    run(main())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_closes_after_every_third(
    run: Run, nginx: Nginx, certificates: Certificates, tag: str, scheme: str
) -> None:
    """What stood behind its first close is asked twice at most, and after that nothing stands there any more."""

    async def main() -> None:
        port = nginx.thrice if scheme == "http" else nginx.secure_thrice
        async with Client(limits=ONE, pipelining=6, ca_certs=certificates.authority) as client:
            targets = [f"/{number}?{tag}" for number in range(40)]
            got = await asyncio.gather(*(client.get(f"{scheme}://{HOST}:{port}{target}") for target in targets))
            assert [answer.body.decode() for answer in got] == targets
            counts = client.stats()["connections"]
            assert 0 < counts["resends"] < 6
        lines = await nginx.seen(tag, 40)
        # Not one was acted upon twice: nginx does not read on after it has said close.
        assert set(Counter(line.target for line in lines).values()) == {1}

    run(main())


def test_a_few_are_cancelled(run: Run, nginx: Nginx, tag: str) -> None:
    async def main() -> None:
        async with Client(limits=ONE, pipelining=10) as client:
            url = base(nginx, "http")
            await client.get(f"{url}/echo/first?{tag}")
            calls = {number: asyncio.ensure_future(client.get(f"{url}/echo/{number}?{tag}")) for number in range(40)}
            for number, call in list(calls.items()):
                if number % 5 == 3:
                    await asyncio.sleep(0)
                    call.cancel()
            outcomes = await asyncio.gather(*calls.values(), return_exceptions=True)
            for number, outcome in enumerate(outcomes):
                if not isinstance(outcome, asyncio.CancelledError):
                    assert isinstance(outcome, Response)
                    assert outcome.body.decode() == f"/echo/{number}?{tag}"
            assert client.stats()["connections"]["resends"] == 0

    run(main())
