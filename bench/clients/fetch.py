"""Adapter of this package's Tornado-shaped door, `SimpleKeepAliveHTTPClient.fetch`.

Refuses to set anything: it is measured as a newcomer meets it. Loaded by the worker, whose SSL_CERT_FILE
names the authority of the certificate: there a default TLS context looks for it.
"""

from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient
from bench.clients import Session, Target


class FetchSession:
    """One client, so one connection."""

    __slots__ = ("client", "url")

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = SimpleKeepAliveHTTPClient()

    async def fetch(self) -> tuple[int, int]:
        response = await self.client.fetch(self.url)
        return response.code, len(response.body)

    async def close(self) -> None:
        self.client.close()


async def start(target: Target) -> Session:
    """A client."""
    return FetchSession(target.url)
