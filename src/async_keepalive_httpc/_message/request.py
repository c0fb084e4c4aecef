"""A Request: all that is sent, checked before anything is sent.

Refuses: cleaning. What may not go out raises; only the framing fields (Content-Length, Transfer-Encoding) are
always ours. CONNECT: a tunnel is not a request.
Called by: callers, `client` (with its default fields), `_tornado`; `_connection` reads it.
Law: a Request is complete: what it holds is what is sent, and sending does not change it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..errors import InvalidRequest
from . import url as urls
from .body import Upload, body_of
from .headers import RawFields, encode_fields, wire
from .limits import Timeout, count
from .reach import Reach
from .url import URL

HeaderInput = Mapping[str, str | bytes] | Iterable[tuple[str | bytes, str | bytes]] | None

IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY"})
"""RFC 9110 section 9.2.2, and QUERY by its own definition."""
_STANDARD: Final = frozenset({*IDEMPOTENT, "POST", "PATCH"})
_BODILESS: Final = frozenset({"GET", "HEAD", "TRACE"})
_EXPECTS_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_HOST: Final = frozenset(b"!$&'()*+,-.:;=_~%[]0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LENGTH_DIGITS: Final = 18
"""Digits of a Content-Length that a 64-bit number holds, whatever they are."""
_KEYS: Final = frozenset({b"idempotency-key", b"x-idempotency-key"})
_TO_PROXY: Final = b"proxy-authorization"
_OURS: Final = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"connection", b"expect", _TO_PROXY, *_KEYS}
)


class Defaults:
    """Fields that a client adds to each of its requests, encoded once."""

    __slots__ = ("block", "fields", "names")

    def __init__(self, headers: HeaderInput = None) -> None:
        self.fields = encode_fields(headers)
        self.names = frozenset(name.lower() for name, _ in self.fields)
        for name in self.names & _OURS:
            raise InvalidRequest(f"Default header {name.decode()} cannot be set for every request: set it on one")
        self.block = wire(self.fields)

    def complete(self, fields: RawFields, names: list[bytes]) -> tuple[RawFields, bytes]:
        """The caller's fields, then the defaults that are not among their names, in lower case; and all as lines."""
        if self.names.isdisjoint(names):
            return fields + self.fields, wire(fields) + self.block
        fields = fields + [field for field in self.fields if field[0].lower() not in names]
        return fields, wire(fields)


NOTHING: Final = Defaults()


class Request:
    """One HTTP request.

    method: a token (RFC 9110 section 9.1), case-sensitive.
    url: `str` or `URL`, http or https; userinfo in it becomes Basic credentials (the client adds them).
    headers: a mapping or pairs; names tokens, values Latin-1 without control characters.
    body: None, bytes, str (UTF-8), a binary file, an (async) iterable of bytes, or a function that writes.
    timeout: a Timeout or total seconds; None: the client's.
    max_redirects: redirects to follow; None: the client's; 0: none.
    decode: undo content codings; None: the client's.
    max_body_size: decoded bytes held in memory at most; None: the client's.
    expect_continue: ask with `Expect: 100-continue` before a body is sent (default False).
    idempotent: True: may be sent again as RFC 9110 section 9.2.2 allows for idempotent methods (default: by
        method, or by an Idempotency-Key field).
    allow_body: let a GET or HEAD carry a body (default False; RFC 9110 section 9.3.1 advises against it).
    reach: how the origin is reached, where it is not as the client has it (default None).

    Raises InvalidRequest; nothing has been sent then.
    """

    __slots__ = (
        "auth",
        "block",
        "body",
        "close",
        "decode",
        "expect_continue",
        "fields",
        "for_proxy",
        "host",
        "idempotent",
        "lane",
        "length",
        "max_body_size",
        "max_redirects",
        "method",
        "reach",
        "timeout",
        "url",
        "wire",
    )

    auth: Any
    """Who answers the challenges of its origin (a Digest), None: nobody."""
    block: bytes
    """What is sent of the fields: `fields` as lines, and then the Cookie that a jar has for this URL and hop."""
    body: bytes | Upload | None
    fields: RawFields
    for_proxy: bytes | None
    """The caller's own Proxy-Authorization: for a proxy that forwards this request, and for nobody else."""
    host: bytes | None
    lane: Any
    """The Lane it was last sent to: a Transport's memo."""
    length: int | None
    timeout: Timeout | None
    wire: bytes | None
    """The head as it was written once, when there is no body beside it: a connection's memo."""

    def __init__(
        self,
        method: str,
        url: str | URL,
        headers: HeaderInput = None,
        body: Any = None,
        *,
        defaults: Defaults = NOTHING,
        timeout: float | Timeout | None = None,
        max_redirects: int | None = None,
        decode: bool | None = None,
        max_body_size: int | None = None,
        expect_continue: bool = False,
        idempotent: bool | None = None,
        allow_body: bool = False,
        reach: Reach | None = None,
    ) -> None:
        self.method = method = method if type(method) is str and method in _STANDARD else _method(method)
        self.url = url if type(url) is URL else urls.parse(url)
        self.timeout = timeout if timeout is None else Timeout.of(timeout)
        self.max_redirects = None if max_redirects is None else count("max_redirects", max_redirects, 0)
        self.decode = decode
        self.max_body_size = None if max_body_size is None else count("max_body_size", max_body_size)
        self.idempotent = method in IDEMPOTENT if idempotent is None else idempotent
        self.expect_continue = expect_continue
        self.reach = reach
        self.close = False
        self.auth = self.wire = self.lane = self.host = self.for_proxy = self.length = self.body = None
        if body is not None:
            self._take_body(body, allow_body)
        elif method in _EXPECTS_BODY:
            self.length = 0
        if headers is None:
            self.fields, self.block = defaults.fields, defaults.block
        else:
            fields: RawFields = encode_fields(headers)
            names = [name.lower() for name, _ in fields]
            if not _OURS.isdisjoint(names):
                fields = self._take_ours(fields, names, idempotent)
            self.fields, self.block = defaults.complete(fields, names)
        if self.expect_continue and (self.body is None or self.length == 0):
            self.expect_continue = False  # RFC 9110 section 10.1.1: never without content

    def _take_body(self, given: Any, allow_body: bool) -> None:
        if self.method in _BODILESS and not (allow_body and self.method in ("GET", "HEAD")):
            raise InvalidRequest(
                f"A {self.method} request to {self.url} carries no body (RFC 9110 section 9.3): leave it out"
                + (", or say allow_body=True" if self.method in ("GET", "HEAD") else "")
            )
        body = self.body = body_of(given)
        self.length = len(body) if isinstance(body, bytes) else body.length if body is not None else None

    def _take_ours(self, fields: RawFields, names: list[bytes], idempotent: bool | None) -> RawFields:
        """Take out the fields that the engine writes itself, after reading what they ask for; `names` in lower case."""
        kept: RawFields = []
        for (name, value), lower in zip(fields, names, strict=True):
            if lower == b"host":
                self._check_host(value)
            elif lower == b"content-length":
                self._check_length(value)
            elif lower == b"transfer-encoding":
                self._check_coding(value, names)
            elif lower == _TO_PROXY:
                if names.count(lower) > 1:
                    raise InvalidRequest("The headers give Proxy-Authorization twice: give it once")
                self.for_proxy = value
            elif lower == b"expect" and value.lower() == b"100-continue":
                self.expect_continue = True
            else:
                if lower == b"connection":
                    options = [option.strip(b" \t").lower() for option in value.split(b",")]
                    self.close = self.close or b"close" in options
                elif lower in _KEYS and idempotent is None:
                    self.idempotent = True
                kept.append((name, value))
        return kept

    def _check_host(self, value: bytes) -> None:
        if self.host is not None:
            raise InvalidRequest("The headers give Host twice: give it once (RFC 9110 section 7.2)")
        if not _HOST.issuperset(value):
            raise InvalidRequest("The header Host is not a host name and port (RFC 9110 section 7.2)")
        self.host = value

    def _check_length(self, value: bytes) -> None:
        if not value.isdigit() or len(value) > _LENGTH_DIGITS:
            raise InvalidRequest(
                f"Content-Length {value[:40]!r} is no number of bytes: leave it out, it is set from the body"
            )
        length = int(value)
        if self.length is None and self.body is not None:
            self.length = length
        elif length != (self.length or 0):
            raise InvalidRequest(
                f"Content-Length {length} does not fit the body of {self.length or 0} bytes: leave it out"
            )

    def _check_coding(self, value: bytes, names: list[bytes]) -> None:
        known = self.body is None or self.length is not None or b"content-length" in names
        if known or value.lower() != b"chunked":
            raise InvalidRequest(
                "Transfer-Encoding is set by the client: chunked for a body of unknown length, never beside "
                "a known one (RFC 9112 section 6.1). Leave it out"
            )

    def changed(self, **changes: Any) -> Request:
        """A copy in which the attributes named in `changes` are other ones; the block follows `fields`."""
        new = Request.__new__(Request)
        for name in Request.__slots__:
            setattr(new, name, changes[name] if name in changes else getattr(self, name))
        new.wire = new.lane = None
        if "fields" in changes:
            new.block = wire(new.fields)
        return new

    def like(self, url: URL, body: bytes | None) -> Request:
        """What says the same to another URL, with another body where this has one: with what was checked once."""
        if url is self.url and body is None:
            return self
        new = Request.__new__(Request)
        new.url = url
        new.body, new.length = (None, self.length) if body is None else (body_of(body), len(body))
        new.wire = new.lane = None
        new.method, new.fields, new.block = self.method, self.fields, self.block
        new.timeout, new.reach, new.max_body_size = self.timeout, self.reach, self.max_body_size
        new.max_redirects, new.decode, new.idempotent = self.max_redirects, self.decode, self.idempotent
        new.auth, new.host, new.for_proxy = self.auth, self.host, self.for_proxy
        new.close, new.expect_continue = self.close, self.expect_continue
        return new

    @property
    def plain(self) -> bool:
        """Whether there is nothing about its answer that the answer does not say itself; it has no body either."""
        return self.body is None and self.auth is None and not self.close and self.method != "HEAD"

    @property
    def replayable(self) -> bool:
        """Whether the body can be sent a second time."""
        return self.body is None or isinstance(self.body, bytes) or self.body.replayable

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.url}>"


def _method(method: object) -> str:
    """A method that is not one of the common strings, checked. Raises InvalidRequest."""
    if not isinstance(method, str) or not method or not _TOKEN.issuperset(method):
        raise InvalidRequest(f"Method {method!r:.100} is no token (RFC 9110 section 9.1): use a name such as 'GET'")
    plain = str.__str__(method)
    upper = plain.upper()
    if upper == "CONNECT":
        raise InvalidRequest("Method CONNECT asks a proxy for a tunnel and is no request: use another method")
    if plain != upper and upper in _STANDARD:
        raise InvalidRequest(f"Method {plain!r}: methods are case-sensitive, write {upper!r}")
    return plain
