"""H1Connection: Transfer-Encoding, chunks and trailers (RFC 9112 section 7).

The numbers are those of the table of faults and attacks, 2.7; its limits (case 70) are in test_h1_limits.
"""

from __future__ import annotations

import pytest
from tests.feeding import CHUNKED, OK, Wired, case, delivered

from async_keepalive_httpc.errors import ConnectionLost, ProtocolError

BAD_CODINGS = [
    *[b"chunked, gzip", b"identity", b"xchunked", b"chunkedx", b"x chunked", b'"chunked"', b"\x0bchunked"],
    *[b"\xa0chunked", b"chunked\xa0", b"chunked\x85", b"chunked;q=1", b"chunked,", b"", b"gzip"],
    *[b"chunked\r\nTransfer-Encoding: gzip", b"chun\tked"],
]
BAD_SIZES = [
    *[b"", b"g", b"0x5", b"-5", b"-0", b"+5", b"1_0", b"\xd9\xa5", b"\x005", b"5\x00", b"5h", b"5,5"],
    *[b" 5", b"5 ", b"5\t", b"5 ;a"],
]


@pytest.mark.parametrize(
    ("value", "length"),
    [
        case(56, "case", b"CHUNKED", 2),
        case(56, "spaces", b"  chunked  ", 2),
        case(56, "tabs", b"\tchunked\t", 2),
        case(56, "both", b" \t chunked \t ", 2),
        case(58, "two lines", b"chunked\r\nTransfer-Encoding: chunked", 2),
        case(58, "list", b"chunked, chunked", 2),
        case(59, "gzip", b"gzip, chunked", 2),
        case(59, "gzip and tabs", b"gzip\t,\tchunked", 2),
        case(59, "gzip on a line", b"gzip\r\nTransfer-Encoding: chunked", 2),
    ],
)
def test_chunked(value: bytes, length: int) -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(OK + b"Transfer-Encoding: " + value + b"\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    assert delivered(response) == b"ok"
    assert "chunked" in response.headers["Transfer-Encoding"].lower()
    assert wired.kept


@pytest.mark.parametrize(
    "fields",
    [
        case(57, "after", b"Transfer-Encoding: chunked\r\nContent-Length: 5"),
        case(57, "before", b"Content-Length: 5\r\nTransfer-Encoding: chunked"),
        case(57, "zero", b"Content-Length: 0\r\nTransfer-Encoding: chunked"),
        case(57, "identity", b"Content-Length: 5\r\nTransfer-Encoding: identity"),
        *[case(60, repr(value), b"Transfer-Encoding: " + value) for value in BAD_CODINGS],
    ],
)
def test_framing_that_is_not_clear_is_an_error(fields: bytes) -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(OK + fields + b"\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    assert isinstance(response._error, ProtocolError)
    assert wired.transport.ended == "aborted"


@pytest.mark.parametrize("option", [b"", b"Connection: keep-alive\r\n"])
def test_case_61_chunked_in_http_1_0(option: bytes) -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(b"HTTP/1.0 200 OK\r\n" + option + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    assert isinstance(response._error, ProtocolError)


@pytest.mark.parametrize(
    ("chunks", "body"),
    [
        case(62, "upper case", b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        case(62, "lower case", b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        case(62, "zeros", b"0000000000000000000000002\r\nok\r\n00000\r\n\r\n", b"ok"),
        case(62, "extensions", b"2;a;b=c\r\nok\r\n0;last\r\n\r\n", b"ok"),
        case(62, "quoted", b'2;a="b;c\\"d"\r\nok\r\n0\r\n\r\n', b"ok"),
        case(62, "empty", b"0\r\n\r\n", b""),
        case(62, "CRLF inside", b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n"),
    ],
)
def test_good_chunks(chunks: bytes, body: bytes) -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(CHUNKED + chunks)
    assert delivered(response) == body
    assert wired.kept


@pytest.mark.parametrize(
    "trailer",
    [
        case(63, "plain", b"ETag: x"),
        case(63, "cookie", b"Set-Cookie: a=b"),
        case(63, "coding", b"Transfer-Encoding: gzip"),
        case(63, "close", b"Connection: close"),
        case(63, "hint", b"Keep-Alive: timeout=1, max=0"),
    ],
)
def test_trailers_are_kept_apart_and_without_effect(trailer: bytes) -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(CHUNKED + b"2\r\nok\r\n0\r\n" + trailer + b"\r\n\r\n")
    assert delivered(response) == b"ok"
    name, value = trailer.decode().split(": ")
    assert response.trailers[name] == value
    assert list(response.headers) == ["Transfer-Encoding"]
    assert wired.connection.hint is None
    following = wired.send()
    wired.feed(OK + b"Content-Length: 4\r\n\r\nnext")
    assert delivered(following) == b"next"
    assert wired.kept
    assert not following.trailers


def test_case_63_a_length_in_a_trailer_ends_the_connection() -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(CHUNKED + b"2\r\nok\r\n0\r\nETag: x\r\nContent-Length: 500\r\n\r\n")
    assert delivered(response) == b"ok"
    assert response.trailers["ETag"] == "x"
    assert wired.owner.heard == ["lost: poisoned"]


@pytest.mark.parametrize(
    "chunks",
    [
        *[case(64, repr(size), size + b"\r\nhello\r\n0\r\n\r\n") for size in BAD_SIZES],
        case(65, "17 digits", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
        case(65, "33 digits", b"1" + b"0" * 31 + b"5\r\nhello\r\n0\r\n\r\n"),
        case(66, "no CRLF", b"5\r\nhello0\r\n\r\n"),
        case(66, "too long", b"5\r\nhello world\r\n0\r\n\r\n"),
        case(66, "too short", b"6\r\nhello\r\n0\r\n\r\n"),
        case(67, "LF after size", b"5\nhello\r\n0\r\n\r\n"),
        case(67, "CR after size", b"5\rhello\r\n0\r\n\r\n"),
        case(67, "LF after data", b"5\r\nhello\n0\r\n\r\n"),
        case(67, "LF in extension", b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
        case(67, "CR in extension", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
        case(67, "NUL in extension", b"5;a\x00b\r\nhello\r\n0\r\n\r\n"),
        case(67, "LF at the end", b"5\r\nhello\r\n0\r\n\n"),
        case(67, "LF after zero", b"5\r\nhello\r\n0\n\r\n"),
    ],
)
def test_bad_chunks_are_errors(chunks: bytes) -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(CHUNKED + chunks)
    assert isinstance(response._error, ProtocolError)
    assert wired.transport.ended == "aborted"


@pytest.mark.parametrize(
    "size",
    [case(65, "16 digits", b"f" * 16), case(65, "2^32+5", b"100000005")],
)
def test_a_huge_chunk_waits(size: bytes) -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(CHUNKED + size + b"\r\nhello\r\n0\r\n\r\n")
    assert response._waiter is not None
    wired.end()
    assert isinstance(response._error, ConnectionLost)


@pytest.mark.parametrize(
    "chunks",
    [
        case(68, "no last chunk", b"5\r\nhello\r\n"),
        case(68, "in a size", b"5\r\nhello\r\n1"),
        case(68, "in data", b"5\r\nhel"),
        case(68, "in a trailer", b"5\r\nhello\r\n0\r\nA: b"),
        case(68, "at once", b""),
        case(69, "no empty line", b"5\r\nhello\r\n0\r\n"),
    ],
)
@pytest.mark.parametrize("option", [b"", b"Connection: close\r\n"])
@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_chunks_that_do_not_end(chunks: bytes, option: bytes, reset: bool) -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(OK + option + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    wired.end(ConnectionResetError("reset") if reset else None)
    assert isinstance(response._error, ConnectionLost)
    assert "inside the answer" in str(response._error)
