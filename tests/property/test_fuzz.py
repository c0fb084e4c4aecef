"""The response path under arbitrary bytes: fragments of HTTP put together at random, and good responses damaged.

What holds for whatever a peer sends: nothing is raised into the event loop, the response ends once or waits, its
connection is kept only if it is as good as new, and how the bytes were cut makes no difference.
`FUZZ_EXAMPLES=100000 pytest tests/property/test_fuzz.py` goes on for longer; `make soak` does.
"""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.feeding import Outcome, Wired, outcome, split

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "400"))
FINAL = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
FRAGMENTS = [
    *[b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 204 No Content\r\n", b"HTTP/1.1 304 X\r\n"],
    *[b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\n", b"HTTP/1.1 101 Switch\r\n", b"HTTP/1.1 ", b"HTTP/"],
    *[b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Content-Length: 5, 5\r\n", b"Content-Length: -1\r\n"],
    *[b"Content-Length: 18446744073709551616\r\n", b"content-length:\t3\r\n", b"Content-Length : 2\r\n"],
    *[b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip,\tchunked\r\n", b"Transfer-Encoding: x\r\n"],
    *[b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Keep-Alive: timeout=5, max=1\r\n"],
    *[
        b"Upgrade: h2c\r\n",
        b"Set-Cookie: a=b\r\n",
        b"X: y\r\n",
        b" folded\r\n",
        b"X Y: z\r\n",
        b"X: \xff\r\n",
        b"X:\0\r\n",
    ],
    *[
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\r",
        b"hello",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"0\r\nA: b\r\n\r\n",
        b"5;a=b\r\n",
    ],
    *[b"fffffffffffffffff\r\n", b"2\r\nok\r\n", FINAL, b"\x16\x03\x01", b"SSH-2.0-x\r\n", b"x" * 300],
]
GOOD = [
    FINAL,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n5\r\nhello\r\n3;a=b\r\nyou\r\n0\r\nA: b\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2, 2\r\n\r\nno",
    b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nKeep-Alive: timeout=5, max=100\r\n\r\n",
]
ENDS = (None, ConnectionResetError("reset"))

put_together = st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=6), max_size=14).map(b"".join)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good response with some bytes changed, left out, doubled or put in."""
    data = bytearray(draw(st.sampled_from(GOOD)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(["change", "leave out", "double", "put in"]))
        if kind == "change" and data:
            data[place] = draw(st.sampled_from([*b"\r\n\0 :;,-0159aA\xff"]))
        elif kind == "leave out":
            del data[place : place + draw(st.integers(1, 5))]
        elif kind == "double":
            data[place:place] = data[place : place + draw(st.integers(1, 20))]
        else:
            data[place:place] = draw(st.sampled_from(FRAGMENTS))
    return bytes(data)


def run(method: str, pieces: list[bytes], end: int) -> tuple[Outcome, bool, list[str]]:
    """What became of a response, whether its connection was kept, and what its owner heard; then the stream ends."""
    wired = Wired()
    response = wired.send(method)
    wired.feed(*pieces)
    kept = wired.kept
    if kept:
        following = wired.send()
        wired.feed(FINAL)
        assert (following.status, following.body) == (200, b"hello")
    before = outcome(response)
    if not wired.transport.ended or not wired.connection.is_gone:
        wired.end(ENDS[end])
    after = outcome(response)
    assert before in (after, ("waiting",)), "an outcome changed"
    assert after != ("waiting",), "it waits for ever"
    assert wired.owner.heard[-1] == "gone"
    assert sum(word.startswith("lost") for word in wired.owner.heard) == 1
    if after in (("ProtocolError",), ("TooLarge",)):
        assert wired.transport.ended == "aborted"
        assert not kept
    return after, kept, wired.owner.heard


@settings(max_examples=EXAMPLES)
@given(
    put_together | damaged(),
    st.sampled_from(["GET", "HEAD", "POST"]),
    st.integers(0, 1),
    st.lists(st.integers(1, 200), max_size=8),
)
def test_any_bytes(data: bytes, method: str, end: int, cuts: list[int]) -> None:
    whole, kept, _ = run(method, [data] if data else [], end)
    assert whole[0] in ("ConnectionLost", "ProtocolError", "TooLarge") or 100 < whole[0] <= 999
    # How it was cut decides only over what came after a complete response: in a later read it is nobody's.
    pieces = split(data, cuts)
    cut, cut_kept, _ = run(method, [piece for piece in pieces if piece], end)
    assert cut == whole or not kept
    if kept and cut_kept:
        assert cut == whole


@settings(max_examples=EXAMPLES // 4)
@given(put_together)
def test_bytes_without_a_request(data: bytes) -> None:
    wired = Wired()
    wired.feed(data)
    if data:
        assert wired.transport.ended == "aborted"
        assert wired.owner.heard == ["lost: poisoned"]
