"""A Response: born when its request sets out, filled by a connection, handed over as it is.

Refuses: policy (redirects, decoding, what is sent again) and the wire.
Called by: `_transport` (to start and expire it), `_connection` (to fill it), `client` and callers (to read
it). Law: it ends once: `finish()` or `fail()`, whichever comes first; after that the engine holds it no more.

    where it is      _where          _stage
    in a queue       the Lane        unsent
    on the wire      the Connection  sent, then responding
    ended            None            as it was
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol, cast

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


class Response:
    """An answer, its body read to the end and held in memory.

    status: int. reason: str, possibly empty. http_version: "1.0", "1.1". request: the Request answered.
    reused: whether its connection had been used.
    Nobody is handed one without a head; until then `status` is 0, and what a head brings is not set.
    """

    __slots__ = (
        "_began",
        "_body",
        "_chunks",
        "_dial",
        "_ended",
        "_error",
        "_headers",
        "_history",
        "_hop",
        "_kinds",
        "_limit",
        "_outcome",
        "_queued",
        "_raw",
        "_raw_trailers",
        "_row",
        "_size",
        "_stage",
        "_started",
        "_waiter",
        "_where",
        "http_version",
        "reason",
        "request",
        "reused",
        "status",
        "timeout",
    )

    # Facts for who asks how the time went. Not set where there is nothing to tell: that is the common case.
    _queued: float
    """When it began to wait for a place or a connection."""
    _dial: tuple[float, Mapping[str, float]]
    """When the dial began that was made for it, and its steps (`_dial.course`)."""
    _began: float
    """When its first bytes came, if not all of it came with them."""

    _ended: float
    """When its last bytes came."""
    _headers: Headers
    _history: tuple[Response, ...]
    _hop: tuple[Any, bytes]
    _raw_trailers: RawFields

    _outcome: int
    """Its status; UNREADY where more is to be done before it is handed over than a look at that."""

    def __init__(self, request: Request, waiter: Waiter, timeout: Timeout, limit: int) -> None:
        self.request = request
        self.timeout = timeout
        self.status = 0
        self.reused = False
        self._waiter: Waiter | None = waiter
        self._limit = limit
        self._size = 0
        self._chunks: list[bytes] | Vessel | None = None
        self._body: bytes | None = None
        self._error: BaseException | None = None
        self._where: Place | None = None
        self._row: dict[Any, float] | None = None
        self._stage = UNSENT
        self._started = 0.0

    def again(self, request: Request, waiter: Waiter) -> Response:
        """The response to the next request of the same call."""
        return Response(request, waiter, self.timeout, self._limit)

    # -- filled by the engine

    def begin(self, status: int, reason: str, version: str, raw: RawFields | bytes, kinds: int) -> None:
        """The head of the final response is here: its fields, or the whole of it unsplit."""
        self.status = status
        self.reason = reason
        self.http_version = version
        self._raw = raw
        self._kinds = kinds
        self._outcome = UNREADY if kinds & (SETTLED if status != 204 else _NO_CONTENT) else status
        self._stage = RESPONDING

    def feed(self, data: bytes) -> None:
        """A piece of the body. Raises TooLarge, which ends the connection."""
        self._size += len(data)
        if self._size > self._limit:
            raise TooLarge(
                f"{self.request.method} {self.request.url}: the response body is longer than {self._limit} "
                "bytes: raise max_body_size, or read it piece by piece with stream()"
            )
        if self._body is None:
            self._body = data
        elif self._chunks is None:
            self._chunks = [self._body, data]
        else:
            cast(list[bytes], self._chunks).append(data)

    def fill(self, status: int, reason: str, head: bytes, body: bytes) -> None:
        """All of it at once: `begin`, `feed` and `finish` for a head that has only a length."""
        self.status = self._outcome = status
        self.reason = reason
        self.http_version = "1.1"
        self._raw = head
        self._kinds = CONTENT_LENGTH
        self._stage = RESPONDING
        self._body = body
        self.finish()

    def finish(self, trailers: RawFields | None = None) -> None:
        """It has ended: the message is complete, unless there is an error."""
        if trailers:
            self._raw_trailers = trailers
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
            self.fail(ClientClosed(f"{self.request.method} {self.request.url} was cancelled by its caller"))

    # -- read by the caller

    @property
    def url(self) -> URL:
        """The URL that answered: the last one of a chain of redirects."""
        return self.request.url

    @property
    def headers(self) -> Headers:
        """The header fields, made into a map when first asked for."""
        headers = getattr(self, "_headers", None)
        if headers is None:
            raw = self._raw
            headers = self._headers = Headers(split_head(raw) if isinstance(raw, bytes) else raw)
        return headers

    @property
    def raw_head(self) -> RawFields | bytes:
        """The header fields as the connection has them: as pairs, or in lines behind the status line."""
        return self._raw

    @property
    def trailers(self) -> Headers:
        """The trailer fields (RFC 9110 section 6.5), kept apart from the header."""
        return Headers(getattr(self, "_raw_trailers", []))

    @property
    def history(self) -> tuple[Response, ...]:
        """The redirects followed before it, oldest first."""
        return getattr(self, "_history", ())

    @property
    def body(self) -> bytes:
        """The body, decoded unless `decode=False`."""
        chunks = self._chunks
        if chunks is not None:
            self._body = chunks.take() if isinstance(chunks, Vessel) else b"".join(chunks)
            self._chunks = None
        return b"" if self._body is None else self._body

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
                f"{self.request.method} {self.request.url}: HTTP {self.status} {self.reason}".rstrip(),
                self.status,
            )
        return self

    def __repr__(self) -> str:
        state = self.status or self._stage if self._error is None else type(self._error).__name__
        return f"<{type(self).__name__} {state} {self.request.method} {self.request.url}>"
