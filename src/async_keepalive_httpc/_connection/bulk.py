"""A long body of known length, read straight into the bytes that its caller gets.

Refuses: streams, bodies in chunks or ended by close, and short ones: pieces from the parser serve those as well.
Called by: `h1`, when a read has ended inside a body; from then on as that connection's parser.
Law:
    room      what is left of the body, and one byte. That byte is not the body's: it ends the connection, as extra
              bytes do anywhere (see `h1`), and no more of them is read than tells that they are there
    the mark  the system wakes us when WATERMARK bytes are there, or all that is left: nobody looks at a part of this
              body. So the peer may have spoken without our knowing: who counts its silence asks `hurry` first
    the end   the connection gets back the shared buffer, and a parser that waits for a head; the mark is down
A connection with requests behind one another is not read so: there the next byte has an owner.
"""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from typing import Any, Final

import httptools

from .._message.response import Response
from .._message.stream import StreamedResponse
from .._message.vessel import Vessel
from .framing import announced
from .parsed import COMPLETE, ParsedWire, Plain
from .receive import buffer

LEAST: Final = 64 * 1024
"""Bytes that must be left of a body: for fewer, one more piece costs less than the way into its place."""
WATERMARK: Final = 256 * 1024
"""Bytes that are worth waking up for (SO_RCVLOWAT, socket(7); Linux, which also grows its own buffer to hold them).

1 MiB bodies, 8 in flight: 3,900 a second and 172 us without it, 7,700 and 127 us with it; a mark of 1 MiB: 2,700.
"""


class Bulk:
    """What is left of one body. It takes the place of the parser, and `_buffer` is its room."""

    __slots__ = ("_mark", "_response", "_room", "_socket", "_vessel", "_wire")

    def __init__(self, wire: ParsedWire, response: Response, vessel: Vessel) -> None:
        came = response._size
        self._wire = wire
        self._socket = _marked(wire)
        self._mark = 1
        self._response = response
        self._vessel = vessel
        self._room = vessel.room()
        self._room[:came] = response.join()
        response._came = None
        self._offer(came)

    def _offer(self, came: int) -> None:
        """The next read goes behind the `came` bytes that are here."""
        self._response._size = came
        self._wire._buffer = self._room[came:]
        self._wake_at(min(self._vessel.length - came, WATERMARK))

    def _wake_at(self, size: int) -> None:
        if self._socket is not None and size != self._mark:
            self._mark = size
            with suppress(OSError):  # it was closed a moment ago
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)

    def hurry(self) -> None:
        """The peer is slow, or silent: from now on what it says of this body is read as it comes."""
        self._wake_at(1)
        self._socket = None

    def feed_data(self, data: memoryview) -> None:
        """So much was read, and is where it belongs. Raises HttpParserError when there is more than the body."""
        came = self._response._size + len(data)
        length = self._vessel.length
        if came < length:
            self._offer(came)
            return
        self._response._size = length
        self._response._came = self._vessel
        self._wake_at(1)
        wire = self._wire
        wire._buffer = buffer()
        plain = isinstance(self._response._head.raw, bytes)
        wire._parser = httptools.HttpResponseParser(Plain(wire) if plain else wire)
        wire._state = COMPLETE
        if came > length:
            raise httptools.HttpParserError("bytes follow the body")


def _marked(wire: ParsedWire) -> Any:
    """The socket of a connection whose system can wait for more than one byte of it; None: it cannot."""
    transport = wire._transport
    if sys.platform != "linux" or transport is None or transport.get_extra_info("ssl_object") is not None:
        return None
    sock = transport.get_extra_info("socket")
    return sock if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6) else None


def gather(wire: ParsedWire, response: Response) -> None:
    """Have the rest of the body of `response` read in place, if that pays and is allowed."""
    if isinstance(response, StreamedResponse) or isinstance(wire._parser, Bulk):
        return
    length = announced(response._head.raw)
    if response._size + LEAST <= length <= response._limit:
        try:
            vessel = Vessel(length)
        except (MemoryError, OverflowError):
            return  # what comes of it may still have room
        wire._parser = Bulk(wire, response, vessel)
