"""`aws.client` and the user's classes through a proxy: calls go over TLS, and so through a tunnel, which is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from botocore.config import Config
from tests.conftest import Run
from tests.proxies import basic, proxy

from async_keepalive_httpc import aws
from async_keepalive_httpc.aws.sqs import SQSQueue
from async_keepalive_httpc.testing import Peer, authority, server_context
from async_keepalive_httpc.testing.aws import Emulator

REGION = "eu-west-1"


class Place(NamedTuple):
    """Where the tunnels lead, whatever is asked for."""

    host: str
    port: int


def place(emulator: Emulator) -> Any:
    return Place("127.0.0.1", int(emulator.url.rpartition(":")[2]))


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    authority().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return str(tmp_path / "ca.pem")


@pytest.mark.parametrize("said", ["config", "environment"])
def test_a_client(run: Run, monkeypatch: pytest.MonkeyPatch, bundle: str, said: str) -> None:
    async def main() -> None:
        async with Emulator(tls=server_context(), verify=True) as emulator:
            async with Peer(proxy(place(emulator), gate=basic("u", "p"))) as hop:
                options: dict[str, Any] = {"region_name": REGION, "endpoint_url": "https://localhost:1"}
                url = hop.url.replace("//", "//u:p@")
                if said == "config":
                    options |= {"config": Config(proxies={"https": url}), "verify": bundle}
                else:
                    # localhost is never asked for through a proxy of the environment; this name is in no certificate.
                    monkeypatch.setenv("https_proxy", url)
                    options |= {"endpoint_url": "https://aws.test:1", "verify": False}
                options |= {"aws_access_key_id": emulator.access_key, "aws_secret_access_key": emulator.secret_key}
                async with aws.client("sqs", **options) as sqs:
                    for number in range(3):
                        await sqs.create_queue(QueueName=f"q{number}")
                    assert sqs.connect_times == hop.connections == emulator.connections == 1
                assert {request.method for request in hop.requests} == {"CONNECT"}

    run(main())


def test_a_queue(run: Run, bundle: str) -> None:
    async def main() -> None:
        async with Emulator(tls=server_context(), verify=True) as emulator:
            async with Peer(proxy(place(emulator), gate=basic("u", "p"))) as hop:
                config = {"proxy_host": hop.host, "proxy_port": hop.port, "proxy_username": "u", "proxy_password": "p"}
                keys = emulator.access_key, emulator.secret_key
                url = "https://localhost:1/123456789012/q"
                options: dict[str, Any] = {"region": REGION, "proxy_config": config, "verify": bundle}
                async with SQSQueue(None, *keys, url, **options) as queue:
                    await queue.call("CreateQueue", {"QueueName": "q"})
                    for text in ("a", "b", "c"):
                        assert (await queue.send(text)).code == 200
                    assert queue.connect_times == hop.connections == emulator.connections == 1

    run(main())
