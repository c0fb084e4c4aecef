"""One HTTP/1.1 connection (RFC 9112): requests out, responses in.

Refuses: choosing who may use it (the Lane), doing anything again (policy), lenient parsing (no flag is ever
set). Called by: a Lane, through `interface`; the event loop, as its BufferedProtocol.
Law:
    a message is complete         what else is in the same read was not asked for: delivered, then closed
    bytes while idle              closed at once, never parsed (response-queue poisoning); so too before the request
                                  that it was given is written (`outbox`), which is then UNSENT
    the end of the stream         completes a body that is framed by close; anything else it ends is an error
    the response before the body  from 300 on sending stops; complete: delivered, and the connection closed
    kept                          delimited, no close on either side, nothing extra, the request all written
llhttp finishes a message inside `feed_data` with later bytes still unread, so completion is only noted in the
callback and acted upon when the feed has returned: a new request must never meet the old bytes. Limits are
looked at after each read, so what may pass them is one read.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from typing import Final, cast

import httptools

from .._message.alerts import meaning
from .._message.headers import RawFields
from .._message.limits import Reading
from .._message.request import Request
from .._message.response import Response
from .._message.vessel import Vessel
from ..errors import RESPONDING, SENT, UNSENT, ConnectionLost, ProtocolError, TLSError, TooLarge
from .bulk import Bulk, gather
from .framing import heads_end
from .head import head
from .interface import Owner
from .memory import RememberingWire
from .parsed import BODY, COMPLETE, HEAD, Mend, Skip, Whole
from .receive import buffer
from .repair import LENGTH_ERRORS, mend
from .upload import Sending

_LENGTH_IN_TRAILER: Final = "Content-Length can't be present with Transfer-Encoding"


class H1Connection(RememberingWire):
    """A kept HTTP/1.1 connection; one request at a time."""

    __slots__ = ("_loop", "_unsent", "put")

    alone = True
    """Whether each request is sent when the one before it is answered: else bytes behind a body have an owner."""

    def __init__(
        self,
        owner: Owner,
        reading: Reading,
        now: Callable[[], float],
        loop: asyncio.AbstractEventLoop,
        number: int,
    ) -> None:
        super().__init__(owner, reading, now, number)
        self._loop = loop
        self.put: Callable[[bytes], int] | None = None
        """The socket's own `send`, where nothing stands between: then requests may be held (`outbox`)."""
        self._unsent: Response | None = None

    # -- the Lane's side

    def send(self, response: Response) -> None:
        # `_take_on`, without its frame.
        self.capacity = 0
        response._where = self
        response._stage = SENT
        served = self.served
        response.reused = served > 0
        self.served = served + 1
        self._response = response
        wire = response._request.wire or self._compose(response)
        if wire is not None:
            write = self._write
            write(wire)

    def _compose(self, response: Response) -> bytes | None:
        """The bytes of a request that is not remembered as such; None: it is on its way, and its body follows."""
        request = response._request
        body = request.body
        if request.plain:
            request.wire = wire = head(request)
            return wire
        self._seen_size = 0
        if body is None:
            return head(request)
        if type(body) is bytes and not request.expect_continue:
            return head(request, body)
        self._upload(request, head(request))
        return None

    def _take_on(self, response: Response) -> None:
        """`response` is under way here from now on. `send` has these lines itself, for the price of a call."""
        self.capacity = 0
        self.served += 1
        self._response = response
        response.sent(self, self.served > 1)
        if not response._request.plain:
            self._seen_size = 0

    def _upload(self, request: Request, written: bytes) -> None:
        """Write the head, and let the body follow by itself."""
        sending = Sending(self._loop, cast(asyncio.Transport, self._transport), request, self._sent)
        self._sending = sending
        self._write(written)
        sending.start()

    def abandon(self, response: Response) -> None:
        if response in self.answering:
            self._response = self._unsent = None
            self.close("abandoned", at_once=True)

    def close(self, reason: str, *, at_once: bool = False) -> None:
        sending = self._sending
        unsent, self._unsent = self._unsent, None
        super().close(reason, at_once=at_once or sending is not None)
        if sending is not None:
            sending.stop()
        if unsent is not None:
            request = unsent._request
            what = "the connection ended before this request was written"
            unsent.fail(ConnectionLost(f"{request.method} {request.url}: {what}", UNSENT, unsent.reused))

    def end(self, error: BaseException, reason: str = "closed") -> None:
        """Close at once; whatever is in flight fails with `error`."""
        response = self._response or self._unsent
        self._response = self._unsent = None
        self.close(reason, at_once=True)
        if response is not None:
            response.fail(error)

    def listen(self, now: float) -> bool:
        """Whether the peer has said something of a long body since the last read (`bulk`); it is read from now on."""
        if not isinstance(self._parser, Bulk):
            return False
        self._parser.hurry()  # first, for a poll goes by the same mark
        if self.sound():
            return False
        self.moved = now
        return True

    @property
    def answering(self) -> tuple[Response, ...]:
        response = self._response or self._unsent
        return () if response is None else (response,)

    @property
    def paused(self) -> bool:
        """Whether it waits for its own caller: to read a stream, or to give the next piece of a body."""
        sending = self._sending
        return self._paused or (sending is not None and sending.active and not sending.blocked)

    @property
    def blocked(self) -> bool:
        """Whether a body waits for the peer to read it."""
        return self._sending is not None and self._sending.blocked

    def _sent(self, error: BaseException | None) -> None:
        """A body that went out by itself is written, or will not be."""
        if error is not None:
            self.end(error, "error")
        else:
            self._sending = None
            self.moved = self._now()

    # -- the event loop's side

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        clock = self._now
        self.moved = now = clock()
        response = self._response
        if response is None:
            self.close("poisoned", at_once=True)
            return
        if nbytes == self._seen_size and nbytes < response._limit:
            split = self._split or self._learn_split(nbytes)
            raw, body = split(self._bytes)
            if raw == self._seen:
                self._response = None
                response._ended = now
                response.fill(self._seen_head, body)
                self.capacity = 1
                self._owner.freed(self)
                return
        if self._shapes and not self._fed and self._take_alike(response, nbytes):
            return
        self._fed += nbytes
        self._seen_size = 0  # what comes next is no beginning, unless this read ends the message
        try:
            self._parser.feed_data(self._buffer[:nbytes])
        except httptools.HttpParserError as error:
            self._recover(error.with_traceback(None), nbytes)
        else:
            if self._state is COMPLETE:
                self._remember(response, nbytes)
                self._finish()
            elif not self._ended:
                self._check_size(nbytes)

    def eof_received(self) -> bool:
        self._end_of_stream(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if isinstance(exc, ConnectionError) and self._response is not None:
            self._read_socket()
        self._end_of_stream(exc)
        self._parser = self._sending = None
        self._buffer = buffer()  # not the room of a body: a loop may leave us to the garbage collector
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        if self._sending is not None:
            self._sending.pause()

    def resume_writing(self) -> None:
        self.moved = self._now()
        if self._sending is not None:
            self._sending.resume()

    # -- when the parser has returned

    def _check_size(self, nbytes: int) -> None:
        """After a read that completed nothing: is what the peer may send without end within its limits?"""
        if self._fed == nbytes and self._response is not None:
            self._response._began = self.moved
        error: TooLarge | None = None
        if self._state <= HEAD:
            self._held += self._buffer[:nbytes]
            if self._fed > self._reading.header_size:
                error = self._head_too_large()
        elif self._chunked:
            error = self._overhead_error()
        elif self._response is not None and not self._until_close and self.alone:
            gather(self, self._response)
        if error is not None:
            self.end(error, "error")

    def _recover(self, error: httptools.HttpParserError, nbytes: int) -> None:
        """The parser stopped: a new one may go on, or what stopped it came after a complete message."""
        if self._curable(error):
            since = max(0, len(self._held) - 3)
            self._held += self._buffer[:nbytes]
            if self._held.find(b"\r\n\r\n", since) < 0:
                self._check_size(0)  # the head is not whole: the parser repeats its error until it is
            else:
                self._feed_anew(error)
        elif self._state is COMPLETE:
            self._finish_early()
        else:
            self._break(error)

    def _feed_anew(self, error: httptools.HttpParserError) -> None:
        """Go on with a parser that reports all: a head that is not plain, after an odd interim head, a mended one."""
        self._forget()
        self._seen = b""
        data = bytes(self._held)
        start = past = 0
        while self._curable(error):
            raised, self._raised = self._raised, None
            if raised is not None:
                raised.__traceback__ = None  # an error that comes next has it as its context: it would hold us
            start = heads_end(data, self._interims - past, start)
            past = self._interims
            if isinstance(raised, (Skip, Whole)):
                rest: bytes | memoryview = memoryview(data)[start:]
            else:
                end = heads_end(data, 1, start)
                if end < 0:
                    self._check_size(0)
                    return
                mended = mend(data[start : end - 4])
                if mended is None:
                    break
                rest = mended + data[end - 4 :]
            self._parser = httptools.HttpResponseParser(self)
            try:
                self._parser.feed_data(rest)
            except httptools.HttpParserError as another:
                error = another.with_traceback(None)
            else:
                if self._state is COMPLETE:
                    self._finish()
                else:
                    self._check_size(0)
                return
        if self._state is COMPLETE:
            self._finish_early()
        else:
            self._break(error)

    def _curable(self, error: httptools.HttpParserError) -> bool:
        """Whether a new parser can go on: the head is good, but llhttp misreads it."""
        return self._state <= HEAD and (isinstance(self._raised, (Skip, Mend, Whole)) or str(error) in LENGTH_ERRORS)

    def _finish_early(self) -> None:
        """The response was complete before the parser had read all that came."""
        response = self._response
        if response is not None and response._request.method == "HEAD":
            self._parser = httptools.HttpResponseParser(self)
            self._extra = self._heads_size() != self._fed
        else:
            self._extra = True
        self._finish()

    def _break(self, error: httptools.HttpParserError) -> None:
        """The response is wrong: it fails with what a callback raised, or with what the parser said."""
        raised, self._raised = self._raised, None
        if raised is not None:
            self.end(raised.with_traceback(None), "error")
        elif self._chunked and str(error) == _LENGTH_IN_TRAILER:
            # RFC 9110 section 6.5.1: it has no effect. The body is whole, but llhttp goes no further.
            self._state = COMPLETE
            self._extra = True
            self._finish()
        else:
            failure = ProtocolError(
                self._tell(f"the response is malformed: {error}; check that an HTTP/1 server answers there")
            )
            failure.__cause__ = error.with_traceback(None)
            self.end(failure, "error")

    # -- ends

    def _read_socket(self) -> None:
        """Take what the peer said before it reset the connection: a loop whose write fails has not read it."""
        transport = cast(asyncio.Transport, self._transport)
        sock = transport.get_extra_info("socket")
        if sock is None or transport.get_extra_info("ssl_object") is not None:
            return
        self.limit = 0  # this is the last response, whatever it says
        self._forget()
        try:
            while self._response is not None and (nbytes := os.readv(sock.fileno(), [self._buffer])):
                self.buffer_updated(nbytes)
        except OSError:
            return  # there is no more

    def _finish(self) -> None:
        """The response is complete: hand it over, then keep the connection or close it."""
        response = self._response
        if response is None:
            return  # abandoned a moment ago, inside this read
        request = response._request
        trailers: RawFields | None = None
        if self._chunked:
            if not self._extra and (error := self._overhead_error()) is not None:
                self.end(error, "error")
                return
            self._chunked = False
            trailers = self._fields
            if trailers:
                # Some names in a trailer change what llhttp makes of the next message.
                self._parser = httptools.HttpResponseParser(self)
        self._response = None
        response._ended = self.moved
        if self._paused:
            self.resume()
        keep = self._keep and not self._extra and not request.close and self.served < self.limit
        if keep and (request.body is None or self._all_sent()):
            self._state = HEAD
            self._fed = self._interims = 0
            if self._held:
                self._held = bytearray()
            self._hand_over(response, trailers)
            self.capacity = 1
            self._owner.freed(self)
        else:
            self._hand_over(response, trailers)
            self.close("poisoned" if self._extra else self._why(request.close))

    def _hand_over(self, response: Response, trailers: RawFields | None) -> None:
        """It has ended. A body that was read in place is also the loop's, until this read is over."""
        if isinstance(response._came, Vessel):
            self._loop.call_soon(response.collect)  # before the caller, who is told now, has its turn
        response.finish(trailers)

    def _why(self, asked: bool) -> str:
        """The reason, for `stats()`, that a connection is closed after a complete response."""
        if asked:
            return "client"
        if not self._keep:
            return "server"
        return "max requests" if self.served >= self.limit else "early response"

    def _end_of_stream(self, exc: Exception | None) -> None:
        self._read_rest()
        response = self._response
        if response is None:
            self.close("server")
            return
        if not self._fed:
            stage, what = SENT, "before a byte of the answer came; it may have acted on the request, or not"
        else:
            stage, what = RESPONDING, "inside the answer"
        # A server that refuses a body it has not read resets the connection behind its answer (RFC 9112 section 9.6).
        if self._until_close and self._state is BODY and (exc is None or response.status >= 400):
            if self._ended_cleanly():
                self._response = None
                response._ended = self._now()
                response.finish()
                self.close("server")
                return
            what = "without a TLS close_notify, so its body may be cut off; strict_tls_eof=False accepts that"
        lost: TLSError | ConnectionLost
        if stage is SENT and not response.reused and isinstance(exc, ssl.SSLError):
            # What TLS 1.3 says of a client's certificate comes after the handshake (RFC 8446 section 4.4.2).
            lost = TLSError(self._tell("; ".join(meaning(exc))))
        else:
            lost = ConnectionLost(self._tell(f"the peer ended the connection {what}"), stage, response.reused)
        lost.__cause__ = exc
        self.end(lost, "lost")

    def _read_rest(self) -> None:
        """Read what uvloop leaves unread where TLS ends while reading is paused, or was a moment ago: up to 256 KiB."""
        if self._response is None or self._transport is None:
            return
        read = getattr(self._transport.get_extra_info("ssl_object"), "read_rest", None)
        if read is None:
            return
        self.limit = 0  # this is the last response, whatever it says
        self._forget()
        while self._response is not None and (size := read(self._buffer)):
            self.buffer_updated(size)

    def _ended_cleanly(self) -> bool:
        """Over TLS only a close_notify ends a body that is framed by close (RFC 9112 section 9.8)."""
        if not self._reading.strict_tls_eof or self._transport is None:
            return True
        return getattr(self._transport.get_extra_info("ssl_object"), "notified", True) is True

    def __repr__(self) -> str:
        state = "closed" if self._ended else "busy" if self.answering else "idle"
        return f"<H1Connection {self.number} {state} {self.peer} served={self.served}>"
