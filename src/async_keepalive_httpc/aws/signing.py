"""AWS Signature Version 4, pure.

Refuses: clocks and keys of its own (both are arguments), sending, presigned URLs and signatures of streams.
Called by: `service` (a Form for each operation), `sqs` and its like (`Signer.sign`).
Law: what is signed is what is sent, byte for byte; of the fields only those that a proxy may change are left out.

    canonical   method, path, query, fields, their names, SHA-256 of the body     one a line
    to sign     "AWS4-HMAC-SHA256", time, scope, SHA-256 of the canonical         one a line
    key         HMAC of the day, region, service, "aws4_request" in turn          made once a day

A Form is a POST of fixed fields: only time, body and signature vary, so all before the body's hash is hashed
once a second.
"""

from __future__ import annotations

import hmac
import time
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from .._message.headers import RawFields, wire

ALGORITHM: Final = b"AWS4-HMAC-SHA256"
UNSIGNED: Final = frozenset(
    {
        b"authorization",
        b"baggage",
        b"connection",
        b"expect",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"traceparent",
        b"tracestate",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"user-agent",
        b"x-amzn-trace-id",
    }
)
"""Fields, in lower case, that a proxy or a tracer may add or change on the way."""
_PAYLOAD_HASH: Final = b"x-amz-content-sha256"
_PLAIN: Final = "-_.~"
_BLOCK: Final = 64
"""Bytes that SHA-256 takes at a time, and to which HMAC fills up its key (RFC 2104)."""


def amz_date(seconds: float) -> str:
    """Seconds since the epoch in the form that is signed, such as "20110909T233600Z"."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


class Signer:
    """Signs for one set of keys, one region and one service.

    region, service: the names in the scope, such as "eu-west-1" and "dynamodb". token: the session token of
    temporary keys; it is sent and signed.
    """

    __slots__ = ("_access_key", "_day", "_inner", "_outer", "_scope", "_secret_key", "region", "service", "token")

    def __init__(self, access_key: str, secret_key: str, region: str, service: str, token: str | None = None) -> None:
        self._access_key = access_key.encode()
        self._secret_key = secret_key.encode()
        self.token = None if token is None else token.encode()
        self.region = region
        self.service = service
        self._day = b""

    def sign(self, method: str, host: bytes, target: bytes, fields: RawFields, body: bytes, amz_date: str) -> RawFields:
        """The fields to send beside `fields`, which has none of them yet: X-Amz-Date, X-Amz-Security-Token,
        Authorization.

        host: the value of Host, used if `fields` has none. target: path and query as in the request line. A Date among
        `fields` is signed in the place of X-Amz-Date; an X-Amz-Content-SHA256 stands for the body's hash (S3 demands
        one, so there it is added). amz_date: the time as `amz_date()` writes it.
        """
        given = {name.lower(): value for name, value in fields}
        added: RawFields = [] if b"date" in given else [(b"X-Amz-Date", amz_date.encode())]
        if self.token is not None:
            added.append((b"X-Amz-Security-Token", self.token))
        payload = given.get(_PAYLOAD_HASH) or sha256(body).hexdigest().encode()
        if self.service == "s3" and _PAYLOAD_HASH not in given:
            added.append((b"X-Amz-Content-SHA256", payload))
        signed = fields + added if b"host" in given else [(b"Host", host), *fields, *added]
        start, names = self.canonical(method, target, signed)
        inner, outer, authorization = self.statement(amz_date, names)
        inner.update(sha256(start + payload).hexdigest().encode())
        outer.update(inner.digest())
        added.append((b"Authorization", authorization + outer.hexdigest().encode()))
        return added

    def canonical(self, method: str, target: bytes, fields: RawFields) -> tuple[bytes, bytes]:
        """The canonical request up to the hash of the body, and the names of the signed fields."""
        path, _, query = target.partition(b"?")
        values: dict[bytes, list[bytes]] = {}
        for name, value in fields:
            lower = name.lower()
            if lower not in UNSIGNED:
                values.setdefault(lower, []).append(b" ".join(value.split()))
        names = b";".join(sorted(values))
        lines = [method.upper().encode(), self._path(path), _query(query)]
        lines += [b"%b:%b" % (name, b",".join(values[name])) for name in sorted(values)]
        return b"\n".join([*lines, b"", names, b""]), names

    def statement(self, amz_date: str, names: bytes) -> tuple[Any, Any, bytes]:
        """What is to sign, as the two hashes of an HMAC; the inner one has taken all but the hash of the canonical
        request. And Authorization up to the signature."""
        moment = amz_date.encode()
        if moment[:8] != self._day:
            self._begin_day(moment[:8])
        inner = self._inner()
        inner.update(b"%b\n%b\n%b\n" % (ALGORITHM, moment, self._scope))
        authorization = (ALGORITHM, self._access_key, self._scope, names)
        return inner, self._outer(), b"%b Credential=%b/%b, SignedHeaders=%b, Signature=" % authorization

    def _begin_day(self, day: bytes) -> None:
        key = b"AWS4" + self._secret_key
        for part in (day, self.region.encode(), self.service.encode(), b"aws4_request"):
            key = hmac.digest(key, part, "sha256")
        # HMAC taken apart (RFC 2104): a copy of a half that knows its key costs half of `hmac.digest`.
        key = key.ljust(_BLOCK, b"\0")
        self._inner = sha256(bytes([byte ^ 0x36 for byte in key])).copy
        self._outer = sha256(bytes([byte ^ 0x5C for byte in key])).copy
        self._scope = b"/".join([day, self.region.encode(), self.service.encode(), b"aws4_request"])
        self._day = day

    def _path(self, path: bytes) -> bytes:
        if self.service == "s3":
            # A key may hold "//" and "..", and is encoded once.
            return quote(unquote_to_bytes(path), safe="/" + _PLAIN).encode()
        kept: list[bytes] = []
        segments = path.split(b"/")
        for segment in segments:
            if segment == b"..":
                del kept[-1:]
            elif segment not in (b"", b"."):
                kept.append(segment)
        end = "/" if kept and not segments[-1] else ""
        return ("/" + quote(b"/".join(kept), safe="/" + _PLAIN) + end).encode()

    def __repr__(self) -> str:
        return f"<Signer {self.region} {self.service}>"


class Form:
    """A POST of fixed fields, signed fast.

    host: the value of Host. target: path and query. fields: signed. unsigned: sent as well.
    """

    __slots__ = (
        "_block",
        "_canonical",
        "_fields",
        "_host",
        "_inner",
        "_outer",
        "_second",
        "_signer",
        "_target",
        "_unsigned",
    )

    def __init__(self, signer: Signer, host: bytes, target: bytes, fields: RawFields, unsigned: RawFields) -> None:
        self._signer = signer
        self._host = host
        self._target = target
        self._fields = fields
        self._unsigned = unsigned
        self._second = -1

    def block(self, body: bytes, second: int) -> bytes:
        """All fields but Host and Content-Length as lines, each ended by CR LF; second: since the epoch."""
        if second != self._second:
            self._turn(second)
        canonical = self._canonical()
        canonical.update(sha256(body).hexdigest().encode())
        inner = self._inner()
        inner.update(canonical.hexdigest().encode())
        outer = self._outer()
        outer.update(inner.digest())
        return self._block + f"{outer.hexdigest()}\r\n".encode()

    def _turn(self, second: int) -> None:
        """Another second: all of the request is known but its body."""
        moment = amz_date(second)
        fields = [*self._fields, (b"X-Amz-Date", moment.encode())]
        if self._signer.token is not None:
            fields.append((b"X-Amz-Security-Token", self._signer.token))
        start, names = self._signer.canonical("POST", self._target, [(b"Host", self._host), *fields])
        inner, outer, authorization = self._signer.statement(moment, names)
        self._block = wire([*self._unsigned, *fields]) + b"Authorization: " + authorization
        self._canonical = sha256(start).copy
        self._inner, self._outer = inner.copy, outer.copy
        self._second = second


class Blank:
    """A Form that nobody signs."""

    __slots__ = ("_block",)

    def __init__(self, fields: RawFields) -> None:
        self._block = wire(fields)

    def block(self, body: bytes, second: int) -> bytes:
        """All fields but Host and Content-Length as lines, each ended by CR LF."""
        return self._block


def _query(query: bytes) -> bytes:
    """Each name and value encoded anew, in order. A "+" is a plus (RFC 3986): a space is written %20."""
    pairs = []
    for pair in query.split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            pairs.append((quote(unquote_to_bytes(name), safe=_PLAIN), quote(unquote_to_bytes(value), safe=_PLAIN)))
    return "&".join([f"{name}={value}" for name, value in sorted(pairs)]).encode()
