"""TLS against nginx: what is verified, what is shown, and that nothing else shares its connection."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Run
from tests.live.certificates import Certificates
from tests.live.doors import MakeDoor
from tests.live.nginx import Nginx
from tests.live.process import HOST

from async_keepalive_httpc import Client, ConnectionLost, TLSError
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient

FIRST_LINE, LAST_LINE = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def test_one_connection(run: Run, door: MakeDoor, nginx: Nginx, certificates: Certificates, tag: str) -> None:
    async def main() -> None:
        async with door(ca_certs=certificates.authority) as client:
            for number in range(10):
                target = f"/echo/{number}?{tag}"
                assert await client.get(f"https://{HOST}:{nginx.https}{target}") == target.encode()
        assert await nginx.connections(tag, 10) == 1

    run(main())


def test_keepalive_requests(run: Run, door: MakeDoor, nginx: Nginx, certificates: Certificates, tag: str) -> None:
    async def main() -> None:
        async with door(ca_certs=certificates.authority) as client:
            for number in range(9):
                await client.ask("POST", f"https://{HOST}:{nginx.secure_thrice}/{number}?{tag}", body=b"once")
        lines = await nginx.seen(tag, 9)
        assert [line.number for line in lines] == [1, 2, 3] * 3

    run(main())


def test_keepalive_timeout(run: Run, nginx: Nginx, certificates: Certificates, tag: str) -> None:
    async def main() -> None:
        async with Client(ca_certs=certificates.authority) as client:
            for number in range(2):
                answer = await client.post(f"https://{HOST}:{nginx.secure_brief}/{number}?{tag}", body=b"once")
                assert answer.status == 200
                await asyncio.sleep(1.2 if number == 0 else 0)
        assert await nginx.connections(tag, 2) == 2

    run(main())


@pytest.mark.parametrize("case", ["wrong authority", "wrong name", "no authority"])
def test_refused(run: Run, door: MakeDoor, nginx: Nginx, certificates: Certificates, tag: str, case: str) -> None:
    """The error says what was wrong; not one byte of a request was sent, and the server is then reached as it ought to
    be."""

    async def main() -> None:
        trusted = {"wrong authority": certificates.other_authority, "wrong name": certificates.authority}.get(case)
        port = nginx.misnamed if case == "wrong name" else nginx.https
        async with door(ca_certs=trusted) as client:
            with pytest.raises((TLSError, ssl.SSLCertVerificationError)) as caught:
                await client.get(f"https://{HOST}:{port}/echo/?{tag}")
            expected = "IP address mismatch" if case == "wrong name" else "unable to get local issuer certificate"
            assert expected in str(caught.value)
        async with door(ca_certs=certificates.authority) as client:
            await client.get(f"https://{HOST}:{nginx.https}/echo/?{tag}")
        await nginx.seen(tag, 1)

    run(main())


def test_client_certificate(run: Run, door: MakeDoor, nginx: Nginx, certificates: Certificates, tag: str) -> None:
    async def main() -> None:
        async with door(ca_certs=certificates.authority, cert=certificates.client) as client:
            for _ in range(3):
                subject = await client.get(f"https://{HOST}:{nginx.certified}/?{tag}")
                assert b"CN=client" in subject
        assert await nginx.connections(tag, 3) == 1

    run(main())


def test_no_client_certificate(run: Run, door: MakeDoor, nginx: Nginx, certificates: Certificates, tag: str) -> None:
    """nginx says so in HTTP."""

    async def main() -> None:
        async with door(ca_certs=certificates.authority) as client:
            answer = await client.ask("GET", f"https://{HOST}:{nginx.certified}/?{tag}")
            assert (answer.status, b"No required SSL certificate was sent" in answer.body) == (400, True)

    run(main())


def test_client_certificate_of_a_stranger(run: Run, nginx: Nginx, certificates: Certificates, tag: str) -> None:
    async def main() -> None:
        async with Client(ca_certs=certificates.authority, cert=certificates.stranger) as client:
            answer = await client.get(f"https://{HOST}:{nginx.certified}/?{tag}")
            assert (answer.status, b"The SSL certificate error" in answer.body) == (400, True)

    run(main())


def test_no_connection_for_two_tls_settings(run: Run, nginx: Nginx, certificates: Certificates, tag: str) -> None:
    """Certificates, verification, and contexts, at a door that has them for each request."""

    async def main() -> None:
        context = ssl.create_default_context(cafile=certificates.authority)
        ways: list[dict[str, Any]] = [
            {"validate_cert": False},
            {"ca_certs": certificates.authority},
            {"ca_certs": certificates.authority, "client_cert": certificates.client},
            {"ca_certs": certificates.authority, "client_cert": certificates.other_client},
            {"ssl_options": context},
            {"ssl_options": {"ca_certs": certificates.authority, "cert_reqs": ssl.CERT_REQUIRED}},
        ]
        async with SimpleKeepAliveHTTPClient() as client:
            for number, way in [*enumerate(ways)] * 3:
                await client.fetch(f"https://{HOST}:{nginx.https}/echo/{number}?{tag}", **way)
            with pytest.raises(ssl.SSLCertVerificationError):
                await client.fetch(f"https://{HOST}:{nginx.https}/echo/?{tag}")
        lines = await nginx.seen(tag, 3 * len(ways))
        assert len({line.connection for line in lines}) == len(ways)
        assert len({(line.connection, line.target) for line in lines}) == len(ways)

    run(main())


def test_context_of_the_caller_stays_as_it_is(run: Run, nginx: Nginx, certificates: Certificates, tag: str) -> None:
    async def main() -> None:
        context = ssl.create_default_context(cafile=certificates.authority)
        before = (context.verify_mode, context.check_hostname, context.options, context.minimum_version)
        async with Client(verify=context) as client:
            assert (await client.get(f"https://{HOST}:{nginx.https}/echo/?{tag}")).status == 200
        after = (context.verify_mode, context.check_hostname, context.options, context.minimum_version)
        assert before == after

    run(main())


def test_another_name(run: Run, nginx: Nginx, certificates: Certificates, tag: str) -> None:
    """What is asked for, and verified, is `server_hostname`."""

    async def main() -> None:
        async with Client(ca_certs=certificates.authority, server_hostname="elsewhere.test") as client:
            assert (await client.get(f"https://{HOST}:{nginx.misnamed}/?{tag}")).status == 200
            with pytest.raises(TLSError, match="elsewhere.test"):
                await client.get(f"https://{HOST}:{nginx.https}/echo/?{tag}")
        await nginx.seen(tag, 1)

    run(main())


def test_pins(run: Run, nginx: Nginx, certificates: Certificates, tag: str) -> None:
    async def main() -> None:
        pem = Path(certificates.server).read_text()
        leaf = pem[pem.index(FIRST_LINE) : pem.index(LAST_LINE) + len(LAST_LINE)]
        pin = hashlib.sha256(ssl.PEM_cert_to_DER_cert(leaf)).hexdigest()
        url = f"https://{HOST}:{nginx.https}/last?{tag}"
        async with Client(ca_certs=certificates.authority, pin_sha256=pin) as client:
            for _ in range(3):
                assert (await client.get(url)).status == 200
        async with Client(ca_certs=certificates.authority, pin_sha256=pin[::-1]) as client:
            with pytest.raises(TLSError, match="(?i)pin"):
                await client.get(url)
        await nginx.seen(tag, 3)

    run(main())


def test_http_on_the_https_port_and_the_other_way(run: Run, nginx: Nginx, certificates: Certificates, tag: str) -> None:
    async def main() -> None:
        async with Client(ca_certs=certificates.authority) as client:
            with pytest.raises((TLSError, ConnectionLost)):
                await client.get(f"https://{HOST}:{nginx.http}/echo/?{tag}")
            answer = await client.get(f"http://{HOST}:{nginx.https}/echo/?{tag}")
            assert (answer.status, b"plain HTTP request was sent to HTTPS port" in answer.body) == (400, True)

    run(main())
