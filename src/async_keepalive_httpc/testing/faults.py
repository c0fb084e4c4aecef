"""Faults: what a server may do wrong to one request, and the script that does them in turn.

Refuses: chance (see `chaos`). Called by: tests.
Law: a Reply is given a connection and a request whose body has been read, unless it is `early`; it ends by returning,
and what it does not close goes on with the next request.

    Peer(in_turn(well(), drop(), well()))      the second request, of whatever connection, is dropped
"""

from __future__ import annotations

import asyncio
import itertools
import struct
import zlib
from collections.abc import Awaitable, Callable
from typing import Final

from .conn import Conn, Script
from .messages import Request, answer, response

Reply = Callable[[Conn, Request], Awaitable[None]]

BLOCK: Final = 16 * 1024
MEBIBYTE: Final = 1024 * 1024
RAW: Final = -15
"""zlib's name for deflate without a header of its own."""
GZIP_HEAD: Final = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
OK: Final = response(b"ok")


class Early:
    """A Reply that is given a request whose body has not been read."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply

    async def __call__(self, conn: Conn, request: Request) -> None:
        await self.reply(conn, request)


def in_turn(*replies: Reply) -> Script:
    """A script that gives each request, of whatever connection, the next of these; the last one goes on for ever."""
    rest = itertools.chain(replies, itertools.repeat(replies[-1]))

    async def script(conn: Conn) -> None:
        while not conn.ending and (request := await conn.head()) is not None:
            reply = next(rest)
            if not isinstance(reply, Early):
                await conn.rest()
            await reply(conn, request)
            if request.get("Connection").lower() == "close":
                return

    return script


# -- good answers, given badly


def well(raw: bytes = OK) -> Reply:
    """The answer, as it should be."""

    async def reply(conn: Conn, request: Request) -> None:
        conn.send(answer(request, raw))

    return reply


def delay(seconds: float, raw: bytes = OK) -> Reply:
    """The answer, after so many seconds."""

    async def reply(conn: Conn, request: Request) -> None:
        await asyncio.sleep(seconds)
        conn.send(answer(request, raw))

    return reply


def pieces(raw: bytes = OK, size: int = 1) -> Reply:
    """The answer, cut every `size` bytes, each piece in a segment of its own."""

    async def reply(conn: Conn, request: Request) -> None:
        whole = answer(request, raw)
        await conn.send_split(whole, itertools.repeat(size, len(whole) // size))

    return reply


def drip(raw: bytes = OK, seconds: float = 0.01) -> Reply:
    """The answer, a byte at a time with a pause after each."""

    async def reply(conn: Conn, request: Request) -> None:
        for byte in answer(request, raw):
            conn.send(bytes([byte]))
            await asyncio.sleep(seconds)

    return reply


def poison(raw: bytes = OK, extra: bytes = OK, *, pause: float | None = None) -> Reply:
    """The answer and `extra`, which belongs to no request: in one segment, or after a pause while it is idle."""

    async def reply(conn: Conn, request: Request) -> None:
        whole = answer(request, raw)
        if pause is None:
            conn.send(whole + extra)
        else:
            conn.send(whole)
            await asyncio.sleep(pause)
            conn.send(extra)

    return reply


def last(raw: bytes = OK, *, pause: float = 0.0, reset: bool = False) -> Reply:
    """The answer, which does not say that it is the last; then FIN, or RST, after a pause."""

    async def reply(conn: Conn, request: Request) -> None:
        conn.send(answer(request, raw))
        await conn.flushed()
        await asyncio.sleep(pause)
        end(conn, reset)

    return reply


def early(raw: bytes = response(b"too long", status=413, reason="Content Too Large")) -> Reply:
    """The answer before the body of the request is read; then FIN, while what still comes is read and thrown away."""

    async def reply(conn: Conn, request: Request) -> None:
        conn.send(answer(request, raw))
        conn.half_close()
        await conn.closed()

    return Early(reply)


# -- no answer, or not a whole one


def drop(*, read: bool = True) -> Reply:
    """FIN in place of an answer; with `read=False` before the body of the request is read."""

    async def reply(conn: Conn, request: Request) -> None:
        conn.close()

    return reply if read else Early(reply)


def reset(*, read: bool = True) -> Reply:
    """RST in place of an answer; with `read=False` before the body of the request is read."""

    async def reply(conn: Conn, request: Request) -> None:
        conn.reset()

    return reply if read else Early(reply)


def silence() -> Reply:
    """Nothing, until the client ends the connection."""

    async def reply(conn: Conn, request: Request) -> None:
        await conn.closed()

    return reply


def cut(raw: bytes, at: int, *, reset: bool = False) -> Reply:
    """The first `at` bytes of the answer; then FIN, or RST."""

    async def reply(conn: Conn, request: Request) -> None:
        conn.send(answer(request, raw)[:at])
        await conn.flushed()
        end(conn, reset)

    return reply


def request_timeout() -> Reply:
    """408 and the end: what a server says that had given up waiting as the request was written (RFC 9110 15.5.9)."""
    return last(response(status=408, reason="Request Timeout", headers=[("Connection", "close")]))


# -- attacks


def garbage(raw: bytes = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") -> Reply:
    """Bytes that are no HTTP, and the end."""

    async def reply(conn: Conn, request: Request) -> None:
        conn.send(raw)
        conn.close()

    return reply


def endless(start: bytes, piece: bytes) -> Reply:
    """`start`, then `piece` over and over, as fast as the client reads, until it ends the connection."""

    async def reply(conn: Conn, request: Request) -> None:
        conn.send(start)
        block = piece * max(1, BLOCK // len(piece))
        while not conn.ending:
            conn.send(block)
            await conn.flushed()
            await asyncio.sleep(0)

    return reply


def endless_header() -> Reply:
    """A header block without end."""
    return endless(b"HTTP/1.1 200 OK\r\n", b"X-Filler: 0123456789abcdef\r\n")


def endless_interims() -> Reply:
    """Interim responses without end (RFC 9110 section 15.2)."""
    return endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n")


def endless_extension() -> Reply:
    """A chunk extension without end (RFC 9112 section 7.1.1)."""
    return endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * BLOCK)


def endless_body() -> Reply:
    """A chunked body without end."""
    return endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"400\r\n" + bytes(1024) + b"\r\n")


def bomb(size: int = 200 * 1024 * 1024) -> Reply:
    """A gzip body a thousandth as long as the `size` bytes of zeros that it unpacks to."""
    return well(response(zeros(size), headers=[("Content-Encoding", "gzip")]))


def zeros(size: int) -> bytes:
    """So many zeros as one gzip member (RFC 1952), made from one compressed MiB that is repeated."""
    whole, rest = divmod(size, MEBIBYTE)
    block = zlib.compressobj(9, zlib.DEFLATED, RAW)
    repeated = (block.compress(bytes(MEBIBYTE)) + block.flush(zlib.Z_FULL_FLUSH)) * whole
    tail = zlib.compressobj(9, zlib.DEFLATED, RAW)
    check = 0
    for _ in range(whole):
        check = zlib.crc32(bytes(MEBIBYTE), check)
    end_of_member = struct.pack("<II", zlib.crc32(bytes(rest), check), size & 0xFFFFFFFF)
    return GZIP_HEAD + repeated + tail.compress(bytes(rest)) + tail.flush() + end_of_member


def end(conn: Conn, reset: bool) -> None:
    """End a connection: RST, or FIN."""
    if reset:
        conn.reset()
    else:
        conn.close()
