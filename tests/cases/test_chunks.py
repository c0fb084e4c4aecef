"""Cases 56-70 over sockets: Transfer-Encoding and chunks."""

from __future__ import annotations

from typing import Any

import pytest
from tests.cases.exchange import CHUNKED, FIN, KEEP, OK, RST, WAIT, ask, case
from tests.conftest import Run

from async_keepalive_httpc import Client, ConnectionLost, ProtocolError, Timeout, TimeoutExpired, TooLarge
from async_keepalive_httpc.testing import Peer, faults, in_turn

BAD_SIZES = (b"", b"g", b"0x5", b"-5", b"+5", b"1_0", b"\xd9\xa5", b"\x005", b"5h", b"5,5")
BODY = b"2\r\nok\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    "coding",
    [
        case(56, "case", b"CHUNKED"),
        case(56, "white space", b" \tchunked \t"),
        case(58, "two lines", b"chunked\r\nTransfer-Encoding: chunked"),
        case(58, "list", b"chunked, chunked"),
        case(59, "gzip", b"gzip, chunked"),
        case(59, "gzip on a line", b"gzip\r\nTransfer-Encoding: chunked"),
    ],
)
def test_case_56_to_59_codings_that_are_read(run: Run, coding: bytes) -> None:
    """59: what gzip did as a transfer coding, which nobody asked for, is not undone; the field says so."""
    came = run(ask(OK + b"Transfer-Encoding: " + coding + b"\r\n\r\n" + BODY))
    assert (came.body, came.kept) == (b"ok", True)
    assert came.response is not None
    assert "chunked" in came.response.headers["Transfer-Encoding"].lower()


@pytest.mark.parametrize(
    "fields",
    [
        case(57, "length after", b"Transfer-Encoding: chunked\r\nContent-Length: 5"),
        case(57, "length before", b"Content-Length: 12\r\nTransfer-Encoding: chunked"),
        *[
            case(60, repr(coding), b"Transfer-Encoding: " + coding)
            for coding in (b"chunked, gzip", b"identity", b"xchunked", b'"chunked"', b"\x0bchunked", b"chunked;q=1")
        ],
        case(60, "NBSP", b"Transfer-Encoding: \xa0chunked"),
        case(60, "NEL", b"Transfer-Encoding: chunked\x85"),
    ],
)
def test_case_57_and_60_framing_that_is_not_clear(run: Run, fields: bytes) -> None:
    for used in (False, True):
        came = run(ask(OK + fields + b"\r\n\r\n" + BODY, used=used))
        assert isinstance(came.error, ProtocolError)
        assert came.closed["error"] == 1


def test_case_61_in_http_1_0(run: Run) -> None:
    came = run(ask(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + BODY))
    assert isinstance(came.error, ProtocolError)


@pytest.mark.parametrize(
    ("chunks", "body"),
    [
        case(62, "hex", b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2),
        case(62, "zeros", b"000002\r\nok\r\n0000\r\n\r\n", b"ok"),
        case(62, "extensions", b'2;a;b="c;d"\r\nok\r\n0;e\r\n\r\n', b"ok"),
        case(62, "empty", b"0\r\n\r\n", b""),
        case(63, "trailers", b"2\r\nok\r\n0\r\nSet-Cookie: a=b\r\nConnection: close\r\n\r\n", b"ok"),
    ],
)
def test_case_62_and_63_good_chunks(run: Run, chunks: bytes, body: bytes) -> None:
    came = run(ask(CHUNKED + chunks))
    assert (came.body, came.kept) == (body, True)
    assert came.response is not None
    assert list(came.response.headers) == ["Transfer-Encoding"]


@pytest.mark.parametrize(
    "chunks",
    [
        *[case(64, repr(size), size + b"\r\nhello\r\n0\r\n\r\n") for size in BAD_SIZES],
        case(65, "17 digits", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
        case(66, "no CRLF after the data", b"5\r\nhello0\r\n\r\n"),
        case(66, "data too long", b"5\r\nhello you\r\n0\r\n\r\n"),
        case(67, "bare LF", b"5\nhello\r\n0\r\n\r\n"),
        case(67, "bare CR", b"5\rhello\r\n0\r\n\r\n"),
        case(67, "NUL in an extension", b"5;a\0b\r\nhello\r\n0\r\n\r\n"),
    ],
)
def test_case_64_to_67_bad_chunks(run: Run, chunks: bytes) -> None:
    came = run(ask(CHUNKED + chunks))
    assert isinstance(came.error, ProtocolError)
    assert came.closed["error"] == 1


@pytest.mark.parametrize(
    "chunks",
    [
        case(65, "2^32+5", b"100000005\r\nhello\r\n0\r\n\r\n"),
        case(65, "2^64-1", b"f" * 16 + b"\r\nhello\r\n0\r\n\r\n"),
        case(66, "data too short", b"9\r\nhello\r\n"),
        case(68, "no last chunk", b"5\r\nhello\r\n"),
        case(68, "cut in a size", b"5\r\nhello\r\n1"),
        case(68, "cut in a trailer", b"5\r\nhello\r\n0\r\nA: b"),
        case(69, "without the empty line", b"5\r\nhello\r\n0\r\n"),
    ],
)
@pytest.mark.parametrize(("then", "error"), [(FIN, ConnectionLost), (RST, ConnectionLost), (WAIT, TimeoutExpired)])
def test_case_65_to_69_chunks_that_do_not_end(run: Run, chunks: bytes, then: str, error: type) -> None:
    options: dict[str, Any] = {"timeout": Timeout(read=0.05)} if then == WAIT else {}
    came = run(ask(CHUNKED + chunks, then, **options))
    assert isinstance(came.error, error)
    assert len(came.seen) == 1


@pytest.mark.parametrize(
    "chunks",
    [
        case(70, "64 KiB extension", b"2;" + b"e" * 65536 + b"\r\nok\r\n0\r\n\r\n"),
        case(70, "1000 extensions", (b"2;" + b"e" * 4096 + b"\r\nok\r\n") * 1000 + b"0\r\n\r\n"),
        case(70, "trailers", b"2\r\nok\r\n0\r\n" + b"X: y\r\n" * 10_000 + b"\r\n"),
        case(70, "zeros", b"0" * 100_000),
    ],
)
def test_case_70_bombs_in_the_framing(run: Run, chunks: bytes) -> None:
    came = run(ask(CHUNKED + chunks, KEEP))
    assert isinstance(came.error, TooLarge)
    assert came.error.part == "framing"


def test_case_70_an_extension_without_end(run: Run) -> None:
    async def main() -> None:
        async with Peer(in_turn(faults.endless_extension(), faults.well())) as peer, Client() as client:
            with pytest.raises(TooLarge):
                await client.get(peer.url)
            assert (await client.get(peer.url)).body == b"ok"

    run(main())
