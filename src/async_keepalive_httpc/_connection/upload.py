"""Sending a body piece by piece: framing, back-pressure, `100 Continue`, in a task of its own.

Refuses: reading, and deciding what becomes of the connection; `h1` does both.
Called by: `h1`, for each body that does not go out in one write with its head.
Law: what was announced is what is sent. A body longer or shorter than its Content-Length is an error, and so
is whatever the caller's code raises; the connection, which no longer stands at a message boundary, is then
closed (RFC 9112 section 6.2). `over` is told once, of the error or of None, and not at all after `stop()`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from typing import Final, cast

from .._message.body import Piece, Slices, Upload
from .._message.limits import CONTINUE_WAIT
from .._message.request import Request
from ..errors import SENT, ConnectionLost, InvalidRequest

JOIN_SIZE: Final = 64 * 1024
"""A chunk up to this size is joined with its framing into one write; a longer one is not copied."""


class Turn:
    """Awaiting it gives everybody else one turn of the loop, so that an early answer is seen."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        yield


TURN: Final = Turn()


class Sending:
    """One body on its way out. `active`: more may come; `blocked`: it waits for the peer to read."""

    __slots__ = (
        "_drained",
        "_go_on",
        "_left",
        "_loop",
        "_over",
        "_request",
        "_task",
        "_transport",
        "active",
        "blocked",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        request: Request,
        over: Callable[[BaseException | None], None],
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._request = request
        self._over = over
        self._left = request.length
        self._go_on: asyncio.Future[None] | None = loop.create_future() if request.expect_continue else None
        self._drained: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self.active = self.blocked = False

    # -- told by the connection

    def start(self) -> None:
        """The head is written."""
        self.active = True
        self._task = self._loop.create_task(self._run())

    def stop(self) -> None:
        """The peer has answered, or is gone: the rest is not wanted."""
        if self.active:
            self.active = self.blocked = False
            if self._task is not None:
                self._task.cancel()

    def go_on(self) -> None:
        """`100 Continue` came."""
        if self.waits:
            cast("asyncio.Future[None]", self._go_on).set_result(None)

    def pause(self) -> None:
        """The transport's buffer is full."""
        self.blocked = self.active
        self._drained = self._loop.create_future()

    def resume(self) -> None:
        """The transport's buffer has room again."""
        self.blocked = False
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    @property
    def whole(self) -> bool:
        """Whether every announced byte is written, though the task that wrote the last may not have ended."""
        return self._left == 0

    @property
    def waits(self) -> bool:
        """Whether `100 Continue` is awaited: nothing of the body has gone out."""
        return self._go_on is not None and not self._go_on.done()

    # -- the task

    async def _run(self) -> None:
        try:
            await self._send()
        except asyncio.CancelledError:
            if not self.active:
                raise
            self._end(self._wrong("the task that sends the body was cancelled from outside"))
        except Exception as error:
            self._end(error)
        else:
            self._end(None)

    def _end(self, error: BaseException | None) -> None:
        if self.active:
            self.active = self.blocked = False
            self._over(error)

    async def _send(self) -> None:
        if self._go_on is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(CONTINUE_WAIT):
                    await self._go_on
        body = self._request.body
        await (Slices(body) if isinstance(body, bytes) else cast(Upload, body)).pump(self.write)
        if self._left is None:
            self._transport.write(b"0\r\n\r\n")
        elif self._left:
            raise self._wrong(
                f"the body ended {self._left} bytes short of its Content-Length {self._request.length}; "
                "announce the right length"
            )

    def write(self, piece: Piece) -> Awaitable[None]:
        """Send one piece at once; await the result before the next one, so that a slow peer is waited for.

        Raises InvalidRequest for what is not bytes or is too long, ConnectionLost once it is not wanted.
        """
        if not isinstance(piece, (bytes, bytearray, memoryview)):
            raise self._wrong(f"the body gave a {type(piece).__name__}, not bytes")
        if not self.active:
            raise ConnectionLost(
                f"{self._request.method} {self._request.url}: the rest of the body is not wanted: the peer "
                "has answered, or the connection has ended",
                SENT,
            )
        size = piece.nbytes if isinstance(piece, memoryview) else len(piece)
        if size:
            self._put(piece, size)
        return TURN if self._drained is None else self._drained

    def _put(self, piece: Piece, size: int) -> None:
        if not isinstance(piece, bytes) and not _lasts(piece):
            piece = bytes(piece)
        write = self._transport.write
        if self._left is not None:
            self._left -= size
            if self._left < 0:
                raise self._wrong(
                    f"the body is longer than its Content-Length {self._request.length}; announce the right length"
                )
            write(piece)
        elif size <= JOIN_SIZE:
            write(b"".join((b"%x\r\n" % size, piece, b"\r\n")))
        else:
            write(b"%x\r\n" % size)
            write(piece)
            write(b"\r\n")

    def _wrong(self, what: str) -> InvalidRequest:
        return InvalidRequest(f"{self._request.method} {self._request.url}: {what}. The connection was closed")


def _lasts(piece: bytearray | memoryview) -> bool:
    """Whether a transport may hold `piece` as it is, since nobody can fill it anew before it has left."""
    return isinstance(piece, memoryview) and piece.readonly and piece.c_contiguous
