"""Heads mended for llhttp, and the pure questions about framing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_keepalive_httpc._connection.framing import (
    excess,
    heads_end,
    keep_alive_hint,
    last_coding,
    reframes,
    says_close,
)
from async_keepalive_httpc._connection.repair import mend
from async_keepalive_httpc._message.limits import CHUNK_OVERHEAD, CHUNK_OVERHEAD_EACH, MAX_FIELDS


@pytest.mark.parametrize(
    ("lines", "mended"),
    [
        ("A: b", "A: b"),
        ("Content-Length: 5, 5", "Content-Length: 5"),
        ("CONTENT-length:5 ,\t5,5", "CONTENT-length: 5"),
        ("Content-Length: 5|A: b|content-length: 5", "Content-Length: 5|A: b"),
        ("Content-Length: 5", "Content-Length: 5"),
        ("Content-Length: 5, 6", None),
        ("Content-Length: 5|Content-Length: 05", None),
        ("Content-Length: 5 5", None),
        ("Content-Length: +5, +5", None),
        ("Content-Length: \xb2, \xb2", None),
        ("Content-Length: ,", None),
        ("Content-Length:", None),
        ("X-Content-Length: 5, 6", "X-Content-Length: 5, 6"),
        ("Transfer-Encoding: gzip,\tchunked\t", "Transfer-Encoding: gzip, chunked "),
        ("A:\tb", "A:\tb"),
        ("no colon", "no colon"),
    ],
)
def test_mend(lines: str, mended: str | None) -> None:
    start = "HTTP/1.1 200 OK\r\n"
    got = mend((start + lines.replace("|", "\r\n")).encode("latin-1"))
    assert got == (None if mended is None else (start + mended.replace("|", "\r\n")).encode("latin-1"))


@given(st.binary())
def test_mend_keeps_what_it_does_not_know(data: bytes) -> None:
    if b"content-length" not in data.lower() and b"transfer-encoding" not in data.lower():
        assert mend(data) == data


def test_heads_end() -> None:
    first, second = b"HTTP/1.1 100 \r\n\r\n", b"HTTP/1.1 200 \r\nA: b\r\n\r\n"
    data = b"\r\n\n" + first + b"\r\n" + second + b"body\r\n\r\n"
    assert heads_end(data, 0) == 0
    assert heads_end(data, 1) == 3 + len(first)
    assert heads_end(data, 2) == 3 + len(first) + 2 + len(second)
    assert heads_end(data, 1, 3 + len(first)) == heads_end(data, 2)
    assert heads_end(bytearray(data), 2) == heads_end(data, 2)
    assert heads_end(data[:10], 1) == heads_end(data[: len(first) + 10], 2) == -1
    assert heads_end(b"\r\n\r\n", 1) == -1


def test_says_close() -> None:
    assert not says_close([], "1.1")
    assert says_close([], "1.0")
    assert says_close([(b"connection", b"x, CLOSE\t")], "1.1")
    assert not says_close([(b"Connection", b"x"), (b"Connection", b"Keep-Alive ")], "1.0")
    assert says_close([(b"Connection", b"keep-alive"), (b"Connection", b"close")], "1.0")
    assert not says_close([(b"X", b"close"), (b"Connection", b"closed")], "1.1")


def test_last_coding() -> None:
    assert last_coding([(b"Transfer-Encoding", b"gzip, Chunked ")]) == (b"chunked", False)
    assert last_coding([(b"Transfer-Encoding", b"chunked"), (b"TRANSFER-encoding", b"x\t")]) == (b"x", True)


def test_reframes() -> None:
    assert not reframes([(b"Link", b"x")])
    assert reframes([(b"Link", b"x"), (b"cOnNeCtIoN", b"x")])


def test_keep_alive_hint() -> None:
    assert keep_alive_hint(b"timeout=5, max=7") == (5.0, 7)
    assert keep_alive_hint(b"") == (None, None)
    assert keep_alive_hint(b"timeout=5.5, max=\xb2, other=3") == (None, None)


def test_excess() -> None:
    most = CHUNK_OVERHEAD + 2 * CHUNK_OVERHEAD_EACH
    assert excess(most, 2, MAX_FIELDS) is None
    assert "framing of 2 chunks" in str(excess(most + 1, 2, 0))
    assert "trailer fields" in str(excess(0, 2, MAX_FIELDS + 1))
