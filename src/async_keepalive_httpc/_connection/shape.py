"""What the heads of one server have in common: its status line, the names of its fields, in one order.

Refuses: to learn: a connection knows when that pays (`memory`), and of which heads.
Called by: `memory`, which asks it before the parser is asked; `parsed`, for the Head of a plain one.
Law: what a shape takes, llhttp would take, and make the same of. Only values may differ, by bytes that no value ends
with; what a value means to the framing (RFC 9112 sections 6.3 and 9.3) is fixed, save the digits of the length. Of
chunks there is one, without an extension, then the last one, without a trailer (section 7.1), and nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import Any, Final

from .._message.fields import CONTENT_LENGTH, KEEP_ALIVE, TRANSFER_ENCODING
from .._message.response import Head

KEPT: Final = 256
"""Patterns, and sizes of messages, that are remembered."""
MAX_SHAPED: Final = 4096
"""Bytes of a head that is worth a pattern, which takes a microsecond a byte to make."""

_FIXED: Final = frozenset(
    {
        b"connection",
        b"content-length",
        b"proxy-connection",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_VALUE: Final = rb"[\t -~\x80-\xff]*+"
"""RFC 9110 section 5.5: what llhttp lets stand in a value, to its end."""
_CHUNK: Final = rb"([1-9A-Fa-f][0-9A-Fa-f]{0,5})\r\n"
"""Its size is not 0: that would be the last chunk, and what comes behind it another message."""
_LAST_CHUNK: Final = b"\r\n0\r\n\r\n"

Match = Callable[[Any, int, int], "re.Match[bytes] | None"]


class Shape:
    """match: finds what comes before a body, in groups: 1 is its head; `size`, of which `base` is that of the digits;
    and `hint`, the value of Keep-Alive, 0 where there is none. tail: what comes behind the body, which no pattern looks
    for: it would go through all of a long body for it. status, reason, kinds: as in every Head of this shape."""

    __slots__ = ("base", "hint", "kinds", "match", "reason", "size", "status", "tail")

    def __init__(self, like: Head, size: int, hint: int, match: Match, base: int = 10, tail: bytes = b"") -> None:
        self.status = like.status
        self.reason = like.reason
        self.kinds = like.kinds
        self.size = size
        self.hint = hint
        self.match = match
        self.base = base
        self.tail = tail


def make_head(status: int, reason: str, raw: bytes, kinds: int) -> Head:
    """`Head(...)` of HTTP/1.1, without the frame of its __init__."""
    head = Head.__new__(Head)
    head.status = status
    head.reason = reason
    head.version = "1.1"
    head.raw = raw
    head.kinds = kinds
    return head


def shape_of(head: Head, raw: bytes) -> Shape | None:
    """The shape of a head, whose bytes are `raw`; None where it has none that is worth a pattern.

    It is framed by a Content-Length, or by chunks, and says nothing else that matters, save by one Keep-Alive.
    """
    if len(raw) > MAX_SHAPED or not raw.startswith(b"HTTP/1.1 "):
        return None
    line, *fields = raw[:-4].split(b"\r\n")
    parts = [re.escape(line)]
    groups = [b"head"]
    for field in fields:
        name, _, value = field.partition(b":")
        lower = name.lower()
        if lower == b"content-length" and value.lstrip(b" ").isdigit():
            groups.append(lower)
            parts.append(re.escape(field.rstrip(b"0123456789")) + b"([0-9]{1,15})")
        elif lower == b"keep-alive":
            groups.append(lower)
            parts.append(re.escape(name) + b":(" + _VALUE + b")")
        elif lower in _FIXED:
            parts.append(re.escape(field))
        else:
            parts.append(re.escape(name) + b":" + _VALUE)
    pattern = b"(" + rb"\r\n".join(parts) + rb"\r\n\r\n)"
    if len(set(groups)) < len(groups):
        return None
    hint = groups.index(b"keep-alive") + 1 if b"keep-alive" in groups else 0
    framing = head.kinds & ~KEEP_ALIVE
    if framing == CONTENT_LENGTH and b"content-length" in groups:
        return Shape(head, groups.index(b"content-length") + 1, hint, _compiled(pattern))
    if framing == TRANSFER_ENCODING and b"content-length" not in groups:
        return Shape(head, len(groups) + 1, hint, _compiled(pattern + _CHUNK), 16, _LAST_CHUNK)
    return None


@lru_cache(KEPT)
def _compiled(pattern: bytes) -> Match:
    return re.compile(pattern).match


@lru_cache(KEPT)
def splitter(head: int, body: int) -> Callable[[Any], tuple[Any, ...]]:
    """What takes a message of a head and a body of so many bytes apart, from the beginning of a buffer."""
    return Struct(f"{head}s{body}s").unpack_from
