"""The demo's servers: HTTP and HTTPS on loopback, in a process of their own.

Refuses: everything but small answers to requests that httptools can parse.
Called by: `process`, as `python -m async_keepalive_httpc.cli.server`.
Law: a real server: it parses each request, keeps connections as HTTP/1.1 says, and answers what was asked
for. To its parent it speaks in lines of JSON: first where it listens; then, for each line on stdin, the
connections accepted so far. The end of stdin is its own end, so it never outlives its parent.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import sys
from collections import Counter
from typing import Any, cast

import httptools

from .loop import choose_loop

HOST = "127.0.0.1"
FILES = {b"/a.txt": b"aaa", b"/b.txt": b"bbb", b"/c.txt": b"ccc"}
NUMBERS = b"/n/"
"""Below it every path answers with its own rest, so that answers which were mixed up are seen."""


class Peer(asyncio.Protocol):
    """One accepted connection."""

    def __init__(self, scheme: str, accepted: Counter[str], peers: set[Peer]) -> None:
        self._scheme = scheme
        self._accepted = accepted
        self._peers = peers
        self._target = b""
        self._parser: Any = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._accepted[self._scheme] += 1
        self._peers.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._parser = None
        self._peers.discard(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.transport.close()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_message_complete(self) -> None:
        self.transport.write(answer(self._target))
        self._target = b""
        if not self._parser.should_keep_alive():
            self.transport.close()


def answer(target: bytes) -> bytes:
    """The response to a request for `target`."""
    body = target.removeprefix(NUMBERS) if target.startswith(NUMBERS) else FILES.get(target)
    status = b"200 OK"
    if body is None:
        status, body = b"404 Not Found", b"There is no such page here."
    return b"HTTP/1.1 %b\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (
        status,
        len(body),
        body,
    )


async def serve() -> None:
    """Serve until stdin ends."""
    loop = asyncio.get_running_loop()
    accepted: Counter[str] = Counter(http=0, https=0)
    peers: set[Peer] = set()
    context, authority = make_certificate()
    http = await loop.create_server(lambda: Peer("http", accepted, peers), HOST, 0, backlog=1024)
    https = await loop.create_server(lambda: Peer("https", accepted, peers), HOST, 0, backlog=1024, ssl=context)
    ended = loop.create_future()

    def hear() -> None:
        heard = os.read(sys.stdin.fileno(), 1024)
        for _ in range(heard.count(b"\n")):
            tell(accepted)
        if not heard and not ended.done():
            ended.set_result(None)

    loop.add_reader(sys.stdin.fileno(), hear)
    tell({"http": port_of(http), "https": port_of(https), "authority": authority})
    await ended
    loop.remove_reader(sys.stdin.fileno())
    for peer in list(peers):
        peer.transport.abort()
    for server in (http, https):
        server.close()
        await server.wait_closed()


def make_certificate() -> tuple[ssl.SSLContext, str]:
    """A context with a certificate for loopback, and the authority that signed it, both new."""
    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    return context, authority.cert_pem.bytes().decode()


def port_of(server: asyncio.Server) -> int:
    """The port that a server was given."""
    port: int = server.sockets[0].getsockname()[1]
    return port


def tell(facts: object) -> None:
    """One line to the parent."""
    print(json.dumps(facts), flush=True)


def main() -> None:
    """Serve. Ctrl-C in a terminal reaches both processes: it is the parent's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=choose_loop().make) as runner:
        runner.run(serve())


if __name__ == "__main__":
    main()
