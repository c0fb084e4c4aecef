"""A StreamedResponse: handed over when its head is here; its body is read piece by piece.

Refuses: two readers at a time, and growing: above STREAM_HIGH the connection is told to stop reading.
Called by: `client.stream()`; filled by a connection like any Response.
Law:
    the body was read to its end      the connection is kept
    `aclose()` before the end         a rest up to DRAIN_SIZE, there or coming in DRAIN_TIME, is dropped and
                                      the connection kept; otherwise the connection is closed
    an exception or cancellation      the connection is closed at once
What came before an error is read before the error is raised; a reader that is cancelled loses nothing. To
read after the rest was given up is an error.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Protocol, cast

from ..errors import RESPONDING, HTTPCError, InvalidRequest, TooLarge
from .headers import RawFields
from .limits import DRAIN_SIZE, DRAIN_TIME, MAX_BODY_SIZE, STREAM_HIGH, STREAM_LOW
from .response import UNREADY, Head, Response


class Flow(Protocol):
    """A connection whose reading can be stopped while the reader is slow."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class Decoding(Protocol):
    """A content decoder (`_policy.decode.Decoder` is one)."""

    def decode(self, data: bytes) -> Iterator[bytes]: ...

    def finish(self) -> Iterator[bytes]: ...


class StreamedResponse(Response):
    """An answer whose body is still to come: `async for piece in it`, `read()`, `readinto()`, `aclose()`."""

    __slots__ = (
        "_arrival",
        "_body",
        "_complete",
        "_decoder",
        "_discard",
        "_paused",
        "_pieces",
        "_ready",
        "_received",
        "_rest",
    )

    def __init__(self) -> None:
        self._body: bytes | None = None
        self._pieces: deque[bytes] = deque()
        self._ready: Iterator[bytes] = iter(())
        self._rest = memoryview(b"")
        self._received = 0
        self._arrival: asyncio.Future[None] | None = None
        self._complete = False
        self._paused = False
        self._discard = False
        self._decoder: Decoding | None = None

    # -- filled by the engine

    def fill(self, head: Head, body: bytes) -> None:
        self.begin(head)
        self.feed(body)
        self.finish()

    def begin(self, head: Head) -> None:
        super().begin(head)
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(self)

    def feed(self, data: bytes) -> None:
        self._received += len(data)
        if self._discard:
            if self._received > DRAIN_SIZE:
                self.abandon()
            return
        if self._limit and self._received > self._limit:
            raise TooLarge(
                f"{self._request.method} {self._request.url}: the response body is longer than {self._limit} "
                "bytes: raise max_body_size"
            )
        self._pieces.append(data)
        self._size += len(data)
        if self._size > STREAM_HIGH and not self._paused:
            self._paused = True
            cast(Flow, self._where).pause()
        self._wake()

    def fail(self, error: BaseException) -> None:
        if not self._complete:
            self._error = error
            self._outcome = UNREADY
            self.finish()

    def finish(self, trailers: RawFields | None = None) -> None:
        self._complete = True
        if trailers:
            self._raw_trailers = trailers
        self._end()
        self._wake()

    def _wake(self) -> None:
        arrival, self._arrival = self._arrival, None
        if arrival is not None and not arrival.done():
            arrival.set_result(None)

    def abandon(self) -> None:
        """Give up what was not read, at once."""
        self._drop()
        super().abandon()

    def _drop(self) -> None:
        """From now on nothing is kept, and what was not read cannot be read."""
        if not self._read_to_end:
            self._discard = True
            self._pieces.clear()
            self._size = 0
            self._ready, self._rest = iter(()), memoryview(b"")

    @property
    def _read_to_end(self) -> bool:
        return self._complete and self._decoder is None and not self._pieces and not self._rest

    # -- read by the caller

    async def _next(self) -> bytes:
        """The next piece as it came; b"" at the end. Raises what ended the connection too early."""
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if self._discard:
                raise InvalidRequest(f"{self!r} was closed before its body was read: read it before that")
            if self._complete:
                return b""
            if self._arrival is not None:
                raise InvalidRequest(f"{self!r} is read by two tasks at once: let one task read it")
            await self._arrive()
        piece = self._pieces.popleft()
        self._size -= len(piece)
        if self._paused and self._size <= STREAM_LOW:
            self._go_on()
        return piece

    async def _arrive(self) -> None:
        """Wait until there is more, or the end."""
        arrival = self._arrival = asyncio.get_running_loop().create_future()
        try:
            await arrival
        finally:
            if self._arrival is arrival:
                self._arrival = None

    def _go_on(self) -> None:
        """There is room again: let the connection read on."""
        self._paused = False
        if self._where is not None:
            cast(Flow, self._where).resume()

    async def _next_decoded(self) -> bytes:
        if self._rest:
            rest, self._rest = self._rest, memoryview(b"")
            return bytes(rest)
        while True:
            try:
                for piece in self._ready:
                    if piece:
                        return piece
            except HTTPCError as error:
                self.abandon()
                self._error = error
                raise
            data = await self._next()
            decoder = self._decoder
            if decoder is None:
                return data
            if data:
                self._ready = decoder.decode(data)
            else:
                self._decoder, self._ready = None, decoder.finish()

    def decode_with(self, decoder: Decoding | None) -> None:
        """Have the body decoded on its way to the reader."""
        self._decoder = decoder

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._next_decoded()
        if not piece:
            raise StopAsyncIteration
        return piece

    async def read(self) -> bytes:
        """The rest of the body, held in memory from then on as `body`. Raises TooLarge past the limit."""
        if self._body is None:
            self._body = b"".join(await self._all())
        return self.body

    async def _all(self) -> list[bytes]:
        limit = self._limit or MAX_BODY_SIZE
        pieces: list[bytes] = []
        size = 0
        try:
            while piece := await self._next_decoded():
                pieces.append(piece)
                size += len(piece)
                if size > limit:
                    self.abandon()
                    raise TooLarge(
                        f"{self._request.method} {self._request.url}: the decoded body is longer than {limit} "
                        "bytes: raise max_body_size, or read it piece by piece"
                    )
        except asyncio.CancelledError:
            self._rest = memoryview(b"".join(pieces))
            raise
        return pieces

    async def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill `buffer` as far as the body goes; the number of bytes, 0 at the end."""
        view = memoryview(buffer).cast("B")
        filled = 0
        try:
            while filled < len(view):
                rest = self._rest or memoryview(await self._next_decoded())
                if not rest:
                    break
                fits = min(len(rest), len(view) - filled)
                view[filled : filled + fits] = rest[:fits]
                filled += fits
                self._rest = rest[fits:]
        except asyncio.CancelledError:
            self._rest = memoryview(bytes(view[:filled]))
            raise
        return filled

    @property
    def body(self) -> bytes:  # type: ignore[override]
        """The body, once `read()` has read it."""
        body = self._body
        if body is None:
            raise InvalidRequest(f"The body of {self!r} was not read: await response.read() first")
        return body

    async def aclose(self) -> None:
        """End it: keep the connection if the rest is short and already there, else close the connection."""
        self._drop()
        if self._complete:
            return
        self._received = 0
        if self._paused:
            self._go_on()
        try:
            if self._stage == RESPONDING and self._arrival is None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(DRAIN_TIME):
                        await self._arrive()
        finally:
            self.abandon()


class Streaming:
    """`async with` around one streamed response, which `send` is awaited for."""

    __slots__ = ("_response", "_send")

    def __init__(self, send: Callable[[], Awaitable[Response]]) -> None:
        self._send = send
        self._response: StreamedResponse | None = None

    async def __aenter__(self) -> StreamedResponse:
        self._response = cast(StreamedResponse, await self._send())
        return self._response

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._response is not None:
            if kind is not None:
                self._response.abandon()
            else:
                await self._response.aclose()
