"""Basic credentials (CASES 124)."""

from __future__ import annotations

import pytest

from async_keepalive_httpc._policy.auth import basic
from async_keepalive_httpc.errors import InvalidRequest


@pytest.mark.parametrize(
    ("username", "password", "value"),
    [
        ("Aladdin", "open sesame", b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),  # RFC 7617 section 2
        ("test", "123\u00a3", b"Basic dGVzdDoxMjPCow=="),  # RFC 7617 section 2.1
        ("", "", b"Basic Og=="),
        ("a", "b:c", b"Basic YTpiOmM="),
        ("u" * 100, "", b"Basic " + b"dXV1" * 33 + b"dTo="),
    ],
)
def test_basic(username: str, password: str, value: bytes) -> None:
    assert basic(username, password) == value


@pytest.mark.parametrize(
    ("username", "password", "what"),
    [
        ("secret:1", "secret", "The user name for Basic authentication holds a colon"),
        ("secret\n", "secret", "The user name for Basic authentication holds a control character"),
        ("secret", "secret\x7f", "The password for Basic authentication holds a control character"),
        ("secret", "secret\ud800", "The password for Basic authentication holds a control character"),
    ],
)
def test_basic_refused(username: str, password: str, what: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        basic(username, password)
    assert str(caught.value).startswith(what)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None
