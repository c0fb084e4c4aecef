"""A connection without a network: a transport that records, an owner that records, bytes fed by hand.

Refuses: deciding anything. A test feeds bytes, ends the stream and looks at what was done.
Called by: tests of `_connection` and of streams. `Wired` is one H1Connection with all of its surroundings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import pytest
from tests.turns import turns as turns

from async_keepalive_httpc._connection.h1 import H1Connection
from async_keepalive_httpc._message.limits import Reading, Timeout
from async_keepalive_httpc._message.request import Request
from async_keepalive_httpc._message.response import Response
from async_keepalive_httpc._message.stream import StreamedResponse

PEER = ("192.0.2.7", 8080)
URL = "http://example.com/path"
BODY_LIMIT = 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


class RecordingTransport(asyncio.Transport):
    """Takes what is written, and says what was done to it. `unsent` is its write buffer's size."""

    def __init__(self, extra: dict[str, Any] | None = None) -> None:
        super().__init__({"peername": PEER} if extra is None else extra)
        self.written = b""
        self.writes = 0
        self.unsent = 0
        self.reading = True
        self.ended = ""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)
        self.writes += 1

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return bool(self.ended)

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = "aborted"


class RecordingOwner:
    """A Lane's ear: `heard` holds "freed", "lost: reason" and "gone" in the order they were told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def freed(self, connection: Any) -> None:
        assert connection.capacity == 1
        self.heard.append("freed")

    def lost(self, connection: Any, reason: str) -> None:
        assert connection.capacity == 0
        self.heard.append(f"lost: {reason}")

    def gone(self, connection: Any) -> None:
        self.heard.append("gone")


class Once:
    """A waiter that may be told only once."""

    def __init__(self) -> None:
        self.result: Response | None = None

    def done(self) -> bool:
        return self.result is not None

    def set_result(self, result: Response) -> None:
        assert self.result is None
        self.result = result


class StandingClock:
    """Shows `time` until a test sets it."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time


class Deaf:
    """In the place of the parser: to be fed is an error."""

    def feed_data(self, data: Any) -> None:
        raise AssertionError(f"parsed: {bytes(data)!r}")


class Turns:
    """A loop of which a test makes the turns."""

    def __init__(self) -> None:
        self._ready: list[tuple[Callable[..., None], tuple[Any, ...]]] = []

    def call_soon(self, callback: Callable[..., None], *arguments: Any) -> None:
        self._ready.append((callback, arguments))

    def turn(self) -> None:
        ready, self._ready = self._ready, []
        for callback, arguments in ready:
            callback(*arguments)


class Wired:
    """One H1Connection, connected, with a clock that stands at 100 s.

    Only a body that is sent piece by piece needs a `loop`.
    """

    def __init__(
        self,
        reading: Reading | None = None,
        *,
        loop: Any = None,
        transport: RecordingTransport | None = None,
    ) -> None:
        self.clock = StandingClock()
        self.owner = RecordingOwner()
        self.transport = transport or RecordingTransport()
        self.soon = Turns()
        turning: Any = loop or self.soon
        self.connection = H1Connection(self.owner, reading or Reading(), self.clock.now, turning, 1)
        self.connection.connection_made(self.transport)

    def send(self, request: Request | str = "GET", *, stream: bool = False, limit: int = BODY_LIMIT) -> Any:
        """Send a request (a method alone: to URL); its Response, or StreamedResponse."""
        if isinstance(request, str):
            request = Request(request, URL)
        kind = StreamedResponse if stream else Response
        response = kind().ask(request, Once(), Timeout(), limit)
        self.connection.send(response)
        return response

    def feed(self, *pieces: bytes) -> None:
        """Each piece is one read, as long as the transport is open and reading."""
        for piece in pieces:
            while piece and not self.transport.ended:
                buffer = self.connection.get_buffer(-1)
                size = min(len(piece), len(buffer))
                buffer[:size] = piece[:size]
                self.connection.buffer_updated(size)
                piece = piece[size:]
                del buffer
                self.soon.turn()

    def drip(self, data: bytes) -> None:
        """One byte a read."""
        self.feed(*[data[i : i + 1] for i in range(len(data))])

    def end(self, error: Exception | None = None) -> None:
        """The peer's FIN or, with an error, its RST; then the socket is closed, as the loops do it."""
        if error is None and not self.transport.ended:
            self.connection.eof_received()
            self.transport.close()
        self.transport.ended = self.transport.ended or "lost"
        self.connection.connection_lost(error)
        self.soon.turn()

    @property
    def kept(self) -> bool:
        """Whether the connection takes another request."""
        return self.connection.capacity == 1 and not self.transport.ended


def case(number: int, what: str, *values: Any) -> Any:
    """Values of a parametrized test, under a number of the table of faults and attacks."""
    return pytest.param(*values, id=f"case-{number}-{what}")


def sized(size: int) -> bytes:
    """The head of a response with a body of that size."""
    return OK + b"Content-Length: %d\r\n\r\n" % size


def chunk(data: bytes) -> bytes:
    """`data` as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def delivered(response: Response) -> bytes:
    """The body of a response that is complete."""
    assert response._error is None
    assert response._waiter is None
    return response.body


async def all_of(response: StreamedResponse) -> list[bytes]:
    """The pieces of a stream."""
    return [piece async for piece in response]


Outcome = tuple[Any, ...]


def outcome(response: Response) -> Outcome:
    """What became of a response: ("waiting",), (error class,), or its parts."""
    if response._waiter is not None:
        return ("waiting",)
    if response._error is not None:
        return (type(response._error).__name__,)
    trailers = response.trailers.raw
    return (response.status, response.reason, response.headers.raw, response.body, trailers)


def ask(wired: Wired, data: bytes, request: Request | str = "GET") -> tuple[Any, bool, list[str]]:
    """What becomes of a request that is answered so, of its connection, and what its owner hears."""
    heard = len(wired.owner.heard)
    response = wired.send(request)
    wired.feed(data)
    return outcome(response), wired.kept, wired.owner.heard[heard:]


def split(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """`data` in pieces, cut at the offsets `cuts` (in any order, any number of times)."""
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(data)}), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


async def sent(wired: Wired) -> None:
    """Wait until the task that sends the body has ended."""
    sending = wired.connection._sending
    if sending is not None and sending._task is not None:
        await asyncio.wait({sending._task})


def sent_body(wired: Wired) -> bytes:
    """The body of the one request that was written, without its chunks."""
    head, _, body = wired.transport.written.partition(b"\r\n\r\n")
    if b"chunked" not in head:
        return body
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        whole += body[:length]
        assert body[length : length + 2] == b"\r\n"
        body = body[length + 2 :]
    return whole
