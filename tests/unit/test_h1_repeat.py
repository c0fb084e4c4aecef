"""H1Connection: a message that came before, byte for byte, is known without being parsed.

Each test compares with a connection that has no memory: one that was fed its first responses byte by byte.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.feeding import CHUNKED, OK, Deaf, Wired, all_of, ask, outcome
from tests.property.test_splits import BROKEN, CLOSED, KEPT

from async_keepalive_httpc._message.request import Request

HELLO = OK + b"Server: test\r\nContent-Length: 5\r\n\r\nhello"
EMPTY = OK + b"Content-Length: 0\r\n\r\n"
MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello"
URL = "http://example.com/path"


def primed(first: bytes, *, bytewise: bool = False) -> Wired:
    """A connection that has answered once."""
    wired = Wired()
    wired.send()
    if bytewise:
        wired.drip(first)
    else:
        wired.feed(first)
    assert wired.kept
    return wired


@pytest.mark.parametrize("message", [HELLO, EMPTY, HELLO[:-5] + b"other"], ids=["same", "empty", "other body"])
def test_a_repeated_message_is_not_parsed(message: bytes) -> None:
    wired = primed(EMPTY if message is EMPTY else HELLO)
    wired.connection._parser = Deaf()
    assert ask(wired, message) == ask(primed(HELLO, bytewise=True), message)
    assert wired.kept


def test_a_head_that_repeats_is_one_object_and_its_fields_are_read_once() -> None:
    wired = Wired()
    responses = []
    for message in (HELLO, HELLO, HELLO.replace(b"test", b"TEST"), HELLO):
        responses.append(wired.send())
        wired.feed(message)
    first, second, third, fourth = responses
    assert second._head is first._head
    assert second.headers is first.headers
    assert third._head is not first._head
    assert [response.headers["Server"] for response in responses] == ["test", "test", "TEST", "test"]
    assert fourth.headers == first.headers


@pytest.mark.parametrize(
    "first", [HELLO, MISSING, EMPTY, CHUNKED + b"0\r\n\r\n"], ids=["200", "404", "empty", "chunked"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("name", [*KEPT, *CLOSED, *BROKEN])
def test_what_follows_is_read_as_without_memory(first: bytes, method: str, name: str) -> None:
    message = {**KEPT, **CLOSED, **BROKEN}[name]
    assert ask(primed(first), message, method) == ask(primed(first, bytewise=True), message, method)


SAME = [HELLO, HELLO + b"\r\n", HELLO + b"x", HELLO[:-1], HELLO[:-5] + b"other", EMPTY, MISSING, HELLO + HELLO]
SAME += [OK + b"Server: tesu\r\nContent-Length: 5\r\n\r\nhello", OK + b"Server: test\r\nContent-Length: 4\r\n\r\nhello"]
ASKED = ["GET", "HEAD", Request("GET", URL, {"Connection": "close"}), Request("POST", URL, body=b"body")]


@given(st.lists(st.tuples(st.sampled_from(SAME), st.sampled_from(ASKED)), max_size=6))
def test_any_order_is_read_as_without_memory(exchanges: list[tuple[bytes, Request | str]]) -> None:
    wired, forgetful = Wired(), Wired()
    for message, request in exchanges:
        if not (wired.kept and forgetful.kept):
            break
        forgetful.connection._seen_size = 0
        assert ask(wired, message, request) == ask(forgetful, message, request)


def test_bytes_while_idle_are_nobodys_though_they_repeat() -> None:
    wired = primed(HELLO)
    wired.feed(HELLO)
    assert wired.owner.heard[-1] == "lost: poisoned"
    assert wired.transport.ended == "aborted"


def test_the_limit_of_a_body_counts() -> None:
    wired = primed(HELLO)
    response = wired.send(limit=4)
    wired.feed(HELLO)
    assert outcome(response) == ("TooLarge",)


def test_the_last_request_of_a_connection() -> None:
    wired = Wired()
    wired.connection.limit = 2
    for _ in range(2):
        response = wired.send()
        wired.feed(HELLO)
        assert response.body == b"hello"
    assert wired.owner.heard == ["freed", "lost: max requests"]


def test_a_stream_gets_its_pieces(run: Any) -> None:
    async def main() -> None:
        wired = primed(HELLO)
        response = wired.send(stream=True)
        wired.feed(HELLO)
        assert await all_of(response) == [b"hello"]
        assert wired.kept

    run(main())


def test_after_a_head_that_is_not_plain_nothing_is_remembered() -> None:
    """The parser that took over may read a head as long as the last plain one, and a longer body."""
    wired = primed(HELLO)
    ask(wired, CHUNKED + b"5\r\nhello\r\n0\r\n\r\n")
    ask(wired, HELLO.replace(b"Length: 5", b"Length: 6") + b"!")
    result, kept, heard = ask(wired, HELLO + b"!")
    assert (result[3], kept, heard) == (b"hello", False, ["lost: poisoned"])


def test_a_body_in_a_read_of_its_own_is_no_message() -> None:
    """A head that is not plain is not remembered: what is read behind it is not a message without one."""
    wired = primed(CHUNKED + b"0\r\n\r\n")
    response = wired.send()
    wired.feed(OK + b"Content-Length: 4\r\n\r\n", b"body")
    assert response.body == b"body"
    following = wired.send()
    wired.feed(HELLO[:4])
    assert outcome(following) == ("waiting",)
    wired.feed(HELLO[4:])
    assert following.body == b"hello"
