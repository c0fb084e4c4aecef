"""Adapter of aiohttp. Loaded by the worker."""

import ssl

import aiohttp
import yarl

from bench.clients import Session, Target


class AiohttpSession:
    """One ClientSession without limit on connections and without cookies."""

    __slots__ = ("client", "url")

    def __init__(self, target: Target) -> None:
        self.url = yarl.URL(target.url)
        self.client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=ssl.create_default_context(cafile=target.authority)),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
        )

    async def fetch(self) -> tuple[int, int]:
        async with self.client.get(self.url) as response:
            return response.status, len(await response.read())

    async def close(self) -> None:
        await self.client.close()


async def start(target: Target) -> Session:
    """A session; aiohttp wants it made on a running loop."""
    return AiohttpSession(target)
