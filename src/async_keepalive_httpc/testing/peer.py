"""A scripted server: a raw TCP or TLS server on loopback that does to its clients exactly what a script says.

Refuses: HTTP manners (see `conn`). Of what the client sends it is strict: a request that breaks RFC 9112 is a
BadRequest, which fails the test.
Called by: tests, `threaded`.

    async with Peer(script) as peer:     script: async def script(conn), one call for each connection,
        ... peer.url ...                 or a list of raw responses, see `answers`

A script that returns closes its connection. One that the client leaves in the middle of a request just ends.
What else it raises is raised at the end of the `async with`, where every connection has ended.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Self

from .certificates import authority, server_context
from .conn import Conn, Script
from .messages import Request
from .scripts import answers

LAST_TURNS: Final = 20
"""What a script has for its last lines once the test is through, before it is cancelled."""


class Peer:
    """The server: `async with Peer(script) as peer`.

    `host` is 127.0.0.1 or ::1; `port` 0 takes a free one. `tls` is True for a certificate of localhost and
    both addresses by the test authority, or a server's SSLContext (see `server_context`).

    connections         how many were accepted; `open` how many are open, `peak` how many were at once
    requests, conns     what came, and the connections, in order
    handshake_errors    one for each TLS handshake that failed; these do not fail the test
    server_names        what SNI named, one for each handshake under tls=True
    """

    def __init__(
        self,
        script: Script | Sequence[bytes],
        *,
        tls: bool | ssl.SSLContext = False,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.host = host
        self.port = port
        self.peak = 0
        self.requests: list[Request] = []
        self.conns: list[Conn] = []
        self.errors: list[Exception] = []
        self.handshake_errors: list[Exception] = []
        self.server_names: list[str | None] = []
        self._script = script if callable(script) else answers(script)
        self._context = self._server_context() if tls is True else tls or None
        self._tasks: set[asyncio.Task[None]] = set()
        self._change = asyncio.Event()

    @property
    def url(self) -> str:
        """Where it is, without a path: "http://127.0.0.1:40123"."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._context else 'http'}://{host}:{self.port}"

    @property
    def connections(self) -> int:
        return len(self.conns)

    @property
    def open(self) -> int:
        return len(self._tasks)

    @property
    def ca_pem(self) -> bytes:
        """The certificate of the test authority."""
        return authority().cert_pem.bytes()

    def ca_context(self, *, alpn: Sequence[str] = ()) -> ssl.SSLContext:
        """A new client's context that trusts the test authority and nobody else."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority().configure_trust(context)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    async def until(self, predicate: Callable[[], bool]) -> None:
        """Wait until this is true; asked at each connection, request head, body and end of a connection."""
        while not predicate():
            await self._change.wait()

    async def ended(self) -> None:
        """Wait until no connection is open."""
        await self.until(lambda: not self._tasks)

    def changed(self) -> None:
        """Ask the predicates of `until` again; called by Conn."""
        self._change.set()
        self._change = asyncio.Event()

    async def __aenter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, self.port), family=family, backlog=1024)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        # A callback, since a cancelled sock_accept() may lose the socket it has just accepted.
        asyncio.get_running_loop().add_reader(self._listener, self._accept)
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        for _ in range(LAST_TURNS):
            await asyncio.sleep(0)
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        first = error or next(iter(self.errors), None)
        for failure in self.errors:
            if first is not None and failure is not first:
                first.add_note(f"A script of the peer failed too: {failure!r}")
        if error is None and first is not None:
            raise first

    def _accept(self) -> None:
        with suppress(BlockingIOError):
            while True:
                sock, _ = self._listener.accept()
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.conns.append(Conn(self, sock, len(self.conns) + 1))
                task = asyncio.create_task(self.conns[-1].serve(self._script, self._context))
                task.add_done_callback(self._end)
                self._tasks.add(task)
                self.peak = max(self.peak, len(self._tasks))
                self.changed()

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.changed()

    def _server_context(self) -> ssl.SSLContext:
        context = server_context()
        context.sni_callback = lambda tls, name, context: self.server_names.append(name)
        return context
