"""Where a message ends in what was read; and that a wrong guess never is beyond what llhttp would take."""

from __future__ import annotations

import pytest
from tests.piped import EMPTY, OK, answer, chunked

from async_keepalive_httpc._connection.boundary import LENGTH, OPEN, SIZE, START, TRAILER, Boundary

NEXT = b"HTTP/1.1 200 OK\r\n"
MESSAGES = {
    "a length": answer(b"hello"),
    "no length": EMPTY,
    "a length in lower case": OK + b"content-length:5\r\n\r\nhello",
    "a length in spaces": OK + b"CONTENT-LENGTH: \t 5 \t\r\n\r\nhello",
    "a length twice": OK + b"Content-Length: 5, 5\r\n\r\nhello",
    "204": b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
    "304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    "empty lines before": b"\r\n\r\n\r\n" + answer(b"hello"),
    "chunks": chunked(b"hello", b"\r\n\r\n", b"x" * 300),
    "no chunk": chunked(),
    "chunk extensions": OK + b"transfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0;c\r\n\r\n",
    "a trailer": chunked(b"hello", trailer=b"A: b\r\nC: d\r\n"),
    "chunks and a length": OK + b"Content-Type: a\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n1\r\nx\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", MESSAGES)
def test_the_end_of_a_message(name: str) -> None:
    message = MESSAGES[name]
    boundary = Boundary()
    assert boundary.walk(message + NEXT, 0) == len(message)
    assert boundary.state == START
    assert boundary.walk(b"abc" + message + NEXT, 3) == 3 + len(message)


@pytest.mark.parametrize("name", MESSAGES)
def test_cut_in_two_at_every_byte(name: str) -> None:
    message = MESSAGES[name]
    for cut in range(1, len(message)):
        boundary = Boundary()
        assert boundary.walk(message[:cut], 0) == cut
        assert boundary.walk(message[cut:] + NEXT, 0) == len(message) - cut, (message[:cut], message[cut:])
        assert boundary.state == START


@pytest.mark.parametrize("name", MESSAGES)
def test_one_byte_a_read(name: str) -> None:
    boundary = Boundary()
    message = MESSAGES[name]
    states = []
    for place in range(len(message)):
        assert boundary.walk(message[place : place + 1], 0) == 1
        states.append(boundary.state)
    assert boundary.walk(EMPTY, 0) == len(EMPTY)
    assert states[-1] == START


def test_an_interim_response_is_a_piece_of_its_own() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    boundary = Boundary()
    assert boundary.walk(interim + EMPTY, 0) == len(interim)
    assert boundary.walk(interim + EMPTY, len(interim)) == len(interim) + len(EMPTY)


@pytest.mark.parametrize(
    "message",
    [
        OK + b"\r\nbody",
        OK + b"Content-Length:\r\n\r\nbody",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nhello\r\n0\r\n\r\n",
    ],
)
def test_what_has_no_end_takes_all(message: bytes) -> None:
    boundary = Boundary()
    assert boundary.walk(message + NEXT, 0) == len(message + NEXT)
    assert boundary.state == OPEN
    assert boundary.walk(NEXT, 0) == len(NEXT)
    boundary.follow(memoryview(NEXT), 3)
    assert boundary.state == OPEN


@pytest.mark.parametrize("length", [b"x", b"-5", b"5 5", b"9" * 5000])
def test_what_is_no_length_ends_with_the_head(length: bytes) -> None:
    """llhttp refuses it there."""
    head = OK + b"Content-Length: " + length + b"\r\n\r\n"
    assert Boundary().walk(head + b"hello", 0) == len(head)


def test_what_is_no_head() -> None:
    assert Boundary().walk(b"garbage\r\n\r\nmore", 0) == len(b"garbage\r\n\r\n")


def test_what_is_followed_is_not_cut() -> None:
    boundary = Boundary()
    boundary.follow(memoryview(answer(bytes(100))), 60)
    assert boundary.state == LENGTH
    left = len(answer(bytes(100))) - 60
    boundary.follow(memoryview(bytes(100)), left - 1)
    assert boundary.walk(b"\0" + NEXT, 0) == 1
    assert boundary.state == START


def test_the_states_of_chunks() -> None:
    boundary = Boundary()
    states = []
    for piece in (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"2\r\n", b"ab\r\n", b"0\r\n", b"A: b\r\n", b"\r\n"):
        boundary.walk(piece, 0)
        states.append(boundary.state)
    assert states == [SIZE, LENGTH, SIZE, TRAILER, TRAILER, START]
    boundary.walk(OK + b"Content-Length: 9\r\n\r\nabc", 0)
    boundary.reset()
    assert boundary.walk(EMPTY + NEXT, 0) == len(EMPTY)
