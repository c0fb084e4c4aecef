"""What a client writes for its caller, and leaves as the caller wrote it."""

from __future__ import annotations

from typing import Any

import pytest

from async_keepalive_httpc._policy import additions, decode
from async_keepalive_httpc.errors import InvalidRequest


def test_default_fields() -> None:
    plain = [(b"User-Agent", additions.USER_AGENT), (b"Accept", b"*/*")]
    coding = (b"Accept-Encoding", decode.accepted().encode())
    assert additions.default_fields(None, None, False) == plain
    assert additions.default_fields(None, None, True) == [*plain, coding]
    assert additions.default_fields({"accept": "a/b", "X": "1"}, ("me", "x"), True) == [
        (b"accept", b"a/b"),
        (b"X", b"1"),
        plain[0],
        coding,
        (b"Authorization", b"Basic bWU6eA=="),
    ]
    assert additions.default_fields({"AUTHORIZATION": "mine"}, ("me", "x"), False)[0][1] == b"mine"


@pytest.mark.parametrize(
    ("given", "options", "expected"),
    [
        (None, {}, (None, [])),
        (b"x", {"auth": 1}, (b"x", [])),
        (None, {"json": []}, (b"[]", [(b"Content-Type", b"application/json")])),
        (None, {"form": {}}, (b"", [(b"Content-Type", b"application/x-www-form-urlencoded")])),
    ],
)
def test_body(given: Any, options: dict[str, Any], expected: Any) -> None:
    left = {name: value for name, value in options.items() if name == "auth"}
    assert additions.body(given, options) == expected
    assert options == left


@pytest.mark.parametrize(
    ("given", "options", "names"),
    [
        (b"", {"json": 1}, "json and body"),
        (b"", {"form": {}}, "form and body"),
        (None, {"json": 1, "form": {}}, "json and form"),
    ],
)
def test_more_than_one_body(given: Any, options: dict[str, Any], names: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{names} each give a body: give one of them$"):
        additions.body(given, options)


def test_names() -> None:
    assert additions.lower_names(["X-Mine", "Cookie"]) == {b"x-mine", b"cookie"}
    assert additions.lower_names(()) == set()
