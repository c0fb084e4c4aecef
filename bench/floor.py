"""The floor: a bare BufferedProtocol with httptools, which does what no client can do without.

Refuses everything a client is for: no pool rules, no limits, no errors of its own, no headers, no long bodies.
Loaded by the worker. Law: one protocol per request in flight; all receive into one shared buffer, since a read is
parsed before the next.
"""

import asyncio
import ssl
from typing import cast
from urllib.parse import urlsplit

import httptools

from bench.clients import Session, Target

BUFFER = 1 << 18
# Connections opened at once: a server's queue of those it has not accepted yet is short.
BATCH = 100


class FloorProtocol(asyncio.BufferedProtocol):
    """One connection, one request at a time."""

    __slots__ = ("answer", "body", "loop", "parser", "status", "transport", "view")

    def __init__(self, loop: asyncio.AbstractEventLoop, view: memoryview) -> None:
        self.loop = loop
        self.view = view
        self.parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.body = b""
        self.transport: asyncio.Transport
        self.answer: asyncio.Future[bytes]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.answer = self.loop.create_future()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(error or ConnectionError("the server closed the connection"))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.view

    def buffer_updated(self, nbytes: int) -> None:
        self.parser.feed_data(self.view[:nbytes])

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.status = self.parser.get_status_code()
        self.answer.set_result(self.body)

    def send(self, request: bytes) -> "asyncio.Future[bytes]":
        self.body = b""
        self.answer = self.loop.create_future()
        self.transport.write(request)
        return self.answer


class FloorSession:
    """The idle protocols, newest used first."""

    __slots__ = ("idle", "request")

    def __init__(self, request: bytes, idle: list[FloorProtocol]) -> None:
        self.request = request
        self.idle = idle

    async def fetch(self) -> tuple[int, int]:
        protocol = self.idle.pop()
        body = await protocol.send(self.request)
        self.idle.append(protocol)
        return protocol.status, len(body)

    async def close(self) -> None:
        for protocol in self.idle:
            protocol.answer.cancel()
            protocol.transport.abort()


async def start(target: Target) -> Session:
    """As many connections as requests will be in flight."""
    loop = asyncio.get_running_loop()
    parts = urlsplit(target.url)
    context = ssl.create_default_context(cafile=target.authority) if parts.scheme == "https" else None
    view = memoryview(bytearray(BUFFER))

    async def dial() -> FloorProtocol:
        host, port = parts.hostname or "", parts.port or 0
        return (await loop.create_connection(lambda: FloorProtocol(loop, view), host, port, ssl=context))[1]

    idle: list[FloorProtocol] = []
    while (left := target.concurrency - len(idle)) > 0:
        idle += await asyncio.gather(*(dial() for _ in range(min(BATCH, left))))
    return FloorSession(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode(), idle)
