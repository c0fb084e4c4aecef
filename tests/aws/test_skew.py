"""The clock's offset, learned from Date."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_keepalive_httpc.aws.skew import CODES, Skew, seconds

NOW = 1_800_000_000.0


def date(moment: float) -> bytes:
    return formatdate(moment, usegmt=True).encode()


def seen(offset: float, late: float = 0.1) -> Skew:
    skew = Skew()
    skew.seen(date(NOW + offset), NOW - late, NOW)
    return skew


@pytest.mark.parametrize("offset", [0, 1, -1, 239, -239])
def test_small_offsets_sign_nothing_differently(offset: int) -> None:
    skew = seen(offset)
    assert (skew.measured, skew.offset) == (offset, 0.0)
    assert not skew.explains("SignatureDoesNotMatch", 0.0)


@pytest.mark.parametrize("offset", [240, -240, 3600, -86400])
def test_large_ones_do(offset: int) -> None:
    skew = seen(offset)
    assert skew.offset == offset
    for code in CODES:
        assert skew.explains(code, 0.0)
        # Signed with it already: then it was not the clock.
        assert not skew.explains(code, offset)
        assert not skew.explains(code, offset + 1.0)
    assert not skew.explains("ConditionalCheckFailedException", 0.0)


def test_a_clock_that_was_put_right() -> None:
    skew = seen(3600)
    skew.seen(date(NOW + 1), NOW, NOW + 1)
    assert skew.offset == 0.0
    assert repr(skew) == "<Skew +0 s>"
    assert repr(seen(-3600)) == "<Skew -3600 s>"


@pytest.mark.parametrize(
    "value",
    [None, b"", b"yesterday", b"Mon, 99 Foo 2026 00:00:00 GMT", b"\xff", "Mon, 09 Sep 99999999999 23:36:00 GMT"],
)
def test_dates_that_are_none(value: bytes | str | None) -> None:
    skew = seen(3600)
    skew.seen(value, NOW, NOW)
    assert skew.offset == 3600


def test_answers_that_say_nothing() -> None:
    skew = Skew()
    skew.seen(date(NOW + 3600), NOW - 900, NOW)
    skew.seen(date(NOW + 3600), NOW, NOW, age=True)
    assert skew.offset == 0.0
    skew.seen(date(NOW + 3600), NOW - 899, NOW)
    assert skew.offset == 3600.0


def test_the_same_date_is_parsed_once() -> None:
    skew = seen(3600)
    # The answers of one second; the first has measured it best.
    skew.seen(date(NOW + 3600), NOW, NOW + 0.9)
    assert skew.offset == 3600.0


@given(st.integers(0, 4_000_000_000))
def test_seconds(moment: int) -> None:
    assert seconds(date(moment)) == seconds(date(moment).decode()) == moment
