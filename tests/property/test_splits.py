"""The splits law: however the bytes of a response come in, it is the same response, or the same error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.feeding import Outcome, Wired, outcome, split

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n"
FINAL = OK + b"Content-Length: 2\r\n\r\nok"

# What is kept open after it. The method is GET unless the name says otherwise.
KEPT = {
    "length": OK + b"Content-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello",
    "empty": OK + b"Content-Length: 0\r\n\r\n",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
    "blank reason": b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok",
    "latin-1 reason": b"HTTP/1.1 404 Gef\xe4ngnis\r\nContent-Length: 2\r\n\r\nno",
    "status 999": b"HTTP/1.1 999 Odd Status\r\nContent-Length: 2\r\n\r\nok",
    "blank lines first": b"\r\n\r\n" + FINAL,
    "bare line ends first": b"\n\r\n\r" + FINAL,
    "white space": OK + b"A:b\r\nB:   c  \r\nC: \t \r\nContent-Length: \t2 \t\r\n\r\nok",
    "obs-text": OK + b"A: \xff\xfe\r\nContent-Length: 2\r\n\r\nok",
    "cookies": OK + b"Set-Cookie: a=b\r\nset-cookie: c=d\r\nContent-Length: 2\r\n\r\nok",
    "equal lengths in a list": OK + b"Content-Length: 2, 2\r\n\r\nok",
    "equal lengths on two lines": OK + b"Content-Length: 2\r\nA: b\r\ncontent-length: 2\r\n\r\nok",
    "equal lengths after 103": b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 2, 2\r\n\r\nok",
    "equal lengths after an odd 1xx": b"HTTP/1.1 150 X\r\nContent-Length: 9\r\n\r\n"
    + OK
    + b"Content-Length: 2, 2\r\n\r\nok",
    "equal lengths in a 1xx": b"HTTP/1.1 150 X\r\nContent-Length: 9, 9\r\n\r\n" + FINAL,
    "100": b"HTTP/1.1 100 Continue\r\n\r\n" + FINAL,
    "103 and 102": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Go\r\n\r\n" + FINAL,
    "1xx with a length": b"HTTP/1.1 199 X\r\nContent-Length: 5\r\n\r\n" + FINAL,
    "1xx chunked": b"HTTP/1.1 104 X\r\nTransfer-Encoding: chunked\r\n\r\n" + FINAL,
    "1xx that closes": b"HTTP/1.1 103 X\r\nConnection: close\r\n\r\n" + FINAL,
    "1xx of HTTP/1.0": b"HTTP/1.0 100 X\r\n\r\n" + FINAL,
    "odd 1xx in a row": b"HTTP/1.1 103 X\r\nConnection: close\r\n\r\n" * 3 + CHUNKED + b"\r\n2\r\nok\r\n0\r\n\r\n",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "204 with a length": b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
    "204 chunked": b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
    "304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\nETag: x\r\n\r\n",
    "205": b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
    "upgrade offered": OK + b"Upgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.0 kept": b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok",
    "chunked": CHUNKED + b"\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    "chunked, odd": CHUNKED + b'\r\n0002;a=b;c="d;e"\r\nok\r\nA\r\n0123456789\r\n000\r\n\r\n',
    "chunked, empty": CHUNKED + b"\r\n0\r\n\r\n",
    "chunked, white space": OK + b"Transfer-Encoding:\t Chunked \r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunked, tab": OK + b"transfer-encoding: gzip,\tchunked\t\r\nA: b\t\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "trailers": CHUNKED + b"\r\n2\r\nok\r\n0\r\nA: b\r\nSet-Cookie: c=d\r\nConnection: close\r\n\r\n",
    "trailers that frame": CHUNKED + b"\r\n2\r\nok\r\n0\r\nTransfer-Encoding: x\r\nETag: y\r\n\r\n",
    "HEAD": OK + b"Content-Length: 500\r\n\r\n",
    "HEAD, empty": OK + b"Content-Length: 0\r\n\r\n",
    "HEAD, chunked": CHUNKED + b"\r\n",
    "HEAD, bare": OK + b"Content-Type: text/html\r\n\r\n",
    "HEAD, 204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "HEAD, equal lengths": OK + b"Content-Length: 7, 7\r\n\r\n",
    "HEAD after 103": b"HTTP/1.1 103 X\r\nContent-Length: 3\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\n",
}
# What is delivered and closed, by itself or once more bytes or the end have come.
CLOSED = {
    "close": OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok",
    "close in a list": OK + b"Connection: x , Close\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.0, both": b"HTTP/1.0 200 OK\r\nConnection: close, keep-alive\r\nContent-Length: 2\r\n\r\nok",
    "until close": OK + b"Content-Type: text/plain\r\n\r\nas long as it goes",
    "until close after 100": b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"\r\nrest",
    "a second response": FINAL + FINAL,
    "junk after it": FINAL + b"x",
    "204 and a body": b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
    "304 and chunks": b"HTTP/1.1 304 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "100 after it": FINAL + b"HTTP/1.1 100 Continue\r\n\r\n",
    "HEAD and a body": FINAL,
    "HEAD and chunks": CHUNKED + b"\r\n2\r\nok\r\n0\r\n\r\n",
    "HEAD, close": OK + b"Connection: close\r\nContent-Length: 5\r\n\r\n",
    "length in a trailer": CHUNKED + b"\r\n2\r\nok\r\n0\r\nA: b\r\nContent-Length: 5\r\nB: c\r\n\r\n",
}
# What is an error, now or when the stream ends.
BROKEN = {
    "nothing": b"",
    "cut in the status line": b"HTTP/1.1 20",
    "cut in the head": OK + b"Content-Length: 2\r\n",
    "cut in the body": OK + b"Content-Length: 9\r\n\r\nok",
    "cut in a chunk": CHUNKED + b"\r\n9\r\nok",
    "cut in a chunk size": CHUNKED + b"\r\n2\r\nok\r\n1",
    "cut in a trailer": CHUNKED + b"\r\n2\r\nok\r\n0\r\nA: ",
    "no empty line at the end": CHUNKED + b"\r\n2\r\nok\r\n0\r\n",
    "1xx only": b"HTTP/1.1 100 Continue\r\n\r\n",
    "equal lengths, cut": OK + b"Content-Length: 2, 2\r\nA: b",
    "other lengths, cut": OK + b"Content-Length: 2, 3\r\nA: b",
    "101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nbytes",
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "RTSP": b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "ICE after a blank line": b"\r\nICE/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "status 099": b"HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n",
    "NUL in the reason": b"HTTP/1.1 200 a\0b\r\nContent-Length: 0\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "folded": OK + b"A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "space before the colon": OK + b"Content-Length : 0\r\n\r\n",
    "length and chunked": CHUNKED + b"Content-Length: 2\r\n\r\nok",
    "other lengths": OK + b"Content-Length: 5, 6\r\n\r\nhello!",
    "other lengths on two lines": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "no length at all": OK + b"Content-Length: \r\n\r\n",
    "length of words": OK + b"Content-Length: 5 5\r\n\r\nhello",
    "length too long": OK + b"Content-Length: 18446744073709551621\r\n\r\nhello",
    "coding unknown": OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunk size of words": CHUNKED + b"\r\n0x2\r\nok\r\n0\r\n\r\n",
    "chunk too long": CHUNKED + b"\r\n2\r\nokay\r\n0\r\n\r\n",
    "bad trailer": CHUNKED + b"\r\n2\r\nok\r\n0\r\nA : b\r\n\r\n",
}
ALL = KEPT | CLOSED | BROKEN


def _read(name: str, pieces: list[bytes]) -> tuple[Outcome, bool]:
    """What a response that comes in `pieces` is, and whether its connection is kept; then the stream ends."""
    wired = Wired()
    response = wired.send("HEAD" if name.startswith("HEAD") else "GET")
    wired.feed(*pieces)
    kept = wired.kept
    if not wired.transport.ended:
        wired.end()
    return outcome(response), kept


def _cuts(size: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(1, max(1, size - 1)), max_size=12)


@pytest.mark.parametrize("name", ALL)
def test_the_corpus_is_what_it_says(name: str) -> None:
    result, kept = _read(name, [ALL[name]])
    assert (len(result) > 1) is (name not in BROKEN)
    assert kept is (name in KEPT)


@pytest.mark.parametrize("name", ALL)
def test_one_byte_a_read(name: str) -> None:
    data = ALL[name]
    assert _read(name, split(data, range(len(data)))) == _read(name, [data])


@pytest.mark.parametrize("name", ALL)
def test_cut_in_two_at_every_byte(name: str) -> None:
    data = ALL[name]
    whole = _read(name, [data])
    for cut in range(1, len(data)):
        assert _read(name, [data[:cut], data[cut:]]) == whole, (data[:cut], data[cut:])


@given(data=st.data())
def test_any_split_is_the_same_response(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(ALL)))
    wire = ALL[name]
    cuts = data.draw(_cuts(len(wire)))
    assert _read(name, split(wire, cuts)) == _read(name, [wire])


@given(names=st.lists(st.sampled_from(sorted(KEPT)), min_size=2, max_size=6), data=st.data())
def test_any_split_on_a_kept_connection(names: list[str], data: st.DataObject) -> None:
    """What one response leaves behind never shows in the next."""
    wired = Wired()
    for name in names:
        response = wired.send("HEAD" if name.startswith("HEAD") else "GET")
        wired.feed(*split(KEPT[name], data.draw(_cuts(len(KEPT[name])))))
        assert outcome(response) == _read(name, [KEPT[name]])[0]
        assert wired.kept
    assert wired.owner.heard == ["freed"] * len(names)


LONG = bytes(range(251)) * 800
"""200 KB, so that most of it is read in place (`_connection.bulk`)."""


LONG_HEADS = [
    before + OK + field + b"Content-Length: %d\r\n\r\n" % len(LONG)
    for before in (b"", b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n")
    for field in (b"", b"A: b\r\n", b"Content-Encoding: x\r\n", b"Connection: close\r\n")
]


def _near(place: int) -> st.SearchStrategy[int]:
    return st.integers(place - 3, place + 3)


@given(head=st.sampled_from(LONG_HEADS), more=st.sampled_from([b"", b"x", FINAL]), data=st.data())
def test_any_split_of_a_long_body(head: bytes, more: bytes, data: st.DataObject) -> None:
    size = len(head) + len(LONG)
    cuts = data.draw(st.lists(_near(len(head)) | _near(size) | st.integers(1, size), max_size=8))
    wired = Wired()
    response = wired.send()
    wired.feed(*split(head + LONG + more, cuts))
    assert response.body == LONG
    assert wired.kept is (not more and b"close" not in head)
    if wired.kept:
        after = wired.send()
        wired.feed(FINAL)
        assert after.body == b"ok"


@given(head=st.sampled_from(LONG_HEADS), left=st.integers(1, len(LONG)), data=st.data())
def test_any_cut_in_a_long_body(head: bytes, left: int, data: st.DataObject) -> None:
    whole = (head + LONG)[:-left]
    wired = Wired()
    response = wired.send()
    wired.feed(*split(whole, data.draw(_cuts(len(whole)))))
    wired.end()
    assert outcome(response) == ("ConnectionLost",)
