"""Response: filled once, ended once, read as often as one likes."""

from __future__ import annotations

from typing import Any

import pytest
from tests.feeding import Once

from async_keepalive_httpc._message.limits import Timeout
from async_keepalive_httpc._message.request import Request
from async_keepalive_httpc._message.response import Head, Response
from async_keepalive_httpc.errors import ClientClosed, ProtocolError, StatusError, TooLarge

REQUEST = Request("GET", "http://user:secret@example.com/a")
HEAD = Head(200, "OK", "1.1", [], 0)


class Place:
    """Where a response is under way."""

    def __init__(self) -> None:
        self.given_up: list[Response] = []

    def abandon(self, response: Response) -> None:
        self.given_up.append(response)


def make(limit: int = 100) -> tuple[Response, Once]:
    waiter = Once()
    return Response().ask(REQUEST, waiter, Timeout(), limit), waiter


def full(*body: bytes, content_type: str | None = None, status: int = 200) -> Response:
    response, _ = make(1 << 20)
    fields = [] if content_type is None else [(b"Content-Type", content_type.encode("latin-1"))]
    response.begin(Head(status, "Why", "1.1", fields, 0))
    for piece in body:
        response.feed(piece)
    response.finish()
    return response


def test_it_is_filled_and_handed_over_once() -> None:
    response, waiter = make()
    place = Place()
    assert response.wanted
    response.sent(place, True)
    response.begin(Head(201, "Created", "1.0", [(b"A", b"b")], 0))
    response.feed(b"he")
    response.feed(b"llo")
    assert waiter.result is None
    response.finish([(b"T", b"u")])
    assert waiter.result is response
    assert not response.wanted
    assert (response.status, response.reason, response.http_version) == (201, "Created", "1.0")
    assert response.reused
    assert (response.headers["a"], response.trailers["t"], response.body) == ("b", "u", b"hello")
    assert response.headers is response.headers
    assert response.body is response.body
    assert str(response.url) == "http://example.com/a"
    response.fail(ProtocolError("late"))
    response.abandon()
    assert response._error is None
    assert place.given_up == []


def test_one_piece_is_not_copied() -> None:
    piece = b"hello"
    assert full(piece).body is piece
    assert full().body == b""


def test_it_fails_once() -> None:
    response, waiter = make()
    first = ProtocolError("first")
    response.fail(first)
    response.fail(ProtocolError("second"))
    assert waiter.result is response
    assert response._error is first


def test_a_waiter_that_has_gone() -> None:
    response, waiter = make()
    other, _ = make()
    waiter.set_result(other)
    assert not response.wanted
    response.begin(HEAD)
    response.finish()
    assert waiter.result is other


def test_it_leaves_the_row_of_the_clock() -> None:
    response, _ = make()
    row: dict[Any, float] = {response: 5.0}
    response._row = row
    response.begin(HEAD)
    response.finish()
    assert row == {}
    assert response._row is None


def test_abandon() -> None:
    response, waiter = make()
    place = Place()
    response.abandon()  # not on its way yet: nobody to tell
    response.sent(place, False)
    response.abandon()
    response.abandon()
    assert place.given_up == [response]
    assert isinstance(response._error, ClientClosed)
    assert waiter.result is response


def test_the_limit_of_the_body() -> None:
    response, _ = make(limit=5)
    response.begin(Head(200, "OK", "1.1", [], 0))
    response.feed(b"12345")
    with pytest.raises(TooLarge, match="longer than 5 bytes: raise max_body_size"):
        response.feed(b"6")


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        (None, "é".encode(), "é"),
        ("text/plain", "é".encode(), "é"),
        ("text/plain; charset=latin-1", b"\xe9", "é"),
        ('text/plain; x=y; Charset = "UTF-16LE" ', "é".encode("utf-16le"), "é"),
        ("text/plain; charset='utf-8'", "é".encode(), "é"),
        ("text/plain; charset=", "é".encode(), "é"),
        ("text/plain; charset=nonsense", "é".encode(), "é"),
        ("text/plain; charset=hex", b"6869", "6869"),
        ("text/plain; charset=idna", "é".encode(), "é"),
        ("text/plain; charset=undefined", "é".encode(), "é"),
        ("text/plain; charset=\xe9", "é".encode(), "é"),
        ("text/plain; charset=ascii", b"a\xff", "a\ufffd"),
        (None, b"a\xff", "a\ufffd"),
    ],
)
def test_text(content_type: str | None, body: bytes, text: str) -> None:
    assert full(body, content_type=content_type).text == text


def test_charset() -> None:
    assert full(content_type="text/html; charset=Big5").charset == "Big5"
    assert full(content_type="text/html").charset is None
    assert full().charset is None


def test_json() -> None:
    assert full(b'{"a": [1, ', b"2]}").json() == {"a": [1, 2]}
    assert full('"é"'.encode("utf-16")).json() == "é"
    assert full(b'\xef\xbb\xbf"x"').json() == "x"
    for bad in (b"", b"{", b"\xff"):
        with pytest.raises(ValueError, match=r"."):
            full(bad).json()


@pytest.mark.parametrize("status", [200, 204, 299])
def test_success(status: int) -> None:
    response = full(status=status)
    assert response.ok
    assert response.raise_for_status() is response


@pytest.mark.parametrize("status", [199, 300, 404, 500])
def test_no_success(status: int) -> None:
    response = full(status=status)
    assert not response.ok
    with pytest.raises(StatusError, match=f"GET http://example.com/a: HTTP {status} Why") as caught:
        response.raise_for_status()
    assert caught.value.status == status


def test_trailers_are_empty_without_any() -> None:
    assert len(full().trailers) == 0


def test_repr_at_every_stage() -> None:
    response, _ = make()
    assert repr(response) == "<Response unsent GET http://example.com/a>"
    response.sent(Place(), False)
    assert repr(response) == "<Response sent GET http://example.com/a>"
    response.begin(Head(200, "OK", "1.1", [], 0))
    assert repr(response) == "<Response 200 GET http://example.com/a>"
    response.fail(ProtocolError("x"))
    assert repr(response) == "<Response ProtocolError GET http://example.com/a>"
