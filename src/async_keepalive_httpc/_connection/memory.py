"""What a connection remembers of the answers it has parsed, so that the next one like them need not be.

Refuses: parsing, and what is not a whole message in one read.
Called by: `h1`, which is built on it: before it asks the parser, and when the parser has found a message complete.
Law: what is taken here, llhttp would take, and make the same of; whatever is in doubt goes to llhttp.

    it repeats     the head of the last message, to the byte, and its size: it can only say the same
    it is alike    a head of a known `shape`; its length, or its only chunk, ends with the read

Learned from good answers that a Content-Length frames, or chunks without a trailer, where nothing else of the head
matters to the engine. Not asked: HEAD, Digest, the last request of a connection, a body that is not all sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .._message.fields import CONTENT_LENGTH, KEEP_ALIVE, TRANSFER_ENCODING
from .._message.limits import Reading
from .._message.request import Request
from .._message.response import Response
from .interface import Owner
from .parsed import ParsedWire
from .shape import Shape, make_head, shape_of, splitter
from .wire import NO_LIMIT

PLAINS: Final = 8
"""Answers that a connection parses before it learns their shape, and each time twice as many."""
SHAPES: Final = 4
"""Shapes that it keeps, the newest first: an origin has answers of several kinds."""


class RememberingWire(ParsedWire):
    """A connection that knows answers by sight."""

    __slots__ = ("_plains", "_seen_size", "_shapes", "_split")

    def __init__(self, owner: Owner, reading: Reading, now: Callable[[], float], number: int) -> None:
        super().__init__(owner, reading, now, number)
        self._seen_size = self._plains = 0
        self._split: Callable[[Any], tuple[Any, ...]] | None = None
        self._shapes: tuple[Shape, ...] = ()

    def _forget(self) -> None:
        """From now on the parser is asked."""
        self._seen_size = 0
        self._shapes = ()

    def _learn_split(self, nbytes: int) -> Callable[[Any], tuple[Any, ...]]:
        """For a message of the size of the last one, to take it apart."""
        size = len(self._seen)
        self._split = split = splitter(size, nbytes - size)
        return split

    def _remember(self, response: Response, nbytes: int) -> None:
        """What has just been parsed to its end, with this read."""
        head = response._head
        self._split = None
        if not 200 <= head.status < 300 or head.status == 204:
            return
        if head is self._seen_head:
            if len(self._seen) + response._size != nbytes:
                return
            self._seen_size = nbytes if self.limit == NO_LIMIT else 0
        elif self._fed != nbytes or self._interims or not self._keep or not self._framed_simply(head.kinds):
            return
        self._plains = plains = self._plains + 1
        # Now and then: if the answers of a server have many shapes, none is worth much.
        if plains >= PLAINS and not plains & (plains - 1):
            end = self._bytes.find(b"\r\n\r\n") + 4
            shape = shape_of(head, self._buffer[:end].tobytes())
            if shape is not None:
                self._shapes = (shape, *self._shapes[: SHAPES - 1])

    def _framed_simply(self, kinds: int) -> bool:
        framing = kinds & ~KEEP_ALIVE
        return framing == CONTENT_LENGTH or (framing == TRANSFER_ENCODING and not self._fields)

    def _take_alike(self, response: Response, nbytes: int) -> bool:
        """Take a whole message whose head has the shape of earlier ones; False where it is none."""
        if nbytes >= response._limit:
            return False
        for shape in self._shapes:
            match = shape.match(self._bytes, 0, nbytes)
            if match is not None:
                break
        else:
            return False
        start, tail = match.end(), shape.tail
        end = start + int(match[shape.size], shape.base)
        if end + len(tail) != nbytes or (tail and not self._bytes.endswith(tail, 0, nbytes)):
            return False
        if match.end(1) > self._reading.header_size:
            return False
        if shape.hint:
            self._take_hint(match[shape.hint])
        if self.served >= self.limit:
            return False
        # A `wire` is kept of requests only whose answer needs no look at its fields.
        request = response._request
        if request.wire is None and not self._needs_no_look(request):
            return False
        raw = match[1]
        head = make_head(shape.status, shape.reason, raw, shape.kinds)
        # Twice the same: from now on it is enough to compare.
        again = raw == self._seen and shape.base == 10 and self.limit == NO_LIMIT
        self._seen_size = nbytes if again else 0
        self._split = None
        self._seen, self._seen_head = raw, head
        self._response = None
        response._ended = self.moved
        response.fill(head, self._buffer[start:end].tobytes())
        self.capacity = 1
        self._owner.freed(self)
        return True

    def _needs_no_look(self, request: Request) -> bool:
        """Whether nothing but its length matters of a good, plain answer to this request, which has all been sent."""
        if request.auth is not None or request.close or request.method == "HEAD":
            return False
        return request.body is None or self._all_sent()

    def _all_sent(self) -> bool:
        """Whether the last byte of the request has left: the next one must not stand behind a cut body."""
        transport: Any = self._transport
        sending = self._sending
        return (sending is None or sending.whole) and not transport.get_write_buffer_size()
