"""A proxy that goes away or falls silent, and comes back."""

from __future__ import annotations

import os
import signal

import pytest
from tests.conftest import Run
from tests.live import squid
from tests.live.certificates import Certificates
from tests.live.doors import Hop
from tests.live.nginx import Nginx
from tests.live.process import find_ports

from async_keepalive_httpc import Client, ConnectError, Timeout, TimeoutExpired


def test_gone(run: Run, nginx: Nginx, certificates: Certificates, tag: str) -> None:
    """While it is away requests fail, and say who is to blame; before and after, each arrives once."""

    async def main() -> None:
        [port] = find_ports(1)
        urls = [f"http://{tag}.live.test:{nginx.http}/echo/", f"https://{tag}.live.test:{nginx.https}/echo/"]
        async with Client(proxy=Hop(port).url, ca_certs=certificates.authority) as client:
            for _ in range(2):
                with squid.run(port=port) as proxy:
                    for url in urls * 2:
                        assert (await client.get(url)).status == 200
                    # The tunnel has its line when it has ended.
                    assert await proxy.connections(tag, 2) == 1
                for url in urls:
                    with pytest.raises(ConnectError, match=f":{port}"):
                        await client.get(url)
            assert client.connect_times == 4
        tunnels = [line.connection for line in await nginx.seen(tag, 8) if line.tls]
        assert len(set(tunnels)) == 2

    run(main())


def test_silent(run: Run, nginx: Nginx, certificates: Certificates, tag: str) -> None:
    """A tunnel that is not opened is a matter of the connect timeout; an answer that is not forwarded, of the read
    timeout."""

    async def main() -> None:
        timeout = Timeout(connect=0.3, read=0.3)
        with squid.run() as proxy:
            async with Client(proxy=Hop(proxy.port).url, ca_certs=certificates.authority, timeout=timeout) as client:
                for scheme, port, phase in (("http", nginx.http, "read"), ("https", nginx.https, "connect")):
                    url = f"{scheme}://{tag}.live.test:{port}/echo/"
                    os.kill(proxy.pid, signal.SIGSTOP)
                    try:
                        with pytest.raises(TimeoutExpired) as caught:
                            await client.get(url)
                    finally:
                        os.kill(proxy.pid, signal.SIGCONT)
                    assert caught.value.phase == phase
                    assert (await client.get(url, timeout=10)).status == 200

    run(main())
