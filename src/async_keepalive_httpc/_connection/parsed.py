"""The parser's side of an HTTP/1.1 connection: from httptools' callbacks to a Response that fills.

Refuses: ending anything: what is wrong is raised, and stops the parser; `h1` sees to it.
Called by: httptools, through the `on_` methods; `memory`, which is built on it.
Law: what a callback raises is also noted in `_raised`: httptools hands it on as `__context__`, which Python
replaces where an exception is being handled further out (a loop that is run inside an `except` block).
Most heads are plain: a final status with a Content-Length, whole in one read, not over PLAIN_HEAD bytes. They are
read by a parser that is not asked for their fields, which are split off when somebody reads them. With the first head
that is not, a parser that reports every field takes over, for good. What need not be parsed at all, `memory` knows.
    FIRST      nothing came yet: the first byte must be an H, for llhttp takes RTSP and ICE for HTTP
    HEAD       a head, or interim (1xx) heads, which are skipped; 101 was not asked for: an error
    BODY       the final head is here
    COMPLETE   the message has ended; what the parser still finds was not asked for
HEAD, 204 and 304 have no body, whatever the fields say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

import httptools

from .._message.fields import CONTENT_LENGTH, KEEP_ALIVE, PLAIN, TRANSFER_ENCODING, kind_of
from .._message.headers import RawFields
from .._message.limits import MAX_FIELDS, Reading
from .._message.response import Head, Response
from ..errors import ProtocolError, TooLarge
from .framing import (
    REASONS,
    STATUS_LINES,
    excess,
    heads_end,
    keep_alive_hint,
    last_coding,
    learn_reason,
    learn_status_line,
    reframes,
    says_close,
)
from .interface import Owner
from .receive import buffer
from .shape import make_head
from .upload import Sending
from .wire import Wire

FIRST: Final = 0
HEAD: Final = 1
BODY: Final = 2
COMPLETE: Final = 3

NO_HEAD: Final = Head(0, "", "", b"", 0)

PLAIN_HEAD: Final = 4 * MAX_FIELDS
"""Bytes of a plain head at most: too few for its fields to be too many, since a field takes four."""


class Stop(Exception):
    """Stops the parser: what comes now is not for it."""


class Skip(Exception):
    """Stops the parser: a new one goes on after this head."""


class Whole(Exception):
    """Stops the parser: a new one reads this head field by field."""


class Mend(Exception):
    """Stops the parser: a new one goes on with this head, mended."""


class Plain:
    """The side of a connection that httptools calls while heads are plain."""

    __slots__ = ("on_body", "on_headers_complete", "on_message_begin", "on_message_complete")

    def __init__(self, wire: ParsedWire) -> None:
        self.on_message_begin = wire.on_plain_begin
        self.on_headers_complete = wire.on_plain_head
        self.on_body = wire.on_body
        self.on_message_complete = wire.on_message_complete


class ParsedWire(Wire):
    """A connection whose bytes httptools reads. `_fed` counts those that came for the response under way."""

    __slots__ = (
        "_body_size",
        "_buffer",
        "_bytes",
        "_chunked",
        "_chunks",
        "_extra",
        "_fed",
        "_fields",
        "_head_size",
        "_held",
        "_interims",
        "_keep",
        "_parser",
        "_raised",
        "_reading",
        "_reason",
        "_response",
        "_seen",
        "_seen_head",
        "_seen_line",
        "_seen_status",
        "_sending",
        "_state",
        "_until_close",
    )

    def __init__(self, owner: Owner, reading: Reading, now: Callable[[], float], number: int) -> None:
        super().__init__(owner, now, number)
        self._reading = reading
        self._buffer = buffer()
        self._bytes = cast(bytearray, self._buffer.obj)
        self._parser: Any = httptools.HttpResponseParser(Plain(self))
        self._raised: BaseException | None = None
        self._response: Response | None = None
        self._sending: Sending | None = None
        self._held = bytearray()
        self._fields: RawFields = []
        self._reason = b""
        self._extra = self._keep = self._chunked = self._until_close = False
        self._state = FIRST
        self._seen, self._seen_head = b"", NO_HEAD
        self._seen_line, self._seen_status = b"none", (0, "")
        self._fed = self._head_size = self._body_size = self._chunks = self._interims = 0

    # -- httptools' side

    def on_message_begin(self) -> None:
        if self._state is not HEAD:
            self._begin_first()
        self._fields = []
        self._reason = b""

    def on_plain_begin(self) -> None:
        if self._state is not HEAD:
            self._begin_first()

    def on_status(self, status: bytes) -> None:
        self._reason += status

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        response: Any = self._response  # there is one, else nothing would be parsed
        parser = self._parser
        status = parser.get_status_code()
        # get_http_version() formats a string: 0.25 us, saved where the bytes lie in front of us.
        common = not self._held and not self._interims and self._bytes.startswith(b"HTTP/1.1 ")
        version = "1.1" if common else parser.get_http_version()
        fields = self._fields
        self._keep = parser.should_keep_alive()
        if status < 200 or version != "1.1":
            self._check_head(status, version)
            if status < 200:
                return
        if self._fed > self._reading.header_size or len(fields) > MAX_FIELDS:
            self._check_head_size()
        kinds = 0
        for field in fields:
            if field[0] not in PLAIN:
                kind = kind_of(field[0])
                kinds |= kind
                if kind == KEEP_ALIVE:
                    self._take_hint(field[1])
        reason = REASONS.get(self._reason)
        if reason is None:
            reason = self._learn_reason()
        method = response._request.method
        if not kinds & CONTENT_LENGTH or kinds & TRANSFER_ENCODING:
            self._choose_framing(method, status, version, kinds)
        self._state = BODY
        sending = self._sending
        if sending is not None and (status >= 300 or sending.waits):
            sending.stop()
        response.begin(Head(status, reason, version, fields, kinds))
        if method == "HEAD":
            # llhttp cannot be told that the message ends here: `h1` goes on with a new parser.
            self._state = COMPLETE
            self._keep = not says_close(fields, version)
            raise Stop

    def on_plain_head(self) -> None:
        """A head is complete; it is plain, or read again, field by field. Raises Whole."""
        response: Any = self._response
        # Kept alive: what it says of the body is a length (RFC 9112 section 6.3), where no coding is spoken of.
        request = response._request
        # An answer to Digest may bring the next nonce.
        plain = request.auth is None and request.method != "HEAD"
        if plain and not self._held and self._parser.should_keep_alive():
            end = self._bytes.find(b"\r\n\r\n", 0, PLAIN_HEAD) + 4
            raw = self._buffer[:end].tobytes()
            if not raw.startswith(self._seen_line):
                self._look_at_line(raw)
            status, reason = self._seen_status
            lower = raw.lower()
            # From the end is faster; `in` first takes what it looks for to be a number, and costs 0.25 us more.
            coded = lower.rfind(b"-encoding:") >= 0
            hinted = lower.rfind(b"\nkeep-alive:") >= 0
            if status and not coded and end <= self._reading.header_size and not (hinted and self._hints(raw, lower)):
                self._seen = raw
                self._seen_head = head = make_head(status, reason, raw, CONTENT_LENGTH)
                self._keep = True
                self._state = BODY
                sending = self._sending
                if sending is not None and (status >= 300 or sending.waits):
                    sending.stop()
                response.begin(head)
                return
        raise self._note(Whole())

    def _look_at_line(self, raw: bytes) -> None:
        """Another status line than the one before."""
        line = raw[: raw.find(b"\r") + 1]
        self._seen_line = line
        self._seen_status = STATUS_LINES.get(line) or learn_status_line(line)

    def _hints(self, raw: bytes, lower: bytes) -> bool:
        """Take the Keep-Alive of a plain head. Whether there is another."""
        at = lower.find(b"\nkeep-alive:")
        if lower.find(b"\nkeep-alive:", at + 1) >= 0:
            return True
        self._take_hint(raw[at + 12 : raw.find(b"\r", at)])
        return False

    def on_body(self, data: bytes) -> None:
        response = self._response
        if response is None:
            raise Stop  # abandoned a moment ago, inside this read
        if self._chunked:
            self._body_size += len(data)
        try:
            response.feed(data)
        except BaseException as error:
            self._raised = error
            raise

    def on_chunk_header(self) -> None:
        self._chunks += 1

    def on_message_complete(self) -> None:
        if self._state is BODY:
            self._state = COMPLETE

    # -- heads

    def _begin_first(self) -> None:
        """The first message of a connection, or one after a complete message, which nobody asked for."""
        if self._state is COMPLETE:
            raise Stop
        first = next(byte for byte in self._buffer if byte not in b"\r\n")
        if first != ord("H"):
            raise self._wrong("the peer does not speak HTTP; check the URL's scheme and port")
        self._state = HEAD

    def _check_head(self, status: int, version: str) -> None:
        """A version or a status that is not the common one (RFC 9112 section 2.3, RFC 9110 section 15.2)."""
        if version not in ("1.0", "1.1"):
            raise self._wrong(f"the peer answered with HTTP/{version}, which is not HTTP/1")
        if status < 100:
            raise self._wrong(f"the peer answered with status {status:03}, which is none")
        if status >= 200:
            self._keep = self._keep and not says_close(self._fields, version)
            return
        if status == 101:
            raise self._wrong("the peer switched protocols (101), which nobody asked for")
        self._interims += 1
        limit = self._reading.interims
        if limit and self._interims > limit:
            raise self._wrong(f"more than {limit} interim (1xx) responses")
        if status == 100 and self._sending is not None:
            self._sending.go_on()
        if version == "1.0" or reframes(self._fields):
            raise self._note(Skip())

    def _choose_framing(self, method: str, status: int, version: str, kinds: int) -> None:
        """How the body ends when it is not by a plain Content-Length (RFC 9112 section 6.3)."""
        if method == "HEAD" or status in (204, 304):
            return
        if not kinds & TRANSFER_ENCODING:
            self._until_close = True
            return
        if version == "1.0":
            raise self._wrong("Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1 forbids it)")
        coding, tab = last_coding(self._fields)
        if coding != b"chunked":
            raise self._wrong("the last coding in Transfer-Encoding is not chunked (RFC 9112 section 6.3)")
        if tab:
            raise self._note(Mend())
        self._chunked = True
        self._head_size = self._heads_size()
        self._body_size = self._chunks = 0
        self._fields = []

    def _take_hint(self, value: bytes) -> None:
        timeout, most = keep_alive_hint(value)
        if timeout is not None:
            self.hint = timeout
        if most is not None:
            self.limit = min(self.limit, self.served + most)

    def _learn_reason(self) -> str:
        reason = learn_reason(self._reason)
        if reason is None:
            raise self._wrong("a control character in the reason phrase (RFC 9112 section 4)")
        return reason

    # -- sizes

    def _heads_size(self) -> int:
        """Bytes of the heads that came before the body, exactly. Asked when the final head is complete."""
        data = self._held
        if not data:
            data = self._bytes
        elif len(data) < self._fed:
            data = data + self._buffer[: self._fed - len(data)]
        return heads_end(data, self._interims + 1)

    def _check_head_size(self) -> None:
        """Asked only when what was read could be above the limit; the rest of it may be body."""
        if self._heads_size() > self._reading.header_size:
            raise self._note(self._head_too_large())
        if len(self._fields) > MAX_FIELDS:
            what = f"the response header has more than {MAX_FIELDS} fields"
            raise self._note(TooLarge(self._tell(what), "header"))

    def _head_too_large(self) -> TooLarge:
        limit = self._reading.header_size
        return TooLarge(self._tell(f"the response header is over {limit} bytes; raise max_header_size"), "header")

    def _overhead_error(self) -> TooLarge | None:
        """What is wrong with the amount of chunk framing and trailers, if anything is."""
        spent = self._fed - self._head_size - self._body_size
        what = excess(spent, self._chunks, len(self._fields))
        return None if what is None else TooLarge(self._tell(what), "framing")

    # -- words

    def _note(self, error: BaseException) -> BaseException:
        self._raised = error
        return error

    def _wrong(self, what: str) -> BaseException:
        return self._note(ProtocolError(self._tell(what)))

    def _tell(self, what: str) -> str:
        response = self._response
        request = f"{response._request.method} {response._request.url}: " if response is not None else ""
        return (
            f"{request}{what} (peer {self.peer}, connection {self.number}, request {self.served} on it, "
            f"{self._fed} bytes received for it)"
        )
