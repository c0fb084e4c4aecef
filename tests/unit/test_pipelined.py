"""A PipelinedConnection, fed by hand: who may go behind whom, what is written when, whose each answer is."""

from __future__ import annotations

from typing import Any

import pytest
from tests.feeding import Deaf
from tests.piped import EMPTY, OK, ORIGIN, Piped, answer, bodies, chunked, lost

from async_keepalive_httpc._connection.memory import PLAINS
from async_keepalive_httpc._connection.pipelined import may_follow
from async_keepalive_httpc._message.request import Request
from async_keepalive_httpc._message.response import Response
from async_keepalive_httpc.errors import ProtocolError, TooLarge

# -- when and how many


def test_nothing_is_sent_behind_the_first_request_of_a_connection() -> None:
    piped = Piped(fresh=True)
    piped.send("/a")
    assert piped.connection.capacity == 0
    assert piped.transport.writes == 1  # at once: nobody can come behind it
    piped.feed(EMPTY)
    assert piped.connection.capacity == 4
    assert piped.owner.heard == ["freed"]


def test_nothing_after_an_answer_in_http_1_0() -> None:
    piped = Piped(fresh=True)
    piped.send("/a")
    piped.feed(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n")
    assert piped.connection.capacity == 1
    piped.send("/b")
    assert piped.connection.capacity == 0
    piped.feed(EMPTY)
    assert piped.connection.capacity == 4


def test_as_deep_as_it_was_told() -> None:
    piped = Piped(depth=3)
    capacities = []
    for _ in range(3):
        piped.send()
        capacities.append(piped.connection.capacity)
    assert capacities == [2, 1, 0]
    piped.turn()
    assert piped.connection.capacity == 0
    piped.feed(EMPTY)
    assert piped.connection.capacity == 1
    piped.feed(EMPTY * 2)
    assert piped.connection.capacity == 3
    assert piped.owner.heard == ["room: 2", "room: 1", "freed"]


def test_no_deeper_than_the_server_will_answer() -> None:
    piped = Piped(depth=10)
    piped.send()
    piped.turn()
    piped.feed(OK + b"Keep-Alive: max=3\r\nContent-Length: 0\r\n\r\n")
    assert piped.connection.capacity == 3
    responses = piped.sent(2)
    assert piped.connection.capacity == 1
    responses += piped.sent(1)
    assert piped.connection.capacity == 0
    piped.feed(EMPTY)
    assert piped.connection.capacity == 0
    piped.feed(EMPTY * 2)
    assert bodies(responses) == [b""] * 3
    assert piped.owner.heard[-1] == "lost: max requests"


def test_what_is_sent_in_a_turn_is_one_write() -> None:
    piped = Piped()
    first, second = piped.send("/a"), piped.send("/b")
    assert piped.transport.written == b""
    assert (first._stage, second._stage) == ("unsent", "unsent")
    piped.turn()
    assert piped.transport.written == (
        b"GET /a HTTP/1.1\r\nHost: example.com\r\n\r\nGET /b HTTP/1.1\r\nHost: example.com\r\n\r\n"
    )
    assert piped.transport.writes == 1
    assert (first._stage, second._stage) == ("sent", "sent")
    piped.send("/c")
    piped.turn()
    assert piped.transport.writes == 2


@pytest.mark.parametrize(
    ("request_", "may"),
    [
        (Request("GET", ORIGIN), True),
        (Request("OPTIONS", ORIGIN), True),
        (Request("DELETE", ORIGIN), True),
        (Request("HEAD", ORIGIN), True),
        (Request("GET", ORIGIN, {"Accept": "text/upgrade: x"}), True),
        (Request("GET", ORIGIN, idempotent=False), False),
        (Request("GET", ORIGIN, {"Connection": "close"}), False),
        (Request("GET", ORIGIN, {"UPGRADE": "websocket"}), False),
        (Request("GET", ORIGIN, {"A": "b", "Upgrade": "h2c"}), False),
        (Request("GET", ORIGIN, body=b"x", allow_body=True), False),
        (Request("PUT", ORIGIN, body=b""), False),
        (Request("PUT", ORIGIN), False),
        (Request("PUT", ORIGIN, body=iter([b"x"])), False),
        (Request("POST", ORIGIN), False),
        (Request("POST", ORIGIN, {"Idempotency-Key": "1"}), False),
        (Request("POST", ORIGIN, idempotent=True).changed(length=None), False),
    ],
    ids=lambda value: repr(value) if isinstance(value, Request) else "",
)
def test_who_may_go_behind_others(request_: Request, may: bool) -> None:
    assert may_follow(Response().ask(request_, Any, Any, 0)) is may  # type: ignore[arg-type]


@pytest.mark.parametrize("last", [{"method": "HEAD"}, {"stream": True}, {"method": "POST"}])
def test_nothing_goes_behind_head_a_stream_or_a_body(last: dict[str, Any]) -> None:
    piped = Piped()
    piped.send("/", **last)
    piped.turn()
    assert piped.connection.capacity == 0
    piped.feed(EMPTY)
    assert piped.connection.capacity == 4
    assert piped.owner.heard == ["freed"] if last == {"method": "POST"} else ["room: 0", "freed"]


def test_head_goes_behind_others() -> None:
    piped = Piped()
    responses = [*piped.sent(1), piped.send("/", method="HEAD")]
    piped.turn()
    piped.feed(answer("a") + OK + b"Content-Length: 100\r\n\r\n")
    assert bodies(responses) == [b"a", b""]
    assert piped.connection.capacity == 4


def test_a_stream_goes_behind_others() -> None:
    piped = Piped()
    responses = [*piped.sent(1), stream := piped.send("/", stream=True)]
    piped.turn()
    piped.feed(answer("a") + answer("hello")[:-2])
    assert bodies(responses[:1]) == [b"a"]
    assert list(stream._pieces) == [b"hel"]
    piped.feed(b"lo")
    assert stream._complete
    assert piped.owner.heard[-1] == "freed"


# -- whose answer it is


ANSWERS = [
    answer("one"),
    chunked(b"two", b"2"),
    EMPTY,
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + answer("seven"),
    chunked(b"eight", trailer=b"A: b\r\n"),
    answer("nine"),
    answer("nine"),
    answer("nine"),
]
BODIES = [b"one", b"two2", b"", b"", b"", b"seven", b"eight", b"nine", b"nine", b"nine"]


def test_case_196_all_in_one_read() -> None:
    piped = Piped(depth=10)
    responses = piped.sent(10)
    piped.feed(b"".join(ANSWERS))
    assert bodies(responses) == BODIES
    assert piped.kept_idle


def test_case_196_one_byte_a_read() -> None:
    piped = Piped(depth=10)
    responses = piped.sent(10)
    piped.drip(b"".join(ANSWERS))
    assert bodies(responses) == BODIES
    assert piped.kept_idle


def test_case_196_cut_in_two_at_every_byte() -> None:
    data = b"".join(ANSWERS)
    for cut in range(1, len(data)):
        piped = Piped(depth=10)
        responses = piped.sent(10)
        piped.feed(data[:cut], data[cut:])
        assert bodies(responses) == BODIES, (data[:cut], data[cut:])
        assert piped.kept_idle


def test_one_is_sent_while_the_answer_before_it_comes() -> None:
    for raw in (answer(bytes(100)), chunked(b"x" * 50, b"y" * 50)):
        for cut in range(1, len(raw)):
            piped = Piped()
            first = piped.sent(1)
            piped.feed(raw[:cut])
            second = piped.sent(1)
            piped.feed(raw[cut:] + answer("b"))
            assert bodies(first + second)[1] == b"b"
            assert len(bodies(first)[0]) == 100
            assert piped.kept_idle


def test_heads_that_repeat_are_each_counted() -> None:
    piped = Piped(depth=100)
    responses = piped.sent(100)
    data = answer("same") * 60 + answer("other") * 20 + answer("same") * 20
    piped.feed(data[:1000], data[1000:1001], data[1001:])
    assert bodies(responses) == [b"same"] * 60 + [b"other"] * 20 + [b"same"] * 20
    assert piped.connection.served == 101
    assert piped.kept_idle


def test_answers_of_one_shape_need_no_parser() -> None:
    piped = Piped(depth=PLAINS)
    for first in (0, 1):
        responses = piped.sent(PLAINS)
        texts = [f"{first}{number}" * (number + 1) for number in range(PLAINS)]
        answers = [answer(text).replace(b"OK\r\n", b"OK\r\nX: %b\r\n" % text.encode()) for text in texts]
        piped.feed(b"".join(answers))
        assert bodies(responses) == [text.encode() for text in texts]
        assert [response.headers["X"] for response in responses] == texts
        piped.connection._parser = Deaf()
    assert piped.connection.served == 1 + 2 * PLAINS
    assert piped.kept_idle


def test_a_limit_on_the_body_holds_for_heads_that_repeat() -> None:
    piped = Piped()
    responses = [piped.send("/a"), piped.send("/b", limit=3), piped.send("/c")]
    piped.turn()
    piped.feed(answer("aaaa") * 3)
    assert bodies(responses) == [b"aaaa", "TooLarge", "ConnectionLost"]
    assert isinstance(responses[1]._error, TooLarge)
    assert lost(responses[2]) == ("sent", True)


# -- bytes too many


def test_case_197_more_answers_than_requests() -> None:
    piped = Piped()
    responses = piped.sent(2)
    piped.feed(answer("a") + answer("b") + answer("c"))
    assert bodies(responses) == [b"a", b"b"]
    assert piped.owner.heard[-1] == "lost: poisoned"


@pytest.mark.parametrize("unwritten", [0, 1])
def test_case_197_an_answer_is_not_for_what_is_not_written(unwritten: int) -> None:
    piped = Piped()
    responses = piped.sent(2)
    late = [piped.send("/late") for _ in range(unwritten)]
    piped.feed(EMPTY * 3)
    assert bodies(responses) == [b"", b""]
    assert [lost(response) for response in late] == [("unsent", True)] * unwritten
    assert piped.owner.heard[-1] == "lost: poisoned"
    piped.turn()
    assert b"/late" not in piped.transport.written


def test_bytes_before_anything_is_written() -> None:
    piped = Piped()
    response = piped.send()
    piped.feed(EMPTY)
    assert lost(response) == ("unsent", True)
    assert piped.owner.heard[-1] == "lost: poisoned"


@pytest.mark.parametrize("wrong", [b"garbage\r\n\r\n", OK + b"Content-Length: x\r\n\r\n", b"HTTP/1.1 101 X\r\n\r\n"])
def test_case_197_a_malformed_answer(wrong: bytes) -> None:
    piped = Piped()
    responses = piped.sent(4)
    piped.feed(answer("a") + wrong + answer("c") + answer("d"))
    assert bodies(responses) == [b"a", "ProtocolError", "ConnectionLost", "ConnectionLost"]
    assert isinstance(responses[1]._error, ProtocolError)
    assert [lost(response) for response in responses[2:]] == [("sent", True)] * 2
    assert piped.owner.heard[-1] == "lost: error"


def test_a_body_where_none_may_be() -> None:
    """It is taken for the next answer's head, which it is not: nobody gets it."""
    piped = Piped()
    responses = piped.sent(3)
    piped.feed(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello" + answer("b"))
    assert bodies(responses) == [b"", "ProtocolError", "ConnectionLost"]
