"""An HTTP/1.1 connection that is sent requests before it has answered the ones before them (RFC 9112 section 9.3.2).

Refuses: choosing who may use it (the Lane), sending anything twice (policy), reading a message otherwise than
`H1Connection` does: each answer is read by that, as if it had come alone.
Called by: a Lane whose client allows it (`pipelining` above 1), in the place of an H1Connection.
Law:
    behind one another      `may_follow`: idempotent, without a body, close, upgrade. HEAD and streams are the last
    from when on            one whole keep-alive HTTP/1.1 answer, on this connection
    how many                `depth`, and no more than the connection will answer: `limit` (`Keep-Alive: max=`), and
                            the number of answers with which the server's last close came, until one goes beyond
    written                 in one piece for each turn of the loop
    answers                 belong to what was written, in its order; one more is nobody's, and ends the connection
    it ends                 the first fails by its stage; those behind it were SENT, or UNSENT if not yet written
    nobody wants an answer  it is read and dropped, up to DRAIN_SIZE, for the sake of those behind it; until then
                            nothing more is sent; with nobody behind it the connection is closed
The connection is its own owner: what an H1Connection tells its Lane of one exchange, this one hears first, and the
Lane learns what is left of it.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from itertools import chain
from typing import Any, Final, cast

from .._message.limits import DRAIN_SIZE, Reading, Timeout
from .._message.response import Response
from .._message.stream import StreamedResponse
from ..errors import SENT, UNSENT, ClientClosed, ConnectionLost
from .boundary import START, Boundary
from .h1 import H1Connection
from .head import head
from .interface import Filling
from .parsed import NO_HEAD

_NO_LIMIT: Final = Timeout(total=None, connect=None, read=None, write=None)


class PipelinedConnection(H1Connection):
    """A kept connection to an origin; up to `depth` requests at a time. `depth` is set before its first request."""

    __slots__ = ("_behind", "_boundary", "_dropped", "_lane", "_last", "_proven", "_shared", "_unwritten", "depth")

    alone = False
    depth: int

    def __init__(
        self,
        owner: Filling,
        reading: Reading,
        now: Callable[[], float],
        loop: asyncio.AbstractEventLoop,
        number: int,
    ) -> None:
        super().__init__(self, reading, now, loop, number)
        self._lane = owner
        self._shared = self._buffer
        self._boundary = Boundary()
        self._behind: deque[Response] = deque()
        self._unwritten: list[Response] = []
        self._dropped: set[Response] = set()
        self._last: Response | None = None
        self._proven = False

    # -- the Lane's side

    def send(self, response: Response) -> None:
        unwritten = self._unwritten
        idle = self._response is None and not unwritten
        if idle and not (self._proven and may_follow(response)):
            self._last = response
            super().send(response)
            return
        response._where = self
        response._stage = UNSENT
        response.reused = True
        if not unwritten:
            self._loop.call_soon(self._flush)
        unwritten.append(response)
        if response._request.method == "HEAD" or isinstance(response, StreamedResponse):
            self._last = response
            self.capacity = 0
        else:
            self.capacity -= 1
        if idle:
            self._lane.fill(self)

    def _room(self) -> int:
        """How many more requests may be sent behind the last one."""
        if self._last is not None or self._dropped:
            return 0
        count = len(self._behind) + len(self._unwritten)
        under_way = count if self._response is None else count + 1
        return max(0, min(self.depth - under_way, min(self.limit, self._lane.answers) - self.served - count))

    def _flush(self) -> None:
        """Write what was sent in this turn of the loop."""
        unwritten, self._unwritten = self._unwritten, []
        if not unwritten:
            return  # lost, or all of it abandoned, in between
        wires = []
        for response in unwritten:
            request = response._request
            wire = request.wire
            if wire is None:
                wire = head(request)
                if request.plain:
                    request.wire = wire
            wires.append(wire)
            response._stage = SENT
        self._write(b"".join(wires))
        self._behind.extend(unwritten)
        if self._response is None:
            self._advance()

    def _advance(self) -> None:
        """The next answer is that of the first one behind."""
        self._response = self._behind.popleft()
        self.served += 1

    def abandon(self, response: Response) -> None:
        if response in self._unwritten:
            self._unwritten.remove(response)
            if response is self._last:
                self._last = None
            if self.answering:
                self._offer()
            elif self._response is None:
                self._idle()
            else:
                self._give_up()
        elif response is self._response or response in self._behind:
            if any(other is not response for other in self.answering):
                self._drop(response)
            else:
                self._give_up()

    def _give_up(self) -> None:
        """Nobody wants what is still to come."""
        self._response = None
        self._take_rest()
        self.close("abandoned", at_once=True)

    def _drop(self, response: Response) -> None:
        """For the sake of the others its answer is read, by somebody who does not want it."""
        nobody = Response().ask(response._request, cast(Any, None), _NO_LIMIT, DRAIN_SIZE)
        nobody.begin(NO_HEAD)  # the head may be here already, and not come again
        nobody._stage = response._stage
        self._dropped.add(nobody)
        if response is self._response:
            self._response = nobody
        else:
            self._behind[self._behind.index(response)] = nobody
        if response is self._last:
            self._last = nobody
        self.capacity = 0

    def end(self, error: BaseException, reason: str = "closed") -> None:
        rest = self._take_rest()
        if self._response in self._dropped:
            reason = "abandoned"
        super().end(error, reason)
        _fail(rest, error)

    @property
    def answering(self) -> tuple[Response, ...]:
        first = () if self._response is None else (self._response,)
        under_way = chain(first, self._behind, self._unwritten)
        return tuple(response for response in under_way if response not in self._dropped)

    # -- its own owner: what H1Connection tells of one exchange

    def freed(self, connection: H1Connection) -> None:
        """An answer is complete, and the connection is kept."""
        if self._boundary.state != START:
            self._boundary.reset()
        if self._behind:
            self._advance()
        elif self._unwritten:
            self._offer()
        else:
            self._idle()

    def _idle(self) -> None:
        """Nothing is under way."""
        last, self._last = self._last, None
        if not self._proven and last is not None:
            self._proven = last.http_version == "1.1"
        self._dropped.clear()
        self._outlive()
        self.capacity = self._room() if self._proven else 1
        self._lane.freed(self)

    def lost(self, connection: H1Connection, reason: str) -> None:
        """The connection is closed: nobody behind will be answered."""
        if reason == "server" and self._behind:
            self._lane.answers = self.served
        rest = self._take_rest()
        self._last = None
        self._lane.lost(self, reason)
        _fail(rest, None)

    def gone(self, connection: H1Connection) -> None:
        """The socket is closed."""
        self._owner = self._lane
        self._lane.gone(self)

    def _offer(self) -> None:
        """There may be room again behind what is under way."""
        if self._dropped:
            self._dropped.intersection_update((cast(Response, self._response), *self._behind))
            if not self.answering:
                self._give_up()
                return
        self._outlive()
        self.capacity = 0 if self._ended else self._room()
        if self.capacity:
            self._lane.fill(self)

    def _outlive(self) -> None:
        """The server goes on after as many answers as it ended another connection with: that was by chance."""
        if self.served - (self._response is not None) >= self._lane.answers:
            self._lane.answers = sys.maxsize

    def _take_rest(self) -> list[Response]:
        self._lane.unanswered += len(self._behind)
        rest = [*self._behind, *self._unwritten]
        self._behind.clear()
        self._unwritten = []
        return rest

    # -- the event loop's side

    def _finish(self) -> None:
        if self._behind and not self.limit:
            # A lost socket is read to its end: its last answer is the one to the last request.
            self.limit = sys.maxsize
            super()._finish()
            self.limit = 0
        else:
            super()._finish()

    def get_buffer(self, sizehint: int) -> memoryview:
        # Not `_buffer`: to close a TLS transport is to read on, inside `_cut` too.
        return self._shared

    def buffer_updated(self, nbytes: int) -> None:
        if self._behind and not self._ended:
            self._cut(nbytes)
        else:
            super().buffer_updated(nbytes)
            if self._response is not None and self._fed:
                # Somebody may be sent behind it before the rest comes.
                self._boundary.follow(self._buffer, nbytes)

    def _cut(self, nbytes: int) -> None:
        """Several answers may lie in this read: each is read as if it were a read of its own."""
        shared, whole = self._shared, self._bytes
        data = bytes(shared[:nbytes])
        before = self.served
        self.moved = self._now()
        at = self._repeat(data, 0)
        try:
            while at < nbytes and self._response is not None:
                behind = bool(self._behind)
                end = self._boundary.walk(data, at) if behind else nbytes
                self._bytes = piece = cast(Any, data[at:end])
                self._buffer = memoryview(piece)
                super().buffer_updated(end - at)
                if not behind and self._response is not None and self._fed:
                    self._boundary.follow(piece, end - at)
                at = self._repeat(data, end)
        finally:
            self._buffer, self._bytes = shared, whole
        if self.served > before and self._response is not None:
            self._offer()

    def _repeat(self, data: bytes, at: int) -> int:
        """Take the answers, save the last, that repeat the head seen last: see `memory`. Where the others begin."""
        seen, size = self._seen, self._seen_size
        if not size or self._fed:
            return at
        start, limit = len(seen), self.limit
        behind = self._behind
        while behind and at + size <= len(data) and data.startswith(seen, at):
            response = cast(Response, self._response)
            # A `wire` is kept of requests only whose answer needs no look at its fields.
            if response._request.wire is None or size - start > response._limit or self.served >= limit:
                break
            response._ended = self.moved
            response.fill(self._seen_head, data[at + start : at + size])
            at += size
            self._response = behind.popleft()
            self.served += 1
        return at


def may_follow(response: Response) -> bool:
    """Whether it may be sent before those that were sent earlier are answered."""
    request = response._request
    if not request.idempotent or request.length is not None or request.body is not None or request.close:
        return False
    block = request.block.lower()
    return block.find(b"\nupgrade:") < 0 and not block.startswith(b"upgrade:") and request.method != "POST"


def _fail(rest: list[Response], error: BaseException | None) -> None:
    """Those behind an answer will get none: the connection has ended."""
    for response in rest:
        request = response._request
        if isinstance(error, ClientClosed):
            response.fail(ClientClosed(str(error)))
        elif response._stage == UNSENT:
            what = "before this request was written"
            response.fail(ConnectionLost(f"{request.method} {request.url}: the connection ended {what}", UNSENT, True))
        else:
            what = "with this request behind others in a pipeline, unanswered; it may have been acted on, or not"
            response.fail(ConnectionLost(f"{request.method} {request.url}: the connection ended {what}", SENT, True))
