"""Adapter of httpx, and of httpx2, which has the same interface. Loaded by the worker."""

import ssl
from importlib import import_module
from typing import Any

from bench.clients import Session, Target


class HttpxSession:
    """One AsyncClient of either package, without limits on connections."""

    __slots__ = ("client", "url")

    def __init__(self, package: Any, target: Target) -> None:
        self.url = package.URL(target.url)
        self.client = package.AsyncClient(
            limits=package.Limits(max_connections=None, max_keepalive_connections=None),
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
    """A client of httpx."""
    return HttpxSession(import_module("httpx"), target)


async def start_second(target: Target) -> Session:
    """A client of httpx2."""
    return HttpxSession(import_module("httpx2"), target)
