"""Adapter of httpx. Loaded by the worker."""

import ssl

import httpx

from bench.clients import Session, Target


class HttpxSession:
    """One AsyncClient without limits on connections."""

    __slots__ = ("client", "url")

    def __init__(self, target: Target) -> None:
        self.url = httpx.URL(target.url)
        self.client = httpx.AsyncClient(
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
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
    return HttpxSession(target)
