"""What the heads of one server have in common: its status line, the names of its fields, in one order.

Refuses: heads that are not plain (see `parsed`), and to learn: a connection knows when that pays.
Called by: `h1`, which asks it before it asks the parser.
Law: what a shape takes, llhttp would take, and make the same of. Only values may differ, by bytes that no value ends
with; what a value means to the framing (RFC 9112 sections 6.3 and 9.3) is fixed, save the digits of the length.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import Any, Final

from .._message.fields import CONTENT_LENGTH
from .._message.response import Head

KEPT: Final = 256
"""Patterns, and sizes of messages, that are remembered."""
MAX_SHAPED: Final = 4096
"""Bytes of a head that is worth a pattern, which takes a microsecond a byte to make."""

_FIXED: Final = frozenset(
    {b"connection", b"content-length", b"keep-alive", b"proxy-connection", b"trailer", b"upgrade"}
)
_VALUE: Final = rb"[\t -~\x80-\xff]*+"
"""RFC 9110 section 5.5: what llhttp lets stand in a value, to its end."""

Match = Callable[[Any, int, int], "re.Match[bytes] | None"]


class Shape:
    """match: tells head, length and the rest of a message apart, where the head has this shape."""

    __slots__ = ("match", "reason", "status")

    def __init__(self, like: Head, match: Match) -> None:
        self.status = like.status
        self.reason = like.reason
        self.match = match


def plain_head(status: int, reason: str, raw: bytes) -> Head:
    """`Head(...)` of a head that says a length and nothing else, without the frame of its __init__."""
    head = Head.__new__(Head)
    head.status = status
    head.reason = reason
    head.version = "1.1"
    head.raw = raw
    head.kinds = CONTENT_LENGTH
    return head


def shape_of(head: Head) -> Shape | None:
    """The shape of a plain head; None where it has none that is worth a pattern."""
    raw = head.raw
    if not isinstance(raw, bytes) or len(raw) > MAX_SHAPED:
        return None
    line, *fields = raw[:-4].split(b"\r\n")
    parts = [re.escape(line)]
    lengths = 0
    for field in fields:
        name, _, value = field.partition(b":")
        if name.lower() == b"content-length" and value.lstrip(b" ").isdigit():
            lengths += 1
            parts.append(re.escape(field.rstrip(b"0123456789")) + b"([0-9]{1,15})")
        elif name.lower() in _FIXED:
            parts.append(re.escape(field))
        else:
            parts.append(re.escape(name) + b":" + _VALUE)
    if lengths != 1:
        return None
    return Shape(head, _compiled(b"(" + rb"\r\n".join(parts) + rb"\r\n\r\n)(.*)"))


@lru_cache(KEPT)
def _compiled(pattern: bytes) -> Match:
    return re.compile(pattern, re.DOTALL).match


@lru_cache(KEPT)
def splitter(head: int, body: int) -> Callable[[Any], tuple[Any, ...]]:
    """What takes a message of a head and a body of so many bytes apart, from the beginning of a buffer."""
    return Struct(f"{head}s{body}s").unpack_from
