"""Adapter of this package's native door, `Client.request`.

Refuses to set anything but pipelining, where that is the work: it is measured as a newcomer meets it. Loaded by the
worker, whose SSL_CERT_FILE names the authority of the certificate: there a default TLS context looks for it.
"""

from async_keepalive_httpc import Client, Limits
from bench.clients import Session, Target


class RequestSession:
    """One Client, whose limits are above the works' concurrency."""

    __slots__ = ("client", "url")

    def __init__(self, client: Client, url: str) -> None:
        self.client = client
        self.url = url

    async def fetch(self) -> tuple[int, int]:
        response = await self.client.request("GET", self.url)
        return response.status, len(response.body)

    async def close(self) -> None:
        await self.client.aclose()


async def start(target: Target) -> Session:
    """A client."""
    return RequestSession(Client(), target.url)


async def start_pipelined(target: Target) -> Session:
    """A client that sends all that are in flight on one connection."""
    return RequestSession(Client(pipelining=target.concurrency, limits=Limits(max_per_host=1)), target.url)
