"""The doors of the package behind one face, so that a live test runs through each; and a proxy as each is told of it.

Refuses: what only one door has; such a test takes that door itself.
Called by: the `door` fixture, and tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self
from urllib.parse import quote

from tests.live.process import HOST
from tornado.httpclient import HTTPRequest

from async_keepalive_httpc import Client
from async_keepalive_httpc.adapters.tornado import KeepAliveAsyncHTTPClient
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: Mapping[str, str]


class Hop(NamedTuple):
    """A proxy, and who one is to it."""

    port: int
    username: str | None = None
    password: str = ""
    mode: str | None = None
    scheme: str = "http"
    host: str = HOST

    @property
    def url(self) -> str:
        """As `Client(proxy=...)` and the environment have it."""
        user = "" if self.username is None else f"{quote(self.username, '')}:{quote(self.password, '')}@"
        return f"{self.scheme}://{user}{self.host}:{self.port}"

    @property
    def attributes(self) -> dict[str, Any]:
        """As Tornado's HTTPRequest has it."""
        return {
            "proxy_host": self.host if self.scheme == "http" else f"{self.scheme}://{self.host}",
            "proxy_port": self.port,
            "proxy_username": self.username,
            "proxy_password": self.password if self.username is not None else None,
            "proxy_auth_mode": self.mode,
        }


class NativeDoor:
    """`Client`. All options are the client's."""

    def __init__(self, *, proxy: Hop | None = None, ca_certs: str | None = None, cert: str | None = None) -> None:
        self.client: Any = Client(proxy=proxy and proxy.url, ca_certs=ca_certs, cert=cert)

    async def ask(
        self, method: str, url: str, *, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """One request, its redirects followed; any status is an answer."""
        got = await self.client.request(method, url, headers=headers, body=body)
        return Answer(got.status, got.body, got.headers)

    async def get(self, url: str) -> bytes:
        """The body of a 200."""
        answer = await self.ask("GET", url)
        assert answer.status == 200, answer
        return answer.body

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()


class SimpleDoor(NativeDoor):
    """`SimpleKeepAliveHTTPClient`. All options are the requests', by its `defaults`."""

    def __init__(self, *, proxy: Hop | None = None, ca_certs: str | None = None, cert: str | None = None) -> None:
        through = {} if proxy is None else proxy.attributes
        self.client = SimpleKeepAliveHTTPClient(defaults={"ca_certs": ca_certs, "client_cert": cert, **through})

    async def ask(
        self, method: str, url: str, *, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        request = HTTPRequest(url, method, headers, body, allow_nonstandard_methods=True)
        got = await self.client.fetch(request, raise_error=False)
        if got.code == 599 and got.error is not None:
            raise got.error
        return Answer(got.code, got.body, got.headers)


class InstalledDoor(SimpleDoor):
    """`KeepAliveAsyncHTTPClient`, as Tornado's own `AsyncHTTPClient` would be after `configure`."""

    def __init__(self, *, proxy: Hop | None = None, ca_certs: str | None = None, cert: str | None = None) -> None:
        through = {} if proxy is None else proxy.attributes
        defaults = {"ca_certs": ca_certs, "client_cert": cert, **through}
        self.client = KeepAliveAsyncHTTPClient(force_instance=True, defaults=defaults)

    async def __aexit__(self, *_: object) -> None:
        self.client.close()


MakeDoor = Callable[..., NativeDoor]
