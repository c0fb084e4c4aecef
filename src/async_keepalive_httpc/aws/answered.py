"""What an answer says beside its result: single fields of its head, and boto3's ResponseMetadata.

Refuses: what follows from it (`service`).
Called by: `service`, for each answer; callers, who read `result["ResponseMetadata"]`.
Law: few callers look at the fields of a good answer, so they stay bytes until somebody does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .._message.headers import Headers, RawFields, split_head

AGE: Final = b"\nage:"
CRC32: Final = b"\nx-amz-crc32:"
DATE: Final = b"\ndate:"
REQUEST_ID: Final = b"\nx-amzn-requestid:"

Raw = RawFields | bytes
"""`raw_head` of a Response."""


def field(raw: Raw, mark: bytes) -> bytes | None:
    """The value of a field, by one of the marks above; None if it is not there."""
    if isinstance(raw, bytes):
        at = raw.find(mark)
        if at < 0 and (at := raw.lower().find(mark)) < 0:
            return None
        start = at + len(mark)
        return raw[start : raw.find(b"\r", start)].strip(b" \t")
    name = mark[1:-1]
    return next((value for given, value in raw if given.lower() == name), None)


def fields_of(raw: Raw) -> dict[str, str]:
    """All fields, names in lower case, repeated ones joined by a comma."""
    headers = Headers(split_head(raw) if isinstance(raw, bytes) else raw)
    return {name.lower(): value for name, value in headers.items()}


class ResponseMetadata(dict[str, Any]):
    """HTTPStatusCode, RetryAttempts, HTTPHeaders and, where AWS gave one, RequestId.

    The last two are read when it is first looked into; from then on it is an ordinary dict. (C code that looks into
    a dict past its methods, as orjson does, sees only the first two before that.)
    """

    __slots__ = ("_raw",)

    _raw: Raw | None

    def _read(self) -> None:
        raw, self._raw = self._raw, None
        if raw is not None:
            headers = fields_of(raw)
            _set(self, "HTTPHeaders", headers)
            if "x-amzn-requestid" in headers:
                _set(self, "RequestId", headers["x-amzn-requestid"])

    def __missing__(self, key: str) -> Any:
        if self._raw is None:
            raise KeyError(key)
        self._read()
        return self[key]

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (dict(self),)


def metadata(status: int, retries: int, raw: Raw) -> ResponseMetadata:
    """What an answer with this status says, after so many retries. (Not by an `__init__`: 0.19 us in place of 0.28.)"""
    made = ResponseMetadata(HTTPStatusCode=status, RetryAttempts=retries)
    made._raw = raw
    return made


_set: Final = dict.__setitem__


def _reading(name: str) -> Callable[..., Any]:
    """A method of dict that reads what was left first."""
    plain = getattr(dict, name)

    def method(self: ResponseMetadata, *given: Any, **named: Any) -> Any:
        self._read()
        return plain(self, *given, **named)

    return method


# With __iter__ among them, dict() and ** ask for keys() too, in place of looking inside.
for _name in (
    *("__contains__", "__delitem__", "__eq__", "__ior__", "__iter__", "__len__", "__ne__", "__or__", "__repr__"),
    *("__reversed__", "__ror__", "__setitem__", "clear", "copy", "get", "items", "keys", "pop", "popitem"),
    *("setdefault", "update", "values"),
):
    setattr(ResponseMetadata, _name, _reading(_name))
