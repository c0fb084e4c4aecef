"""Tornado's HTTPRequest made into ours: what is sent, what a client's defaults fill in, what is refused."""

from __future__ import annotations

import datetime
import ssl
import unicodedata
from base64 import b64encode
from typing import Any

import pytest
import tornado
from tornado.httpclient import HTTPRequest
from tornado.httputil import HTTPHeaders

from async_keepalive_httpc._message.body import Produced
from async_keepalive_httpc._message.proxy import Proxy
from async_keepalive_httpc._message.reach import TLS, Reach
from async_keepalive_httpc._message.request import NOTHING, Request
from async_keepalive_httpc._tornado.request import translate
from async_keepalive_httpc._tornado.terms import Memory, timeout_of
from async_keepalive_httpc.client import Client, Digest
from async_keepalive_httpc.errors import InvalidRequest

URL = "http://h.example/"
LIMIT = 1000
AGENT = (b"User-Agent", f"Tornado/{tornado.version}".encode())
GZIP = (b"Accept-Encoding", b"gzip")


def ask(url: str = URL, defaults: dict[str, Any] | None = None, /, **options: Any) -> Request:
    """What is sent for `HTTPRequest(url, **options)` by a client with these defaults."""
    request = HTTPRequest(url, **options)
    request.headers = HTTPHeaders(request.headers)
    client = Client(defaults=NOTHING)
    behind = {**HTTPRequest._DEFAULTS, **(defaults or {})}
    return translate(request, Memory(client, LIMIT).terms(request, behind), behind, client, Digest)


def basic(credentials: str) -> bytes:
    return b"Basic " + b64encode(credentials.encode())


def sent(request: Request, name: bytes) -> list[bytes]:
    """The values of a field, in order."""
    return [value for key, value in request.fields if key.lower() == name.lower()]


def test_get_as_tornado_sends_it():
    request = ask()
    assert (request.method, request.url.text, request.fields) == ("GET", URL, [AGENT, GZIP])
    assert (request.body, request.length, request.close, request.reach) == (None, None, False, None)
    assert (request.max_redirects, request.decode, request.max_body_size) == (5, True, LIMIT)
    assert not request.expect_continue
    timeout = request.timeout
    assert timeout is not None
    assert (timeout.total, timeout.connect, timeout.pool) == (20.0, 20.0, 20.0)
    assert (timeout.read, timeout.write, timeout.from_queue) == (None, None, False)


def test_post_has_the_content_type_of_a_form():
    request = ask(method="POST", body="a=\u00fc")
    assert request.fields == [AGENT, (b"Content-Type", b"application/x-www-form-urlencoded"), GZIP]
    assert (request.body, request.length) == ("a=\u00fc".encode(), 4)
    assert sent(ask(method="POST", body=b"{}", headers={"content-type": "text/x"}), b"content-type") == [b"text/x"]
    assert sent(ask(method="PUT", body=b""), b"content-type") == []


def test_callers_fields_come_first_with_every_value():
    headers = HTTPHeaders({"x-first": "1"})
    headers.add("X-Many", "2")
    headers.add("X-Many", "3")
    assert ask(headers=headers).fields == [
        (b"X-First", b"1"),
        (b"X-Many", b"2"),
        (b"X-Many", b"3"),
        AGENT,
        GZIP,
    ]
    assert sorted(headers.get_all()) == [("X-First", "1"), ("X-Many", "2"), ("X-Many", "3")]
    assert sent(ask(headers={"X": b"\xff"}), b"x") == [b"\xff"]
    assert sent(ask(headers={"X": "\u00ff"}), b"x") == [b"\xff"]


def test_user_agent():
    assert sent(ask(headers={"User-Agent": "theirs"}), b"user-agent") == [b"theirs"]
    assert sent(ask(user_agent="argument"), b"user-agent") == [b"argument"]
    assert sent(ask(user_agent="argument", headers={"user-agent": "theirs"}), b"user-agent") == [b"argument"]
    assert sent(ask(URL, {"user_agent": "default"}, headers={"User-Agent": "theirs"}), b"user-agent") == [b"default"]


def test_accept_encoding():
    theirs = {"Accept-Encoding": "br"}
    assert sent(ask(headers=theirs), b"accept-encoding") == [b"gzip"]
    off = ask(headers=theirs, decompress_response=False)
    assert (sent(off, b"accept-encoding"), off.decode) == ([b"br"], False)
    assert sent(ask(use_gzip=False), b"accept-encoding") == []


def test_if_modified_since():
    when = datetime.datetime(2013, 10, 1, tzinfo=datetime.UTC)
    assert sent(ask(if_modified_since=when), b"if-modified-since") == [b"Tue, 01 Oct 2013 00:00:00 GMT"]
    assert sent(ask(if_modified_since=0), b"if-modified-since") == []
    assert sent(ask(if_modified_since=when.timestamp()), b"if-modified-since") == [b"Tue, 01 Oct 2013 00:00:00 GMT"]


def test_host_and_connection_of_the_caller_count():
    request = ask(headers={"Host": "other", "Connection": "close"})
    assert (request.host, request.close) == (b"other", True)
    assert sent(request, b"connection") == [b"close"]


def test_length_of_a_known_body_is_ours():
    request = ask(method="POST", body=b"abc", headers={"Content-Length": "99"})
    assert (request.length, sent(request, b"content-length")) == (3, [])


# -- authentication


@pytest.mark.parametrize(
    ("url", "options", "credentials"),
    [
        (URL, {"auth_username": "me", "auth_password": "pw"}, "me:pw"),
        (URL, {"auth_username": "me"}, "me:"),
        (URL, {"auth_username": "me", "auth_password": "pw", "auth_mode": "basic"}, "me:pw"),
        (URL, {"auth_username": b"me", "auth_password": b"pw"}, "me:pw"),
        (URL, {"auth_username": "jos\u00e9", "auth_password": "\u00e9"}, "jos\u00e9:\u00e9"),
        (URL, {"auth_username": unicodedata.normalize("NFD", "jos\u00e9")}, "jos\u00e9:"),
        ("http://us%40er:p%3aw@h/", {}, "us@er:p:w"),
        ("http://user@h/", {}, "user:"),
        ("http://user:pw@h/", {"auth_username": "me", "auth_password": "other"}, "user:pw"),
        (URL, {"auth_username": "me", "headers": {"Authorization": "Bearer x"}}, "me:"),
    ],
)
def test_basic_credentials(url, options, credentials):
    assert sent(ask(url, **options), b"authorization") == [basic(credentials)]


def test_no_credentials():
    assert sent(ask(headers={"Authorization": "Bearer x"}), b"authorization") == [b"Bearer x"]
    assert sent(ask(auth_password="alone"), b"authorization") == []


def test_auth_mode_that_is_not_supported():
    with pytest.raises(ValueError, match=r"^unsupported auth_mode ntlm$"):
        ask(auth_username="me", auth_mode="ntlm")
    assert ask(auth_mode="ntlm").fields == [AGENT, GZIP]


@pytest.mark.parametrize("url", [URL, "http://me:pw@h/"])
def test_digest(url):
    asked = ask(url, auth_username="me", auth_password="pw", auth_mode="digest", headers={"Authorization": "mine"})
    assert isinstance(asked.auth, Digest)
    assert asked.fields == [AGENT, GZIP]
    assert ask(auth_mode="digest").auth is None


# -- methods and bodies


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_body_must_be_none(method):
    text = f"^Body must be None for method {method} \\(unless allow_nonstandard_methods is true\\)$"
    with pytest.raises(ValueError, match=text):
        ask(method=method, body=b"x")
    with pytest.raises(ValueError, match=text):
        ask(method=method, body_producer=lambda write: None)
    assert ask(method=method, allow_nonstandard_methods=True, body=b"x").body == b"x"
    assert ask(method=method).body is None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_body_must_not_be_none(method):
    text = f"^Body must not be None for method {method} \\(unless allow_nonstandard_methods is true\\)$"
    with pytest.raises(ValueError, match=text):
        ask(method=method)
    assert ask(method=method, allow_nonstandard_methods=True).length == 0
    assert ask(method=method, body="").length == 0


@pytest.mark.parametrize("method", ["FOO", "get", "", "TRACE", "CONNECT"])
def test_unknown_method(method):
    with pytest.raises(KeyError) as caught:
        ask(method=method, body=b"x")
    assert caught.value.args == (f"unknown method {method}",)


def test_nonstandard_method():
    assert ask(method="FOO", allow_nonstandard_methods=True).method == "FOO"
    with pytest.raises(InvalidRequest, match="no token"):
        ask(method="FOO BAR", allow_nonstandard_methods=True)


def test_expect_continue():
    assert ask(method="PUT", body=b"x", expect_100_continue=True).expect_continue


def test_body_producer():
    def producer(write):
        write(b"1")

    unknown = ask(method="PUT", body_producer=producer)
    assert isinstance(unknown.body, Produced)
    assert (unknown.length, unknown.replayable) == (None, True)
    assert ask(method="PUT", body_producer=producer, headers={"Content-Length": "2"}).length == 2
    assert ask(method="PUT", body=b"b", body_producer=producer).body == b"b"


# -- times, redirects, reach


@pytest.mark.parametrize(
    ("connect", "request_", "expected"),
    [
        (1, 2, (2, 1, 1)),
        (3, 2, (2, 2, 2)),
        (0, 2, (2, 2, 2)),
        (1, 0, (None, 1, 1)),
        (0, 0, (None, None, None)),
    ],
)
def test_timeouts(connect, request_, expected):
    timeout = ask(connect_timeout=connect, request_timeout=request_).timeout
    assert timeout is not None
    assert (timeout.total, timeout.connect, timeout.pool) == expected
    assert timeout is timeout_of(connect, request_)


@pytest.mark.parametrize("name", ["connect_timeout", "request_timeout"])
@pytest.mark.parametrize("value", [-1, "5", float("nan")])
def test_timeouts_that_make_no_sense(name, value):
    with pytest.raises(InvalidRequest, match=f"^{name} must be a number of seconds"):
        ask(**{name: value})


def test_redirects():
    assert ask(follow_redirects=False).max_redirects == 0
    assert ask(max_redirects=2).max_redirects == 2
    assert ask(URL, {"follow_redirects": False}).max_redirects == 0
    assert ask(URL, {"follow_redirects": False}, follow_redirects=True).max_redirects == 5


def test_reach():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert ask(ssl_options=context, validate_cert=False).reach == Reach(TLS(context=context))
    assert ask(ssl_options={"keyfile": "k", "certfile": "c"}).reach == Reach(
        TLS(options=(("certfile", "c"), ("keyfile", "k")))
    )
    assert ask(validate_cert=False).reach == Reach(TLS(verify=False))
    assert ask(URL, {"validate_cert": None}).reach is None
    assert ask(ca_certs="ca", client_cert="cert", client_key="key").reach == Reach(
        TLS(ca_certs="ca", cert="cert", key="key")
    )
    assert ask(allow_ipv6=False).reach == Reach(ipv6=False)
    assert ask(network_interface="127.0.0.1").reach == Reach(source="127.0.0.1")
    assert ask(network_interface="lo").reach == Reach(interface="lo")
    text = "^Unrecognized IPv4 or IPv6 address for network_interface, got 'nowhere0'$"
    with pytest.raises(ValueError, match=text):
        ask(network_interface="nowhere0")


def test_proxy():
    asked = ask(proxy_host="h", proxy_port=3128, proxy_username=b"me", proxy_password="pw", proxy_auth_mode="digest")
    assert asked.reach is not None
    assert asked.reach.proxy == Proxy("http", "h", 3128, "me", "pw", "digest")
    assert ask(proxy_port=3128, proxy_username="me").reach is None
    asked = ask(URL, {"proxy_host": "socks5://h", "proxy_port": 1})
    assert asked.reach is not None
    assert asked.reach.proxy == Proxy("socks5", "h", 1)
    with pytest.raises(ValueError, match=r"^unsupported proxy_auth_mode ntlm$"):
        ask(proxy_host="h", proxy_port=3128, proxy_auth_mode="ntlm")


# -- what may not be sent


@pytest.mark.parametrize("url", ["ftp://h/", "h:5", "/path", ""])
def test_scheme(url):
    with pytest.raises(ValueError, match=r"^Unsupported url scheme: "):
        ask(url)


@pytest.mark.parametrize("url", ["http://h/\r\nX: y", "http://h:99999/", "http://h:port/", "http:///path"])
def test_url_that_may_not_be_sent(url):
    with pytest.raises(InvalidRequest):
        ask(url)


@pytest.mark.parametrize("headers", [{"X": "a\r\nb"}, {"X\r\nY": "a"}, {"X": "\0"}, {"X": "\u20ac"}, {"": "a"}])
def test_header_that_may_not_be_sent(headers):
    with pytest.raises(ValueError, match="eader"):
        ask(headers=headers)
