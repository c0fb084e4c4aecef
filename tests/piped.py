"""A connection that pipelines, without a network or a loop: bytes fed by hand, turns of the loop made by hand.

Refuses: deciding anything. Called by: tests of `_connection.pipelined`.

    piped = Piped(depth=4)         it has answered once, so that it pipelines
    first, second = piped.send("/a"), piped.send("/b")
    piped.turn()                   what was sent is written
    piped.feed(answer("/a") + answer("/b"))
"""

from __future__ import annotations

import sys
from typing import Any

from tests.feeding import BODY_LIMIT, Once, RecordingOwner, RecordingTransport, StandingClock, Turns, Wired

from async_keepalive_httpc._connection.pipelined import PipelinedConnection
from async_keepalive_httpc._message.limits import Reading, Timeout
from async_keepalive_httpc._message.request import Request
from async_keepalive_httpc._message.response import Response
from async_keepalive_httpc._message.stream import StreamedResponse
from async_keepalive_httpc.errors import ConnectionLost

ORIGIN = "http://example.com"
OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = OK + b"Content-Length: 0\r\n\r\n"


class FillingOwner(RecordingOwner):
    """Notes also the room there is behind what is under way: "room: 3"."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = sys.maxsize
        self.unanswered = 0

    def freed(self, connection: Any) -> None:
        assert connection.answering == ()
        assert connection.capacity >= 1
        self.heard.append("freed")

    def fill(self, connection: Any) -> None:
        assert connection.answering != ()
        self.heard.append(f"room: {connection.capacity}")


class Piped(Wired):
    """One PipelinedConnection with all of its surroundings; unless `fresh`, it has answered one request."""

    connection: PipelinedConnection
    owner: FillingOwner

    def __init__(
        self,
        depth: int = 4,
        *,
        fresh: bool = False,
        reading: Reading | None = None,
        transport: RecordingTransport | None = None,
    ) -> None:
        self.clock = StandingClock()
        self.owner = FillingOwner()
        self.transport = transport or RecordingTransport()
        self.turns, self.soon = Turns(), Turns()  # no read makes a turn here
        loop: Any = self.turns
        self.connection = PipelinedConnection(self.owner, reading or Reading(), self.clock.now, loop, 1)
        self.connection.depth = depth
        self.connection.connection_made(self.transport)
        if not fresh:
            self.send("/first")
            self.feed(EMPTY)
            self.transport.written, self.transport.writes = b"", 0
            self.owner.heard.clear()

    def send(
        self, request: Request | str = "/", *, method: str = "GET", stream: bool = False, limit: int = BODY_LIMIT
    ) -> Any:
        """Send a request (a target alone: GET); its Response, or StreamedResponse."""
        if isinstance(request, str):
            request = Request(method, ORIGIN + request)
        kind = StreamedResponse if stream else Response
        response = kind().ask(request, Once(), Timeout(), limit)
        self.connection.send(response)
        return response

    def sent(self, number: int) -> list[Response]:
        """So many GETs on their way, written."""
        responses = [self.send(f"/{place}") for place in range(number)]
        self.turn()
        return responses

    @property
    def kept_idle(self) -> bool:
        """Whether nothing is under way on it, and it takes as many requests as it can."""
        connection = self.connection
        free = connection.answering == () and connection.capacity == connection.depth
        return free and self.owner.heard[-1] == "freed" and not self.transport.ended

    def turn(self) -> None:
        """A turn of the loop: what was sent in it is written."""
        self.turns.turn()


def answer(body: bytes | str) -> bytes:
    """A response with this body."""
    raw = body.encode() if isinstance(body, str) else body
    return OK + b"Content-Length: %d\r\n\r\n%b" % (len(raw), raw)


def chunked(*pieces: bytes, trailer: bytes = b"") -> bytes:
    """A response in chunks."""
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n" + trailer + b"\r\n"


def came(response: Response) -> bytes | str:
    """What became of a response: "waiting", the name of an error's class, or its body."""
    if response._error is not None:
        return type(response._error).__name__
    return "waiting" if response._waiter is not None else response.body


def bodies(responses: list[Response]) -> list[bytes | str]:
    """The body of each that was answered, or the kind of its end."""
    return [came(response) for response in responses]


def lost(response: Response) -> tuple[str, bool]:
    """The stage at which its connection was lost under it, and whether that had been used."""
    error = response._error
    assert isinstance(error, ConnectionLost)
    assert str(response.request.url) in str(error)
    return error.stage, error.reused
