"""A scripted peer: a raw TCP or TLS server on loopback that does to the client exactly what a test says.

Refuses: HTTP manners. It sends the bytes it is told, well formed or not, and reads only when it is told. Of
what the client sends it is strict: a request that breaks RFC 9112 fails the test (BadRequest). Its sockets
are bare, without a transport: FIN, RST, a missing close_notify and a peer that does not read are exact.
Called by: tests.

    async with Peer(script) as peer:     script: async def script(conn), one call for each connection,
        ... peer.url ...                 or a list of raw responses, see `answers`

A script that returns closes its connection. One that the client leaves in the middle of a request just ends.
What else it raises is raised at the end of the `async with`, where every connection has ended.
"""

from __future__ import annotations

import asyncio
import functools
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import trustme

Script = Callable[["Conn"], Awaitable[None]]
Fields = Iterable[tuple[str, str]]

READ_SIZE = 65536
# After one turn of the loop the client knows that it can read, after two it has read; one to spare.
TURNS = 3
# What a script has for its last lines once the test is through, before it is cancelled.
LAST_TURNS = 20
LINGER_ZERO = struct.pack("ii", 1, 0)


class Gone(Exception):
    """The client went away in the middle of a request; ends the script without failing the test."""


class Conn:
    """One accepted connection. `number` counts from 1 in the order of acceptance.

    Methods to await are for the script; the others never wait, do nothing once the connection has ended, and
    may be called by the body of the test too, on `peer.conns[i]`.
    """

    def __init__(self, peer: Peer, sock: socket.socket, number: int) -> None:
        self.number = number
        self.tls: ssl.SSLObject | None = None
        self.was_reset = False
        self._peer = peer
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._outgoing = bytearray()
        self._incoming_tls, self._outgoing_tls = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._current: Request | None = None
        self._waiter: asyncio.Future[None] | None = None
        # What is to be done once everything is sent; nothing is sent after that.
        self._ending: Callable[[], None] | None = None

    @property
    def open(self) -> bool:
        """Whether this side's socket is open."""
        return self._socket.fileno() >= 0

    @property
    def unsent(self) -> int:
        """Bytes given to `send` that the system has not taken yet: what backpressure holds up here."""
        return len(self._outgoing)

    async def request(self) -> Request | None:
        """Read a whole request, answering `Expect: 100-continue`; None once the client has ended."""
        request = await self.head()
        if request is not None:
            if request.get("Expect").lower() == "100-continue":
                self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            await self.body()
        return request

    async def head(self) -> Request | None:
        """Read the head of a request, and note it in `peer.requests`; None once the client has ended."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if not await self._fill():
                if self._buffer:
                    raise Gone
                return None
        request = self._current = parse_head(self._take(end + 4), self.number)
        request.complete = not request.get("Content-Length") and not request.get("Transfer-Encoding")
        self._peer.requests.append(request)
        self._peer.changed()
        return request

    async def body(self) -> bytes:
        """Read the body, which may be empty, of the request whose head was read last, and return it."""
        request = self._current
        assert request is not None, "conn.body() comes after conn.head()"
        if request.get("Transfer-Encoding"):
            request.body = b"".join([chunk async for chunk in self._chunks(request)])
        else:
            request.body = await self.read(int(request.get("Content-Length") or 0))
        request.complete = True
        self._peer.changed()
        return request.body

    async def read(self, count: int) -> bytes:
        """Exactly `count` bytes as they came; raises Gone if the client ends before."""
        while len(self._buffer) < count:
            if not await self._fill():
                raise Gone
        return self._take(count)

    async def read_some(self) -> bytes:
        """At least one byte, and what else is there; b"" once the client has ended."""
        if not self._buffer:
            await self._fill()
        return self._take(len(self._buffer))

    async def closed(self) -> bytes:
        """Wait until the client ends the connection (an RST sets `was_reset`); what it sent before that."""
        while await self._fill():
            pass
        return self._take(len(self._buffer))

    def send(self, data: bytes) -> None:
        """Send bytes as they are; what the client does not read waits in `unsent`."""
        if data and self.open and self._ending is None:
            if self.tls is not None:
                self.tls.write(data)
                data = self._outgoing_tls.read()
            self._put(data)

    async def send_split(self, data: bytes, sizes: Iterable[int]) -> None:
        """Send `data` in pieces of these sizes and a last one of the rest, over TLS a record each.

        A client on the same loop that reads whenever it can reads each piece by itself.
        """
        for piece in split(data, sizes):
            self.send(piece)
            for _ in range(TURNS):
                await asyncio.sleep(0)

    async def flushed(self) -> None:
        """Wait until the system has taken everything that was sent."""
        while self._outgoing:
            await self._wait()

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Do the server's part of a TLS handshake, for instance inside a tunnel; ssl.SSLError if it fails."""
        self.tls = context.wrap_bio(self._incoming_tls, self._outgoing_tls, server_side=True)
        self._incoming_tls.write(self._take(len(self._buffer)))
        while True:
            try:
                self.tls.do_handshake()
                return
            except ssl.SSLWantReadError:
                pass
            finally:
                self._put(self._outgoing_tls.read())
            if not (data := await self._receive()):
                raise Gone
            self._incoming_tls.write(data)

    def half_close(self, *, notify: bool = True) -> None:
        """FIN once everything is sent, and go on reading; over TLS after a close_notify, if `notify`."""
        self._end(notify, self._shut)

    def close(self, *, notify: bool = True) -> None:
        """FIN once everything is sent, and do not read; over TLS after a close_notify, if `notify`."""
        self._end(notify, self._drain)

    def reset(self) -> None:
        """RST at once; unsent bytes are lost."""
        if self.open:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
            self._drop()

    async def serve(self, script: Script, context: ssl.SSLContext | None) -> None:
        """The life of the connection, from its acceptance to its end; called by Peer."""
        try:
            if context is not None:
                await self._shake_hands(context)
            await script(self)
            await self.flushed()
            self.close()
        except Gone:
            pass
        except Exception as error:
            self._peer.errors.append(error)
        finally:
            self._drop()

    async def _shake_hands(self, context: ssl.SSLContext) -> None:
        try:
            await self.start_tls(context)
        except (ssl.SSLError, Gone) as error:
            self._peer.handshake_errors.append(error)
            self.close(notify=False)
            raise Gone from None

    async def _chunks(self, request: Request) -> AsyncIterator[bytes]:
        while size := parse_chunk_size(await self._line()):
            request.chunk_sizes.append(size)
            yield await self.read(size)
            if await self.read(2) != b"\r\n":
                raise BadRequest(f"a chunk of {size} bytes is not followed by CRLF")
        while line := await self._line():
            request.trailers.append(parse_field(line.decode("latin-1")))

    async def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if not await self._fill():
                raise Gone
        return self._take(end + 2)[:-2]

    def _take(self, count: int) -> bytes:
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    async def _fill(self) -> bool:
        data = await (self._receive() if self.tls is None else self._decrypt(self.tls))
        self._buffer += data
        return bool(data)

    async def _decrypt(self, tls: ssl.SSLObject) -> bytes:
        while True:
            try:
                return tls.read(READ_SIZE)
            except ssl.SSLWantReadError:
                if data := await self._receive():
                    self._incoming_tls.write(data)
                else:
                    self._incoming_tls.write_eof()
            except ssl.SSLError:
                return b""

    async def _receive(self) -> bytes:
        while self.open:
            try:
                return self._socket.recv(READ_SIZE)
            except BlockingIOError:
                self._loop.add_reader(self._socket, self._wake)
            except OSError:
                self.was_reset = True
                break
            try:
                await self._wait()
            finally:
                if self.open:
                    self._loop.remove_reader(self._socket)
        return b""

    def _put(self, data: bytes) -> None:
        if self.open:
            self._outgoing += data
            self._flush()

    def _flush(self) -> None:
        try:
            while self._outgoing:
                del self._outgoing[: self._socket.send(self._outgoing)]
        except BlockingIOError:
            self._loop.add_writer(self._socket, self._flush)
            return
        except OSError:
            # The client is gone: the script finds out when it reads.
            self._outgoing.clear()
        self._loop.remove_writer(self._socket)
        self._wake()
        if self._ending is not None:
            self._ending()

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        await self._waiter

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _end(self, notify: bool, ending: Callable[[], None]) -> None:
        if self.tls and notify:
            with suppress(ssl.SSLError):
                self.tls.unwrap()
        self._ending = ending
        self._put(self._outgoing_tls.read())

    def _shut(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def _drain(self) -> None:
        # The system makes an RST of the FIN of a socket that holds unread bytes.
        with suppress(OSError):
            while self._socket.recv(READ_SIZE):
                pass
        self._drop()

    def _drop(self) -> None:
        self._outgoing.clear()
        if self.open:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()
        self._wake()


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


def serving(reply: Callable[[Conn, Request], bytes]) -> Script:
    """A script that sends what `reply` returns to each request, until one or the other says `close`."""

    async def script(conn: Conn) -> None:
        while (request := await conn.request()) is not None:
            raw = reply(conn, request)
            conn.send(raw)
            if request.get("Connection").lower() == "close" or b"\r\nconnection: close\r\n" in raw.lower():
                return

    return script


def answers(responses: Iterable[bytes]) -> Script:
    """A script that gives each request, of whatever connection, the next of these, byte for byte.

    A response that says `Connection: close` is followed by just that. A request too many fails the test.
    """
    rest = iter(responses)

    def reply(conn: Conn, request: Request) -> bytes:
        for raw in rest:
            return raw
        raise AssertionError(f"{request.method} {request.target} came after the last of the peer's responses")

    return serving(reply)


def ok(body: bytes = b"ok", headers: Fields = ()) -> Script:
    """A script that gives the same 200 to every request."""
    raw = response(body, headers=headers)
    return serving(lambda conn, request: answer(request, raw))


@serving
def echo(conn: Conn, request: Request) -> bytes:
    """The script that answers POST, PUT, PATCH with their body, /n/<k> with k, other targets with themselves.

    Each answer carries X-Connection: the number of the connection.
    """
    sends = request.method in ("POST", "PUT", "PATCH")
    body = request.body if sends else request.target.removeprefix("/n/").encode("latin-1")
    return answer(request, response(body, headers=[("X-Connection", str(conn.number))]))


@functools.lru_cache(maxsize=1)
def authority() -> trustme.CA:
    """The authority that signs what the peers show; made once, since that is slow."""
    return trustme.CA()


@functools.lru_cache(maxsize=16)
def certificate(*names: str) -> trustme.LeafCert:
    """A certificate of the test authority, with its key, for these host names or addresses; made once."""
    return authority().issue_cert(*names)


def server_context(*names: str, alpn: Sequence[str] = ()) -> ssl.SSLContext:
    """A new server's context with a certificate for `names`, by default localhost and both addresses."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate(*(names or ("localhost", "127.0.0.1", "::1"))).configure_cert(context)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


# RFC 9112 sections 3, 5, 6 and 7.1; a token is RFC 9110 section 5.6.2's.
TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST_LINE = re.compile(rf"({TOKEN}) ([!-~]+) (HTTP/1\.[01])")
FIELD_LINE = re.compile(rf"({TOKEN}):([\t -~\x80-\xff]*)")
CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]+)(?:;[\t -~]*)?")
FRAMING = ("content-length", "transfer-encoding")
FRAME = re.compile(r"content-length: [0-9]+|transfer-encoding: chunked")


class BadRequest(AssertionError):
    """The client sent what RFC 9112 does not allow."""


@dataclass(slots=True)
class Request:
    """One request as it came. Names and values are latin-1 text with their spelling and order kept."""

    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]
    head: bytes
    connection: int
    body: bytes = b""
    chunk_sizes: list[int] = field(default_factory=list)
    trailers: list[tuple[str, str]] = field(default_factory=list)
    complete: bool = False

    def get_all(self, name: str) -> list[str]:
        """Every value of a field, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str) -> str:
        """The value of a field, repeated ones joined with ", "; "" if it is not there."""
        return ", ".join(self.get_all(name))


def response(
    body: bytes = b"", *, status: int = 200, reason: str = "OK", headers: Fields = (), length: bool = True
) -> bytes:
    """A response; Content-Length is there unless `length` is False."""
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def answer(request: Request, raw: bytes) -> bytes:
    """`raw`, without its body if the request is a HEAD."""
    return raw[: raw.index(b"\r\n\r\n") + 4] if request.method == "HEAD" else raw


def chunked(*pieces: bytes, trailers: Fields = ()) -> bytes:
    """The chunked coding of these pieces, last chunk and trailers included (RFC 9112 section 7.1)."""
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece]
    fields = [f"{name}: {value}\r\n".encode("latin-1") for name, value in trailers]
    return b"".join([*chunks, b"0\r\n", *fields, b"\r\n"])


def split(data: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    """`data` cut in pieces of these sizes and a last one of the rest; none is empty."""
    start = 0
    for size in sizes:
        if piece := data[start : start + size]:
            yield piece
        start += size
    if rest := data[start:]:
        yield rest


def parse_head(head: bytes, connection: int) -> Request:
    """The head of a request, up to and with its empty line; BadRequest unless it is strictly RFC 9112's."""
    start, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    match = REQUEST_LINE.fullmatch(start)
    if match is None:
        raise BadRequest(f"not a request line: {start!r}")
    method, target, version = match.groups()
    request = Request(method, target, version, [parse_field(line) for line in lines], head, connection)
    framing = [(name.lower(), value) for name, value in request.headers if name.lower() in FRAMING]
    if len(request.get_all("Host")) != 1:
        raise BadRequest(f"Host is there {len(request.get_all('Host'))} times (RFC 9112 section 3.2)")
    if len(framing) > 1 or not all(FRAME.fullmatch(": ".join(pair)) for pair in framing):
        raise BadRequest(f"framed by {framing} (RFC 9112 section 6)")
    return request


def parse_field(line: str) -> tuple[str, str]:
    """One field line without its CRLF."""
    match = FIELD_LINE.fullmatch(line)
    if match is None:
        raise BadRequest(f"not a field line: {line!r}")
    return match[1], match[2].strip(" \t")


def parse_chunk_size(line: bytes) -> int:
    """The size in the first line of a chunk, whose extensions are dropped."""
    match = CHUNK_LINE.fullmatch(line)
    if match is None:
        raise BadRequest(f"not the first line of a chunk: {line!r}")
    return int(match[1], 16)
