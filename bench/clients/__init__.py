"""Who is measured: one entry per contender, and the small interface that each adapter gives.

Refuses to import any of them: an adapter is loaded, by its address here, in the process that measures it.
Read by the rounds, the worker and the report. Law: each has its own documented fast settings, told in
`settings`, and verifies the certificate in https, unless its title says otherwise (wrk and h2load never do).
"""

import sys
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from bench.work import Work

ROOT = Path(__file__).resolve().parent.parent.parent


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

    `address` is "module:function" of the adapter, an async function from Target to Session; empty for a program,
    whose name is then that of the contender.
    `needs` are the modules without which it is missing, `packages` the distributions whose versions are told;
    `home` is the virtual environment they are in, if not in the one that runs the bench.
    Its window is at least `seconds` long: it finishes nothing in less.
    It takes part in works of at most `most` requests in flight, with bodies of at most `longest` bytes, and of
    `scheme`; None: of any. Works that share one connection are for those that can `pipeline`, and, if `pipeline_only`,
    no others are.
    """

    name: str
    title: str
    settings: str
    address: str = ""
    loop: str = "uvloop"
    needs: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    home: str = ""
    most: int | None = None
    longest: int | None = None
    scheme: str | None = None
    seconds: float = 0.0
    pipeline: bool = False
    pipeline_only: bool = False

    def suits(self, work: Work) -> bool:
        """Whether it takes part in this work."""
        if not (self.pipeline if work.pipelined else not self.pipeline_only):
            return False
        small = self.longest is None or work.size <= self.longest
        return small and (self.most is None or work.concurrency <= self.most) and self.scheme in (None, work.scheme)

    def find_python(self) -> str:
        """The interpreter that runs its adapter."""
        return str(ROOT / self.home / "bin" / "python") if self.home else sys.executable

    def find_folders(self) -> list[str]:
        """Where its packages are."""
        return [str(path) for path in (ROOT / self.home).glob("lib/python*/site-packages")] if self.home else sys.path

    def find_missing(self) -> str | None:
        """The first needed module that is not installed."""
        needs = (*self.needs, self.loop) if self.address else ()
        return next((name for name in needs if not self._has(name)), None)

    def _has(self, name: str) -> bool:
        if self.home:
            return PathFinder.find_spec(name, self.find_folders()) is not None
        try:
            return find_spec(name) is not None
        except ModuleNotFoundError:
            return False


_OURS = "async_keepalive_httpc"

_ALL = (
    Contender(name="wrk", title="wrk -t1", settings="one thread, keep-alive; never verifies a certificate"),
    Contender(
        name="h2load",
        title="h2load --h1 -t1",
        settings="one thread, a connection for each request in flight, or pipelining (-c1 -m50); never verifies",
        pipeline=True,
    ),
    Contender(
        name="floor",
        title="bare BufferedProtocol + httptools, uvloop",
        settings="no client at all: one protocol per request in flight, one shared receive buffer",
        address="bench.floor:start",
        needs=("httptools",),
        packages=("httptools", "uvloop"),
        longest=1 << 16,
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
        name="pipelined-uvloop",
        title="ours, Client.request, pipelining, uvloop",
        settings="pipelining as many as are in flight, max_per_host=1",
        address="bench.clients.request:start_pipelined",
        needs=(f"{_OURS}.client",),
        packages=(_OURS, "httptools", "uvloop"),
        pipeline=True,
        pipeline_only=True,
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
        name="drop-in-asyncio",
        title="ours, KeepAliveAsyncHTTPClient.fetch, asyncio",
        settings="max_clients as many as are in flight",
        address="bench.clients.fetch:start_drop_in",
        loop="asyncio",
        needs=(f"{_OURS}.adapters.tornado",),
        packages=(_OURS, "httptools", "tornado"),
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
        name="httpx2",
        title="httpx2, uvloop",
        settings="one AsyncClient, no limit on connections, no timeout, trust_env=False, URL parsed once",
        address="bench.clients.httpx:start_second",
        needs=("httpx2",),
        packages=("httpcore2", "httpx2", "uvloop"),
    ),
    Contender(
        name="niquests",
        title="niquests, uvloop",
        settings="one AsyncSession, pool_maxsize as many as are in flight, trust_env=False, no OCSP",
        address="bench.clients.niquests:start",
        needs=("niquests",),
        packages=("niquests", "urllib3-future", "uvloop"),
        home=".venv-peers",
    ),
    Contender(
        name="curl-cffi",
        title="curl_cffi, uvloop",
        settings="one AsyncSession, max_clients as many as are in flight, discard_cookies, trust_env=False, no timeout",
        address="bench.clients.curl_cffi:start",
        needs=("curl_cffi",),
        packages=("curl-cffi", "uvloop"),
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
        seconds=2.5,
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
