"""Cases 87-94 over sockets: content codings."""

from __future__ import annotations

import gzip
import importlib.util
import tracemalloc
import zlib

import pytest
from tests.cases.exchange import OK, ask, case
from tests.conftest import Run

from async_keepalive_httpc import Client, DecodeError, TooLarge
from async_keepalive_httpc.testing import Peer, faults, in_turn, response

TEXT = b"some text, some text. " * 50


def raw_deflate(data: bytes) -> bytes:
    coder = zlib.compressobj(wbits=-15)
    return coder.compress(data) + coder.flush()


def coded(body: bytes, *codings: str) -> bytes:
    return response(body, headers=[("Content-Encoding", coding) for coding in codings])


def brotli(data: bytes) -> bytes:
    import brotli

    packed: bytes = brotli.compress(data, quality=5)
    return packed


def zstd(data: bytes) -> bytes:
    if importlib.util.find_spec("compression") is not None:
        from compression import zstd
    else:
        from backports import zstd
    packed: bytes = zstd.compress(data)
    return packed


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        case(87, "gzip", gzip.compress(TEXT), "gzip"),
        case(87, "GZIP", gzip.compress(TEXT), "GZIP"),
        case(87, "x-gzip", gzip.compress(TEXT), "x-gzip"),
        case(87, "deflate with zlib", zlib.compress(TEXT), "deflate"),
        case(87, "deflate without", raw_deflate(TEXT), "deflate"),
        case(87, "br", brotli(TEXT), "br"),
        case(87, "zstd", zstd(TEXT), "zstd"),
        case(90, "members", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]), "gzip"),
    ],
)
def test_case_87_and_90_codings_that_are_undone(run: Run, body: bytes, coding: str) -> None:
    came = run(ask(coded(body, coding)))
    assert (came.body, came.kept) == (TEXT, True)


def test_case_88_an_unknown_coding(run: Run) -> None:
    came = run(ask(coded(TEXT, "rot13")))
    assert (came.body, came.kept) == (TEXT, True)
    assert came.response is not None
    assert came.response.headers["Content-Encoding"] == "rot13"


@pytest.mark.parametrize(
    ("method", "line"), [("HEAD", OK), ("GET", OK), ("GET", b"HTTP/1.1 204 X\r\n"), ("GET", b"HTTP/1.1 304 X\r\n")]
)
def test_case_89_nothing_to_undo(run: Run, method: str, line: bytes) -> None:
    came = run(ask(line + b"Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", method=method))
    assert (came.body, came.kept) == (b"", True)


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        case(91, "not gzip", TEXT, "gzip"),
        case(91, "cut off", gzip.compress(TEXT)[:-20], "gzip"),
        case(91, "without its trailer", gzip.compress(TEXT)[:-8], "gzip"),
        case(91, "bad CRC", gzip.compress(TEXT)[:-8] + bytes(8), "gzip"),
        case(91, "damaged deflate", b"\x78\x9c" + bytes(20), "deflate"),
        case(91, "damaged br", brotli(TEXT)[:-4], "br"),
        case(91, "damaged zstd", zstd(TEXT)[:-4], "zstd"),
        case(92, "six codings", TEXT, "gzip, gzip, gzip, gzip, gzip, gzip"),
    ],
)
def test_case_91_and_92_damage(run: Run, body: bytes, coding: str) -> None:
    """The framing is sound, so the connection lives."""
    came = run(ask(coded(body, coding)))
    assert isinstance(came.error, DecodeError)
    assert came.closed == {"closed": 1} or came.closed == {}


def test_case_92_six_codings_over_all_lines(run: Run) -> None:
    came = run(ask(coded(TEXT, "gzip, gzip, gzip", "gzip", "gzip, gzip")))
    assert isinstance(came.error, DecodeError)


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_case_93_a_bomb(run: Run, coding: str) -> None:
    """An error at the limit of decoded bytes, and no more memory than that limit and a MiB."""
    limit = 2 * 1024 * 1024
    size = 50 * 1024 * 1024
    packed = {"gzip": faults.zeros, "br": lambda n: brotli(bytes(n)), "zstd": lambda n: zstd(bytes(n))}[coding](size)

    async def main() -> int:
        async with Peer(in_turn(faults.well(coded(packed, coding)))) as peer, Client(max_body_size=limit) as client:
            tracemalloc.start()
            try:
                with pytest.raises(TooLarge, match="decoded body"):
                    await client.get(peer.url)
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    assert run(main()) <= limit + 2 * 1024 * 1024 + len(packed) * 2


def test_case_94_a_hundred_thousand_empty_members(run: Run) -> None:
    came = run(ask(coded(gzip.compress(b"") * 100_000, "gzip")))
    assert isinstance(came.error, DecodeError)
    assert "streams in a row" in str(came.error)
