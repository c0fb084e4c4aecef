"""A long body of known length, read straight into the bytes that its caller gets.

Refuses: streams, bodies in chunks or ended by close, and short ones: pieces from the parser serve those as well.
Called by: `h1`, when a read has ended inside a body; from then on as that connection's parser.
Law:
    room      what is left of the body, and one byte. That byte is not the body's: it ends the connection, as extra
              bytes do anywhere (see `h1`), and no more of them is read than tells that they are there
    the end   the connection gets back the shared buffer, and a parser that waits for a head
A connection with requests behind one another is not read so: there the next byte has an owner.
"""

from __future__ import annotations

from typing import Final

import httptools

from .._message.response import Response
from .._message.stream import StreamedResponse
from .._message.vessel import Vessel
from .framing import announced
from .parsed import COMPLETE, ParsedWire, Plain
from .receive import buffer

LEAST: Final = 64 * 1024
"""Bytes that must be left of a body: for fewer, one more piece costs less than the way into its place."""


class Bulk:
    """What is left of one body. It takes the place of the parser, and `_buffer` is its room."""

    __slots__ = ("_response", "_room", "_vessel", "_wire")

    def __init__(self, wire: ParsedWire, response: Response, vessel: Vessel) -> None:
        came = response._size
        self._wire = wire
        self._response = response
        self._vessel = vessel
        self._room = vessel.room()
        self._room[:came] = response.body
        response._body = None
        self._offer(came)

    def _offer(self, came: int) -> None:
        """The next read goes behind the `came` bytes that are here."""
        self._response._size = came
        self._wire._buffer = self._room[came:]

    def feed_data(self, data: memoryview) -> None:
        """So much was read, and is where it belongs. Raises HttpParserError when there is more than the body."""
        came = self._response._size + len(data)
        length = self._vessel.length
        if came < length:
            self._offer(came)
            return
        self._response._size = length
        self._response._body = self._vessel
        wire = self._wire
        wire._buffer = buffer()
        plain = isinstance(self._response._head.raw, bytes)
        wire._parser = httptools.HttpResponseParser(Plain(wire) if plain else wire)
        wire._state = COMPLETE
        if came > length:
            raise httptools.HttpParserError("bytes follow the body")


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
