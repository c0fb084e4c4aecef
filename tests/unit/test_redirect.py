"""Redirects, value by value: where one leads, with which method and body, and what stays behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from async_keepalive_httpc._message.fields import LOCATION
from async_keepalive_httpc._message.limits import Timeout
from async_keepalive_httpc._message.reach import TLS, Reach
from async_keepalive_httpc._message.request import Request
from async_keepalive_httpc._message.response import Head, Response
from async_keepalive_httpc._policy.redirect import SENSITIVE, follow, redirects
from async_keepalive_httpc.errors import InvalidRequest

URL = "http://user:pass@a.test:8080/dir/page?q=1"
ONCE = [b"only once"]


def answered(one: Request, status: int = 302, location: str | None = "/next") -> Response:
    loop = asyncio.new_event_loop()
    response = Response().ask(one, loop.create_future(), Timeout(), 100)
    loop.close()
    fields = [] if location is None else [(b"location", location.encode())]
    response.begin(Head(status, "", "1.1", fields, 0 if location is None else LOCATION))
    return response


def followed(method: str = "GET", status: int = 302, location: str = "/next", **options: Any) -> Request:
    return follow(answered(Request(method, URL, **options), status, location))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_has_a_location(status: int) -> None:
    assert redirects(answered(Request("GET", URL), status))
    assert not redirects(answered(Request("GET", URL), status, None))


@pytest.mark.parametrize("status", [200, 201, 300, 304, 305, 306, 404])
def test_a_location_makes_no_redirect(status: int) -> None:
    assert not redirects(answered(Request("GET", URL), status))


BODY = {"body": b"x", "headers": {"Content-Type": "a/b", "content-language": "en", "X-A": "1"}}


@pytest.mark.parametrize(
    ("method", "status", "then"),
    [
        ("GET", 301, "GET"),
        ("HEAD", 301, "HEAD"),
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("PUT", 301, "PUT"),
        ("PUT", 302, "PUT"),
        ("DELETE", 302, "DELETE"),
        ("PATCH", 302, "PATCH"),
        ("GET", 303, "GET"),
        ("HEAD", 303, "HEAD"),
        ("POST", 303, "GET"),
        ("PUT", 303, "GET"),
        ("DELETE", 303, "GET"),
        ("OPTIONS", 303, "GET"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
        ("GET", 307, "GET"),
        ("HEAD", 308, "HEAD"),
    ],
)
def test_methods(method: str, status: int, then: str) -> None:
    options: dict[str, Any] = BODY if method in ("POST", "PUT", "PATCH") else {}
    request = followed(method, status, **options)
    assert request.method == then
    keeps_body = then == method and bool(options)
    assert request.body == (b"x" if keeps_body else None)
    assert request.length == (1 if keeps_body else None)
    names = {name.lower() for name, _ in request.fields}
    assert (b"content-type" in names) is (b"content-language" in names) is keeps_body
    if options:
        assert b"x-a" in names
    assert request.block == b"".join(b"%b: %b\r\n" % field for field in request.fields)


def test_what_becomes_a_get_may_be_sent_again() -> None:
    assert followed("POST", 302, body=b"x").idempotent
    assert not followed("POST", 307, body=b"x").idempotent
    assert followed("POST", 307, body=b"x", idempotent=True).idempotent
    assert not followed("GET", 307, idempotent=False).idempotent
    assert not followed("POST", 303, body=b"x", expect_continue=True).expect_continue
    assert followed("POST", 307, body=b"x", expect_continue=True).expect_continue


def test_303_takes_the_body_from_a_get() -> None:
    assert followed("GET", 303, body=b"x", allow_body=True).body is None
    assert followed("GET", 302, body=b"x", allow_body=True).body == b"x"


@pytest.mark.parametrize(("method", "status"), [("POST", 307), ("POST", 308), ("PUT", 301), ("PUT", 302)])
def test_a_body_that_can_be_sent_only_once(method: str, status: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        followed(method, status, body=ONCE)
    assert (
        f"{method} http://a.test:8080/dir/page?q=1 was redirected (HTTP {status}) to http://a.test:8080/next, but"
        in (str(caught.value))
    )
    assert followed(method, 303, body=ONCE).body is None


@pytest.mark.parametrize(
    ("location", "leads"),
    [
        ("/next", "http://a.test:8080/next"),
        ("next", "http://a.test:8080/dir/next"),
        ("../up", "http://a.test:8080/up"),
        ("?only", "http://a.test:8080/dir/page?only"),
        ("//b.test/x", "http://b.test/x"),
        ("HTTPS://B.test", "https://b.test/"),
        ("/a b", "http://a.test:8080/a%20b"),
        ("/caf\u00e9", "http://a.test:8080/caf%C3%A9"),
        ("http://other:secret@a.test:8080/", "http://a.test:8080/"),
    ],
)
def test_where_it_leads(location: str, leads: str) -> None:
    request = followed(location=location)
    assert str(request.url).partition("#")[0] == leads
    assert "secret" not in repr(request.fields)


@pytest.mark.parametrize(
    "location",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://a.test/",
        "data:text/plain,x",
        "gopher://a.test/",
        "http://",
        "http://bad host/",
        "http://a.test:99999/",
        "http://[::1/",
        "http://127.1/",
        "http://user:secret@bad host/",
    ],
)
def test_where_it_may_not_lead(location: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        followed(location=location)
    assert str(caught.value).startswith("GET http://a.test:8080/dir/page?q=1 was redirected (HTTP 302): ")
    assert "secret" not in str(caught.value)


SECRETS = [
    ("Authorization", "1"),
    ("AUTHORIZATION", "2"),
    ("cookie", "3"),
    ("Cookie", "4"),
    ("Proxy-Authorization", "5"),
    ("Referer", "6"),
    ("X-Api-Key", "7"),
    ("x-auth-token", "8"),
    ("X-Amz-Security-Token", "9"),
]


@pytest.mark.parametrize(
    "location",
    ["http://b.test:8080/", "http://a.test/", "https://a.test:8080/", "//sub.a.test:8080/", "http://a.test:8081/"],
)
def test_another_origin_gets_no_credentials(location: str) -> None:
    headers = [*SECRETS, ("X-Harmless", "1"), ("Host", "named.test")]
    request = followed(location=location, headers=headers)
    assert request.fields == [(b"X-Harmless", b"1")]
    assert (request.host, request.for_proxy) == (None, None)


@pytest.mark.parametrize("location", ["/", "http://A.TEST.:8080/other", "http://x:y@a.test:8080/"])
def test_the_same_origin_does(location: str) -> None:
    headers = [*SECRETS, ("Host", "named.test")]
    request = followed(location=location, headers=headers)
    # What is for a proxy is never among what is for the origin.
    for_origin = [(name, value) for name, value in SECRETS if name != "Proxy-Authorization"]
    assert [(name.decode(), value.decode()) for name, value in request.fields] == for_origin
    assert request.for_proxy == b"5"
    assert request.host == b"named.test"


def test_what_was_dropped_does_not_come_back() -> None:
    there = followed(location="http://b.test/", headers=SECRETS)
    back = follow(answered(there, 302, "http://a.test:8080/"))
    assert back.fields == []


def test_more_names_are_sensitive_if_the_caller_says_so() -> None:
    response = answered(Request("GET", URL, {"X-Mine": "1", "X-Api-Key": "2"}), 302, "http://b.test/")
    assert follow(response, SENSITIVE | {b"x-mine"}).fields == []
    assert follow(response).fields == [(b"X-Mine", b"1")]


def test_the_rest_goes_along() -> None:
    reach = Reach(TLS(verify=False))
    options: dict[str, Any] = {"max_redirects": 3, "max_body_size": 7, "timeout": 5, "decode": False, "reach": reach}
    request = followed(location="http://b.test/", headers={"Connection": "close"}, **options)
    assert request.close
    assert (request.max_redirects, request.max_body_size, request.decode) == (3, 7, False)
    assert request.timeout is not None
    assert (request.timeout.total, request.reach) == (5, reach)


def test_the_first_of_several_locations() -> None:
    response = answered(Request("GET", URL), 302, "/first")
    response.headers.raw.append((b"Location", b"/second"))
    assert follow(response).url.target == b"/first"
