"""Adapter of niquests. Loaded by the worker, in the environment of its own that niquests needs."""

import niquests

from bench.clients import Session, Target


class NiquestsSession:
    """One AsyncSession whose pool holds a connection for each request in flight."""

    __slots__ = ("client", "url")

    def __init__(self, target: Target) -> None:
        self.url = target.url
        self.client = niquests.AsyncSession(
            pool_connections=1,
            pool_maxsize=target.concurrency,
            verify=target.authority,
            revocation_configuration=None,
        )
        self.client.trust_env = False

    async def fetch(self) -> tuple[int, int]:
        response = await self.client.get(self.url)
        return response.status_code or 0, len(response.content or b"")

    async def close(self) -> None:
        await self.client.close()


async def start(target: Target) -> Session:
    """A session."""
    return NiquestsSession(target)
