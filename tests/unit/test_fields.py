"""Names of fields: what the engine understands of them, and how many spellings it remembers."""

from __future__ import annotations

import pytest

from async_keepalive_httpc._message import fields
from async_keepalive_httpc._message.fields import CONTENT_LENGTH, LOCATION, kind_of


def test_a_spelling_is_remembered() -> None:
    assert (kind_of(b"lOCATION"), fields.KINDS[b"lOCATION"]) == (LOCATION, LOCATION)
    assert kind_of(b"X-Is-Plain") == 0
    assert b"X-Is-Plain" in fields.PLAIN


def test_a_full_memory_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "MEMORY", len(fields.KINDS) + len(fields.PLAIN))
    assert kind_of(b"cONTENT-lENGTH") == CONTENT_LENGTH
    assert kind_of(b"X-Came-Too-Late") == 0
    assert b"cONTENT-lENGTH" not in fields.KINDS
    assert b"X-Came-Too-Late" not in fields.PLAIN
