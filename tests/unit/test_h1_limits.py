"""H1Connection: what a peer may send without end, each limit met exactly and passed by one.

The numbers are those of the table of faults and attacks: 23, 32, 39, 70.
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.feeding import CHUNKED, OK, Wired, case

from async_keepalive_httpc._message.limits import CHUNK_OVERHEAD, CHUNK_OVERHEAD_EACH, MAX_FIELDS, Reading
from async_keepalive_httpc.errors import TooLarge

LIMIT = 4096


def padded(size: int, pad: str = "value") -> bytes:
    """A head of exactly `size` bytes, made long in one of several ways."""
    start, end = OK, b"Content-Length: 2\r\n\r\n"
    rest = size - len(start) - len(end)
    if pad == "value":
        return start + b"X: " + b"v" * (rest - 5) + b"\r\n" + end
    if pad == "white space":
        return start + b"X:" + b" " * (rest - 5) + b"v\r\n" + end
    if pad == "name":
        return start + b"X" * (rest - 3) + b":\r\n" + end
    if pad == "reason":
        return b"HTTP/1.1 200 " + b"r" * (rest + 2) + b"\r\n" + end
    if pad == "blank lines":
        return b"\r\n" * (rest // 2) + b"\n" * (rest % 2) + start + end
    interim = b"HTTP/1.1 103 \r\n\r\n"
    return interim * (rest // len(interim)) + b"\n" * (rest % len(interim)) + start + end


PADS = ["value", "white space", "name", "reason", "blank lines", "interim"]


def read(pieces: list[bytes], reading: Reading | None = None) -> tuple[Wired, Any]:
    wired = Wired(reading or Reading(LIMIT))
    response = wired.send()
    wired.feed(*pieces)
    return wired, response


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("pad", PADS)
@pytest.mark.parametrize("step", [1, 7, 1000, 1 << 20])
def test_head_size_exactly(pad: str, step: int) -> None:
    head = padded(LIMIT, pad)
    assert len(head) == LIMIT
    wired, response = read(cut(head + b"ok", step))
    assert response._error is None
    assert response.body == b"ok"
    assert wired.kept

    wired, response = read(cut(padded(LIMIT + 1, pad) + b"ok", step))
    assert isinstance(response._error, TooLarge)
    assert "max_header_size" in str(response._error)
    assert response._error.part == "header"
    assert wired.transport.ended == "aborted"


@pytest.mark.parametrize("step", [1, 1000, 1 << 20])
def test_head_size_of_a_chunked_response(step: int) -> None:
    for size, good in ((LIMIT, True), (LIMIT + 1, False)):
        head = OK + b"X: " + b"v" * (size - len(OK) - 35) + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert len(head) == size
        _, response = read(cut(head + b"2\r\nok\r\n0\r\n\r\n", step))
        assert (response._error is None) is good


@pytest.mark.parametrize("step", [1, 100, 1 << 20])
def test_head_size_where_a_head_is_mended(step: int) -> None:
    for size, good in ((LIMIT, True), (LIMIT + 1, False)):
        head = OK + b"Content-Length: 2, 2\r\nX: " + b"v" * (size - len(OK) - 29) + b"\r\n\r\n"
        assert len(head) == size
        wired, response = read(cut(head + b"ok", step))
        assert (response._error is None) is good
        assert wired.kept is good


@pytest.mark.parametrize("step", [1, 100, 1 << 20])
def test_number_of_fields(step: int) -> None:
    for number, good in ((MAX_FIELDS, True), (MAX_FIELDS + 1, False)):
        fields = b"a:b\r\n" * (number - 1)
        wired, response = read(cut(OK + fields + b"Content-Length: 2\r\n\r\nok", step), Reading())
        assert wired.kept is good
        if not good:
            assert isinstance(response._error, TooLarge)
            assert f"more than {MAX_FIELDS} fields" in str(response._error)
            assert response._error.part == "header"


@pytest.mark.parametrize(
    "endless",
    [
        case(23, "interim", b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"),
        case(23, "odd interim", b"HTTP/1.0 103 Early Hints\r\nConnection: close\r\n\r\n"),
        case(32, "empty lines", b"\r\n"),
        case(32, "empty lines of LF", b"\n"),
    ],
)
@pytest.mark.parametrize("step", [1, 333, 100_000])
def test_what_comes_without_end_is_cut_off(endless: bytes, step: int) -> None:
    data = endless * (2 * 1024 * 1024 // len(endless))
    wired, response = read(cut(data[: LIMIT * 2 if step == 1 else len(data)], step))
    assert isinstance(response._error, TooLarge)
    assert wired.connection._fed <= LIMIT + step
    assert wired.transport.ended == "aborted"


@pytest.mark.parametrize(
    "start",
    [
        case(32, "status line", b"HTTP/1.1 200 "),
        case(39, "value", OK + b"X: "),
        case(39, "name", OK),
        case(39, "lengths", OK + b"Content-Length: 2, 2\r\nX: "),
    ],
)
@pytest.mark.parametrize("step", [1, 333, 100_000])
def test_a_line_without_end_is_cut_off(start: bytes, step: int) -> None:
    data = start + b"v" * (LIMIT * 2 if step == 1 else 2 * 1024 * 1024)
    wired, response = read(cut(data, step))
    assert isinstance(response._error, TooLarge)
    assert wired.connection._fed <= LIMIT + step


def test_case_39_the_limit_of_default() -> None:
    for size, good in ((128 * 1024, True), (128 * 1024 + 1, False), (200_000, False)):
        _, response = read(cut(padded(size) + b"ok", 65536), Reading())
        assert (response._error is None) is good


def test_limits_start_anew_with_each_request() -> None:
    wired = Wired(Reading(LIMIT))
    for _ in range(4):
        response = wired.send()
        wired.feed(padded(LIMIT - 100)[:2000], padded(LIMIT - 100)[2000:] + b"ok")
        assert response.body == b"ok"
        response = wired.send()
        wired.feed(CHUNKED + b"2;" + b"x" * (CHUNK_OVERHEAD // 2) + b"\r\nok\r\n0\r\n\r\n")
        assert response.body == b"ok"


# -- chunk framing


def overhead(size: int, chunks: int, kind: str) -> bytes:
    """A chunked body of `chunks` chunks, the last one included, with exactly `size` bytes of framing."""
    plain = b"1\r\nx\r\n" * (chunks - 1)
    rest = size - 5 * (chunks - 1)
    if kind == "extension":
        return plain + b"0;" + b"e" * (rest - 6) + b"\r\n\r\n"
    if kind == "zeros":
        return plain + b"0" * (rest - 4) + b"\r\n\r\n"
    return plain + b"0\r\nX: " + b"t" * (rest - 10) + b"\r\n\r\n"


@pytest.mark.parametrize("kind", ["extension", "zeros", "trailer"])
@pytest.mark.parametrize("chunks", [1, 3, 100])
@pytest.mark.parametrize("step", [1, 1000, 1 << 20])
def test_chunk_overhead_exactly(kind: str, chunks: int, step: int) -> None:
    # Only a trailer comes when all chunks have been counted; the others are looked at as they come.
    counted = chunks if kind == "trailer" or step > 100_000 else chunks - 1
    most = CHUNK_OVERHEAD + CHUNK_OVERHEAD_EACH * counted
    wired, response = read(cut(CHUNKED + overhead(most, chunks, kind), step))
    assert response._error is None
    assert len(response.body) == chunks - 1
    assert wired.kept

    most = CHUNK_OVERHEAD + CHUNK_OVERHEAD_EACH * chunks
    wired, response = read(cut(CHUNKED + overhead(most + 1, chunks, kind), step))
    assert isinstance(response._error, TooLarge)
    assert wired.transport.ended == "aborted"


@pytest.mark.parametrize(
    "chunks",
    [
        case(70, "64 KiB extension", b"2;" + b"x" * 65536 + b"\r\nok\r\n"),
        case(70, "1000 extensions of 4 KiB", (b"2;" + b"x" * 4096 + b"\r\nok\r\n") * 1000),
        case(70, "endless extension", b"2;" + b"x" * (1 << 20)),
        case(70, "endless zeros", b"0" * (1 << 20)),
        case(70, "trailer bomb", b"2\r\nok\r\n0\r\n" + b"X: y\r\n" * 100_000),
        case(70, "endless trailer", b"0\r\nX: " + b"y" * (1 << 20)),
    ],
)
@pytest.mark.parametrize("step", [1000, 1 << 20])
def test_bombs_in_the_framing(chunks: bytes, step: int) -> None:
    wired, response = read(cut(CHUNKED + chunks, step))
    assert isinstance(response._error, TooLarge)
    assert "chunk" in str(response._error) or "trailer" in str(response._error)
    assert response._error.part == "framing"
    assert wired.transport.ended == "aborted"


@pytest.mark.parametrize("step", [1000, 1 << 20])
def test_number_of_trailer_fields(step: int) -> None:
    for number, good in ((MAX_FIELDS, True), (MAX_FIELDS + 1, False)):
        body = b"1\r\nx\r\n" * 1000 + b"0\r\n" + b"a:b\r\n" * number + b"\r\n"
        wired, response = read(cut(CHUNKED + body, step))
        assert wired.kept is good
        if not good:
            assert isinstance(response._error, TooLarge)


def test_body_limit() -> None:
    for framing in (
        b"Content-Length: %d\r\n\r\n%b",
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n",
    ):
        for size, good in ((1000, True), (1001, False)):
            wired = Wired()
            response = wired.send(limit=1000)
            wired.feed(OK + framing % (size, b"x" * size))
            assert wired.kept is good
            if not good:
                assert isinstance(response._error, TooLarge)
                assert "longer than 1000 bytes" in str(response._error)
                assert "max_body_size" in str(response._error)
                assert response._error.part == "body"
                assert wired.owner.heard == ["lost: error"]


def test_body_limit_where_the_end_frames() -> None:
    wired = Wired()
    response = wired.send(limit=1000)
    wired.feed(OK + b"\r\n", b"x" * 600, b"x" * 600)
    assert isinstance(response._error, TooLarge)
