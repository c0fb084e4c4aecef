"""One connection to a scripted server: what a script may do to the client at its other end.

Refuses: HTTP manners. It sends the bytes it is told, well formed or not, and reads only when it is told.
Called by: `peer`, which accepts it, and scripts. Law: its socket is bare, without a transport: FIN, RST, a missing
close_notify and a server that does not read are exact.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from .messages import BadRequest, Request, parse_chunk_size, parse_field, parse_head, split

if TYPE_CHECKING:
    from .peer import Peer

Script = Callable[["Conn"], Awaitable[None]]
"""What is done to one connection; one that returns closes it."""

READ_SIZE: Final = 65536
TURNS: Final = 3
"""After one turn of the loop a client knows that it can read, after two it has read; one to spare."""
LINGER_ZERO: Final = struct.pack("ii", 1, 0)


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

    @property
    def ending(self) -> bool:
        """Whether nothing that is sent from now on can arrive: this side has ended, or the client has reset."""
        return self._ending is not None or not self.open or self.was_reset

    async def request(self) -> Request | None:
        """Read a whole request, answering `Expect: 100-continue`; None once the client has ended."""
        request = await self.head()
        if request is not None:
            await self.rest()
        return request

    async def rest(self) -> None:
        """Read what follows the head that was read last, answering `Expect: 100-continue`."""
        assert self._current is not None, "conn.rest() comes after conn.head()"
        if self._current.get("Expect").lower() == "100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await self.body()

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
            # The client is gone: the script finds out when it reads, or asks whether it is `ending`.
            self.was_reset = True
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
