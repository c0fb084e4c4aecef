"""nginx behind a unix socket: http and https, whatever the host of the URL."""

from __future__ import annotations

import pytest
from tests.conftest import Run
from tests.live.certificates import Certificates
from tests.live.nginx import LARGE, Nginx
from tests.live.process import HOST

from async_keepalive_httpc import Client, ConnectError, Limits


def test_one_connection(run: Run, nginx: Nginx, tag: str) -> None:
    async def main() -> None:
        async with Client(unix_socket=nginx.socket) as client:
            for number in range(10):
                target = f"/echo/{number}?{tag}"
                assert (await client.get(f"http://{tag}.live.test{target}")).text == target
            assert (await client.get(f"http://{tag}.live.test/files/large")).body == LARGE
            assert (await client.put(f"http://{tag}.live.test/files/{tag}", body=LARGE)).status == 201
        lines = await nginx.seen(tag, 12)
        assert {(line.connection, line.host, line.port) for line in lines} == {
            (lines[0].connection, f"{tag}.live.test", "")
        }

    run(main())


def test_https(run: Run, nginx: Nginx, certificates: Certificates, tag: str) -> None:
    """The certificate is the host's, as ever."""

    async def main() -> None:
        async with Client(unix_socket=nginx.secure_socket, ca_certs=certificates.authority) as client:
            for _ in range(5):
                assert (await client.get(f"https://{tag}.live.test/echo/")).text == "/echo/"
            with pytest.raises(ConnectError, match="Hostname mismatch"):
                await client.get(f"https://{tag}.elsewhere.test/echo/")
        assert await nginx.connections(tag, 5) == 1

    run(main())


def test_hosts_share_nothing(run: Run, nginx: Nginx, tag: str) -> None:
    """An origin is its host, even where all are one socket."""

    async def main() -> None:
        async with Client(unix_socket=nginx.socket, limits=Limits(max_per_host=1)) as client:
            for _ in range(3):
                for host in (f"{tag}-a.test", f"{tag}-b.test"):
                    assert (await client.get(f"http://{host}/echo/")).status == 200
        lines = await nginx.seen(tag, 6)
        assert len({(line.connection, line.host) for line in lines}) == 2

    run(main())


def test_nobody_listens(run: Run, nginx: Nginx) -> None:
    async def main() -> None:
        path = f"{nginx.folder}/absent.sock"
        async with Client(unix_socket=path) as client:
            with pytest.raises(ConnectError, match="absent.sock"):
                await client.get(f"http://{HOST}/")

    run(main())
