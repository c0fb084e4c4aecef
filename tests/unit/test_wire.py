"""Wire: the facts of a socket, its silence, and stopping to read."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator

import pytest
from tests.feeding import RecordingOwner, RecordingTransport, Wired

from async_keepalive_httpc._connection.wire import Wire


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        (("192.0.2.1", 80), "192.0.2.1:80"),
        (("2001:db8::1", 443, 0, 0), "[2001:db8::1]:443"),
        ("/run/server.sock", "/run/server.sock"),
        ("", "an unnamed socket"),
        (None, "an unnamed socket"),
    ],
)
def test_peer(name: object, peer: str) -> None:
    wire = Wire(RecordingOwner(), lambda: 5.0, 1)
    assert wire.peer == "not connected"
    wire.connection_made(RecordingTransport({"peername": name}))
    assert wire.peer == peer
    assert (wire.made, wire.moved, wire.capacity) == (5.0, 5.0, 1)


def test_sound_is_open_and_silent(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    wired = Wired(transport=RecordingTransport({"socket": ours}))
    assert wired.connection.sound()
    assert wired.connection.sound()
    theirs.send(b"x")
    assert not wired.connection.sound()
    ours.recv(1)
    assert wired.connection.sound()
    theirs.close()
    assert not wired.connection.sound()


def test_what_is_closed_is_not_sound(pair: tuple[socket.socket, socket.socket]) -> None:
    wired = Wired(transport=RecordingTransport({"socket": pair[0]}))
    wired.connection.close("idle")
    assert not wired.connection.sound()
    wired.end()
    assert not wired.connection.sound()


def test_without_poll_the_loop_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(select, "poll")
    assert Wired().connection.sound()


def test_pause_and_resume() -> None:
    wired = Wired()
    wired.connection.resume()
    assert wired.transport.reading
    wired.connection.pause()
    assert not wired.transport.reading
    assert wired.connection.paused
    wired.clock.time = 500.0
    wired.connection.resume()
    assert wired.transport.reading
    assert not wired.connection.paused
    assert wired.connection.moved == 500.0  # the peer's silence does not count from before


def test_what_is_closing_is_not_paused() -> None:
    wired = Wired()
    wired.connection.close("idle")
    wired.connection.pause()
    assert not wired.connection.paused


def test_resume_of_what_was_closed_meanwhile() -> None:
    wired = Wired()
    wired.connection.pause()
    wired.connection.close("idle")
    wired.connection.resume()
    assert not wired.transport.reading
    wired = Wired()
    wired.connection.pause()
    wired.end()
    wired.connection.resume()
    assert not wired.connection.paused
