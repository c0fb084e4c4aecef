"""H1Connection: how a message is delimited, and what it leaves of its connection (RFC 9112 sections 6 and 7).

The numbers are those of the table of faults and attacks, 2.1, 2.2 and 2.6; for 2.7 see test_h1_chunks.
"""

from __future__ import annotations

import pytest
from tests.feeding import CHUNKED, OK, Wired, case, delivered

from async_keepalive_httpc._message.limits import MAX_HEADER_SIZE
from async_keepalive_httpc._message.request import Request
from async_keepalive_httpc.errors import ConnectionLost, ProtocolError

# -- good messages


@pytest.mark.parametrize(
    ("size", "chunk"),
    [
        case(6, "length", 1 << 20, 0),
        case(6, "one chunk", 1 << 20, 1 << 20),
        case(6, "tiny chunks", 20_000, 1),
    ],
)
def test_large_bodies(size: int, chunk: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    body = body[:size]
    if chunk:
        pieces = [body[start : start + chunk] for start in range(0, size, chunk)]
        data = CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    else:
        data = OK + b"Content-Length: %d\r\n\r\n" % size + body
    wired = Wired()
    response = wired.send(limit=size)
    wired.feed(data)
    assert delivered(response) == body
    assert wired.kept


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        case(7, "empty", b"HTTP/1.1 200 ", ""),
        case(7, "missing", b"HTTP/1.1 200", ""),
        case(7, "latin-1", b"HTTP/1.1 200 \xdcber", "Über"),
        case(7, "tab", b"HTTP/1.1 200 a\tb", "a\tb"),
    ],
)
def test_reason_phrases(line: bytes, reason: str) -> None:
    for _ in range(2):  # the second time it is remembered
        wired = Wired()
        response = wired.send()
        wired.feed(line + b"\r\nContent-Length: 0\r\n\r\n")
        assert response.reason == reason
        assert response.status == 200
        assert wired.kept


@pytest.mark.parametrize(
    ("version", "fields", "kept"),
    [
        case(8, "1.0", b"1.0", b"", False),
        case(8, "1.0 keep-alive", b"1.0", b"Connection: keep-alive\r\n", True),
        case(8, "1.0 in a list", b"1.0", b"Connection: x,\tKeep-Alive \r\n", True),
        case(8, "1.0 both", b"1.0", b"Connection: keep-alive\r\nConnection: close\r\n", False),
        case(9, "close", b"1.1", b"Connection: close\r\n", False),
        case(9, "case", b"1.1", b"CONNECTION: cLoSe\r\n", False),
        case(9, "list", b"1.1", b"Connection: keep-alive , close\t\r\n", False),
        case(9, "two lines", b"1.1", b"Connection: keep-alive\r\nConnection: close\r\n", False),
        case(9, "another word", b"1.1", b"Connection: closed\r\n", True),
        case(10, "upgrade offered", b"1.1", b"Upgrade: h2c\r\nConnection: Upgrade\r\n", True),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_keep_alive(method: str, version: bytes, fields: bytes, kept: bool) -> None:
    wired = Wired()
    response = wired.send(method)
    body = b"" if method == "HEAD" else b"ok"
    wired.feed(b"HTTP/" + version + b" 200 OK\r\n" + fields + b"Content-Length: 2\r\n\r\n" + body)
    assert delivered(response) == body  # at once, without waiting for the end of the stream
    assert wired.kept is kept
    assert wired.owner.heard == (["freed"] if kept else ["lost: server"])


@pytest.mark.parametrize(
    ("value", "hint", "limit"),
    [
        case(11, "timeout", b"timeout=5", 5.0, None),
        case(11, "both", b"timeout=15, max=99", 15.0, 100),
        case(11, "case and space", b' Timeout = "7" ,MAX= 3', 7.0, 4),
        case(11, "zero", b"timeout=0", 0.0, None),
        case(11, "malformed", b"timeout=abc, max=-1, max, =5", None, None),
        case(11, "absurd", b"timeout=99999999999999999999", None, None),
    ],
)
def test_keep_alive_hint(value: bytes, hint: float | None, limit: int | None) -> None:
    wired = Wired()
    before = wired.connection.limit
    wired.send()
    wired.feed(OK + b"Keep-Alive: " + value + b"\r\nContent-Length: 0\r\n\r\n")
    assert wired.connection.hint == hint
    assert wired.connection.limit == (before if limit is None else limit)
    assert wired.kept


def test_case_11_max_is_the_number_of_requests_to_come() -> None:
    wired = Wired()
    for left in (1, 0):
        wired.send()
        wired.feed(OK + b"Keep-Alive: max=%d\r\nContent-Length: 0\r\n\r\n" % left)
    assert wired.owner.heard == ["freed", "lost: max requests"]


def test_a_later_hint_never_raises_the_limit() -> None:
    wired = Wired()
    wired.connection.limit = 2
    wired.send()
    wired.feed(OK + b"Keep-Alive: max=100\r\nContent-Length: 0\r\n\r\n")
    assert wired.connection.limit == 2


def test_the_request_asked_for_close() -> None:
    wired = Wired()
    response = wired.send(Request("GET", "http://a/", {"Connection": "TE, close"}))
    wired.feed(OK + b"Content-Length: 0\r\n\r\n")
    assert delivered(response) == b""
    assert wired.owner.heard == ["lost: client"]


@pytest.mark.parametrize("status", [200, 206, 226, 299, 300, 302, 404, 408, 421, 425, 500, 503, 511, 599])
def test_case_12_any_final_status_is_delivered(status: int) -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\nok" % status)
    assert (response.status, delivered(response)) == (status, b"ok")
    assert wired.kept


def test_facts_of_a_response() -> None:
    wired = Wired()
    first = wired.send()
    wired.feed(b"HTTP/1.0 200 Fine\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n")
    second = wired.send()
    wired.feed(OK + b"Content-Length: 0\r\n\r\n")
    assert (first.http_version, first.reason, first.reused) == ("1.0", "Fine", False)
    assert (second.http_version, second.reason, second.reused) == ("1.1", "OK", True)
    assert wired.connection.served == 2


# -- responses without a body


@pytest.mark.parametrize(
    "fields",
    [
        case(14, "length", b"Content-Length: 5\r\n"),
        case(14, "length zero", b"Content-Length: 0\r\n"),
        case(14, "huge length", b"Content-Length: 999999999999999999\r\n"),
        case(14, "chunked", b"Transfer-Encoding: chunked\r\n"),
        case(14, "none", b""),
        case(14, "gzip", b"Content-Encoding: gzip\r\nContent-Length: 500\r\n"),
    ],
)
@pytest.mark.parametrize("status", [200, 204, 304, 404])
def test_head_has_no_body_and_is_kept(fields: bytes, status: int) -> None:
    wired = Wired()
    response = wired.send("HEAD")
    wired.feed(b"HTTP/1.1 %d X\r\n" % status + fields + b"\r\n")
    assert delivered(response) == b""
    assert wired.kept
    following = wired.send()
    wired.feed(OK + b"Content-Length: 4\r\n\r\nnext")
    assert delivered(following) == b"next"
    assert wired.kept


@pytest.mark.parametrize(
    ("method", "head", "extra"),
    [
        case(15, "body", "HEAD", OK + b"Content-Length: 5\r\n\r\n", b"hello"),
        case(15, "body that ends in LF", "HEAD", OK + b"Content-Length: 5\r\n\r\n", b"hell\n"),
        case(15, "body without length", "HEAD", OK + b"\r\n", b"hello"),
        case(15, "chunks", "HEAD", CHUNKED, b"2\r\nok\r\n0\r\n\r\n"),
        case(15, "a second response", "HEAD", OK + b"\r\n", OK + b"Content-Length: 0\r\n\r\n"),
        case(16, "204 body", "GET", b"HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n", b"hello"),
        case(16, "204 chunks", "GET", b"HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n"),
        case(17, "304 body", "GET", b"HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n", b"hello"),
        case(17, "304 gzip", "GET", b"HTTP/1.1 304 X\r\nContent-Encoding: gzip\r\n\r\n", b"\x1f\x8b"),
    ],
)
@pytest.mark.parametrize("later", [False, True], ids=["same-read", "next-read"])
def test_body_bytes_where_none_may_be(method: str, head: bytes, extra: bytes, later: bool) -> None:
    wired = Wired()
    response = wired.send(method)
    if later:
        wired.feed(head, extra)
    else:
        wired.feed(head + extra)
    assert delivered(response) == b""
    assert not wired.kept
    assert wired.owner.heard[-1] == "lost: poisoned"


@pytest.mark.parametrize(
    "fields",
    [
        case(16, "bare", b""),
        case(16, "length 0", b"Content-Length: 0\r\n"),
        case(16, "length 5", b"Content-Length: 5\r\n"),
        case(16, "chunked", b"Transfer-Encoding: chunked\r\n"),
        case(17, "gzip", b"Content-Encoding: gzip\r\nContent-Length: 5\r\n"),
    ],
)
@pytest.mark.parametrize("status", [204, 304])
def test_204_and_304_have_no_body(status: int, fields: bytes) -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(b"HTTP/1.1 %d X\r\n" % status + fields + b"\r\n")
    assert delivered(response) == b""
    assert wired.kept


@pytest.mark.parametrize(
    "rest",
    [
        case(18, "length", b"Content-Length: 0\r\n\r\n"),
        case(18, "chunked", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ],
)
def test_205_is_empty_and_kept(rest: bytes) -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(b"HTTP/1.1 205 Reset Content\r\n" + rest)
    assert delivered(response) == b""
    assert wired.kept


# -- Content-Length

BAD_LENGTHS = [
    *[b"-5", b"-0", b"+5", b"0x5", b"5.0", b"5e0", b"5abc", b"5 5", b"5;", b"0_5", b"\xb25", b"\x0b5"],
    *[b"", b" \t", b",", b"5,", b",5", b"5\x00", b"5, +5", b"5\t5"],
]


@pytest.mark.parametrize(
    "value",
    [
        case(48, "space", b"  5 "),
        case(48, "tabs", b"\t5\t"),
        case(48, "zeros", b"0000000000000000000000000005"),
        case(50, "list", b"5, 5"),
        case(50, "list without space", b"5,5,5"),
        case(50, "two lines", b"5\r\nContent-Length: 5"),
        case(50, "two lines in another case", b"5\r\nA: b\r\ncontent-LENGTH:5"),
    ],
)
def test_good_lengths(value: bytes) -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(OK + b"Content-Length: " + value + b"\r\nX: y\r\n\r\nhello")
    assert delivered(response) == b"hello"
    assert response.headers["X"] == "y"
    assert wired.kept


@pytest.mark.parametrize(
    "value",
    [
        *[case(49, repr(value), value) for value in BAD_LENGTHS],
        case(51, "other list", b"5, 6"),
        case(51, "other lines", b"5\r\nContent-Length: 6"),
        case(51, "other case", b"5\r\ncontent-length: 6"),
        case(51, "one bad", b"5\r\nContent-Length: x"),
        case(51, "zeros differ", b"5, 05"),
        case(52, "2^64+5", b"18446744073709551621"),
        case(52, "30 digits", b"9" * 30),
    ],
)
def test_bad_lengths_are_errors(value: bytes) -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(OK + b"Content-Length: " + value + b"\r\n\r\nhello")
    assert isinstance(response._error, ProtocolError)
    assert "Content-Length" in str(response._error) or "header value" in str(response._error)
    assert wired.transport.ended == "aborted"
    assert wired.owner.heard == ["lost: error"]


@pytest.mark.parametrize(
    "value",
    [
        case(52, "2^63", b"9223372036854775808"),
        case(53, "huge", b"999999999999999"),
        case(54, "shorter", b"6"),
    ],
)
@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_shorter_bodies_are_errors_at_the_end(value: bytes, reset: bool) -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(OK + b"Content-Length: " + value + b"\r\n\r\nhello")
    assert response._waiter is not None  # case 54, silence: waits for its time-out
    wired.end(ConnectionResetError("reset") if reset else None)
    assert isinstance(response._error, ConnectionLost)
    assert response._error.stage == "responding"


@pytest.mark.parametrize("later", [False, True], ids=["same-read", "next-read"])
def test_case_55_longer_body(later: bool) -> None:
    wired = Wired()
    response = wired.send()
    data = OK + b"Content-Length: 5\r\n\r\nhello"
    wired.feed(*([data, b"world"] if later else [data + b"world"]))
    assert delivered(response) == b"hello"
    assert not wired.kept
    assert wired.owner.heard[-1] == "lost: poisoned"


def test_a_large_read_that_is_mostly_body_is_no_large_head() -> None:
    wired = Wired()
    size = 200 * 1024
    response = wired.send()
    wired.feed(OK + b"Content-Length: %d\r\n\r\n" % size + bytes(size))
    assert size > MAX_HEADER_SIZE
    assert len(delivered(response)) == size
