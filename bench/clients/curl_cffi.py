"""Adapter of curl_cffi. Loaded by the worker."""

from typing import Any

from curl_cffi import AsyncSession

from bench.clients import Session, Target


class CurlCffiSession:
    """One AsyncSession with a handle for each request in flight."""

    __slots__ = ("client", "url")

    def __init__(self, target: Target) -> None:
        self.url = target.url
        # As they are documented; its types know no file of certificates.
        options: dict[str, Any] = {"verify": target.authority, "discard_cookies": True, "trust_env": False}
        self.client: Any = AsyncSession(max_clients=target.concurrency, timeout=0, **options)

    async def fetch(self) -> tuple[int, int]:
        response = await self.client.get(self.url)
        return response.status_code, len(response.content)

    async def close(self) -> None:
        await self.client.close()


async def start(target: Target) -> Session:
    """A session; curl_cffi wants it made on a running loop."""
    return CurlCffiSession(target)
