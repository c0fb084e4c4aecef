"""Cases 20-47 over sockets: interim responses, status lines, header fields."""

from __future__ import annotations

from typing import Any

import pytest
from tests.cases.exchange import FIN, HELLO, KEEP, OK, RST, WAIT, ask, case
from tests.conftest import Run

from async_keepalive_httpc import Client, ConnectionLost, ProtocolError, Timeout, TimeoutExpired, TooLarge
from async_keepalive_httpc.testing import Conn, Peer, faults, in_turn, response

LENGTH = b"Content-Length: 5\r\n\r\nhello"


# -- interim responses


@pytest.mark.parametrize(
    "interim",
    [
        case(20, "100", b"HTTP/1.1 100 Continue\r\n\r\n"),
        case(20, "103", b"HTTP/1.1 103 Early Hints\r\nSet-Cookie: a=b\r\n\r\n"),
        case(20, "unknown", b"HTTP/1.1 177 Odd\r\n\r\n"),
        case(20, "several", b"HTTP/1.1 102 A\r\n\r\nHTTP/1.1 103 B\r\n\r\n"),
        case(21, "length", b"HTTP/1.1 103 X\r\nContent-Length: 7\r\n\r\n"),
        case(21, "close", b"HTTP/1.1 103 X\r\nConnection: close\r\n\r\n"),
        case(22, "fifty", b"HTTP/1.1 102 Processing\r\n\r\n" * 50),
    ],
)
@pytest.mark.parametrize("apart", [False, True])
def test_case_20_to_22_interim_responses(run: Run, interim: bytes, apart: bool) -> None:
    came = run(ask([interim, HELLO] if apart else interim + HELLO))
    assert (came.body, came.kept) == (b"hello", True)
    assert came.response is not None
    assert list(came.response.headers) == ["Content-Length"]


def refused_by_limit(run: Run, reply: faults.Reply) -> None:
    """A peer that never stops is an error by the limit on bytes, at once, and its connection is closed."""

    async def main() -> None:
        async with Peer(in_turn(reply, faults.well())) as peer, Client() as client:
            with pytest.raises(TooLarge) as caught:
                await client.get(peer.url)
            assert caught.value.part == "header"
            assert (await client.get(peer.url)).body == b"ok"
            assert peer.connections == 2

    run(main())


def test_case_23_endless_interim_responses(run: Run) -> None:
    refused_by_limit(run, faults.endless_interims())


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("used", [False, True])
def test_case_24_an_interim_response_and_the_end(run: Run, method: str, used: bool) -> None:
    came = run(ask(b"HTTP/1.1 100 Continue\r\n\r\n", FIN, method=method, used=used))
    assert isinstance(came.error, ConnectionLost)
    assert came.error.stage == "responding"
    assert len(came.seen) == 1


def test_case_25_a_switch_that_nobody_asked_for(run: Run) -> None:
    came = run(ask(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello"))
    assert isinstance(came.error, ProtocolError)
    assert came.closed["error"] == 1


@pytest.mark.parametrize("how", ["it comes", "the final response comes at once", "nothing comes"])
def test_case_26_expect_continue(run: Run, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("async_keepalive_httpc._connection.upload.CONTINUE_WAIT", 0.02)

    async def script(conn: Conn) -> None:
        while (request := await conn.head()) is not None:
            if request.target == "/next":
                conn.send(response(b"next"))
            elif how == "the final response comes at once":
                conn.send(response(b"no", status=417))
                assert await conn.closed() == b""
            else:
                if how == "it comes":
                    conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                conn.send(response(await conn.body()))

    async def main() -> None:
        async with Peer(script) as peer, Client() as client:
            body = iter([b"bo", b"dy"])  # which cannot be replayed, so that a 417 is the answer
            got = await client.post(f"{peer.url}/case", body=body, expect_continue=True)
            assert got.body == (b"no" if got.status == 417 else b"body")
            assert (await client.get(f"{peer.url}/next")).body == b"next"
            assert peer.connections == (2 if got.status == 417 else 1)

    run(main())


# -- status line


@pytest.mark.parametrize(
    "line",
    [
        *[
            case(27, repr(line), line)
            for line in (b"HTPT/1.1 200 OK", b"HTTP/11 200 OK", b"HTTP/1.1200 OK", b"HTTP/1.1 20 OK")
        ],
        *[case(27, repr(line), line) for line in (b"HTTP/1.1 2000 OK", b"HTTP/1.1 2x0 OK", b"HTTP/1.1 +20 OK")],
        case(27, "Unicode digits", "HTTP/1.1 \u0662\u0660\u0660 OK".encode()),
        case(28, "HTTP/0.9", b"<html>hello</html>"),
        case(28, "SSH", b"SSH-2.0-OpenSSH_9.2p1"),
        case(28, "TLS alert", b"\x15\x03\x01\x00\x02\x02\x46"),
        case(28, "echo", b"GET /case HTTP/1.1"),
        case(28, "junk", b"junk\r\nHTTP/1.1 200 OK"),
        case(28, "BOM", b"\xef\xbb\xbfHTTP/1.1 200 OK"),
        case(29, "000", b"HTTP/1.1 000 X"),
        case(29, "099", b"HTTP/1.1 099 X"),
        case(31, "NUL", b"HTTP/1.1 200 a\x00b"),
        case(31, "bare CR", b"HTTP/1.1 200 a\rb"),
    ],
)
def test_case_27_to_31_bad_status_lines(run: Run, line: bytes) -> None:
    for used in (False, True):
        came = run(ask(line + b"\r\n" + LENGTH, used=used))
        assert isinstance(came.error, ProtocolError)
        assert came.closed["error"] == 1
        assert len(came.seen) == 1


@pytest.mark.parametrize("status", [600, 777, 999])
def test_case_30_odd_codes(run: Run, status: int) -> None:
    came = run(ask(b"HTTP/1.1 %d Odd\r\n" % status + LENGTH))
    assert (came.status, came.body, came.kept) == (status, b"hello", True)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(faults.endless(b"HTTP/1.1 200 ", b"x"), id="case_32_status_line"),
        pytest.param(faults.endless(b"", b"\r\n"), id="case_32_empty_lines"),
        pytest.param(faults.endless_header(), id="case_39_fields"),
        pytest.param(faults.endless(OK + b"X: ", b"v"), id="case_39_value"),
    ],
)
def test_case_32_and_39_without_end(run: Run, reply: faults.Reply) -> None:
    refused_by_limit(run, reply)


@pytest.mark.parametrize("then", [FIN, RST])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_case_33_closed_without_a_byte_on_a_fresh_connection(run: Run, then: str, method: str) -> None:
    """FEATURES 20: a fresh connection that dies is never tried again, so one attempt for either."""
    came = run(ask(b"", then, method=method))
    assert isinstance(came.error, ConnectionLost)
    assert (came.error.stage, came.error.reused) == ("sent", False)
    assert came.seen == [(method, 1)]


@pytest.mark.parametrize("start", [b"H", b"HTTP/1.1", b"HTTP/1.1 200 O"])
@pytest.mark.parametrize("used", [False, True])
def test_case_34_closed_inside_the_status_line(run: Run, start: bytes, used: bool) -> None:
    came = run(ask(start, FIN, used=used))
    assert isinstance(came.error, ConnectionLost)
    assert came.error.stage == "responding"
    assert len(came.seen) == 1


# -- header fields


@pytest.mark.parametrize(
    ("fields", "name", "values"),
    [
        case(35, "no space", b"X:value", "X", ["value"]),
        case(35, "white space", b"X: \t value \t", "X", ["value"]),
        case(35, "empty", b"X:", "X", [""]),
        case(35, "colons", b"x: a:b", "X", ["a:b"]),
        case(36, "Set-Cookie", b"Set-Cookie: a=b\r\nset-cookie: c=d", "Set-Cookie", ["a=b", "c=d"]),
        case(37, "obs-text", b"X: caf\xe9", "X", ["caf\xe9"]),
        case(38, "8000 bytes", b"X: " + b"v" * 8000, "X", ["v" * 8000]),
        case(38, "90 fields", b"\r\n".join([b"X: y"] * 90), "X", ["y"] * 90),
        case(47, "underscore", b"Transfer_Encoding: chunked", "Transfer_Encoding", ["chunked"]),
        case(47, "two types", b"Content-Type: a/b\r\nContent-Type: c/d", "Content-Type", ["a/b", "c/d"]),
    ],
)
def test_case_35_to_47_good_fields(run: Run, fields: bytes, name: str, values: list[str]) -> None:
    came = run(ask(OK + fields + b"\r\n" + LENGTH))
    assert (came.body, came.kept) == (b"hello", True)
    assert came.response is not None
    assert came.response.headers.get_list(name) == values


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        case(39, "200 KB", b"X: " + b"v" * 200_000, TooLarge),
        case(39, "1001 fields", b"\r\n".join([b"X: y"] * 1001), TooLarge),
        case(40, "no colon", b"X", ProtocolError),
        case(40, "empty name", b": value", ProtocolError),
        case(40, "space in the name", b"X Y: value", ProtocolError),
        case(40, "8-bit name", b"X\xe9: value", ProtocolError),
        case(41, "space before the colon", b"X : value", ProtocolError),
        case(41, "of a length", b"Content-Length : 3", ProtocolError),
        case(42, "NUL", b"X: a\0b", ProtocolError),
        case(42, "bare CR", b"X: a\rb", ProtocolError),
        case(43, "bare LF", b"X: a\nY: b", ProtocolError),
        case(44, "obs-fold", b"X: a\r\n b", ProtocolError),
        case(44, "a fold like a length", b"X: a\r\n Content-Length: 3", ProtocolError),
        case(44, "white space first", b" X: a", ProtocolError),
        case(45, "CR CR LF", b"X: a\r", ProtocolError),
    ],
)
def test_case_39_to_45_bad_fields(run: Run, fields: bytes, error: type) -> None:
    for used in (False, True):
        came = run(ask(OK + fields + b"\r\n" + LENGTH, used=used))
        assert isinstance(came.error, error)
        assert came.closed["error"] == 1
        assert len(came.seen) == 1


@pytest.mark.parametrize(("then", "error"), [(FIN, ConnectionLost), (RST, ConnectionLost), (WAIT, TimeoutExpired)])
def test_case_46_a_block_that_never_ends(run: Run, then: str, error: type) -> None:
    options: dict[str, Any] = {"timeout": Timeout(read=0.05)} if then == WAIT else {}
    came = run(ask(OK + b"X: y\r\n", then, **options))
    assert isinstance(came.error, error)


def test_the_server_goes_on_after_a_good_answer(run: Run) -> None:
    """The measure of the others: a plain answer keeps its connection."""
    came = run(ask(HELLO, KEEP))
    assert (came.body, came.kept, came.closed) == (b"hello", True, {})
