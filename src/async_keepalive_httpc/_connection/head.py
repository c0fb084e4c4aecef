"""The head of a request as bytes (RFC 9112 section 3).

Refuses: checks; a Request was checked when it was made.
Called by: `h1` and `forward`, once for each request.
Law: request line, Host, the fields, then the framing, which is ours alone (RFC 9112 section 6).
"""

from __future__ import annotations

from typing import Final

from .._message.request import Request

_METHODS: Final = {
    method: method.encode() for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")
}


def head(request: Request, body: bytes = b"") -> bytes:
    """Everything up to and including the empty line, and a body that goes out with it."""
    length = request.length
    if length is not None:
        framing = b"Content-Length: %d\r\n" % length
    else:
        framing = b"" if request.body is None else b"Transfer-Encoding: chunked\r\n"
    if request.expect_continue:
        framing += b"Expect: 100-continue\r\n"
    method, url = request.method, request.url
    return b"%b %b HTTP/1.1\r\nHost: %b\r\n%b%b\r\n%b" % (
        _METHODS.get(method) or method.encode(),
        url.target,
        request.host or url.authority,
        request.block,
        framing,
        body,
    )


def forward_head(request: Request, authorization: bytes | None) -> bytes:
    """The same for a proxy that forwards: the whole URL as target (RFC 9112 section 3.2.2), and who we are to it."""
    plain = request.wire or head(request)
    at = len(request.method) + 1
    added = b"" if authorization is None else b"Proxy-Authorization: %b\r\n" % authorization
    return b"%bhttp://%b%b%b\r\n" % (plain[:at], request.url.authority, plain[at:-2], added)
