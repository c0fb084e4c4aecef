"""Adapter of httpx2. Loaded by the worker."""

import ssl

import httpx2

from bench.clients import Session, Target


class Httpx2Session:
    """One AsyncClient without limits on connections."""

    __slots__ = ("client", "url")

    def __init__(self, target: Target) -> None:
        self.url = httpx2.URL(target.url)
        self.client = httpx2.AsyncClient(
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None),
            timeout=None,
            trust_env=False,
            verify=ssl.create_default_context(cafile=target.authority),
        )

    async def fetch(self) -> tuple[int, int]:
        response = await self.client.get(self.url)
        return response.status_code, len(response.content)

    async def close(self) -> None:
        await self.client.aclose()


async def start(target: Target) -> Session:
    """A client."""
    return Httpx2Session(target)
