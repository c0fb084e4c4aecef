"""The end of a PipelinedConnection, and of requests on it: what is lost at which stage, what is read and dropped."""

from __future__ import annotations

import socket
import sys
from typing import Any

import pytest
from tests.feeding import RecordingTransport
from tests.piped import EMPTY, OK, Piped, answer, bodies, came, chunked, lost

from async_keepalive_httpc._connection.pipelined import PipelinedConnection
from async_keepalive_httpc._message.limits import DRAIN_SIZE
from async_keepalive_httpc.errors import ClientClosed


def test_case_194_the_end_after_some_answers() -> None:
    piped = Piped(depth=5)
    responses = piped.sent(4)
    responses.append(piped.send("/4"))
    piped.feed(answer("a") + answer("b"))
    piped.end()
    assert bodies(responses)[:2] == [b"a", b"b"]
    assert [lost(response) for response in responses[2:]] == [("sent", True), ("sent", True), ("unsent", True)]
    assert piped.owner.heard[-2:] == ["lost: lost", "gone"]


def test_the_end_inside_an_answer() -> None:
    piped = Piped()
    responses = piped.sent(2)
    piped.feed(answer("hello")[:-1])
    piped.end(ConnectionResetError())
    assert [lost(response) for response in responses] == [("responding", True), ("sent", True)]


@pytest.mark.parametrize("raw", [OK + b"Connection: close\r\nContent-Length: 1\r\n\r\nb", OK + b"\r\nb"])
def test_case_195_close_in_the_middle(raw: bytes) -> None:
    piped = Piped()
    responses = piped.sent(3)
    unwritten = piped.send("/3")
    piped.feed(answer("a") + raw)
    if not piped.transport.ended:
        piped.end()
    assert bodies(responses) == [b"a", b"b", "ConnectionLost"]
    assert lost(responses[2]) == ("sent", True)
    assert lost(unwritten) == ("unsent", True)
    assert "lost: server" in piped.owner.heard


def test_no_deeper_than_the_server_went_on_last_time() -> None:
    """nginx' keepalive_requests, which it does not announce."""
    piped = Piped(depth=4)
    piped.sent(3)
    piped.feed(answer("a") + OK + b"Connection: close\r\nContent-Length: 0\r\n\r\n")
    assert piped.owner.answers == 3
    again = Piped(depth=4, fresh=True)
    again.owner.answers = 3
    again.sent(1)
    again.feed(EMPTY)
    assert again.connection.capacity == 2
    again.sent(2)
    assert again.connection.capacity == 0
    again.feed(EMPTY)
    assert again.connection.capacity == 0
    again.feed(EMPTY)  # the third, and it is kept all the same
    assert again.owner.answers > 3
    assert again.kept_idle


def test_what_was_learned_is_forgotten_while_more_is_under_way() -> None:
    piped = Piped(depth=4)
    piped.sent(4)
    piped.owner.answers = 3
    piped.feed(EMPTY * 2)
    assert piped.owner.answers > 3
    assert piped.connection.capacity == 2


def test_the_end_while_nothing_is_written_teaches_nothing() -> None:
    piped = Piped()
    response = piped.send()
    piped.end()
    assert lost(response) == ("unsent", True)
    assert piped.owner.answers == sys.maxsize


def test_it_is_closed_by_its_client() -> None:
    piped = Piped()
    responses = [*piped.sent(2), piped.send("/2")]
    closed = ClientClosed("closed")
    piped.connection.end(closed)
    assert bodies(responses) == ["ClientClosed"] * 3
    assert len({id(response._error) for response in responses}) == 3
    piped.turn()
    assert b"/2" not in piped.transport.written


def test_a_lost_connection_holds_nothing() -> None:
    piped = Piped()
    piped.sent(2)
    piped.end()
    connection = piped.connection
    assert connection.answering == ()
    assert connection._owner is piped.owner
    assert connection._last is None


# -- cancelled


def test_what_is_not_written_is_taken_back() -> None:
    piped = Piped()
    responses = [piped.send("/a"), piped.send("/b", method="HEAD")]
    assert piped.connection.capacity == 0
    responses[1].abandon()
    assert piped.connection.capacity == 3
    piped.turn()
    assert piped.transport.written.count(b"HTTP/1.1") == 1
    piped.feed(answer("a"))
    assert bodies(responses) == [b"a", "ClientClosed"]


def test_when_nothing_is_left_of_a_turn_it_rests() -> None:
    piped = Piped()
    piped.send().abandon()
    assert piped.connection.capacity == 4
    piped.turn()
    assert piped.transport.writes == 0
    assert piped.owner.heard == ["room: 3", "freed"]


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("cut", [0, 30, 38, 39, 70])
def test_case_198_an_answer_that_nobody_wants_is_dropped(which: int, cut: int) -> None:
    piped = Piped()
    responses = piped.sent(3)
    data = answer("a") + answer("b") + answer("c")
    piped.feed(data[:cut])
    wanted = came(responses[which]) == "waiting"
    responses[which].abandon()
    assert (piped.connection.capacity == 0) is wanted
    piped.feed(data[cut:])
    expected: list[Any] = [b"a", b"b", b"c"]
    if wanted:
        expected[which] = "ClientClosed"
    assert bodies(responses) == expected
    assert piped.kept_idle


def test_room_is_back_when_the_dropped_answer_has_come() -> None:
    piped = Piped()
    responses = piped.sent(3)
    responses[0].abandon()
    assert piped.connection.capacity == 0
    piped.feed(EMPTY)
    assert piped.connection.capacity == 2
    responses[1].abandon()
    responses[2].abandon()
    assert piped.owner.heard[-1] == "lost: abandoned"


def test_dropped_among_answers_that_repeat() -> None:
    piped = Piped(depth=10)
    responses = piped.sent(6)
    piped.feed(answer("x"))
    for place in (2, 3):
        responses[place].abandon()
    piped.feed(answer("x") * 4)
    assert bodies(responses) == [b"x", b"x", "ClientClosed", "ClientClosed", b"x", "waiting"]
    assert piped.connection.capacity == 9


def test_the_last_head_or_stream_is_dropped() -> None:
    kinds: list[dict[str, Any]] = [{"method": "HEAD"}, {"stream": True}]
    for last in kinds:
        piped = Piped()
        first = piped.sent(1)
        response = piped.send("/", **last)
        piped.turn()
        response.abandon()
        piped.feed(answer("a") + EMPTY)
        assert bodies(first) == [b"a"]
        assert piped.kept_idle


def test_an_answer_too_long_to_drop_ends_the_connection() -> None:
    piped = Piped()
    responses = piped.sent(2)
    responses[0].abandon()
    piped.feed(answer(bytes(DRAIN_SIZE)) + answer("b"))
    assert bodies(responses) == ["ClientClosed", b"b"]
    responses = piped.sent(2)
    responses[0].abandon()
    piped.feed(answer(bytes(DRAIN_SIZE + 1)) + answer("b"))
    assert lost(responses[1]) == ("sent", True)
    assert piped.owner.heard[-1] == "lost: abandoned"


def test_the_connection_is_closed_when_nobody_wants_anything_of_it() -> None:
    piped = Piped()
    responses = piped.sent(2)
    responses[0].abandon()
    assert piped.owner.heard[-1] == "room: 3"
    responses[1].abandon()
    assert piped.transport.ended == "aborted"
    assert bodies(responses) == ["ClientClosed"] * 2


def test_what_has_ended_is_not_looked_for() -> None:
    piped = Piped()
    responses = piped.sent(2)
    piped.feed(EMPTY)
    piped.connection.abandon(responses[0])
    assert not piped.transport.ended
    assert piped.connection.answering == (responses[1],)


def test_who_is_answered() -> None:
    piped = Piped()
    responses = piped.sent(2)
    third = piped.send()
    responses[1].abandon()
    assert piped.connection.answering == (responses[0], third)


class Eager(RecordingTransport):
    """As a TLS transport does: before it closes it reads what is there."""

    connection: PipelinedConnection

    def close(self) -> None:
        if not self.ended:
            super().close()
            buffer = self.connection.get_buffer(-1)
            buffer[: len(EMPTY)] = EMPTY
            self.connection.buffer_updated(len(EMPTY))
            self.connection.eof_received()


def test_a_transport_that_reads_on_while_it_is_closed() -> None:
    transport = Eager()
    piped = Piped(transport=transport)
    transport.connection = piped.connection
    responses = piped.sent(3)
    piped.feed(answer("a") + OK + b"Connection: close\r\nContent-Length: 1\r\n\r\nb" + EMPTY)
    assert bodies(responses) == [b"a", b"b", "ConnectionLost"]
    assert [word for word in piped.owner.heard if word.startswith("lost")] == ["lost: server"]


class Unread(RecordingTransport):
    """Its socket holds what the loop has not read."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__({"socket": sock, "peername": ("192.0.2.7", 80)})


def test_what_a_lost_socket_holds_is_read_to_its_end() -> None:
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        there.sendall(answer("a") + answer("a") + chunked(b"b") + answer("c")[:-1])
        piped = Piped(depth=6, transport=Unread(here))
        responses = piped.sent(5)
        piped.end(BrokenPipeError())
    assert bodies(responses) == [b"a", b"a", b"b", "ConnectionLost", "ConnectionLost"]
    assert [lost(response)[0] for response in responses[3:]] == ["responding", "sent"]
    assert "freed" not in piped.owner.heard


def test_the_last_answer_of_a_lost_socket_is_the_last_of_its_connection() -> None:
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        there.sendall(answer("a") + answer("b"))
        piped = Piped(transport=Unread(here))
        responses = piped.sent(2)
        piped.end(BrokenPipeError())
    assert bodies(responses) == [b"a", b"b"]
    assert "freed" not in piped.owner.heard
