"""H1Connection: a message whose head differs from those before it only in values is known without being parsed.

Each test compares with a connection that has learned no shape.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.feeding import CHUNKED, OK, Deaf, Wired, all_of, ask, outcome
from tests.property.test_splits import BROKEN, CLOSED, KEPT

from async_keepalive_httpc._connection.h1 import PLAINS
from async_keepalive_httpc._connection.shape import MAX_SHAPED, shape_of
from async_keepalive_httpc._message.limits import Reading
from async_keepalive_httpc._message.request import Request
from async_keepalive_httpc._message.response import Head
from async_keepalive_httpc._policy.digest import Digest

URL = "http://example.com/path"


def answer(number: object, body: bytes = b"hello", rest: bytes = b"") -> bytes:
    """One of the answers of a server that numbers them."""
    head = b"Server: test\r\nX-Request-Id: %b\r\nContent-Length: %d\r\nConnection: keep-alive\r\n"
    return OK + head % (str(number).encode("latin-1"), len(body)) + rest + b"\r\n" + body


def taught(reading: Reading | None = None, *, rest: bytes = b"", request: Request | str = "GET") -> Wired:
    """A connection that knows the shape of such answers."""
    wired = Wired(reading)
    for number in range(PLAINS):
        response = wired.send(request)
        wired.feed(answer(number, rest=rest))
        assert response.body == b"hello"
    assert wired.connection._shape is not None
    return wired


def deaf(wired: Wired) -> Wired:
    """It cannot parse any more."""
    wired.connection._parser = Deaf()
    return wired


def untaught() -> Wired:
    """A connection that has answered once, to which all is new."""
    wired = Wired()
    wired.send()
    wired.drip(answer("first"))
    return wired


@pytest.mark.parametrize(
    "body", [b"hello", b"", b"another", b"x" * 100_000], ids=["as long", "empty", "longer", "long"]
)
def test_a_message_of_a_known_shape_is_not_parsed(body: bytes) -> None:
    wired = deaf(taught())
    for number in ("a", "another", "\xff\t~", ""):
        response = wired.send()
        wired.feed(answer(number, body))
        assert outcome(response) == ask(untaught(), answer(number, body))[0]
        assert response.headers["X-Request-Id"] == number.strip()
        assert (response.http_version, response.reason) == ("1.1", "OK")
    assert wired.kept


def test_the_first_answers_of_a_connection_are_parsed() -> None:
    wired = Wired()
    for number in range(PLAINS - 1):
        wired.send()
        wired.feed(answer(number))
    assert wired.connection._shape is None


def test_an_answer_that_comes_twice_is_compared_from_then_on() -> None:
    wired = deaf(taught())
    heads = []
    for number in (1, 2, 2, 2, 2):
        response = wired.send()
        wired.feed(answer(number))
        heads.append(response._head)
    assert heads[2] is not heads[1]
    assert heads[4] is heads[3] is heads[2]


def test_another_shape_is_learned_when_it_has_come_as_often_again() -> None:
    wired = taught()
    for number in range(PLAINS):
        wired.send()
        wired.feed(answer(number, rest=b"ETag: x\r\n"))
    assert ask(deaf(wired), answer("more", rest=b"ETag: y\r\n"))[0][3] == b"hello"


def test_a_body_sent_by_post() -> None:
    post = Request("POST", URL, body=b"body")
    wired = deaf(taught(request=post))
    assert ask(wired, answer("more"), post)[0][3] == b"hello"
    wired.transport.unsent = 1  # the server answers early
    wired.send(post)
    with pytest.raises(AssertionError, match="parsed"):
        wired.feed(answer("early"))


ASKED: dict[str, Request | str] = {
    "GET": "GET",
    "HEAD": "HEAD",
    "close": Request("GET", URL, {"Connection": "close"}),
    "POST": Request("POST", URL, body=b"body"),
    "PUT, empty": Request("PUT", URL, body=b""),
}


@pytest.mark.parametrize("method", ASKED)
@pytest.mark.parametrize("name", [*KEPT, *CLOSED, *BROKEN])
def test_other_messages_are_read_as_without_it(method: str, name: str) -> None:
    message = {**KEPT, **CLOSED, **BROKEN}[name]
    request = ASKED[method]
    assert ask(taught(), message, request) == ask(untaught(), message, request)


CHANGES = {
    "status": (b"200 OK", b"404 Not Found"),
    "reason": (b"200 OK", b"200 Fine"),
    "version": (b"HTTP/1.1", b"HTTP/1.0"),
    "name": (b"X-Request-Id", b"X-Request-Ib"),
    "case": (b"X-Request-Id", b"x-request-id"),
    "close": (b"keep-alive", b"close"),
    "no length": (b"Content-Length: 5\r\n", b""),
    "another field": (b"Server", b"Via: x\r\nServer"),
    "fewer fields": (b"Server: test\r\n", b""),
    "coding": (b"Server: test", b"Transfer-Encoding: chunked"),
    "length twice": (b"Server: test", b"Content-Length: 5"),
    "longer": (b": 5", b": 6"),
    "shorter": (b": 5", b": 4"),
    "signed": (b": 5", b": +5"),
    "zeros": (b": 5", b": 0005"),
    "spaces": (b": 5", b":  5 "),
    "hexadecimal": (b": 5", b": 0x5"),
    "no space": (b": 5", b":5"),
    "list": (b": 5", b": 5, 5"),
    "a number of twenty digits": (b": 5", b": 00000000000000000005"),
    "bare LF": (b"test\r\n", b"test\n"),
    "bare CR": (b"test\r\n", b"te\rst\r\n"),
    "fold": (b"test\r\n", b"test\r\n folded\r\n"),
    "space before colon": (b"Server:", b"Server :"),
    "end of the head inside": (b"test\r\n", b"test\r\n\r\n"),
    "cut": (b"hello", b"hell"),
    "extra": (b"hello", b"hello!"),
    "a second message": (b"hello", b"hello" + answer(2)),
    "interim": (b"HTTP/1.1 200", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"),
    "other protocol": (b"HTTP/1.1", b"ICE/1.1"),
}


@pytest.mark.parametrize("method", ASKED)
@pytest.mark.parametrize("name", CHANGES)
def test_what_differs_otherwise_is_read_as_without_it(name: str, method: str) -> None:
    old, new = CHANGES[name]
    message = answer(1).replace(old, new)
    assert message != answer(1)
    request = ASKED[method]
    assert ask(taught(), message, request) == ask(untaught(), message, request)


@pytest.mark.parametrize("byte", range(256))
def test_every_byte_in_a_value(byte: int) -> None:
    """Law: what a shape takes, the parser takes, and makes the same of."""
    message = answer("a?b").replace(b"?", bytes([byte]))
    assert ask(taught(), message) == ask(untaught(), message)


@pytest.mark.parametrize("byte", range(256))
def test_every_byte_in_the_length(byte: int) -> None:
    message = answer(1).replace(b"Length: 5", b"Length: 5" + bytes([byte]))
    assert ask(taught(), message) == ask(untaught(), message)


VALUES = st.one_of(
    st.binary(max_size=8), st.sampled_from([b"", b"close", b"\r\n", b"\r\n\r\n", b"Content-Length: 1\r\n"])
)


@given(VALUES, VALUES, st.binary(max_size=6), st.integers(0, 7), st.sampled_from(sorted(ASKED)))
@example(b"a", b"b", b"hello", 5, "GET")
def test_any_values_are_read_as_without_it(first: bytes, second: bytes, body: bytes, length: int, name: str) -> None:
    head = b"Server: %b\r\nX-Request-Id: %b\r\nContent-Length: %d\r\nConnection: keep-alive\r\n\r\n"
    message = OK + head % (first, second, length) + body
    request = ASKED[name]
    assert ask(taught(), message, request) == ask(untaught(), message, request)


def test_the_limits_count() -> None:
    small = Reading(header_size=len(answer(0)) + 20)
    wired = taught(small)
    assert ask(wired, answer("x" * 40))[0] == ("TooLarge",)
    wired = taught()
    response = wired.send(limit=4)
    wired.feed(answer("more"))
    assert outcome(response) == ("TooLarge",)


def test_the_answer_to_a_digest_is_looked_at() -> None:
    request = Request("GET", URL)
    request.auth = Digest("user", "secret")
    wired = deaf(taught())
    wired.send(request)
    with pytest.raises(AssertionError, match="parsed"):
        wired.feed(answer("more"))


def test_a_connection_with_a_last_request_learns_none() -> None:
    wired = Wired()
    wired.connection.limit = 2 * PLAINS
    for number in range(PLAINS):
        wired.send()
        wired.feed(answer(number))
    assert wired.connection._shape is None
    answers = taught(rest=b"Keep-Alive: timeout=5\r\n")
    assert answers.connection.hint == 5
    assert ask(answers, answer(1, rest=b"Keep-Alive: timeout=6, max=0\r\n"))[2] == ["lost: max requests"]
    assert answers.connection.hint == 6


def test_a_stream_gets_its_pieces(run: Any) -> None:
    async def main() -> None:
        wired = deaf(taught())
        response = wired.send(stream=True)
        wired.feed(answer("more"))
        assert await all_of(response) == [b"hello"]
        assert wired.kept

    run(main())


def test_a_message_in_two_reads_is_parsed() -> None:
    wired = taught()
    for cut in range(1, len(answer("more"))):
        response = wired.send()
        wired.feed(answer("more")[:cut], answer("more")[cut:])
        assert response.body == b"hello"
        assert wired.kept


def test_after_a_head_that_is_not_plain_the_shape_is_forgotten() -> None:
    wired = taught()
    ask(wired, CHUNKED + b"5\r\nhello\r\n0\r\n\r\n")
    assert wired.connection._shape is None
    assert ask(wired, answer("more"))[0][3] == b"hello"


@pytest.mark.parametrize(
    "raw",
    [
        [(b"Content-Length", b"5")],
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: %b\r\n\r\n" % (b"x" * MAX_SHAPED),
        b"HTTP/1.1 200 OK\r\nContent-Length: 5 \r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n",
    ],
    ids=["in pairs", "too long", "space behind the length", "without a length"],
)
def test_heads_without_a_shape(raw: Any) -> None:
    assert shape_of(Head(200, "OK", "1.1", raw, 0)) is None


def test_a_name_is_no_pattern() -> None:
    shape = shape_of(Head(200, "OK", "1.1", b"HTTP/1.1 200 O.\r\nA.b: c\r\nContent-Length: 5\r\n\r\n", 0))
    assert shape is not None
    for message in (
        b"HTTP/1.1 200 OK\r\nA.b: c\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 O.\r\nAxb: c\r\nContent-Length: 5\r\n\r\n",
    ):
        assert shape.match(message, 0, len(message)) is None
