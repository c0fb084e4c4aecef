"""Adapter of pyreqwest. Loaded by the worker."""

from pathlib import Path

from pyreqwest.client import ClientBuilder

from bench.clients import Session, Target


class PyreqwestSession:
    """One client; it has no limit on connections of itself."""

    __slots__ = ("client", "url")

    def __init__(self, target: Target) -> None:
        self.url = target.url
        authority = Path(target.authority).read_bytes()
        self.client = ClientBuilder().add_root_certificate_pem(authority).build()

    async def fetch(self) -> tuple[int, int]:
        response = await self.client.get(self.url).build().send()
        return response.status, len(await response.bytes())

    async def close(self) -> None:
        await self.client.close()


async def start(target: Target) -> Session:
    """A client."""
    return PyreqwestSession(target)
