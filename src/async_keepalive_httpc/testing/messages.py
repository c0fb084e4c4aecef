"""What goes over the wire in a test: requests as they came, taken apart strictly, and raw responses.

Refuses: sockets. A request that breaks RFC 9112 is an error here, never mended.
Called by: `conn`, `scripts`, `faults`, `chaos`; tests. Law: bytes in, values out, and the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

Fields = Iterable[tuple[str, str]]

# RFC 9112 sections 3, 5, 6 and 7.1; a token is RFC 9110 section 5.6.2's.
TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST_LINE: Final = re.compile(rf"({TOKEN}) ([!-~]+) (HTTP/1\.[01])")
FIELD_LINE: Final = re.compile(rf"({TOKEN}):([\t -~\x80-\xff]*)")
CHUNK_LINE: Final = re.compile(rb"([0-9A-Fa-f]+)(?:;[\t -~]*)?")
FRAMING: Final = ("content-length", "transfer-encoding")
FRAME: Final = re.compile(r"content-length: [0-9]+|transfer-encoding: chunked")


class BadRequest(AssertionError):
    """The client sent what RFC 9112 does not allow."""


@dataclass(slots=True)
class Request:
    """One request as it came. Names and values are latin-1 text with their spelling and order kept."""

    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]
    head: bytes
    connection: int
    body: bytes = b""
    chunk_sizes: list[int] = field(default_factory=list)
    trailers: list[tuple[str, str]] = field(default_factory=list)
    complete: bool = False

    def get_all(self, name: str) -> list[str]:
        """Every value of a field, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str) -> str:
        """The value of a field, repeated ones joined with ", "; "" if it is not there."""
        return ", ".join(self.get_all(name))


def response(
    body: bytes = b"", *, status: int = 200, reason: str = "OK", headers: Fields = (), length: bool = True
) -> bytes:
    """A response; Content-Length is there unless `length` is False."""
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def answer(request: Request, raw: bytes) -> bytes:
    """`raw`, without its body if the request is a HEAD."""
    return raw[: raw.index(b"\r\n\r\n") + 4] if request.method == "HEAD" else raw


def chunked(*pieces: bytes, trailers: Fields = ()) -> bytes:
    """The chunked coding of these pieces, last chunk and trailers included (RFC 9112 section 7.1)."""
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece]
    fields = [f"{name}: {value}\r\n".encode("latin-1") for name, value in trailers]
    return b"".join([*chunks, b"0\r\n", *fields, b"\r\n"])


def split(data: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    """`data` cut in pieces of these sizes and a last one of the rest; none is empty."""
    start = 0
    for size in sizes:
        if piece := data[start : start + size]:
            yield piece
        start += size
    if rest := data[start:]:
        yield rest


def parse_head(head: bytes, connection: int) -> Request:
    """The head of a request, up to and with its empty line; BadRequest unless it is strictly RFC 9112's."""
    start, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    match = REQUEST_LINE.fullmatch(start)
    if match is None:
        raise BadRequest(f"not a request line: {start!r}")
    method, target, version = match.groups()
    request = Request(method, target, version, [parse_field(line) for line in lines], head, connection)
    framing = [(name.lower(), value) for name, value in request.headers if name.lower() in FRAMING]
    if len(request.get_all("Host")) != 1:
        raise BadRequest(f"Host is there {len(request.get_all('Host'))} times (RFC 9112 section 3.2)")
    if len(framing) > 1 or not all(FRAME.fullmatch(": ".join(pair)) for pair in framing):
        raise BadRequest(f"framed by {framing} (RFC 9112 section 6)")
    return request


def parse_field(line: str) -> tuple[str, str]:
    """One field line without its CRLF."""
    match = FIELD_LINE.fullmatch(line)
    if match is None:
        raise BadRequest(f"not a field line: {line!r}")
    return match[1], match[2].strip(" \t")


def parse_chunk_size(line: bytes) -> int:
    """The size in the first line of a chunk, whose extensions are dropped."""
    match = CHUNK_LINE.fullmatch(line)
    if match is None:
        raise BadRequest(f"not the first line of a chunk: {line!r}")
    return int(match[1], 16)
