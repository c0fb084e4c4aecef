"""Request bodies: bytes that go out with the head, or an Upload that a connection pumps.

Refuses: framing (chunks and lengths are the connection's), and anything that is not bytes.
Called by: `request` (to make one), `_connection` (to send one).
Law:
    given                          becomes          length     can be sent again
    None                           None             -          yes
    bytes, str, bytearray, view    bytes            known      yes
    the same above UPLOAD_SLICE    Slices           known      yes; let it be until the answer is there
    async iterable / iterable      Pieces           unknown    no
    a binary file                  File             if it can  if it can seek
    `async def produce(write)`     Produced         unknown    yes: it is called again
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from typing import Any, BinaryIO, Final, Protocol, cast

from ..errors import InvalidRequest
from .limits import UPLOAD_SLICE

Piece = bytes | bytearray | memoryview
Write = Callable[[Piece], Awaitable[None]]
Producer = Callable[[Any], Awaitable[Any] | None]

FILE_BLOCK: Final = 1024 * 1024
"""Bytes read from a file in one go, in a thread, so that a slow disk never holds the loop; each go costs 0.1 ms."""


class Upload(Protocol):
    """A body that is sent piece by piece. `length` is in bytes, None when nobody knows it."""

    length: int | None
    replayable: bool

    async def pump(self, write: Write) -> None:
        """Write the whole body, awaiting each write (which waits while the peer is slow)."""


class Slices:
    """Bytes already in memory, too many for one write."""

    __slots__ = ("_data", "length", "replayable")

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._data = data
        self.length: int | None = len(data)
        self.replayable = True

    async def pump(self, write: Write) -> None:
        view = memoryview(self._data)
        for start in range(0, len(view), UPLOAD_SLICE):
            await write(view[start : start + UPLOAD_SLICE])


class File:
    """A binary file, from where it stands now to what is its end now. It is left open.

    Raises InvalidRequest when the file is closed or otherwise cannot tell where it stands.
    """

    __slots__ = ("_file", "_start", "length", "replayable")

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._start = 0
        self.length: int | None = None
        try:
            self.replayable = bool(getattr(file, "seekable", bool)())
            if self.replayable:
                self._start = file.tell()
                self.length = max(0, file.seek(0, os.SEEK_END) - self._start)
                file.seek(self._start)
        except (OSError, ValueError) as error:
            raise InvalidRequest(f"The request body is a file that cannot be read: {error}") from error

    async def pump(self, write: Write) -> None:
        loop = asyncio.get_running_loop()
        if self.replayable:
            await loop.run_in_executor(None, self._file.seek, self._start)
        left = self.length
        while left is None or left > 0:
            size = FILE_BLOCK if left is None else min(FILE_BLOCK, left)
            block = await loop.run_in_executor(None, self._file.read, size)
            if not block:
                break
            await (Slices(block).pump(write) if isinstance(block, bytes) else write(block))
            if left is not None:
                left -= len(block)


class Pieces:
    """What an iterable or an async iterable gives. A generator that was not used up is closed."""

    __slots__ = ("_source", "_used", "length", "replayable")

    def __init__(self, source: AsyncIterable[Piece] | Iterable[Piece]) -> None:
        self._source = source
        self._used = False
        self.length: int | None = None
        self.replayable = False

    async def pump(self, write: Write) -> None:
        source = self._source
        if self._used and isinstance(source, (Iterator, AsyncIterator)):
            raise InvalidRequest(
                "The request body is an iterator that was read before: give a new one for each request"
            )
        self._used = True
        try:
            if isinstance(source, AsyncIterable):
                async for piece in source:
                    await write(piece)
            else:
                for piece in source:
                    await write(piece)
        finally:
            if isinstance(source, AsyncGenerator):
                await source.aclose()
            elif isinstance(source, Generator):
                source.close()


class Produced:
    """Tornado's `body_producer`: a function that is given `write` and writes by itself."""

    __slots__ = ("_producer", "length", "replayable")

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self.length: int | None = None
        self.replayable = True

    async def pump(self, write: Write) -> None:
        outcome = self._producer(write)
        if outcome is not None:
            await outcome


def body_of(given: Any) -> bytes | Upload | None:
    """The body as the table above has it. Raises InvalidRequest for a kind it does not list."""
    if given is None or (type(given) is bytes and len(given) <= UPLOAD_SLICE):
        return given
    if isinstance(given, str):
        try:
            given = given.encode()
        except UnicodeEncodeError as error:
            raise InvalidRequest(f"The request body is not text that UTF-8 can encode: {error}") from error
    if isinstance(given, (bytes, bytearray, memoryview)):
        return _of_buffer(given)
    if isinstance(given, (Slices, File, Pieces, Produced)):
        return given
    if isinstance(given, io.TextIOBase):
        raise InvalidRequest("The request body is a file opened as text: open it in binary mode ('rb')")
    if isinstance(given, AsyncIterable):
        return Pieces(given)
    if hasattr(given, "read"):
        return File(cast(BinaryIO, given))
    if isinstance(given, Mapping):
        raise InvalidRequest("The request body is a mapping: pass json= or form= to have it encoded")
    if isinstance(given, Iterable):
        return Pieces(given)
    if callable(given):
        return Produced(given)
    raise InvalidRequest(
        f"The request body is of type {type(given).__name__}: give bytes, str, a binary file, an iterable or "
        "async iterable of bytes, or a function that writes"
    )


def _of_buffer(given: bytes | bytearray | memoryview) -> bytes | Slices:
    size = given.nbytes if isinstance(given, memoryview) else len(given)
    if size <= UPLOAD_SLICE:
        return bytes(given)
    if isinstance(given, memoryview):
        return Slices(given.cast("B") if given.c_contiguous else given.tobytes())
    return Slices(given)
