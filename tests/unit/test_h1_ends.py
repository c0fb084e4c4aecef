"""H1Connection: how it ends, what is kept, and that no answer reaches a request that it was not for.

The numbers are those of the table of faults and attacks: 2.1 (3-5) and 2.8.
"""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from tests.feeding import CHUNKED, OK, PEER, Once, RecordingOwner, RecordingTransport, Wired, case, outcome

from async_keepalive_httpc._connection.h1 import H1Connection
from async_keepalive_httpc._message.limits import Reading, Timeout
from async_keepalive_httpc._message.request import Request
from async_keepalive_httpc._message.response import Response
from async_keepalive_httpc.errors import ConnectionLost, ProtocolError

FINAL = OK + b"Content-Length: 5\r\n\r\nhello"


class Notified:
    """What stands for the ssl object of a TLS transport."""

    def __init__(self, notified: bool) -> None:
        self.notified = notified


# -- the end of the stream


def test_case_3_no_length_until_the_end() -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(OK + b"\r\nhel", b"lo")
    assert response._waiter is not None  # case 5: it waits as long as the connection stays open
    wired.end()
    assert response.body == b"hello"
    assert wired.owner.heard == ["lost: server", "gone"]


def test_case_3_an_empty_body_until_the_end() -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(OK + b"\r\n")
    wired.end()
    assert (response.status, response.body) == (200, b"")


def test_case_4_no_length_and_a_reset() -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(OK + b"\r\nhello")
    error = ConnectionResetError("reset by peer")
    wired.end(error)
    assert isinstance(response._error, ConnectionLost)
    assert response._error.__cause__ is error
    assert wired.owner.heard == ["lost: lost", "gone"]


@pytest.mark.parametrize(
    ("notified", "strict", "good"), [(True, True, True), (False, True, False), (False, False, True)]
)
def test_until_close_over_tls(notified: bool, strict: bool, good: bool) -> None:
    transport = RecordingTransport({"peername": PEER, "ssl_object": Notified(notified)})
    wired = Wired(Reading(strict_tls_eof=strict), transport=transport)
    response = wired.send()
    wired.feed(OK + b"\r\nhello")
    wired.end()
    if good:
        assert response.body == b"hello"
    else:
        assert isinstance(response._error, ConnectionLost)
        assert "close_notify" in str(response._error)
        assert "strict_tls_eof" in str(response._error)


def test_until_close_over_a_context_of_the_callers_own() -> None:
    transport = RecordingTransport({"peername": PEER, "ssl_object": object()})
    wired = Wired(transport=transport)
    response = wired.send()
    wired.feed(OK + b"\r\nhello")
    wired.end()
    assert response.body == b"hello"


def test_a_delimited_body_needs_no_close_notify() -> None:
    wired = Wired(transport=RecordingTransport({"peername": PEER, "ssl_object": Notified(False)}))
    response = wired.send()
    wired.feed(OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello")
    wired.end()
    assert response.body == b"hello"


STATES = {
    "nothing": (b"", "sent"),
    "an empty line": (b"\r\n", "responding"),
    "status line": (b"HTTP/1.1 2", "responding"),
    "head": (OK + b"X: y", "responding"),
    "interim": (b"HTTP/1.1 100 Continue\r\n\r\n", "responding"),
    "length": (OK + b"Content-Length: 5\r\n\r\nhell", "responding"),
    "chunked": (CHUNKED + b"5\r\nhell", "responding"),
    "mending": (OK + b"Content-Length: 5, 5\r\n", "responding"),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize("reused", [False, True], ids=["fresh", "reused"])
def test_the_end_in_every_state(state: str, reset: bool, reused: bool) -> None:
    data, stage = STATES[state]
    wired = Wired()
    if reused:
        wired.send()
        wired.feed(FINAL)
    response = wired.send()
    wired.feed(data)
    error = ConnectionResetError("reset") if reset else None
    wired.end(error)
    lost = response._error
    assert isinstance(lost, ConnectionLost)
    assert (lost.stage, lost.reused) == (stage, reused)
    assert lost.__cause__ is error
    assert wired.owner.heard[-2:] == ["lost: lost", "gone"]
    assert wired.connection.is_gone


def test_the_socket_is_closed_without_a_word() -> None:
    """uvloop reports a bare FIN under TLS as connection_lost(None), without eof_received."""
    wired = Wired()
    response = wired.send()
    wired.connection.connection_lost(None)
    assert isinstance(response._error, ConnectionLost)
    assert response._error.stage == "sent"
    assert wired.owner.heard == ["lost: lost", "gone"]


# -- nothing but the answer


EXTRA = {
    "one byte": b"x",
    "garbage": b"\x00\xff garbage",
    "a second response": FINAL,
    "five responses": FINAL * 5,
    "an interim response": b"HTTP/1.1 100 Continue\r\n\r\n",
    "a last chunk": b"0\r\n\r\n",
    "half a status line": b"HTTP/1.",
}
ANSWERS = {
    "length": (FINAL, b"hello"),
    "empty": (OK + b"Content-Length: 0\r\n\r\n", b""),
    "chunked": (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    "trailer": (CHUNKED + b"5\r\nhello\r\n0\r\nA: b\r\n\r\n", b"hello"),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "close": (OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "mended": (OK + b"Content-Length: 5, 5\r\n\r\nhello", b"hello"),
    "after an odd interim": (b"HTTP/1.0 103 X\r\n\r\n" + FINAL, b"hello"),
}


@pytest.mark.parametrize("extra", EXTRA)
@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("reused", [False, True], ids=["case-71-fresh", "case-72-reused"])
@pytest.mark.parametrize("later", [False, True], ids=["same-read", "next-read"])
def test_extra_bytes_close_and_never_answer(answer: str, extra: str, reused: bool, later: bool) -> None:
    data, body = ANSWERS[answer]
    wired = Wired()
    if reused:
        wired.send()
        wired.feed(FINAL)
    response = wired.send()
    wired.feed(*([data, EXTRA[extra]] if later else [data + EXTRA[extra]]))
    assert response._error is None
    assert response.body == body
    assert wired.transport.ended
    assert wired.connection.capacity == 0
    assert [word for word in wired.owner.heard if word.startswith("lost")] in (
        ["lost: poisoned"],
        ["lost: server"],
    )


@pytest.mark.parametrize("answer", ANSWERS)
def test_case_73_an_extra_crlf_does_no_harm(answer: str) -> None:
    data, body = ANSWERS[answer]
    wired = Wired()
    response = wired.send()
    wired.feed(data + b"\r\n")
    assert response.body == body
    if wired.kept:
        following = wired.send()
        wired.feed(FINAL)
        assert following.body == b"hello"


@pytest.mark.parametrize(
    "data",
    [
        case(74, "response", FINAL),
        case(74, "408", b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        case(74, "part of a line", b"HTTP/1.1 20"),
        case(74, "one byte", b"\x00"),
        case(74, "100", b"HTTP/1.1 100 Continue\r\n\r\n"),
        case(74, "CRLF", b"\r\n"),
        case(77, "banner", b"220 ready\r\n"),
    ],
)
@pytest.mark.parametrize("reused", [False, True], ids=["fresh", "reused"])
def test_bytes_on_an_idle_connection_close_it(data: bytes, reused: bool) -> None:
    wired = Wired()
    if reused:
        wired.send()
        wired.feed(FINAL)
    wired.feed(data)
    assert wired.transport.ended == "aborted"
    assert wired.owner.heard[-1] == "lost: poisoned"
    wired.end()
    assert wired.owner.heard[-1] == "gone"


@pytest.mark.parametrize("reset", [False, True], ids=["case-75-FIN", "case-75-RST"])
def test_the_end_of_an_idle_connection(reset: bool) -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(FINAL)
    wired.end(ConnectionResetError("reset") if reset else None)
    assert response.body == b"hello"  # case 76: a complete response is no error
    assert wired.owner.heard == ["freed", "lost: server", "gone"]


def test_late_bytes_after_the_end_are_nobodys() -> None:
    wired = Wired()
    wired.connection.close("idle")
    wired.connection.buffer_updated(1)
    assert wired.owner.heard == ["lost: idle"]


# -- abandoning


@pytest.mark.parametrize("state", STATES)
def test_abandon_in_every_state(state: str) -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(STATES[state][0])
    response.abandon()
    assert outcome(response) == ("ClientClosed",)
    assert wired.transport.ended == "aborted"
    assert wired.owner.heard == ["lost: abandoned"]
    wired.end()
    assert wired.owner.heard == ["lost: abandoned", "gone"]


def test_abandon_after_the_end_does_nothing() -> None:
    wired = Wired()
    response = wired.send()
    wired.feed(FINAL)
    response.abandon()
    wired.connection.abandon(response)
    assert response.body == b"hello"
    assert wired.kept


def test_abandon_never_touches_the_next_request() -> None:
    wired = Wired()
    first = wired.send()
    wired.feed(FINAL)
    second = wired.send()
    wired.connection.abandon(first)
    wired.feed(FINAL)
    assert second.body == b"hello"


@pytest.mark.parametrize("rest", [b"more", b"more" + b"x" * 20_000 + b"0", b"", b"more\r\n0\r\n\r\n"])
def test_abandon_inside_a_read(rest: bytes) -> None:
    """The parser goes on calling after a callback has given the response up; nobody is there any more."""

    class Fickle(Response):
        __slots__ = ()

        def feed(self, data: bytes) -> None:
            super().feed(data)
            self.abandon()

    for start in (OK + b"Content-Length: 10\r\n\r\nhello", CHUNKED + b"5\r\nhello\r\n4\r\n"):
        wired = Wired()
        response = Fickle().ask(Request("GET", "http://a/"), Once(), Timeout(), 1000)
        wired.connection.send(response)
        wired.feed(start + rest)
        assert outcome(response) == ("ClientClosed",)
        assert wired.owner.heard == ["lost: abandoned"]


def test_abandon_in_the_last_byte() -> None:
    class Fickle(Response):
        __slots__ = ()

        def feed(self, data: bytes) -> None:
            self.abandon()

    wired = Wired()
    response = Fickle().ask(Request("GET", "http://a/"), Once(), Timeout(), 1000)
    wired.connection.send(response)
    wired.feed(FINAL)
    assert outcome(response) == ("ClientClosed",)
    assert wired.owner.heard == ["lost: abandoned"]


def test_what_a_response_raises_is_its_own_error() -> None:
    class Broken(Response):
        __slots__ = ()

        def feed(self, data: bytes) -> None:
            raise ZeroDivisionError("in a callback")

    wired = Wired()
    response = Broken().ask(Request("GET", "http://a/"), Once(), Timeout(), 1000)
    wired.connection.send(response)
    wired.feed(FINAL)
    assert isinstance(response._error, ZeroDivisionError)
    assert wired.owner.heard == ["lost: error"]


# -- closing


def test_close_is_once_and_flushes() -> None:
    wired = Wired()
    wired.connection.close("idle")
    wired.connection.close("age", at_once=True)
    assert wired.transport.ended == "closed"
    assert wired.owner.heard == ["lost: idle"]
    assert "closed" in repr(wired.connection)


def test_close_cuts_off_what_a_peer_does_not_read() -> None:
    wired = Wired()
    wired.transport.unsent = 1
    wired.connection.close("idle")
    assert wired.transport.ended == "aborted"


def test_close_before_it_was_connected() -> None:
    owner = RecordingOwner()
    connection = H1Connection(owner, Reading(), lambda: 0.0, Any, 1)  # type: ignore[arg-type]
    assert not connection.sound()
    connection.pause()
    connection.close("closed")
    assert owner.heard == ["lost: closed"]
    assert "not connected" in repr(connection)


def test_end_fails_what_is_in_flight() -> None:
    wired = Wired()
    response = wired.send()
    error = ProtocolError("why")
    wired.connection.end(error)
    assert response._error is error
    assert wired.owner.heard == ["lost: closed"]


def test_end_of_an_idle_connection() -> None:
    wired = Wired()
    wired.connection.end(ProtocolError("why"))
    assert wired.transport.ended == "aborted"


def test_repr_and_peer() -> None:
    wired = Wired()
    assert repr(wired.connection) == "<H1Connection 1 idle 192.0.2.7:8080 served=0>"
    wired.send()
    assert "busy" in repr(wired.connection)


def test_a_dropped_connection_needs_no_collector() -> None:
    gc.disable()
    try:
        wired = Wired()
        response = wired.send()
        wired.feed(OK + b"Content-Length: 5, 5\r\n\r\nhello")
        connection = weakref.ref(wired.transport)
        wired.end()
        del wired
        assert connection() is None
        assert response.body == b"hello"
    finally:
        gc.enable()


@pytest.mark.parametrize("data", [b"HTTP/1.1 101 X\r\n\r\n", b"SSH", OK + b"X Y: z\r\n\r\n", FINAL])
def test_an_error_holds_no_connection(data: bytes) -> None:
    gc.disable()
    try:
        wired = Wired()
        response = wired.send(limit=1)
        wired.feed(data)
        transport = weakref.ref(wired.transport)
        wired.end()
        del wired
        assert response._error is not None
        assert transport() is None
    finally:
        gc.enable()


# -- when a request may follow


def test_nothing_is_kept_while_the_request_is_not_all_written() -> None:
    wired = Wired()
    response = wired.send(Request("POST", "http://a/", body=b"x" * 1000))
    wired.transport.unsent = 1
    wired.feed(FINAL)
    assert response.body == b"hello"
    assert wired.owner.heard == ["lost: early response"]
    assert wired.transport.ended == "aborted"


def test_a_request_can_be_sent_again() -> None:
    wired = Wired()
    request = Request("GET", "http://a/b", {"X": "y"})
    for _ in range(2):
        assert wired.send(request) is not None
        wired.feed(FINAL)
    assert wired.transport.written == b"GET /b HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n" * 2


def test_a_short_body_goes_out_with_its_head() -> None:
    wired = Wired()
    wired.send(Request("POST", "http://a/", body=b"x" * 1000))
    assert wired.transport.writes == 1
    wired.feed(FINAL)
    assert wired.kept


def test_the_limit_of_requests() -> None:
    wired = Wired()
    wired.connection.limit = 1
    response = wired.send()
    wired.feed(FINAL)
    assert response.body == b"hello"
    assert wired.owner.heard == ["lost: max requests"]
    assert wired.transport.ended == "closed"


def test_moved_is_the_time_of_the_last_read() -> None:
    wired = Wired()
    assert (wired.connection.made, wired.connection.moved) == (100.0, 100.0)
    wired.send()
    wired.clock.time = 107.0
    wired.feed(b"HTTP")
    assert (wired.connection.made, wired.connection.moved) == (100.0, 107.0)
