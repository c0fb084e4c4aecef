"""TLS sessions: which handshakes nginx says were resumed, and that checks are never skipped by one."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from tests.conftest import Run
from tests.live.certificates import Certificates
from tests.live.doors import Hop, MakeDoor
from tests.live.nginx import Nginx
from tests.live.process import HOST
from tests.live.squid import Squid

from async_keepalive_httpc import Client
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient

VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


async def resumed(nginx: Nginx, tag: str, count: int) -> list[bool]:
    """For each of `count` requests, which came on connections of their own, whether its session was resumed."""
    lines = await nginx.seen(tag, count)
    assert len({line.connection for line in lines}) == count
    return [line.resumed == "r" for line in lines]


def test_reconnect(run: Run, door: MakeDoor, nginx: Nginx, certificates: Certificates, tag: str) -> None:
    async def main() -> None:
        async with door(ca_certs=certificates.authority) as client:
            for _ in range(5):
                await client.get(f"https://{HOST}:{nginx.https}/last?{tag}")
            counts = client.client.stats()["connections"]
            assert (counts["handshakes"], counts["resumed"]) == (5, 4)
        assert await resumed(nginx, tag, 5) == [False] + [True] * 4

    run(main())


@pytest.mark.parametrize("version", VERSIONS)
def test_versions(run: Run, nginx: Nginx, certificates: Certificates, tag: str, version: str) -> None:
    """With a context of the caller's, too."""

    async def main() -> None:
        context = ssl.create_default_context(cafile=certificates.authority)
        context.minimum_version = context.maximum_version = VERSIONS[version]
        async with Client(verify=context) as client:
            for _ in range(5):
                assert (await client.get(f"https://{HOST}:{nginx.https}/last?{tag}")).status == 200
        assert {line.tls for line in await nginx.seen(tag, 5)} == {version}
        assert await resumed(nginx, tag, 5) == [False] + [True] * 4

    run(main())


def test_through_a_proxy(
    run: Run, door: MakeDoor, nginx: Nginx, squid: Squid, certificates: Certificates, tag: str
) -> None:
    async def main() -> None:
        async with door(proxy=Hop(squid.port), ca_certs=certificates.authority) as client:
            for _ in range(5):
                await client.get(f"https://{tag}.live.test:{nginx.https}/last")
        await squid.seen(tag, 5)
        assert await resumed(nginx, tag, 5) == [False] + [True] * 4

    run(main())


def test_client_certificate(run: Run, nginx: Nginx, certificates: Certificates, tag: str) -> None:
    """A session stands for the certificate that was shown, so each has its own."""

    async def main() -> None:
        async with SimpleKeepAliveHTTPClient(defaults={"ca_certs": certificates.authority}) as client:
            for _ in range(3):
                for cert, name in (
                    (certificates.client, b"CN=client"),
                    (certificates.other_client, b"CN=other client"),
                ):
                    url = f"https://{HOST}:{nginx.certified}/?{tag}"
                    got = await client.fetch(url, client_cert=cert, headers={"Connection": "close"})
                    assert name in got.body
        assert await resumed(nginx, tag, 6) == [False] * 2 + [True] * 4

    run(main())


def test_other_checks_are_made(run: Run, nginx: Nginx, certificates: Certificates, tag: str) -> None:
    """A session that was made without verification, or with another, serves nobody else."""

    async def main() -> None:
        url = f"https://{HOST}:{nginx.https}/last?{tag}"
        ways: list[dict[str, Any]] = [
            {"validate_cert": False},
            {"ca_certs": certificates.authority},
            {"ssl_options": {"ca_certs": certificates.authority, "cert_reqs": ssl.CERT_REQUIRED}},
            {"ssl_options": ssl.create_default_context(cafile=certificates.authority)},
        ]
        async with SimpleKeepAliveHTTPClient() as client:
            for way in ways * 2:
                await client.fetch(url, **way)
                for trusted in (None, certificates.other_authority):
                    with pytest.raises(ssl.SSLCertVerificationError):
                        await client.fetch(url, ca_certs=trusted)
        assert await resumed(nginx, tag, 8) == [False] * 4 + [True] * 4

    run(main())


def test_not_wanted(run: Run, nginx: Nginx, certificates: Certificates, tag: str) -> None:
    async def main() -> None:
        async with Client(ca_certs=certificates.authority, tls_resumption=False) as client:
            for _ in range(3):
                assert (await client.get(f"https://{HOST}:{nginx.https}/last?{tag}")).status == 200
            assert client.stats()["connections"]["resumed"] == 0
        assert await resumed(nginx, tag, 3) == [False] * 3

    run(main())
