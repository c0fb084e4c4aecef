"""Cases 1-18 and 48-55 over sockets: good messages, messages without a body, Content-Length."""

from __future__ import annotations

import gzip

import pytest
from tests.cases.exchange import CHUNKED, FIN, HELLO, KEEP, OK, RST, WAIT, ask, case
from tests.conftest import Run

from async_keepalive_httpc import Client, ConnectionLost, ProtocolError, Timeout, TimeoutExpired
from async_keepalive_httpc.testing import Peer, faults, in_turn, response

PACKED = gzip.compress(b"packed")
WHOLE = [
    (HELLO, b"hello"),
    (CHUNKED + b"3\r\nhel\r\n2\r\nlo\r\n0\r\nA: b\r\n\r\n", b"hello"),
    (OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(PACKED) + PACKED, b"packed"),
    (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + HELLO, b"hello"),
]


@pytest.mark.parametrize(("raw", "body"), WHOLE, ids=["length", "chunked", "gzip", "interim"])
def test_case_1_cut_in_two_at_every_byte(run: Run, raw: bytes, body: bytes) -> None:
    async def main() -> None:
        replies = [faults.pieces(raw, size) for size in range(1, len(raw))]
        async with Peer(in_turn(*replies)) as peer, Client() as client:
            for _ in replies:
                assert (await client.get(peer.url)).body == body
            assert peer.connections == 1

    run(main())


@pytest.mark.parametrize(("raw", "body"), WHOLE, ids=["length", "chunked", "gzip", "interim"])
def test_case_2_one_byte_a_segment(run: Run, raw: bytes, body: bytes) -> None:
    came = run(ask([raw[i : i + 1] for i in range(len(raw))]))
    assert came.body == body
    assert came.kept


@pytest.mark.parametrize("body", [b"", b"hello", bytes(300_000)], ids=len)
def test_case_3_no_length_and_fin(run: Run, body: bytes) -> None:
    came = run(ask(OK + b"\r\n" + body, FIN))
    assert came.body == body
    assert not came.kept


def test_case_4_no_length_and_rst(run: Run) -> None:
    came = run(ask([OK + b"\r\n", b"hel", b"lo"], RST))
    assert isinstance(came.error, ConnectionLost)
    assert came.error.stage == "responding"


def test_case_5_no_length_and_no_end(run: Run) -> None:
    came = run(ask(OK + b"\r\nhello", WAIT, timeout=Timeout(read=0.05)))
    assert isinstance(came.error, TimeoutExpired)
    assert came.closed["abandoned"] == 1


@pytest.mark.parametrize(
    "chunk", [0, 1 << 20, 50], ids=["case_6_length", "case_6_one_chunk", "case_6_twenty_thousand_chunks"]
)
def test_case_6_large_bodies(run: Run, chunk: int) -> None:
    body = bytes(range(256)) * (4096 if chunk != 50 else 3906)
    pieces = [body[i : i + chunk] for i in range(0, len(body), chunk)] if chunk else []
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    came = run(ask(CHUNKED + chunks if chunk else response(body)))
    assert came.body == body
    assert came.kept


@pytest.mark.parametrize("line", [b"HTTP/1.1 200 ", b"HTTP/1.1 200", b"HTTP/1.1 200 \xdcber"])
def test_case_7_reason_phrases(run: Run, line: bytes) -> None:
    came = run(ask(line + b"\r\nContent-Length: 2\r\n\r\nok"))
    assert (came.status, came.body, came.kept) == (200, b"ok", True)


@pytest.mark.parametrize(
    ("start", "kept"),
    [
        case(8, "1.0", b"HTTP/1.0 200 OK\r\n", False),
        case(8, "1.0 keep-alive", b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n", True),
        case(9, "close", OK + b"Connection: close\r\n", False),
        case(9, "in any case", OK + b"connection: CLOSE\r\n", False),
        case(9, "in a list", OK + b"Connection: x, close\r\n", False),
        case(9, "on two lines", OK + b"Connection: keep-alive\r\nConnection: close\r\n", False),
        case(10, "upgrade offered", OK + b"Upgrade: h2c\r\nConnection: Upgrade\r\n", True),
    ],
)
def test_case_8_to_10_who_is_kept(run: Run, start: bytes, kept: bool) -> None:
    """The server never closes by itself: what is not kept is delivered at once all the same."""
    came = run(ask(start + b"Content-Length: 5\r\n\r\nhello", WAIT if not kept else KEEP))
    assert (came.body, came.kept) == (b"hello", kept)


@pytest.mark.parametrize("status", [200, 299, 302, 404, 408, 421, 425, 429, 500, 503, 599])
def test_case_12_any_final_status(run: Run, status: int) -> None:
    came = run(ask(b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\nok" % status))
    assert (came.status, came.body) == (status, b"ok")
    # 421 goes again once, to another connection (FEATURES 20; RFC 9110 section 15.5.20).
    assert len(came.seen) == (2 if status == 421 else 1)


@pytest.mark.parametrize(
    "raw",
    [
        case(13, "302 without Location", b"HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\nok"),
        case(13, "Location on 200", OK + b"Location: /elsewhere\r\nContent-Length: 2\r\n\r\nok"),
    ],
)
def test_case_13_no_redirect(run: Run, raw: bytes) -> None:
    came = run(ask(raw))
    assert (came.body, len(came.seen)) == (b"ok", 1)


@pytest.mark.parametrize(
    "fields",
    [
        case(14, "length", b"Content-Length: 5\r\n"),
        case(14, "huge length", b"Content-Length: 99999999999999999\r\n"),
        case(14, "chunked", b"Transfer-Encoding: chunked\r\n"),
        case(14, "none", b""),
        case(14, "gzip", b"Content-Encoding: gzip\r\nContent-Length: 5\r\n"),
    ],
)
def test_case_14_head(run: Run, fields: bytes) -> None:
    came = run(ask(OK + fields + b"\r\n", method="HEAD"))
    assert (came.body, came.kept) == (b"", True)


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        case(15, "body after HEAD", "HEAD", HELLO),
        case(15, "second response after HEAD", "HEAD", OK + b"\r\n" + HELLO),
        case(16, "204 with a body", "GET", b"HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\nhello"),
        case(16, "204 with chunks", "GET", b"HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        case(17, "304 with a body", "GET", b"HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\nhello"),
    ],
)
def test_case_15_to_17_a_body_where_none_may_be(run: Run, method: str, raw: bytes) -> None:
    came = run(ask(raw, method=method))
    assert (came.body, came.kept) == (b"", False)
    assert came.closed["poisoned"] == 1


@pytest.mark.parametrize(
    "raw",
    [
        case(16, "204 length 0", b"HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n"),
        case(16, "204 length 5", b"HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n"),
        case(17, "304 length", b"HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n"),
        case(17, "304 gzip", b"HTTP/1.1 304 X\r\nContent-Encoding: gzip\r\n\r\n"),
        case(18, "205 length 0", b"HTTP/1.1 205 X\r\nContent-Length: 0\r\n\r\n"),
        case(18, "205 chunked", b"HTTP/1.1 205 X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ],
)
def test_case_16_to_18_no_body(run: Run, raw: bytes) -> None:
    came = run(ask(raw))
    assert (came.body, came.kept) == (b"", True)


# -- Content-Length


@pytest.mark.parametrize(
    "value",
    [
        case(48, "white space", b" \t5 "),
        case(48, "zeros", b"0000005"),
        case(50, "list", b"5, 5"),
        case(50, "two lines", b"5\r\nContent-Length: 5"),
    ],
)
def test_case_48_and_50_good_lengths(run: Run, value: bytes) -> None:
    came = run(ask(OK + b"Content-Length:" + value + b"\r\n\r\nhello"))
    assert (came.body, came.kept) == (b"hello", True)


@pytest.mark.parametrize(
    "value",
    [
        *[case(49, repr(value), value) for value in (b"-5", b"+5", b"0x5", b"5.0", b"5 5", b"0_5", b"", b",")],
        case(51, "list", b"5, 6"),
        case(51, "lines", b"5\r\ncontent-length: 6"),
        case(51, "one bad", b"5\r\nContent-Length: x"),
        case(52, "2^64+5", b"18446744073709551621"),
        case(52, "30 digits", b"9" * 30),
    ],
)
def test_case_49_to_52_bad_lengths(run: Run, value: bytes) -> None:
    came = run(ask(OK + b"Content-Length: " + value + b"\r\n\r\nhello"))
    assert isinstance(came.error, ProtocolError)
    assert came.closed["error"] == 1


@pytest.mark.parametrize(
    "length", [case(52, "2^63", b"9223372036854775808"), case(53, "huge", b"99999999999"), case(54, "six", b"6")]
)
@pytest.mark.parametrize(("then", "error"), [(FIN, ConnectionLost), (RST, ConnectionLost), (WAIT, TimeoutExpired)])
def test_case_52_to_54_shorter_bodies(run: Run, length: bytes, then: str, error: type) -> None:
    raw = OK + b"Content-Length: " + length + b"\r\n\r\nhello"
    came = run(ask([raw], then, timeout=Timeout(read=0.05)))
    assert isinstance(came.error, error)
    assert len(came.seen) == 1


@pytest.mark.parametrize("pause", [False, True])
def test_case_55_a_longer_body(run: Run, pause: bool) -> None:
    came = run(ask([HELLO, b" world"] if pause else HELLO + b" world", rest=20))
    assert (came.body, came.kept) == (b"hello", False)


def test_case_11_the_hint_of_the_server(run: Run) -> None:
    """Its seconds less a margin of at least 0.5 s: of 0 nothing is left. With a clock of the test: see test_lane."""
    came = run(ask(OK + b"Keep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n"))
    assert came.kept
    came = run(ask(OK + b"Keep-Alive: timeout=0\r\nContent-Length: 0\r\n\r\n"))
    assert not came.kept
    assert came.closed["idle"] == 1
