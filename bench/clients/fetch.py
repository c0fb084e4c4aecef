"""Adapters of this package's Tornado-shaped doors: `fetch` of the simple client and of the drop-in.

Refuses to set anything but max_clients, as for Tornado's own clients. Loaded by the worker, whose SSL_CERT_FILE
names the authority of the certificate: there a default TLS context looks for it.
"""

from async_keepalive_httpc.adapters.tornado import KeepAliveAsyncHTTPClient
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient
from bench.clients import Session, Target


class FetchSession:
    """One client of either kind."""

    __slots__ = ("client", "url")

    def __init__(self, client: SimpleKeepAliveHTTPClient | KeepAliveAsyncHTTPClient, url: str) -> None:
        self.client = client
        self.url = url

    async def fetch(self) -> tuple[int, int]:
        response = await self.client.fetch(self.url)
        return response.code, len(response.body)

    async def close(self) -> None:
        self.client.close()


async def start(target: Target) -> Session:
    """The simple client, with its one connection."""
    return FetchSession(SimpleKeepAliveHTTPClient(), target.url)


async def start_drop_in(target: Target) -> Session:
    """The drop-in, made apart from Tornado's cache of clients."""
    client = KeepAliveAsyncHTTPClient(force_instance=True, max_clients=target.concurrency)
    return FetchSession(client, target.url)
