"""Where the message under way ends in what was read: so far a parser may be fed, and not into the next message.

Refuses: judging. It believes what it reads; llhttp, which is fed up to there, says what a message is.
Called by: `pipelined`, since llhttp does not say how much of its food one message took.
Law: a guess too short costs one more call of the parser. One too long, which takes a message that llhttp refuses or
reads otherwise, leaves bytes behind a complete message: those are nobody's, and their connection is closed. So no
guess gives an answer to the wrong request. That the message answers HEAD is not known here: nothing stands behind one.
"""

from __future__ import annotations

from typing import Final

START: Final = 0
"""Nothing came yet."""
HEAD: Final = 1
"""A part of the head came."""
LENGTH: Final = 2
"""So many bytes come that are this message's."""
SIZE: Final = 3
"""The line before a chunk comes, or goes on."""
TRAILER: Final = 4
"""A line of the trailer comes, or goes on; an empty one ends the message."""
OPEN: Final = 5
"""All that comes is this message's."""

_OWS: Final = b" \t"
_BODILESS: Final = frozenset({b"204", b"304"})


class Boundary:
    """Follows one message after another; `state` is START between them."""

    __slots__ = ("_chunked", "_left", "_line", "state")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """The next byte is the first of a message."""
        self.state = START
        self._chunked = False
        self._left = 0
        self._line = b""

    def walk(self, data: bytes, at: int) -> int:
        """How far `data`, which goes on from `at`, is this message's: an offset above `at`, its end at most."""
        shift = 0
        if self._line:
            data = self._line + data[at:]
            shift = at - len(self._line)
            at, self._line = 0, b""
        while at < len(data):
            at = self._step(data, at)
            if self.state == START:
                break
        return at + shift

    def follow(self, data: memoryview | bytes, size: int) -> None:
        """The first `size` bytes of `data` are all of this message."""
        if self.state == LENGTH and self._left > size:
            self._left -= size
        elif self.state != OPEN:
            at = 0
            while at < size:
                at = self.walk(bytes(data[:size]), at)

    def _step(self, data: bytes, at: int) -> int:
        if self.state <= HEAD:
            return self._head(data, at)
        if self.state == SIZE:
            return self._size(data, at)
        if self.state == TRAILER:
            return self._trailer(data, at)
        if self.state == OPEN:
            return len(data)
        taken = min(self._left, len(data) - at)
        self._left -= taken
        if not self._left:
            self.state = SIZE if self._chunked else START
        return at + taken

    def _keep(self, data: bytes, at: int) -> int:
        """What is not whole yet is looked at again when more of it is here."""
        self._line = data[at:]
        return len(data)

    def _head(self, data: bytes, at: int) -> int:
        start = at
        while data.startswith(b"\r\n", start):
            start += 2
        end = data.find(b"\r\n\r\n", start) + 4
        if end < 4:
            self.state = HEAD
            return self._keep(data, at)
        self.state = START
        status = data[start + 9 : start + 12]
        if status in _BODILESS or not status.isdigit() or status < b"200":
            return end
        found = data.find(b"\r\nContent-Length: ", start, end)
        if found >= 0:
            length = data[found + 18 : data.find(b"\r", found + 18)]
        else:
            length, self._chunked = _framing(data[start:end].lower())
        if self._chunked:
            self.state = SIZE
        elif not length:
            self.state = OPEN
        elif (left := _number(length.partition(b",")[0], 10)) > 0:
            self.state, self._left = LENGTH, left
        return end

    def _size(self, data: bytes, at: int) -> int:
        end = data.find(b"\r\n", at)
        if end < 0:
            return self._keep(data, at)
        size = _number(data[at:end].partition(b";")[0], 16)
        if size > 0:
            self.state, self._left = LENGTH, size + 2
        else:
            self.state = OPEN if size else TRAILER
        return end + 2

    def _trailer(self, data: bytes, at: int) -> int:
        end = data.find(b"\r\n", at)
        if end < 0:
            return self._keep(data, at)
        if end == at:
            self.reset()
        return end + 2


def _framing(head: bytes) -> tuple[bytes, bool]:
    """What the fields of a head in lower case say: a length, possibly empty, and whether there are chunks."""
    length = b""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"transfer-encoding":
            return b"", True
        if name == b"content-length":
            length = value
    return length, False


def _number(digits: bytes, base: int) -> int:
    """A length, or -1 for what is none."""
    try:
        return int(digits.strip(_OWS), base)
    except ValueError:
        return -1
