"""The floor: a bare BufferedProtocol with httptools, which does what no client can do without.

Refuses everything a client is for: no pool rules, no limits, no errors of its own, no headers.
Loaded by the worker. Law: one protocol per request in flight; heads and small bodies are received into one
shared buffer, since a read is parsed before the next; the rest of a long body is received in place.
"""

import asyncio
import re
import ssl
from typing import cast
from urllib.parse import urlsplit

import httptools

from bench.clients import Session, Target

BUFFER = 1 << 18
LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n")


class FloorProtocol(asyncio.BufferedProtocol):
    """One connection, one request at a time; the server must frame its bodies by Content-Length."""

    __slots__ = ("answer", "body", "filled", "loop", "parser", "status", "transport", "view")

    def __init__(self, loop: asyncio.AbstractEventLoop, view: memoryview) -> None:
        self.loop = loop
        self.view = view
        self.parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.body: bytes | bytearray = b""
        self.filled: int | None = None
        self.transport: asyncio.Transport
        self.answer: asyncio.Future[bytes | bytearray]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.answer = self.loop.create_future()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(error or ConnectionError("the server closed the connection"))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.view if self.filled is None else memoryview(self.body)[self.filled :]

    def buffer_updated(self, nbytes: int) -> None:
        if self.filled is None:
            self.parser.feed_data(self.view[:nbytes])
            if not self.answer.done():
                self._expect_rest(bytes(self.view[:nbytes]))
            return
        self.filled += nbytes
        if self.filled == len(self.body):
            self.filled = None
            # The old one still waits for the body that went past it.
            self.parser = httptools.HttpResponseParser(self)
            self.answer.set_result(self.body)

    def _expect_rest(self, received: bytes) -> None:
        length = LENGTH.search(received)
        if length is None:
            raise ValueError("the floor needs a whole head with a Content-Length in the first read")
        self.status = self.parser.get_status_code()
        start, self.body = self.body, bytearray(int(length[1]))
        self.filled = len(start)
        self.body[: self.filled] = start

    def on_body(self, body: bytes) -> None:
        self.body = body

    def on_message_complete(self) -> None:
        self.status = self.parser.get_status_code()
        self.answer.set_result(self.body)

    def send(self, request: bytes) -> "asyncio.Future[bytes | bytearray]":
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
    dials = [
        loop.create_connection(lambda: FloorProtocol(loop, view), parts.hostname or "", parts.port or 0, ssl=context)
        for _ in range(target.concurrency)
    ]
    idle = [protocol for _, protocol in await asyncio.gather(*dials)]
    return FloorSession(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode(), idle)
