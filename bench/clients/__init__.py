"""Who is measured: one entry per contender, and the small interface that each adapter gives.

Refuses to import any of them: an adapter is loaded, by its address here, in the process that measures it.
Read by the rounds, the worker and the report. Law: each has its own documented fast settings, told in
`settings`, and verifies the certificate in https, unless its title says otherwise (wrk never does).
"""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

from bench.work import Work


@dataclass(frozen=True, slots=True)
class Target:
    """What an adapter is given: one URL, how many requests will be in flight, the file of whom to trust."""

    url: str
    concurrency: int
    authority: str


class Session(Protocol):
    """An open client."""

    async def fetch(self) -> tuple[int, int]:
        """Request the target once: the status, and the length of the body, read whole."""

    async def close(self) -> None:
        """Close what is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A client under measurement.

    `address` is "module:function" of the adapter, an async function from Target to Session; empty for wrk.
    `needs` are the modules without which it is missing, `packages` the distributions whose versions are told.
    It takes part in works of at most `most` requests in flight, and of `scheme`; None: of any.
    """

    name: str
    title: str
    settings: str
    address: str = ""
    loop: str = "uvloop"
    needs: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    most: int | None = None
    scheme: str | None = None

    def suits(self, work: Work) -> bool:
        """Whether it takes part in this work."""
        return (self.most is None or work.concurrency <= self.most) and self.scheme in (None, work.scheme)

    def find_missing(self) -> str | None:
        """The first needed module that is not installed."""
        needs = (*self.needs, self.loop) if self.address else ()
        return next((name for name in needs if not _is_installed(name)), None)


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


_OURS = "async_keepalive_httpc"

_ALL = (
    Contender(name="wrk", title="wrk -t1", settings="one thread, keep-alive; never verifies a certificate"),
    Contender(
        name="floor",
        title="bare BufferedProtocol + httptools, uvloop",
        settings="no client at all: one protocol per request in flight, one shared receive buffer",
        address="bench.floor:start",
        needs=("httptools",),
        packages=("httptools", "uvloop"),
    ),
    Contender(
        name="request-uvloop",
        title="ours, Client.request, uvloop",
        settings="as it comes",
        address="bench.clients.request:start",
        needs=(f"{_OURS}.client",),
        packages=(_OURS, "httptools", "uvloop"),
    ),
    Contender(
        name="request-asyncio",
        title="ours, Client.request, asyncio",
        settings="as it comes",
        address="bench.clients.request:start",
        loop="asyncio",
        needs=(f"{_OURS}.client",),
        packages=(_OURS, "httptools"),
    ),
    Contender(
        name="fetch-uvloop",
        title="ours, SimpleKeepAliveHTTPClient.fetch, uvloop",
        settings="as it comes; one connection, so one in flight only",
        address="bench.clients.fetch:start",
        needs=(f"{_OURS}.keepalive_client",),
        packages=(_OURS, "httptools", "tornado", "uvloop"),
        most=1,
    ),
    Contender(
        name="drop-in-uvloop",
        title="ours, KeepAliveAsyncHTTPClient.fetch, uvloop",
        settings="max_clients as many as are in flight",
        address="bench.clients.fetch:start_drop_in",
        needs=(f"{_OURS}.adapters.tornado",),
        packages=(_OURS, "httptools", "tornado", "uvloop"),
    ),
    Contender(
        name="pyreqwest",
        title="pyreqwest, uvloop",
        settings="one client, no limit on connections; its runtime is a second thread of the process",
        address="bench.clients.pyreqwest:start",
        needs=("pyreqwest",),
        packages=("pyreqwest", "uvloop"),
    ),
    Contender(
        name="aiohttp",
        title="aiohttp, uvloop",
        settings="one session, TCPConnector(limit=0), DummyCookieJar, no total timeout, URL parsed once",
        address="bench.clients.aiohttp:start",
        needs=("aiohttp",),
        packages=("aiohttp", "uvloop"),
    ),
    Contender(
        name="httpx",
        title="httpx, uvloop",
        settings="one AsyncClient, no limit on connections, no timeout, trust_env=False, URL parsed once",
        address="bench.clients.httpx:start",
        needs=("httpx",),
        packages=("httpcore", "httpx", "uvloop"),
    ),
    Contender(
        name="tornado-simple",
        title="Tornado simple_httpclient, uvloop",
        settings="max_clients=50, one shared SSLContext as ssl_options",
        address="bench.clients.tornado:start_simple",
        needs=("tornado",),
        packages=("tornado", "uvloop"),
    ),
    Contender(
        name="tornado-simple-novalidate",
        title="Tornado simple_httpclient, validate_cert=False, uvloop",
        settings="max_clients=50; so told, it loads the system's certificate store with each request",
        address="bench.clients.tornado:start_simple_novalidate",
        needs=("tornado",),
        packages=("tornado", "uvloop"),
        scheme="https",
    ),
    Contender(
        name="tornado-curl",
        title="Tornado curl_httpclient, uvloop",
        settings="max_clients=50, the authority as ca_certs",
        address="bench.clients.tornado:start_curl",
        needs=("tornado", "pycurl"),
        packages=("pycurl", "tornado", "uvloop"),
    ),
)
CONTENDERS = {contender.name: contender for contender in _ALL}
