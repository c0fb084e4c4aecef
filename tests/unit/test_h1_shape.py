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

from async_keepalive_httpc._connection.memory import PLAINS, SHAPES
from async_keepalive_httpc._connection.shape import MAX_SHAPED, shape_of
from async_keepalive_httpc._message.fields import CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING
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
    assert wired.connection._shapes
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
    assert not wired.connection._shapes


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


def test_the_last_request_of_a_connection() -> None:
    wired = Wired()
    wired.connection.limit = PLAINS + 3
    for number in range(PLAINS + 3):
        response = wired.send()
        wired.feed(answer(min(number, PLAINS)))  # the last ones are the same
        assert response.body == b"hello"
    assert wired.connection._shapes
    assert wired.owner.heard == ["freed"] * (PLAINS + 2) + ["lost: max requests"]


HINTS = [
    b"timeout=5, max=50",
    b"timeout=6, max=3",
    b"timeout=5",
    b"max=2",
    b"max=1",
    b"max=0",
    b"timeout=0",
    b"",
    b"nonsense",
    b"timeout=x, max=-1",
    b"timeout=5, max=50\r\nKeep-Alive: max=0",
    b"timeout=5, max=50\r\n folded",
    b"timeout=5\x00",
]


@pytest.mark.parametrize("kind", ["length", "chunks"])
@pytest.mark.parametrize("hint", HINTS)
def test_hints_are_taken(hint: bytes, kind: str) -> None:
    def message(number: object, value: bytes) -> bytes:
        made = answer(number) if kind == "length" else chunks(number)
        return made.replace(b"X-Request", b"Keep-Alive: %b\r\nX-Request" % value)

    found = []
    for teach in (True, False):
        wired = Wired()
        for number in range(1 + PLAINS):
            wired.send()
            wired.feed(message(number, b"timeout=9, max=%d" % (200 - number)))
            if not teach:
                wired.connection._forget()
                wired.connection._plains = 0
        assert bool(wired.connection._shapes) == teach
        if teach and hint == HINTS[0]:
            deaf(wired)
        told = [ask(wired, message(99, hint))]
        while wired.kept and len(told) < 4:
            told.append(ask(wired, message(100, HINTS[0])))
        found.append((told, wired.connection.hint, wired.connection.limit))
    assert found[0] == found[1]


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
    assert not wired.connection._shapes
    assert ask(wired, answer("more"))[0][3] == b"hello"


# -- chunks


def chunks(number: object, framed: bytes = b"5\r\nhello\r\n0\r\n\r\n") -> bytes:
    """One of the answers of a server that numbers them, and sends what it has."""
    head = b"Server: test\r\nX-Request-Id: %b\r\nTransfer-Encoding: chunked\r\n\r\n"
    return OK + head % str(number).encode() + framed


def taught_chunks() -> Wired:
    """A connection that knows the shape of such answers."""
    wired = Wired()
    for number in range(1 + PLAINS):  # with the first one another parser takes over
        response = wired.send()
        wired.feed(chunks(number))
        assert response.body == b"hello"
    assert wired.connection._shapes
    return wired


def untaught_chunks() -> Wired:
    """A connection that has had one, byte by byte."""
    wired = Wired()
    wired.send()
    wired.drip(chunks("first"))
    return wired


@pytest.mark.parametrize("size", [1, 5, 10, 15, 16, 255, 256, 4096, 100_000])
def test_one_chunk_of_a_known_shape_is_not_parsed(size: int) -> None:
    wired = deaf(taught_chunks())
    body = (b"\r\n0\r\n\r\n" * size)[:size]
    for number, form in (("a", b"%x"), ("another", b"%X")):
        response = wired.send()
        wired.feed(chunks(number, form % size + b"\r\n" + body + b"\r\n0\r\n\r\n"))
        assert response.body == body
        assert response.headers["X-Request-Id"] == number
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert (response.trailers, response.status) == ({}, 200)
    assert wired.kept


FRAMED = {
    "empty": b"0\r\n\r\n",
    "empty, then the end again": b"0\r\n\r\n0\r\n\r\n",
    "zeros first": b"05\r\nhello\r\n0\r\n\r\n",
    "many zeros": b"0000000000000000005\r\nhello\r\n0\r\n\r\n",
    "two chunks": b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    "two chunks that look like one": b"2\r\nhe\r\n0\r\n\r\n3\r\nllo\r\n0\r\n\r\n",
    "extension": b"5;a=b\r\nhello\r\n0\r\n\r\n",
    "extension of the last": b"5\r\nhello\r\n0;a=b\r\n\r\n",
    "trailer": b"5\r\nhello\r\n0\r\nA: b\r\n\r\n",
    "two zeros at the end": b"5\r\nhello\r\n00\r\n\r\n",
    "too short": b"6\r\nhello\r\n0\r\n\r\n",
    "too long": b"4\r\nhello\r\n0\r\n\r\n",
    "far too long": b"ffffff\r\nhello\r\n0\r\n\r\n",
    "no number": b"g\r\nhello\r\n0\r\n\r\n",
    "negative": b"-5\r\nhello\r\n0\r\n\r\n",
    "prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "space before": b" 5\r\nhello\r\n0\r\n\r\n",
    "space behind": b"5 \r\nhello\r\n0\r\n\r\n",
    "bare LF": b"5\nhello\r\n0\r\n\r\n",
    "bare LF behind": b"5\r\nhello\n0\r\n\r\n",
    "bare LF at the end": b"5\r\nhello\r\n0\r\n\n",
    "no end": b"5\r\nhello\r\n",
    "half an end": b"5\r\nhello\r\n0\r\n",
    "extra": b"5\r\nhello\r\n0\r\n\r\nx",
    "a second message": b"5\r\nhello\r\n0\r\n\r\n" + chunks(2),
    "the end inside": b"c\r\nhello\r\n0\r\n\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("method", ASKED)
@pytest.mark.parametrize("name", FRAMED)
def test_other_chunks_are_read_as_without_it(name: str, method: str) -> None:
    message = chunks(1, FRAMED[name])
    request = ASKED[method]
    assert ask(taught_chunks(), message, request) == ask(untaught_chunks(), message, request)


HEADS = {
    "coding before": (b"chunked", b"gzip, chunked"),
    "in capitals": (b"chunked", b"Chunked"),
    "coding behind": (b"chunked", b"chunked, gzip"),
    "tab": (b"chunked", b"chunked\t"),
    "length beside": (b"Server: test", b"Content-Length: 5"),
    "length only": (b"Transfer-Encoding: chunked", b"Content-Length: 16"),
    "twice": (b"Server: test", b"Transfer-Encoding: chunked"),
    "gzip": (b"Server: test", b"Content-Encoding: gzip"),
    "close": (b"Server: test", b"Connection: close"),
    "HTTP/1.0": (b"HTTP/1.1", b"HTTP/1.0"),
    "no content": (b"200 OK", b"204 No Content"),
}


@pytest.mark.parametrize("method", ASKED)
@pytest.mark.parametrize("name", HEADS)
def test_other_heads_of_chunks_are_read_as_without_it(name: str, method: str) -> None:
    message = chunks(1).replace(*HEADS[name])
    assert message != chunks(1)
    request = ASKED[method]
    assert ask(taught_chunks(), message, request) == ask(untaught_chunks(), message, request)


@pytest.mark.parametrize("place", [b"5?\r\nhello\r\n0", b"?\r\nhello\r\n0", b"5\r\nhello\r\n?", b"5\r\nhello\r\n0?"])
def test_every_byte_around_a_chunk(place: bytes) -> None:
    for byte in range(256):
        message = chunks(1, place.replace(b"?", bytes([byte])) + b"\r\n\r\n")
        assert ask(taught_chunks(), message) == ask(untaught_chunks(), message), byte


PIECES = st.sampled_from(
    [b"0", b"1", b"5", b"\r\n", b"\r", b"\n", b"hello", b"x", b";", b"0\r\n\r\n", b"A: b", b"1\r\nx\r\n"]
)


@given(st.lists(PIECES, max_size=10).map(b"".join))
def test_any_framing_is_read_as_without_it(framed: bytes) -> None:
    assert ask(taught_chunks(), chunks(1, framed)) == ask(untaught_chunks(), chunks(1, framed))


# -- several shapes

KINDS = [
    answer,
    chunks,
    lambda number: answer(number, rest=b"ETag: x\r\n"),
    lambda number: answer("same"),
    lambda number: chunks(number, FRAMED["two chunks"]),
    lambda number: answer(number).replace(b"200 OK", b"404 Not Found"),
    lambda number: answer(number).replace(b"200 OK", b"201 Created"),
    lambda number: answer(number, b"longer" * 9),
]


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(sorted(ASKED))), min_size=1, max_size=70))
def test_any_order_is_read_as_without_memory(exchanges: list[tuple[Any, str]]) -> None:
    wired, forgetful = Wired(), Wired()
    for number, (kind, name) in enumerate(exchanges):
        if not (wired.kept and forgetful.kept):
            break
        message = kind(number)
        if name == "HEAD":
            message = message[: message.index(b"\r\n\r\n") + 4]
        forgetful.connection._forget()
        forgetful.connection._plains = 0
        assert ask(wired, message, ASKED[name]) == ask(forgetful, message, ASKED[name])


def test_shapes_are_few_and_the_newest_is_asked_first() -> None:
    wired = taught()
    for number in range(PLAINS, 2**9 * PLAINS):
        wired.send()
        wired.feed(answer(number, rest=b"X-%d: x\r\n" % number))
        assert len(wired.connection._shapes) <= SHAPES
    newest = 2**8 * PLAINS - 1
    assert ask(deaf(wired), answer("more", rest=b"X-%d: y\r\n" % newest))[0][3] == b"hello"


LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
CODED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("raw", "kinds"),
    [
        (LENGTH[:-2] + b"A: %b\r\n\r\n" % (b"x" * MAX_SHAPED), CONTENT_LENGTH),
        (LENGTH.replace(b"5", b"5 "), CONTENT_LENGTH),
        (LENGTH, TRANSFER_ENCODING),
        (LENGTH, CONTENT_LENGTH | CONTENT_ENCODING),
        (CODED, CONTENT_LENGTH),
        (CODED, CONTENT_LENGTH | TRANSFER_ENCODING),
        (b"\r\n" + LENGTH, CONTENT_LENGTH),
        (LENGTH.replace(b"1.1", b"1.0"), CONTENT_LENGTH),
    ],
    ids=["too long", "space", "no coding", "more", "no length", "both", "empty line first", "1.0"],
)
def test_heads_without_a_shape(raw: bytes, kinds: int) -> None:
    assert shape_of(Head(200, "OK", "1.1", raw, kinds), raw) is None


def test_a_name_is_no_pattern() -> None:
    raw = LENGTH.replace(b"OK", b"O.").replace(b"Content", b"A.b: c\r\nContent")
    shape = shape_of(Head(200, "O.", "1.1", raw, CONTENT_LENGTH), raw)
    assert shape is not None
    assert shape.match(raw, 0, len(raw))
    for message in (raw.replace(b"O.", b"OK"), raw.replace(b"A.b", b"Axb")):
        assert shape.match(message, 0, len(message)) is None
