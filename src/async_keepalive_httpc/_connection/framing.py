"""What a response head says of its framing: pure questions, asked off the warm path.

Refuses: state and errors; a connection has the one and words the other.
Called by: `parsed` and `h1`, for heads that are more than a status 200 with a Content-Length.
Law: RFC 9112 sections 4, 6 and 9.3. The parser leaves the white space that follows a value to us.
"""

from __future__ import annotations

from typing import Final

from .._message.headers import RawFields
from .._message.limits import CHUNK_OVERHEAD, CHUNK_OVERHEAD_EACH, MAX_FIELDS

REASONS: Final[dict[bytes, str]] = {}
"""Reason phrases met so far, decoded: REASONS_KEPT of them, so that inventing some fills no memory."""
REASONS_KEPT: Final = 256

STATUS_LINES: Final[dict[bytes, tuple[int, str]]] = {}
"""Status lines met so far, read: of final HTTP/1.1 responses that have a body and are no redirects."""

_REFRAMES: Final = frozenset({b"connection", b"content-length", b"transfer-encoding"})
_OWS: Final = b" \t"


def learn_reason(reason: bytes) -> str | None:
    """A reason phrase as text, remembered; None for control characters, which llhttp lets through."""
    if any((byte < 32 and byte != 9) or byte == 127 for byte in reason):
        return None
    text = reason.decode("latin-1")
    if len(REASONS) < REASONS_KEPT:
        REASONS[reason] = text
    return text


def learn_status_line(line: bytes) -> tuple[int, str]:
    """Status and reason of a line, its CR included, that STATUS_LINES does not hold; 0: it is none for there."""
    version, status, reason = line[:9], line[9:12], learn_reason(line[13:-1])
    number = int(status) if version == b"HTTP/1.1 " and status.isdigit() else 0
    if reason is None or not (200 <= number < 300 or 400 <= number < 600) or number == 204:
        return 0, ""
    if len(STATUS_LINES) < REASONS_KEPT:
        STATUS_LINES[line] = number, reason
    return number, reason


def says_close(fields: RawFields, version: str) -> bool:
    """RFC 9112 section 9.3, where llhttp's answer does not serve: to HEAD, and in HTTP/1.0, `close` first."""
    options = {
        option.strip(_OWS).lower()
        for name, value in fields
        if name.lower() == b"connection"
        for option in value.split(b",")
    }
    return b"close" in options or (version == "1.0" and b"keep-alive" not in options)


def reframes(fields: RawFields) -> bool:
    """Whether an interim head has fields that llhttp would follow, though it has no body and ends nothing."""
    return any(name.lower() in _REFRAMES for name, _ in fields)


def last_coding(fields: RawFields) -> tuple[bytes, bool]:
    """The last transfer coding, and whether there is a tab beside it: llhttp takes only spaces there."""
    values = [value for name, value in fields if name.lower() == b"transfer-encoding"]
    return values[-1].rpartition(b",")[2].strip(_OWS).lower(), b"\t" in values[-1]


def keep_alive_hint(value: bytes) -> tuple[float | None, int | None]:
    """`timeout=5, max=100` of a Keep-Alive field (RFC 2068 section 19.7.1); None for what is malformed."""
    timeout: float | None = None
    most: int | None = None
    for part in value.split(b","):
        name, _, number = part.strip(_OWS).lower().partition(b"=")
        number = number.strip(b' \t"')
        if number.isdigit() and len(number) < 10:
            name = name.rstrip(_OWS)
            if name == b"timeout":
                timeout = float(number)
            elif name == b"max":
                most = int(number)
    return timeout, most


def announced(raw: RawFields | bytes) -> int:
    """The Content-Length of a head that the parser took: of its fields, or of the whole of it unsplit; else 0."""
    if isinstance(raw, bytes):
        _, found, rest = raw.lower().partition(b"\ncontent-length:")
        return int(rest[: rest.find(b"\r")]) if found else 0
    return next((int(value) for name, value in raw if name.lower() == b"content-length"), 0)


def heads_end(data: bytes | bytearray, count: int, start: int = 0) -> int:
    """The offset in `data` just after the first `count` heads from `start` on; -1 when they are not whole."""
    end = start
    for _ in range(count):
        while data[end : end + 1] in (b"\r", b"\n"):
            end += 1
        end = data.find(b"\r\n\r\n", end) + 4
        if end < 4:
            return -1
    return end


def excess(spent: int, chunks: int, trailers: int) -> str | None:
    """What is too much in `spent` bytes of framing and trailers around `chunks` chunks, if anything is."""
    most = CHUNK_OVERHEAD + CHUNK_OVERHEAD_EACH * chunks
    if spent > most:
        return f"the framing of {chunks} chunks, with the trailers, takes {spent} bytes, more than {most}"
    if trailers > MAX_FIELDS:
        return f"more than {MAX_FIELDS} trailer fields"
    return None
