"""Header fields: raw pairs of bytes, their form on the wire, and a lazy view to read them by name.

Refuses: cleaning what goes out (it raises, and names the field, never the value), and any meaning of a field.
Called by: `request` (to send), `response` (to read), `_tornado`, `_policy`.
Law: a field costs nothing before somebody reads it: a `Headers` is a list until the first look-up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from ..errors import InvalidRequest

RawFields = list[tuple[bytes, bytes]]

SECRET: Final = frozenset(
    {
        b"authorization",
        b"proxy-authorization",
        b"cookie",
        b"set-cookie",
        b"x-api-key",
        b"x-auth-token",
        b"x-amz-security-token",
    }
)
"""Names, in lower case, of fields whose values no `repr` may show."""
_NO_PAIRS: Final = "Headers must be a mapping or an iterable of (name, value) pairs"
_REMEMBERED_NAMES: Final = 1024
_REMEMBERED_FIELDS: Final = 256
_LONG_VALUE: Final = 256
"""Characters of a value from which on it is not remembered."""
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BARRED: Final = re.compile("[^\t\x20-\x7e\x80-\xff]")


class Checked(RawFields):
    """Fields that are as `encode_fields` makes them: it lets them be."""

    __slots__ = ()


def encode_fields(
    headers: Mapping[str, str | bytes] | Iterable[tuple[str | bytes, str | bytes]] | None,
) -> Checked:
    """The fields to send, checked, in the order given.

    headers: a mapping or pairs; an object with `get_all()`, such as Tornado's HTTPHeaders, gives every value.
    Names are tokens (RFC 9110 section 5.1); values are Latin-1 without control characters other than a tab
    (section 5.5), white space at their ends is left out. Raises InvalidRequest.
    """
    fields = Checked()
    if headers is None:
        return fields
    if type(headers) is Checked:
        return headers
    for pair in _pairs(headers):
        try:
            name, value = pair
        except (TypeError, ValueError):
            raise InvalidRequest(_NO_PAIRS) from None
        # Most fields are those of the last request. bytes are no key beside str: `python -b` minds.
        known = type(name) is str and type(value) is str and len(value) <= _LONG_VALUE
        fields.append(_remembered(name, value) if known else _encode(name, value))
    return fields


def _encode(name: Any, value: Any) -> tuple[bytes, bytes]:
    """One field. Raises InvalidRequest."""
    raw_name = _name(name.decode("latin-1") if isinstance(name, bytes) else name)
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    if not isinstance(text, str):
        raise InvalidRequest(
            f"The value of header {raw_name.decode()} is of type {type(value).__name__}: "
            "give str or bytes; for several values give several pairs"
        )
    # isprintable() answers for nearly every value, at a quarter of the pattern's cost.
    if not (text.isascii() and text.isprintable()) and _BARRED.search(text):
        raise InvalidRequest(
            f"The value of header {raw_name.decode()} holds a control character or one outside Latin-1 "
            "(RFC 9110 section 5.5): remove it, or encode the value to bytes"
        )
    return raw_name, text.strip(" \t").encode("latin-1")


_remembered: Final = lru_cache(_REMEMBERED_FIELDS)(_encode)


def _pairs(headers: Any) -> Iterable[Any]:
    if isinstance(headers, dict):
        return headers.items()
    if isinstance(headers, Headers):
        return headers.raw
    get_all = getattr(headers, "get_all", None)
    if get_all is not None:
        return get_all()  # type: ignore[no-any-return]
    if isinstance(headers, Mapping):
        return headers.items()
    if not isinstance(headers, Iterable):
        raise InvalidRequest(_NO_PAIRS)
    return headers


@lru_cache(_REMEMBERED_NAMES)
def _name(name: object) -> bytes:
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        raise InvalidRequest(
            f"Header name {name!r:.100} is no token (RFC 9110 section 5.1): use letters, digits and '-'"
        )
    return name.encode("ascii")


def wire(fields: RawFields) -> bytes:
    """The fields as lines, each ended by CR LF (RFC 9112 section 5)."""
    return b"".join([b"%b: %b\r\n" % field for field in fields])


def split_head(head: bytes) -> RawFields:
    """The fields of a head that llhttp has found good, as llhttp gives them. Head: lines, the empty one included."""
    fields: RawFields = []
    for line in head.split(b"\r\n")[1:-2]:
        name, _, value = line.partition(b":")
        fields.append((name, value.lstrip(b" \t")))
    return fields


class Headers(Mapping[str, str]):
    """Header fields to read by name, in any case (RFC 9110 section 5.1). Values are Latin-1, trimmed.

    raw: pairs of bytes as they came; not to be changed after the first look-up.
    A name that is repeated gives its values joined by ", " (section 5.3); Set-Cookie has no such list form,
    so `get_list()` reads it. Iterating gives each name once, as first spelled.
    """

    __slots__ = ("_index", "_raw")

    def __init__(self, raw: RawFields) -> None:
        self._raw = raw
        self._index: dict[bytes, list[bytes]] | None = None

    @property
    def raw(self) -> RawFields:
        """The pairs of bytes, as they came."""
        return self._raw

    def _values(self, name: object) -> list[bytes]:
        """The raw values of a name, none if it is not there."""
        index = self._index
        if index is None:
            index = self._index = {}
            for field, value in self._raw:
                key = field.lower()
                if key in index:
                    index[key].append(value)
                else:
                    index[key] = [value]
        try:
            return index.get(name.encode("latin-1").lower(), []) if isinstance(name, str) else []
        except UnicodeEncodeError:
            return []

    def __getitem__(self, name: str) -> str:
        values = self._values(name)
        if not values:
            raise KeyError(name)
        if len(values) == 1:
            return _text(values[0])
        return ", ".join([_text(value) for value in values])

    def get_list(self, name: str) -> list[str]:
        """Every value of a name, in the order they came; empty if there is none."""
        return [_text(value) for value in self._values(name)]

    def multi_items(self) -> list[tuple[str, str]]:
        """Every field as (name, value), repeated names included."""
        return [(name.decode("latin-1"), _text(value)) for name, value in self._raw]

    def __contains__(self, name: object) -> bool:
        return bool(self._values(name))

    def __iter__(self) -> Iterator[str]:
        first: dict[bytes, bytes] = {}
        for name, _ in self._raw:
            first.setdefault(name.lower(), name)
        return iter([name.decode("latin-1") for name in first.values()])

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self._raw})

    def __eq__(self, other: object) -> bool:
        """Equal to any mapping of the same names, in any case, to the same joined values."""
        return _folded(self) == _folded(other) if isinstance(other, Mapping) else NotImplemented

    def __repr__(self) -> str:
        shown = [
            (name.decode("latin-1"), "***" if name.lower() in SECRET else _text(value)) for name, value in self._raw
        ]
        return f"Headers({shown})"


def _text(value: bytes) -> str:
    return value.strip(b" \t").decode("latin-1")


def _folded(headers: Mapping[Any, Any]) -> dict[Any, Any]:
    return {name.lower() if isinstance(name, str) else name: value for name, value in headers.items()}
