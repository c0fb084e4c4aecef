"""A pipeline under any order of events: requests, turns of the loop, reads of any size, cancellations.

The law: every request gets its own answer, whatever lies in a read and whoever gave up; the connection takes no more
requests than it may, and rests when nothing is under way.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.piped import OK, Piped, answer, came, chunked

from async_keepalive_httpc._message.response import Response
from async_keepalive_httpc.errors import ClientClosed

DEPTH = 5
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"


def length(name: bytes) -> bytes:
    return answer(name)


def same(name: bytes) -> bytes:
    """Heads of one size, and bodies too: such as are not parsed each time."""
    return answer(name.ljust(8))


def lower(name: bytes) -> bytes:
    return OK + b"content-type: a\r\ncontent-length:  %d\r\n\r\n%b" % (len(name) * 9, name * 9)


def in_chunks(name: bytes) -> bytes:
    return chunked(name, b"\r\n0\r\n\r\n", name)


def trailed(name: bytes) -> bytes:
    return chunked(name, trailer=b"A: b\r\nConnection: close\r\n")


def odd(name: bytes) -> bytes:
    """A head that is mended, after an interim one."""
    return INTERIM + OK + b"Content-Length: %d, %d\r\n\r\n%b" % (len(name), len(name), name)


def none(name: bytes) -> bytes:
    return b"HTTP/1.1 304 Not Modified\r\nETag: %b\r\nContent-Length: 100\r\n\r\n" % name


SHAPES = [length, same, same, same, lower, in_chunks, trailed, odd, none]
BODIES = {
    length: lambda name: name,
    same: lambda name: name.ljust(8),
    lower: lambda name: name * 9,
    in_chunks: lambda name: name + b"\r\n0\r\n\r\n" + name,
    trailed: lambda name: name,
    odd: lambda name: name,
    none: lambda name: b"",
}


class Server:
    """Answers what was written, in order, in any pieces; a target says how: /shape/name."""

    def __init__(self, piped: Piped) -> None:
        self.piped = piped
        self.read = 0
        self.answers = bytearray()

    def write(self) -> None:
        """Have an answer ready for all that was written."""
        transport = self.piped.transport
        heads = transport.written[self.read :]
        self.read = len(transport.written)
        for head in heads.split(b"\r\n\r\n")[:-1]:
            _, shape, name = head.split(b" ")[1].split(b"/")
            self.answers += SHAPES[int(shape)](name)

    def send(self, size: int) -> None:
        piece = bytes(self.answers[:size])
        del self.answers[:size]
        self.piped.feed(piece)


events = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(0, len(SHAPES) - 1)),
        st.tuples(st.just("send"), st.integers(0, len(SHAPES) - 1)),
        st.tuples(st.just("turn"), st.just(0)),
        st.tuples(st.just("read"), st.integers(1, 300)),
        st.tuples(st.just("cancel"), st.integers(0, 100)),
    ),
    max_size=60,
)


@settings(max_examples=500)
@given(events)
def test_each_gets_its_own(steps: list[tuple[str, int]]) -> None:
    piped = Piped(DEPTH)
    server = Server(piped)
    calls: list[tuple[Response, bytes]] = []
    cancelled: list[Response] = []

    def waiting() -> list[Response]:
        return [response for response, _ in calls if came(response) == "waiting"]

    def act(what: str, number: int) -> None:
        nonlocal piped, server
        if what == "send" and piped.connection.capacity:
            name = b"%d" % len(calls)
            calls.append((piped.send(f"/{number}/{len(calls)}"), BODIES[SHAPES[number]](name)))
        elif what == "turn":
            piped.turn()
            server.write()
        elif what == "read":
            server.send(number)
        elif what == "cancel" and waiting():
            response = waiting()[number % len(waiting())]
            cancelled.append(response)
            response.abandon()
        if piped.transport.ended:
            # Nobody waited for what it still had to say.
            assert piped.owner.heard[-1] == "lost: abandoned"
            assert not waiting()
            piped = Piped(DEPTH)
            server = Server(piped)

    for what, number in steps:
        act(what, number)
        under_way = piped.connection.answering
        assert piped.connection.capacity + len(under_way) <= DEPTH
        assert set(under_way) == set(waiting())
        if not under_way:
            assert piped.connection.capacity == DEPTH
    act("turn", 0)
    act("read", 100_000)
    for response, body in calls:
        if response in cancelled:
            assert isinstance(response._error, ClientClosed)
        else:
            assert came(response) == body


@settings(max_examples=300)
@given(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=DEPTH), st.data())
def test_any_split_of_any_answers(shapes: list[Any], data: st.DataObject) -> None:
    piped = Piped(DEPTH)
    responses = piped.sent(len(shapes))
    raw = b"".join(shape(b"%d" % number) for number, shape in enumerate(shapes))
    cuts = sorted(data.draw(st.lists(st.integers(1, len(raw)), max_size=12)))
    piped.feed(*(raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)))
    for number, (shape, response) in enumerate(zip(shapes, responses, strict=True)):
        assert came(response) == BODIES[shape](b"%d" % number)
    assert piped.kept_idle


@settings(max_examples=300)
@given(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=DEPTH), st.data())
def test_whatever_is_wrong_nobody_gets_what_is_anothers(shapes: list[Any], data: st.DataObject) -> None:
    """One byte anywhere is changed, lost or added: answers before it are right, and none after it is another's."""
    piped = Piped(DEPTH)
    responses = piped.sent(len(shapes))
    messages = [shape(b"%d" % number) for number, shape in enumerate(shapes)]
    raw = b"".join(messages)
    place = data.draw(st.integers(0, len(raw) - 1))
    byte = data.draw(st.binary(max_size=2))
    piped.feed(raw[:place] + byte + raw[place + 1 :])
    if not piped.transport.ended:
        piped.end()
    end = 0
    for number, (shape, response) in enumerate(zip(shapes, responses, strict=True)):
        end += len(messages[number])
        if end <= place:
            assert came(response) == BODIES[shape](b"%d" % number)
