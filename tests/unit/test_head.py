"""The bytes of a request's head (RFC 9112 sections 3 and 6; the numbers are cases of the table of faults)."""

from __future__ import annotations

import io
from typing import Any

import pytest

from async_keepalive_httpc._connection.head import head
from async_keepalive_httpc._message.request import Defaults, Request


def of(method: str, url: str = "http://example.com/a?b=c#d", **options: Any) -> bytes:
    return head(Request(method, url, **options))


def test_case_122_get() -> None:
    assert of("GET") == b"GET /a?b=c HTTP/1.1\r\nHost: example.com\r\n\r\n"


def test_case_123_target_and_host() -> None:
    assert of("GET", "http://[2001:DB8::1]:8080?x") == b"GET /?x HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_case_127_an_empty_body_has_a_length(method: str) -> None:
    assert of(method).endswith(b"\r\nHost: example.com\r\nContent-Length: 0\r\n\r\n")
    assert of(method, body=b"").endswith(b"Content-Length: 0\r\n\r\n")


@pytest.mark.parametrize("method", ["DELETE", "OPTIONS", "PURGE", "TRACE"])
def test_no_body_no_framing(method: str) -> None:
    assert of(method) == b"%b /a?b=c HTTP/1.1\r\nHost: example.com\r\n\r\n" % method.encode()


def test_known_length() -> None:
    assert of("POST", body=b"hello").endswith(b"\r\nContent-Length: 5\r\n\r\n")
    assert of("POST", body=io.BytesIO(b"hello")).endswith(b"\r\nContent-Length: 5\r\n\r\n")


def test_unknown_length() -> None:
    assert of("POST", body=[b"hello"]).endswith(b"\r\nTransfer-Encoding: chunked\r\n\r\n")


def test_case_125_framing_is_ours() -> None:
    fields = {"content-length": "5", "X": "y"}
    assert of("POST", body=b"hello", headers=fields).endswith(b"X: y\r\nContent-Length: 5\r\n\r\n")
    fields = {"Transfer-Encoding": "chunked"}
    assert of("POST", body=[b"hello"], headers=fields).count(b"chunked") == 1


def test_case_128_host_of_the_caller() -> None:
    data = of("GET", headers={"HOST": "other.example:81", "X": "y"})
    assert data == b"GET /a?b=c HTTP/1.1\r\nHost: other.example:81\r\nX: y\r\n\r\n"


def test_expect() -> None:
    for options in ({"expect_continue": True}, {"headers": {"expect": "100-Continue"}}):
        data = of("POST", body=b"x", **options)
        assert data.endswith(b"Content-Length: 1\r\nExpect: 100-continue\r\n\r\n")
        assert of("POST", body=[b"x"], **options).endswith(b"chunked\r\nExpect: 100-continue\r\n\r\n")
        assert b"xpect" not in of("POST", body=b"", **options)
        assert b"xpect" not in of("GET", **options)


def test_defaults_follow_the_callers_fields() -> None:
    defaults = Defaults({"User-Agent": "ours", "Accept": "*/*"})
    request = Request("GET", "http://a/", {"user-agent": "theirs", "X": "y"}, defaults=defaults)
    assert head(request) == b"GET / HTTP/1.1\r\nHost: a\r\nuser-agent: theirs\r\nX: y\r\nAccept: */*\r\n\r\n"
    assert head(Request("GET", "http://a/", defaults=defaults)).count(b"\r\n") == 5
