"""The clients of the chaos race, each with its documented way to share connections among so many requests.

Refuses retries that a caller would have to ask for: each client does what it does by itself. An exception of whatever
kind is a failed request. Called by `bench.chaos`.
Law: a Fetch sends one request and gives its body; what is no 200 is an error.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.util import find_spec

TIMEOUT = 20.0

Fetch = Callable[[str, str], Awaitable[bytes]]
"""From method and URL to the body."""


class BadStatus(Exception):
    """The answer was no 200."""


def good(status: int, body: bytes) -> bytes:
    """The body of a 200."""
    if status != 200:
        raise BadStatus(f"status {status}")
    return body


@asynccontextmanager
async def ours(at_once: int) -> AsyncIterator[Fetch]:
    """`Client`."""
    from async_keepalive_httpc import Client, Limits

    async with Client(limits=Limits(max_per_host=at_once), timeout=TIMEOUT) as client:

        async def fetch(method: str, url: str) -> bytes:
            response = await client.request(method, url)
            return good(response.status, response.body)

        yield fetch


@asynccontextmanager
async def aiohttp(at_once: int) -> AsyncIterator[Fetch]:
    """`ClientSession`."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    connector = aiohttp.TCPConnector(limit=at_once)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def fetch(method: str, url: str) -> bytes:
            async with session.request(method, url) as response:
                return good(response.status, await response.read())

        yield fetch


@asynccontextmanager
async def httpx(at_once: int) -> AsyncIterator[Fetch]:
    """`AsyncClient`."""
    import httpx

    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    async with httpx.AsyncClient(limits=limits, timeout=TIMEOUT, trust_env=False) as client:

        async def fetch(method: str, url: str) -> bytes:
            response = await client.request(method, url)
            return good(response.status_code, response.content)

        yield fetch


@asynccontextmanager
async def pyreqwest(at_once: int) -> AsyncIterator[Fetch]:
    """`Client`; it has no limit on connections."""
    import datetime

    from pyreqwest.client import ClientBuilder

    client = ClientBuilder().timeout(datetime.timedelta(seconds=TIMEOUT)).build()

    async def fetch(method: str, url: str) -> bytes:
        response = await client.request(method, url).build().send()
        return good(response.status, bytes(await response.bytes()))

    try:
        yield fetch
    finally:
        await client.close()


@asynccontextmanager
async def tornado_curl(at_once: int) -> AsyncIterator[Fetch]:
    """Tornado's `CurlAsyncHTTPClient`, so libcurl."""
    from tornado.curl_httpclient import CurlAsyncHTTPClient

    client = CurlAsyncHTTPClient(force_instance=True, max_clients=at_once)

    async def fetch(method: str, url: str) -> bytes:
        body = b"" if method == "POST" else None
        response = await client.fetch(url, method=method, body=body, request_timeout=TIMEOUT)
        return good(response.code, response.body)

    try:
        yield fetch
    finally:
        client.close()


Start = Callable[[int], AbstractAsyncContextManager[Fetch]]

CLIENTS: dict[str, tuple[Start, str]] = {
    "ours": (ours, "async_keepalive_httpc"),
    "aiohttp": (aiohttp, "aiohttp"),
    "httpx": (httpx, "httpx"),
    "pyreqwest": (pyreqwest, "pyreqwest"),
    "tornado-curl": (tornado_curl, "pycurl"),
}
"""How each is started, and the module without which it is missing."""


def installed() -> list[str]:
    """The clients that are here."""
    return [name for name, (_, module) in CLIENTS.items() if find_spec(module) is not None]
