"""What a proxy is told of us, and which challenges are taken up."""

from __future__ import annotations

import pytest

from async_keepalive_httpc import InvalidRequest
from async_keepalive_httpc._policy.credentials import OFFERED_KEPT, Credentials
from async_keepalive_httpc._policy.digest import MAX_STALE

BASIC = 'Basic realm="x"'


def digest(nonce: str, more: str = "") -> str:
    return f'Digest realm="x", nonce="{nonce}", qop="auth"{more}'


def value(credentials: Credentials) -> bytes:
    return credentials.value("GET", "http://a.test/", b"") or b""


def test_basic() -> None:
    credentials = Credentials("u", "p", "basic")
    assert value(credentials) == b"Basic dTpw"
    assert not credentials.accept([BASIC], b"Basic dTpw", 0)
    assert not credentials.accept([digest("n")], b"Basic dTpw", 0)
    assert credentials.accept([BASIC], b"", 0)  # it was not told: the caller's own field went in its place


def test_digest() -> None:
    credentials = Credentials("u", "p", "digest")
    assert value(credentials) == b""
    assert not credentials.accept([BASIC], b"", 0)
    assert credentials.accept([BASIC, digest("n1")], b"", 0)
    first = value(credentials)
    assert b'nonce="n1"' in first
    assert b"nc=00000001" in first
    assert b"nc=00000002" in value(credentials)


def test_a_new_nonce_and_one_that_is_refused() -> None:
    credentials = Credentials("u", "p", "digest")
    assert credentials.accept([digest("n1")], b"", 0)
    assert b"nc=00000001" in value(credentials)
    told = value(credentials)
    assert credentials.accept([digest("n2")], told, 0)
    assert b'nonce="n2"' in value(credentials)
    # Others used it at the same time: it may have run out, though the proxy does not say so.
    told = value(credentials)
    assert credentials.accept([digest("n3")], told, MAX_STALE - 1)
    assert not credentials.accept([digest("n4")], told, MAX_STALE)
    assert value(credentials) == b""
    assert credentials.accept([digest("n5")], b"", 0)
    assert not credentials.accept([digest("n6")], value(credentials), 1)
    assert value(credentials) == b""


def test_of_several_nonces_each_answers_one_request_first() -> None:
    credentials = Credentials("u", "p", "digest")
    for number in range(3):
        assert credentials.accept([digest(f"n{number}")], b"", 0)
    told = b"".join(value(credentials) for _ in range(3))
    assert all(b'nonce="n%d"' % number in told for number in range(3))
    assert told.count(b"nc=00000001") == 3
    assert b"nc=00000002" in value(credentials)


def test_no_more_nonces_are_kept_than_there_is_room_for() -> None:
    credentials = Credentials("u", "p", "digest")
    for number in range(100):
        assert credentials.accept([digest(f"n{number}")], b"", 0)
    assert len(credentials._offered) == OFFERED_KEPT


def test_a_stale_nonce_is_excused_for_a_while() -> None:
    credentials = Credentials("u", "p", "digest")
    for answered in range(MAX_STALE):
        assert credentials.accept([digest(f"n{answered}", ", stale=true")], value(credentials), answered)
    assert not credentials.accept([digest("n", ", stale=true")], value(credentials), MAX_STALE)


def test_whatever_the_proxy_wants() -> None:
    credentials = Credentials("u", "p", None)
    assert value(credentials) == b"Basic dTpw"
    assert not credentials.accept([BASIC], value(credentials), 0)
    assert credentials.accept([BASIC, digest("n")], value(credentials), 0)
    told = value(credentials)
    assert told.startswith(b"Digest ")
    assert not credentials.accept([digest("m")], told, 1)
    assert value(credentials) == b"Basic dTpw"


def test_a_body_that_is_not_known_and_would_have_to_be() -> None:
    credentials = Credentials("u", "p", "digest")
    assert credentials.accept(['Digest realm="x", nonce="n", qop="auth-int"'], b"", 0)
    assert credentials.value("POST", "/", None) is None
    assert b"qop=auth-int" in (credentials.value("POST", "/", b"abc") or b"")


def test_nothing_is_shown() -> None:
    assert "secret" not in repr(Credentials("user", "secret", None))
    with pytest.raises(InvalidRequest):
        Credentials("a:b", "p", None)
