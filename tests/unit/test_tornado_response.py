"""KeepAliveResponse: Tornado's HTTPResponse over ours, each part made when it is asked for."""

from __future__ import annotations

import io
import time
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse
from tornado.httputil import HTTPHeaders

from async_keepalive_httpc._message.limits import Timeout
from async_keepalive_httpc._message.request import Request
from async_keepalive_httpc._message.response import Head
from async_keepalive_httpc._tornado.response import (
    KeepAliveResponse,
    KeepAliveStream,
    first_line,
    headers_of,
    time_info,
)
from async_keepalive_httpc.client import Client

URL = "http://h/a?b#c"
FIELDS = [(b"content-type", b"text/plain"), (b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=\xff")]


class Nobody:
    def done(self) -> bool:
        return True

    def set_result(self, result: Any) -> None:
        raise AssertionError("It is done")


def native(
    status: int = 200,
    reason: str = "OK",
    fields: Any = FIELDS,
    body: bytes = b"",
    url: str = URL,
    **options: Any,
) -> KeepAliveResponse:
    """A response that has ended."""
    response = KeepAliveResponse()
    response._door = None
    response.ask(Request("GET", url, **options), Nobody(), Timeout(), 1000)
    response._started = Client.now()
    response.begin(Head(status, reason, "1.1", fields, 0))
    if body:
        response.feed(body)
    response.finish()
    return response


def made(response: KeepAliveResponse, asked: str | HTTPRequest = URL) -> KeepAliveResponse:
    response._ended = response._started + 0.25
    response._asked = asked
    return response


def test_is_tornados_response():
    response = made(native(body=b"abc"))
    assert isinstance(response, HTTPResponse)
    assert (response.code, response.reason, response.body) == (200, "OK", b"abc")
    assert isinstance(response.buffer, io.BytesIO)
    assert response.buffer.read() == b"abc"
    assert response.buffer is response.buffer
    assert response.error is None
    assert not response._error_is_response_code
    response.rethrow()
    assert repr(response) == f"<KeepAliveResponse 200 {URL}>"
    assert "pw" not in repr(made(native(url="http://me:pw@h/"), "http://me:pw@h/"))


def test_headers_are_tornados():
    headers = made(native()).headers
    assert isinstance(headers, HTTPHeaders)
    assert list(headers.get_all()) == [
        ("Content-Type", "text/plain"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=\xff"),
    ]


def test_reason():
    assert made(native(reason="Fine")).reason == "Fine"
    assert made(native(404, "")).reason == "Not Found"
    assert made(native(299, "")).reason == "Unknown"


def test_nothing_is_made_before_it_is_asked_for():
    response = made(native())
    assert vars(response) == {}
    assert response.headers is response.headers


@pytest.mark.parametrize("status", [199, 300, 304, 404, 599])
def test_error(status):
    response = made(native(status, "Why"))
    assert response._error_is_response_code
    error = response.error
    assert isinstance(error, HTTPClientError)
    assert (error.code, error.message, error.response) == (status, "Why", response)
    assert str(error) == f"HTTP {status}: Why"
    assert response.error is error
    with pytest.raises(HTTPClientError) as caught:
        response.rethrow()
    assert caught.value is error


def test_request_asked_for_by_url():
    response = made(native())
    assert isinstance(response.request, HTTPRequest)
    assert (response.request.url, response.request.method) == (URL, "GET")
    assert response.request is response.request
    assert response.request.start_time == response.start_time


def test_request_asked_for_by_request():
    request = HTTPRequest(URL, method="PUT", body=b"x")
    assert made(native(), request).request is request


def test_effective_url_is_as_it_was_given_unless_redirected():
    given = "http://me:pw@H/#there"
    assert made(native(url=given), given).effective_url == given
    assert made(native(url=given), HTTPRequest(given)).effective_url == given
    redirected = native(url="http://me:pw@h/a/../b#f")
    redirected._history = (native(),)
    assert made(redirected, given).effective_url == "http://h/a/../b#f"


def test_times():
    response = made(native())
    assert response.request_time == pytest.approx(0.25)
    assert response.start_time == pytest.approx(time.time(), abs=10)
    assert response.start_time is response.start_time
    took = response.request_time
    assert response.time_info == {
        "queue": 0.0,
        "namelookup": 0.0,
        "connect": 0.0,
        "appconnect": 0.0,
        "pretransfer": 0.0,
        "starttransfer": pytest.approx(took),
        "redirect": 0.0,
        "total": took,
    }


@pytest.mark.parametrize(("url", "secured"), [("http://h/", 0.0), ("https://h/", 1.0)])
def test_times_of_a_dial_a_queue_and_a_redirect(url, secured):
    answered, before = native(url=url), native()
    answered._started, before._started = 100.0, 97.0
    answered._queued = 98.0
    answered._began = 104.0
    answered._dial = 99.0, {"resolving": 0.5, "connecting to": 1.5, "making a TLS handshake with": 2.0}
    answered._history = (before,)
    told = time_info(answered, 5.0)
    assert told == {
        "queue": 2.0,
        "namelookup": 0.0,
        "connect": 0.5,
        "appconnect": secured,
        "pretransfer": max(0.5, secured),
        "starttransfer": 4.0,
        "redirect": 3.0,
        "total": 8.0,
    }


def test_streamed_body_is_gone():
    response = KeepAliveStream()
    response.ask(Request("GET", URL), Nobody(), Timeout(), 1000)
    response.fill(Head(200, "OK", "1.1", FIELDS, 0), b"abc")
    response._body = b"abc"
    assert (response.code, response.body) == (200, b"abc")
    response.streamed = True
    assert response.body == b""
    assert response.buffer.read() == b""


def test_headers_where_gzip_was_undone():
    fields = [(b"Content-Encoding", b"GZip"), (b"Content-Length", b"20")]
    undone = headers_of(native(fields=fields, decode=True))
    assert list(undone.get_all()) == [("Content-Length", "20"), ("X-Consumed-Content-Encoding", "GZip")]
    assert list(headers_of(native(fields=fields, decode=False)).get_all()) == [
        ("Content-Encoding", "GZip"),
        ("Content-Length", "20"),
    ]
    other = headers_of(native(fields=[(b"Content-Encoding", b"br")], decode=True))
    assert list(other.get_all()) == [("Content-Encoding", "br")]


def test_first_line():
    assert first_line(native(404, "Not Here")) == "HTTP/1.1 404 Not Here\r\n"
