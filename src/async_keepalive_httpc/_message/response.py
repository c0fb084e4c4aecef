"""A Response: born when its request sets out, filled by a connection, handed over as it is.

Refuses: policy (redirects, decoding, what is sent again) and the wire.
Called by: `_transport` (to start and expire it), `_connection` (to fill it), `client` and callers (to read
it). Law: it ends once: `finish()` or `fail()`, whichever comes first; after that the engine holds it no more.
The engine asks `_request` and `_head`: a door may show others as `request` and `headers`.

    where it is      _where          _stage
    in a queue       the Lane        unsent
    on the wire      the Connection  sent, then responding
    ended            None            as it was
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol, Self, cast

from ..errors import RESPONDING, SENT, UNSENT, ClientClosed, StatusError, TooLarge
from .fields import CONTENT_LENGTH, SETTLED, TRANSFER_ENCODING
from .headers import Headers, RawFields, split_head
from .limits import Timeout
from .request import Request
from .url import URL
from .vessel import Vessel

UNREADY: Final = 1000
"""In the place of a status, above all of them: `settle` has to see to this response."""
_NO_CONTENT: Final = SETTLED | CONTENT_LENGTH | TRANSFER_ENCODING
"""What makes a 204 unready: one that announces a body is no good one."""


class Waiter(Protocol):
    """Who is told when a response has ended; an `asyncio.Future` is one."""

    def done(self) -> bool: ...

    def set_result(self, result: Any, /) -> None: ...


class Place(Protocol):
    """Where a response is under way: a Lane or a Connection."""

    def abandon(self, response: Response) -> None:
        """Forget it now: nobody waits for it any more."""


class Head:
    """The head of a response, which nobody changes: answers that repeat it to the byte have one between them.

    raw: its fields, or the whole of it unsplit. kinds: which of its fields the engine understands (`fields`).
    """

    __slots__ = ("_headers", "kinds", "raw", "reason", "status", "version")

    _headers: Headers

    def __init__(self, status: int, reason: str, version: str, raw: RawFields | bytes, kinds: int) -> None:
        self.status = status
        self.reason = reason
        self.version = version
        self.raw = raw
        self.kinds = kinds

    @property
    def headers(self) -> Headers:
        """The header fields, made into a map when first asked for."""
        headers = getattr(self, "_headers", None)
        if headers is None:
            raw = self.raw
            headers = self._headers = Headers(split_head(raw) if isinstance(raw, bytes) else raw)
        return headers


class Response:
    """An answer, its body read to the end and held in memory.

    status: int. body: bytes, decoded unless `decode=False`. reused: whether its connection had been used. timeout: the
    limits it was under.
    Nobody is handed one without a head.
    """

    __slots__ = (
        "_began",
        "_came",
        "_dial",
        "_ended",
        "_error",
        "_head",
        "_history",
        "_hop",
        "_limit",
        "_outcome",
        "_queued",
        "_raw_trailers",
        "_request",
        "_row",
        "_size",
        "_stage",
        "_started",
        "_waiter",
        "_where",
        "body",
        "reused",
        "status",
        "timeout",
    )

    # Set when its request sets out, by `ask`.
    _request: Request
    _waiter: Waiter | None
    _limit: int
    """Bytes that its body may have."""
    _error: BaseException | None
    _row: dict[Any, float] | None
    _stage: str
    _where: Place | None
    """The Lane it waits in, or the connection that it is under way on."""
    reused: bool
    timeout: Timeout

    _started: float
    """When it set out: `Transport.send` says so."""

    # With the head.
    _head: Head
    _came: bytes | list[bytes] | Vessel | None
    """What has come of its body."""
    _size: int
    body: bytes
    """Set at its end."""
    _outcome: int
    """Its status; UNREADY where more is to be done before it is handed over than a look at that."""
    status: int

    # Facts for who asks how the time went. Not set where there is nothing to tell: that is the common case.
    _queued: float
    """When it began to wait for a place or a connection."""
    _dial: tuple[float, Mapping[str, float]]
    """When the dial began that was made for it, and its steps (`_dial.course`)."""
    _began: float
    """When its first bytes came, if not all of it came with them."""

    _ended: float
    """When its last bytes came."""
    _history: tuple[Response, ...]
    _hop: tuple[Any, bytes]
    _raw_trailers: RawFields

    def ask(self, request: Request, waiter: Waiter, timeout: Timeout, limit: int) -> Self:
        """It answers `request`; `waiter` is told when it has ended. No __init__, whose frame costs more than all this.

        `Transport.send` has these lines itself, for the price of a call.
        """
        self._request = request
        self._waiter = waiter
        self.timeout = timeout
        self._limit = limit
        self._error = self._row = self._where = None
        self._stage = UNSENT
        self.reused = False
        return self

    def again(self) -> Response:
        """For the next request of the same call."""
        return type(self)()

    # -- filled by the engine

    def begin(self, head: Head) -> None:
        """The head of the final response is here."""
        self._head = head
        status = self.status = head.status
        self._outcome = UNREADY if head.kinds & (SETTLED if status != 204 else _NO_CONTENT) else status
        self._stage = RESPONDING
        self._came = None
        self._size = 0

    def feed(self, data: bytes) -> None:
        """A piece of the body. Raises TooLarge, which ends the connection."""
        self._size += len(data)
        if self._size > self._limit:
            raise TooLarge(
                f"{self._request.method} {self._request.url}: the response body is longer than {self._limit} "
                "bytes: raise max_body_size, or read it piece by piece with stream()"
            )
        came = self._came
        if came is None:
            self._came = data
        elif type(came) is bytes:
            self._came = [came, data]
        else:
            cast(list[bytes], came).append(data)

    def fill(self, head: Head, body: bytes) -> None:
        """All of it at once: `begin`, `feed` and `finish` for a head that has only a length."""
        self._head = head
        self.status = self._outcome = head.status
        self.body = body
        # `_end`, without its frame.
        self._where = None
        row = self._row
        if row is not None:
            del row[self]
            self._row = None
        waiter = self._waiter
        self._waiter = None
        if waiter is not None and not waiter.done():
            waiter.set_result(self)

    def finish(self, trailers: RawFields | None = None) -> None:
        """It has ended: the message is complete, unless there is an error."""
        if trailers:
            self._raw_trailers = trailers
        if self._error is None and not isinstance(self._came, Vessel):
            self.body = self.join()
            self._came = None
        self._end()

    def collect(self) -> None:
        """What is in a Vessel is its body now, if it was not before: a copy, if that is still being filled."""
        if self._came is not None:
            self.body = self.join()
            self._came = None

    def join(self) -> bytes:
        """What has come of its body, in one piece."""
        came = self._came
        if type(came) is bytes:
            return came
        if came is None:
            return b""
        return came.take() if isinstance(came, Vessel) else b"".join(cast(list[bytes], came))

    def _end(self) -> None:
        """Nothing comes any more: tell who waits."""
        self._where = None
        row = self._row
        if row is not None:
            del row[self]
            self._row = None
        waiter = self._waiter
        self._waiter = None
        if waiter is not None and not waiter.done():
            waiter.set_result(self)

    def fail(self, error: BaseException) -> None:
        """It will not be completed."""
        if self._waiter is not None:
            self._error = error
            self._outcome = UNREADY
            self.finish()

    def sent(self, place: Place, reused: bool) -> None:
        """Its request was handed to a connection."""
        self._where = place
        self._stage = SENT
        self.reused = reused

    @property
    def hop(self) -> tuple[Any, bytes] | None:
        """Of a proxy that forwarded its request: who answers the proxy's challenges, and what it was told of us."""
        return getattr(self, "_hop", None)

    @property
    def wanted(self) -> bool:
        """Whether somebody still waits for it."""
        waiter = self._waiter
        return waiter is not None and not waiter.done()

    def abandon(self) -> None:
        """Nobody waits for it any more: free what it holds, at once."""
        where = self._where
        if where is not None:
            where.abandon(self)
            self.fail(ClientClosed(f"{self._request.method} {self._request.url} was cancelled by its caller"))

    # -- read by the caller

    @property
    def request(self) -> Request:
        """The Request answered: the last one of a chain of redirects."""
        return self._request

    @property
    def reason(self) -> str:
        """The reason phrase, possibly empty."""
        return self._head.reason

    @property
    def http_version(self) -> str:
        """ "1.0" or "1.1"."""
        return self._head.version

    @property
    def url(self) -> URL:
        """The URL that answered: the last one of a chain of redirects."""
        return self._request.url

    @property
    def headers(self) -> Headers:
        """The header fields, to read by name."""
        return self._head.headers

    @property
    def raw_head(self) -> RawFields | bytes:
        """The header fields as the connection has them: as pairs, or in lines behind the status line."""
        return self._head.raw

    @property
    def trailers(self) -> Headers:
        """The trailer fields (RFC 9110 section 6.5), kept apart from the header."""
        return Headers(getattr(self, "_raw_trailers", []))

    @property
    def history(self) -> tuple[Response, ...]:
        """The redirects followed before it, oldest first."""
        return getattr(self, "_history", ())

    @property
    def text(self) -> str:
        """The body as text: by the charset of Content-Type, else UTF-8; undecodable bytes become U+FFFD."""
        try:
            return self.body.decode(self.charset or "utf-8", "replace")
        except (LookupError, ValueError):
            # Not a name of a text encoding, or one such as "idna" that cannot replace what it does not know.
            return self.body.decode("utf-8", "replace")

    @property
    def charset(self) -> str | None:
        """The charset parameter of Content-Type, if it has one."""
        for parameter in self.headers.get("Content-Type", "").split(";")[1:]:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "charset":
                return value.strip(" \t\"'") or None
        return None

    @property
    def ok(self) -> bool:
        """Whether the status is a success, 200-299."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body parsed as JSON (UTF-8, -16 or -32). Raises ValueError when it is none."""
        return json.loads(self.body)

    def raise_for_status(self) -> Response:
        """Itself, when `ok`; else raises StatusError."""
        if not self.ok:
            raise StatusError(
                f"{self._request.method} {self._request.url}: HTTP {self.status} {self.reason}".rstrip(),
                self.status,
            )
        return self

    def __repr__(self) -> str:
        state = type(self._error).__name__ if self._error else getattr(self, "status", self._stage)
        return f"<{type(self).__name__} {state} {self._request.method} {self._request.url}>"
