"""H1Connection: interim responses, status lines and header fields (RFC 9112 sections 2 to 5).

The numbers are those of the table of faults and attacks, 2.3 to 2.5.
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.feeding import OK, Wired, case

from async_keepalive_httpc._connection import framing
from async_keepalive_httpc._message import fields as known_fields
from async_keepalive_httpc._message.limits import Reading
from async_keepalive_httpc._message.request import Request
from async_keepalive_httpc.errors import ConnectionLost, ProtocolError

FINAL = OK + b"Content-Length: 5\r\n\r\nhello"


def read(data: bytes) -> tuple[Wired, Any]:
    wired = Wired()
    response = wired.send()
    wired.feed(data)
    return wired, response


# -- interim responses


@pytest.mark.parametrize(
    "interim",
    [
        case(20, "100", b"HTTP/1.1 100 Continue\r\n\r\n"),
        case(20, "102", b"HTTP/1.1 102 Processing\r\nX: interim\r\n\r\n"),
        case(20, "103", b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"),
        case(20, "unknown", b"HTTP/1.1 170 Something\r\n\r\n"),
        case(20, "several", b"HTTP/1.1 100 A\r\n\r\nHTTP/1.1 103 B\r\nX: y\r\n\r\nHTTP/1.1 199 C\r\n\r\n"),
        case(21, "length", b"HTTP/1.1 103 Early\r\nContent-Length: 5\r\n\r\n"),
        case(21, "length, unknown", b"HTTP/1.1 170 X\r\nContent-Length: 5\r\n\r\n"),
        case(21, "chunked, unknown", b"HTTP/1.1 170 X\r\nTransfer-Encoding: chunked\r\n\r\n"),
        case(21, "close", b"HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\n"),
        case(21, "upgrade", b"HTTP/1.1 103 X\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"),
        case(22, "50", b"HTTP/1.1 102 Processing\r\n\r\n" * 50),
        case(22, "50 that close", b"HTTP/1.1 102 Processing\r\nConnection: close\r\n\r\n" * 50),
    ],
)
@pytest.mark.parametrize("later", [False, True], ids=["same-read", "next-read"])
def test_interim_responses_are_skipped(interim: bytes, later: bool) -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(*([interim, FINAL] if later else [interim + FINAL]))
    assert (response.status, response.body) == (200, b"hello")
    assert list(response.headers) == ["Content-Length"]
    assert wired.kept
    following = wired.send()
    wired.feed(FINAL)
    assert following.body == b"hello"


@pytest.mark.parametrize(
    "interim",
    [case(24, "100", b"HTTP/1.1 100 Continue\r\n\r\n"), case(24, "odd", b"HTTP/1.0 103 X\r\n\r\nHTT")],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_interim_response_and_the_end(method: str, interim: bytes) -> None:
    wired = Wired()
    response = wired.send(method)
    wired.feed(interim)
    wired.end()
    assert isinstance(response._error, ConnectionLost)
    assert response._error.stage == "responding"  # what has a byte of an answer is never sent again


@pytest.mark.parametrize("fields", [b"", b"Upgrade: websocket\r\nConnection: Upgrade\r\n"])
def test_case_25_101_that_nobody_asked_for(fields: bytes) -> None:
    wired, response = read(b"HTTP/1.1 101 Switching Protocols\r\n" + fields + b"\r\n\x81\x05hello")
    assert isinstance(response._error, ProtocolError)
    assert "101" in str(response._error)
    assert wired.transport.ended == "aborted"


# -- status lines

BAD_LINES = [
    *[b"HTPT/1.1 200 OK", b"http/1.1 200 OK", b"HTTP/11 200 OK", b"HTTP/1 200 OK", b"HTTP/1.1200 OK"],
    *[b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK", b"HTTP/1.1 2x0 OK", b"HTTP/1.1 -20 OK", b"HTTP/1.1 +200 OK"],
    *[b"HTTP/1.1 \xd9\xa2\xd9\xa0\xd9\xa0 OK", b"HTTP/1.1  200 OK", b"HTTP/1.1\t200 OK", b"HTTP/1.1 OK"],
    *[b"HTTP/1.1 200\tOK", b"HTTP/1.2 200 OK", b"HTTP/3.0 200 OK", b"ICY 200 OK", b"RTSP/1.1 200 OK"],
    *[b"ICE/1.0 200 OK", b"HTTP/-1.1 200 OK", b"HTTP/1.1.1 200 OK"],
]


@pytest.mark.parametrize(
    "line",
    [
        *[case(27, repr(line), line) for line in BAD_LINES],
        case(28, "HTTP/0.9 version", b"HTTP/0.9 200 OK"),
        case(28, "HTTP/2.0", b"HTTP/2.0 200 OK"),
        case(28, "HTTP/0.9", b"<html><body>hello</body></html>"),
        case(28, "SSH", b"SSH-2.0-OpenSSH_9.2p1"),
        case(28, "TLS alert", b"\x15\x03\x01\x00\x02\x02\x46"),
        case(28, "echo", b"GET /path HTTP/1.1"),
        case(28, "junk", b"junk HTTP/1.1 200 OK"),
        case(28, "BOM", b"\xef\xbb\xbfHTTP/1.1 200 OK"),
        case(28, "space", b" HTTP/1.1 200 OK"),
        *[case(29, str(code), b"HTTP/1.1 %03d X" % code) for code in (0, 1, 42, 99)],
        case(31, "NUL", b"HTTP/1.1 200 a\x00b"),
        case(31, "bare CR", b"HTTP/1.1 200 a\rb"),
        case(31, "control", b"HTTP/1.1 200 a\x1bb"),
        case(31, "DEL", b"HTTP/1.1 200 a\x7fb"),
        case(43, "bare LF", b"HTTP/1.1 200 OK\nContent-Length: 5"),
        case(45, "CR CR LF", b"HTTP/1.1 200 OK\r"),
    ],
)
def test_bad_status_lines_are_errors(line: bytes) -> None:
    wired, response = read(line + b"\r\nContent-Length: 5\r\n\r\nhello")
    assert isinstance(response._error, ProtocolError)
    assert "example.com" in str(response._error)
    assert "192.0.2.7:8080" in str(response._error)
    assert wired.transport.ended == "aborted"


@pytest.mark.parametrize("code", [600, 700, 999])
def test_case_30_codes_that_no_standard_has(code: int) -> None:
    wired, response = read(b"HTTP/1.1 %d Odd\r\nContent-Length: 5\r\n\r\nhello" % code)
    assert (response.status, response.body) == (code, b"hello")
    assert wired.kept


@pytest.mark.parametrize("data", [b"H", b"HTTP/1.1", b"HTTP/1.1 200 OK", b"\r\n"])
def test_case_34_closed_inside_the_status_line(data: bytes) -> None:
    wired, response = read(data)
    wired.end()
    assert isinstance(response._error, ConnectionLost)
    assert response._error.stage == "responding"


def test_every_later_response_is_still_checked() -> None:
    """The first byte of a connection shows that it speaks HTTP; the rest is the parser's."""
    wired, _ = read(FINAL)
    response = wired.send()
    wired.feed(b"SSH-2.0-x\r\n")
    assert isinstance(response._error, ProtocolError)


def test_more_reasons_than_are_remembered() -> None:
    for number in range(framing.REASONS_KEPT + 2):
        _, response = read(b"HTTP/1.1 200 Reason %d\r\nContent-Length: 0\r\n\r\n" % number)
        assert response.reason == f"Reason {number}"
    assert len(framing.REASONS) <= framing.REASONS_KEPT


def test_more_field_names_than_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_fields, "MEMORY", len(known_fields.KINDS) + len(known_fields.PLAIN))
    _, response = read(OK + b"X-Never-Seen: 1\r\ncOnTeNt-lEnGtH: 5\r\nContent-Encoding: identity\r\n\r\nhello")
    assert response.body == b"hello"
    assert b"X-Never-Seen" not in known_fields.PLAIN
    assert b"cOnTeNt-lEnGtH" not in known_fields.KINDS


# -- header fields


@pytest.mark.parametrize(
    ("field", "value"),
    [
        case(35, "no space", b"X:value", "value"),
        case(35, "space around", b"X: \t value \t ", "value"),
        case(35, "empty", b"X:", ""),
        case(35, "blank", b"X: \t ", ""),
        case(35, "colons", b"X: a:b:c", "a:b:c"),
        case(35, "case", b"x: value", "value"),
        case(37, "obs-text", b"X: caf\xe9 \xff", "caf\xe9 \xff"),
        case(38, "8000 bytes", b"X: " + b"v" * 8000, "v" * 8000),
    ],
)
def test_good_fields(field: bytes, value: str) -> None:
    wired, response = read(OK + field + b"\r\nContent-Length: 5\r\n\r\nhello")
    assert response.headers["X"] == value
    assert response.body == b"hello"
    assert wired.kept


def test_case_36_set_cookie_twice() -> None:
    _, response = read(OK + b"Set-Cookie: a=b\r\nContent-Length: 0\r\nset-cookie: c=d, e\r\n\r\n")
    assert response.headers.get_list("Set-Cookie") == ["a=b", "c=d, e"]


def test_case_38_ninety_fields() -> None:
    fields = b"".join(b"X-%d: %d\r\n" % (number, number) for number in range(90))
    wired, response = read(OK + fields + b"Content-Length: 0\r\n\r\n")
    assert len(response.headers) == 91
    assert wired.kept


@pytest.mark.parametrize(
    "field",
    [
        case(40, "no colon", b"X"),
        case(40, "empty name", b": value"),
        case(40, "space in name", b"X Y: value"),
        case(40, "control in name", b"X\x01Y: value"),
        case(40, "8-bit name", b"X\xe9: value"),
        case(40, "parenthesis", b"X(Y): value"),
        case(41, "space", b"X : value"),
        case(41, "tab", b"X\t: value"),
        case(41, "length", b"Content-Length : 3"),
        case(41, "coding", b"Transfer-Encoding : chunked"),
        case(42, "NUL", b"X: a\x00b"),
        case(42, "bare CR", b"X: a\rb"),
        case(42, "control", b"X: a\x08b"),
        case(43, "bare LF", b"X: a\nY: b"),
        case(44, "fold", b"X: a\r\n b"),
        case(44, "fold like length", b"X: a\r\n Content-Length: 3"),
        case(44, "fold like coding", b"X: a\r\n\tTransfer-Encoding: chunked"),
        case(44, "space first", b" X: a"),
        case(44, "empty fold", b"X:\r\n a"),
        case(45, "CR CR LF", b"X: a\r"),
    ],
)
def test_bad_fields_are_errors(field: bytes) -> None:
    wired, response = read(OK + field + b"\r\nContent-Length: 5\r\n\r\nhello")
    assert isinstance(response._error, ProtocolError)
    assert isinstance(response._error.__cause__, Exception)
    assert wired.transport.ended == "aborted"


@pytest.mark.parametrize(
    "end", [case(43, "LF", b"\nhello"), case(43, "LF LF", b"\n\nhello"), case(45, "CR CR", b"\r\r\nhello")]
)
def test_a_block_that_ends_badly(end: bytes) -> None:
    _, response = read(OK + b"Content-Length: 5\r\n" + end)
    assert isinstance(response._error, ProtocolError)


def test_case_46_a_block_that_never_ends() -> None:
    wired, response = read(OK + b"Content-Length: 5\r\nX: y\r\n")
    assert response._waiter is not None
    wired.end()
    assert isinstance(response._error, ConnectionLost)


@pytest.mark.parametrize(
    "fields",
    [
        case(47, "underscore", b"Transfer_Encoding: chunked"),
        case(47, "two types", b"Content-Type: text/html\r\nContent-Type: text/plain"),
    ],
)
def test_case_47_fields_without_effect(fields: bytes) -> None:
    wired, response = read(OK + fields + b"\r\nContent-Length: 5\r\n\r\nhello")
    assert response.body == b"hello"
    assert wired.kept


# -- words


def test_an_error_says_what_where_and_why() -> None:
    wired = Wired()
    response = wired.send(Request("GET", "http://user:secret@example.com/a?b=c"))
    wired.feed(b"HTTP/1.1 200 OK\r\nX Y: z\r\n\r\n")
    text = str(response._error)
    assert "GET http://example.com/a?b=c" in text
    assert "secret" not in text
    assert "Invalid header token" in text
    assert "peer 192.0.2.7:8080, connection 1, request 1 on it, 27 bytes received" in text


def test_an_error_stays_the_same_inside_an_except_block() -> None:
    """httptools hands on what a callback raised as `__context__`, which Python replaces in here."""
    try:
        raise KeyError("unrelated")
    except KeyError:
        _, response = read(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        _, mended = read(OK + b"Content-Length: 5, 5\r\n\r\nhello")
        _, skipped = read(b"HTTP/1.1 103 X\r\nConnection: close\r\n\r\n" + FINAL)
    assert isinstance(response._error, ProtocolError)
    assert mended.body == skipped.body == b"hello"


def test_interim_responses_counted() -> None:
    for many, expected in ((3, 200), (4, 0)):
        wired = Wired(Reading(interims=3))
        response = wired.send()
        wired.feed(b"HTTP/1.1 103 X\r\n\r\n" * many + FINAL)
        assert getattr(response, "status", 0) == expected
    assert "more than 3 interim" in str(response._error)


def test_interim_responses_are_counted_for_each_request() -> None:
    wired = Wired(Reading(interims=1))
    for _ in range(3):
        response = wired.send()
        wired.feed(b"HTTP/1.1 103 X\r\n\r\n" + FINAL)
        assert response.body == b"hello"


def test_several_keep_alive_fields_are_each_read() -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(OK + b"Keep-Alive: timeout=5\r\nKeep-Alive: max=7\r\nContent-Length: 0\r\n\r\n")
    assert response.headers["Keep-Alive"] == "timeout=5, max=7"
    assert (wired.connection.hint, wired.connection.limit) == (5.0, 8)
