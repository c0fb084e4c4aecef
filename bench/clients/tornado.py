"""Adapters of Tornado's two clients. Loaded by the worker."""

import os
import ssl
from typing import Any

from tornado.httpclient import AsyncHTTPClient

from bench.clients import Session, Target

SIMPLE = "tornado.simple_httpclient.SimpleAsyncHTTPClient"
CURL = "tornado.curl_httpclient.CurlAsyncHTTPClient"
MAX_CLIENTS = 50


class TornadoSession:
    """An AsyncHTTPClient of the kind named, and the HTTPRequest arguments of each fetch."""

    __slots__ = ("client", "options", "url")

    def __init__(self, kind: str, url: str, **options: Any) -> None:
        AsyncHTTPClient.configure(kind)
        self.client = AsyncHTTPClient(force_instance=True, max_clients=MAX_CLIENTS)
        self.url = url
        self.options = options

    async def fetch(self) -> tuple[int, int]:
        response = await self.client.fetch(self.url, **self.options)
        return response.code, len(response.body)

    async def close(self) -> None:
        self.client.close()


async def start_simple(target: Target) -> Session:
    """The client in Python; a context of its own, shared, spares it making one per request."""
    context = ssl.create_default_context(cafile=target.authority)
    return TornadoSession(SIMPLE, target.url, ssl_options=context)


async def start_simple_novalidate(target: Target) -> Session:
    """The same told validate_cert=False, for which it loads the system's store with each request."""
    del os.environ["SSL_CERT_FILE"]
    return TornadoSession(SIMPLE, target.url, validate_cert=False)


async def start_curl(target: Target) -> Session:
    """The client on libcurl, which knows no SSLContext."""
    return TornadoSession(CURL, target.url, ca_certs=target.authority)
