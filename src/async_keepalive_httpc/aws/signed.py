"""A signed request: a POST whose fields are bytes already.

Refuses: checks; what it is made of was checked when its endpoint and its operation were.
Called by: `service`, for each try of a call.
Law: it is a Request like any other, but only six of its attributes are its own: the rest are the class's. What Request
learns to say, this must say too (a test compares them).
"""

from __future__ import annotations

from typing import Any

from .._message.body import body_of
from .._message.headers import RawFields
from .._message.limits import UPLOAD_SLICE, Timeout
from .._message.request import Request
from .._message.url import URL


class SignedRequest(Request):
    """POST to `url`; block: its fields as lines; body; timeout: None for the client's.

    It may be sent again on another connection (RFC 9110 section 9.2.2 leaves that to those who know the method's
    meaning here): AWS's own retries send a call twice.
    """

    __slots__ = ()

    method = "POST"
    auth = None
    close = False
    decode = False
    expect_continue = False
    for_proxy = None
    host = None
    idempotent = True
    max_body_size = None
    max_redirects = 0
    plain = False
    reach = None

    def __init__(self, url: URL, block: bytes, body: bytes, timeout: Timeout | None, lane: Any = None) -> None:
        """lane: of the request before it, where that went to the same URL."""
        self.url = url
        self.block = block
        self.body = body if len(body) <= UPLOAD_SLICE else body_of(body)
        self.length = len(body)
        self.timeout = timeout
        self.wire = None
        self.lane = lane

    @property
    def fields(self) -> RawFields:  # type: ignore[override]
        """The fields as pairs."""
        return [(name, value) for name, _, value in (line.partition(b": ") for line in self.block.split(b"\r\n")[:-1])]
