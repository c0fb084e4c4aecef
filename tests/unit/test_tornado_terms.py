"""What was made of one HTTPRequest serves the next one that says the same, and no other."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httpclient import HTTPRequest
from tornado.httputil import HTTPHeaders

from async_keepalive_httpc import KeepAliveAsyncHTTPClient
from async_keepalive_httpc._message.body import Produced
from async_keepalive_httpc._message.request import NOTHING, Request
from async_keepalive_httpc._tornado.request import translate
from async_keepalive_httpc._tornado.terms import REQUESTS_KEPT, TERMS_KEPT, Memory
from async_keepalive_httpc.client import Client, Digest
from async_keepalive_httpc.errors import InvalidRequest

LIMIT = 1000
DEFAULTS = dict(HTTPRequest._DEFAULTS)
CONTEXT = ssl.create_default_context()
ATTRIBUTES = [name for name in Request.__slots__ if name not in ("wire", "lane")]


class Asking:
    """One client's translation, with the memory that it has."""

    def __init__(self) -> None:
        self.client = Client(defaults=NOTHING)
        self.memory = Memory(self.client, LIMIT)

    def __call__(self, request: HTTPRequest) -> Request:
        return translate(request, self.memory.terms(request, DEFAULTS), DEFAULTS, self.client, Digest)


def said(request: Request) -> dict[str, Any]:
    """All that a Request holds, to be compared."""
    values = {name: getattr(request, name) for name in ATTRIBUTES}
    values["url"] = request.url.text, request.url.target, request.url.origin
    values["timeout"] = repr(request.timeout)
    values["auth"] = type(request.auth)
    if isinstance(request.body, Produced):
        values["body"] = "produced"
    elif request.body is not None and not isinstance(request.body, bytes):
        values["body"] = type(request.body)
    if isinstance(request.auth, Digest):
        del values["auth"]
    return values


def outcome(asking: Asking, url: str, options: dict[str, Any]) -> Any:
    """What becomes of `HTTPRequest(url, **options)`: the Request, or the error."""
    request = HTTPRequest(url, **options)
    if not isinstance(request.headers, HTTPHeaders):
        request.headers = HTTPHeaders(request.headers)
    try:
        return said(asking(request))
    except Exception as error:
        return type(error), str(error)


def producer(write: Any) -> None:
    """Writes nothing."""


URLS = [
    "http://a.example/",
    "http://a.example/b?c=d",
    "http://user:word@a.example/",
    "https://b.example:444/x",
    "ftp://c",
]
HEADERS = [
    {},
    {"X-A": "1"},
    {"X-A": "2"},
    {"User-Agent": "mine"},
    {"Content-Type": "text/x", "Accept-Encoding": "br"},
    {"Authorization": "Bearer x"},
    {"Content-Length": "0"},
    {"Content-Length": "7"},
    {"Host": "other.example"},
    {"Connection": "close"},
    {"Expect": "100-continue"},
    {"Idempotency-Key": "k"},
    {"Transfer-Encoding": "chunked"},
    {"Proxy-Authorization": "Basic eA=="},
    {"X-Bytes": b"\xff"},
]
OPTIONS: dict[str, list[Any]] = {
    "method": ["GET", "GET", "POST", "PUT", "HEAD", "DELETE", "get", "BREW"],
    "headers": HEADERS,
    "body": [None, None, b"", b"seven b", "text", b"x" * 300_000],
    "body_producer": [None, None, producer],
    "allow_nonstandard_methods": [None, True, 1, False],
    "connect_timeout": [None, 1, 1.0, True, 0, -1, "1"],
    "request_timeout": [None, 1, 2.5, True, 0],
    "follow_redirects": [None, True, False, 0, 1],
    "max_redirects": [None, 0, 1, True, False, -1],
    "decompress_response": [None, True, False, 0],
    "expect_100_continue": [None, True, 0],
    "allow_ipv6": [None, True, False, 0, 1],
    "validate_cert": [None, True, False, 0],
    "ssl_options": [None, CONTEXT, {"cert_reqs": ssl.CERT_NONE}, {"nonsense": 1}],
    "auth_username": [None, None, "user", b"user"],
    "auth_password": [None, "word", b"word"],
    "auth_mode": [None, "basic", "digest", "ntlm"],
    "user_agent": [None, "", "agent"],
    "proxy_host": [None, None, "proxy.example"],
    "proxy_port": [None, 8080, "8080"],
    "proxy_username": [None, "user"],
    "proxy_password": [None, "word"],
    "proxy_auth_mode": [None, "digest", "ntlm"],
    "network_interface": [None, None, "127.0.0.1", "none such"],
}
FEW = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in OPTIONS.items()})
SOME = st.dictionaries(
    st.sampled_from(["method", "headers", "body", "allow_ipv6", "max_redirects"]), st.none(), max_size=3
)


@st.composite
def requests(draw: Any) -> tuple[str, dict[str, Any]]:
    """An HTTPRequest that says little, or much."""
    if draw(st.booleans()):
        return draw(st.sampled_from(URLS)), draw(FEW)
    names = draw(SOME)
    return draw(st.sampled_from(URLS)), {name: draw(st.sampled_from(OPTIONS[name])) for name in names}


@given(st.lists(requests(), min_size=1, max_size=12))
def test_memory_changes_nothing(asked: list[tuple[str, dict[str, Any]]]) -> None:
    remembering = Asking()
    for url, options in [*asked, *asked]:
        assert outcome(remembering, url, options) == outcome(Asking(), url, options)


@pytest.mark.parametrize("name", ["connect_timeout", "max_redirects", "allow_ipv6"])
@pytest.mark.parametrize("values", [(1, True), (True, 1), (0, False), (False, 0)])
def test_a_number_is_no_truth(name: str, values: tuple[Any, Any]) -> None:
    remembering = Asking()
    for value in values:
        assert outcome(remembering, URLS[0], {name: value}) == outcome(Asking(), URLS[0], {name: value})


def test_the_same_again_is_the_same_request() -> None:
    asking = Asking()
    first = asking(HTTPRequest(URLS[0], headers=HTTPHeaders({"X-A": "1"})))
    assert asking(HTTPRequest(URLS[0], headers=HTTPHeaders({"x-a": "1"}))) is first
    other = asking(HTTPRequest(URLS[1], headers=HTTPHeaders({"X-A": "1"})))
    assert other is not first
    assert other.block is first.block
    assert (other.wire, other.lane) == (None, None)


def test_another_body_is_its_own() -> None:
    asking = Asking()
    bodies = [b"one", b"", b"twelve bytes", b"x" * 300_000]
    made = [asking(HTTPRequest(URLS[0], method="POST", body=body)) for body in bodies]
    assert [request.length for request in made] == [len(body) for body in bodies]
    assert [request.body for request in made[:3]] == bodies[:3]
    assert not isinstance(made[3].body, bytes)  # in slices
    assert [request.idempotent for request in made] == [False] * 4


def test_a_request_that_was_changed_says_something_else() -> None:
    asking = Asking()
    request = HTTPRequest(URLS[0], headers=HTTPHeaders({"X-A": "1"}))
    assert (b"X-A", b"1") in asking(request).fields
    request.headers["X-A"] = "2"
    assert (b"X-A", b"2") in asking(request).fields
    request.follow_redirects = False
    assert asking(request).max_redirects == 0
    request.auth_username, request.auth_password = "user", "word"
    assert any(name == b"Authorization" for name, _ in asking(request).fields)


def test_memory_is_bounded() -> None:
    asking = Asking()
    for number in range(TERMS_KEPT + 1):
        asking(HTTPRequest(URLS[0], user_agent=f"agent {number}"))
        assert 0 < len(asking.memory._known) <= TERMS_KEPT
    terms = asking.memory.terms(HTTPRequest(URLS[0]), DEFAULTS)
    for number in range(REQUESTS_KEPT + 1):
        asking(HTTPRequest(URLS[0], headers=HTTPHeaders({"X-A": str(number)})))
        assert 0 < len(terms._made) <= REQUESTS_KEPT


@pytest.mark.parametrize("value", [["list"], 1, None])
def test_a_value_that_is_no_text_is_refused_each_time(value: Any) -> None:
    asking = Asking()
    headers = HTTPHeaders()
    headers["X-A"] = value
    for _ in range(2):
        with pytest.raises(InvalidRequest, match="header X-A"):
            asking(HTTPRequest(URLS[0], headers=headers))


def test_other_defaults_are_seen(run: Any) -> None:
    async def test() -> None:
        client = KeepAliveAsyncHTTPClient(force_instance=True)
        door = client._door
        request = HTTPRequest(URLS[0])
        assert door._requested(request).max_redirects == 5
        client.defaults["max_redirects"] = 2
        assert door._requested(request).max_redirects == 2
        client.defaults = {**client.defaults, "user_agent": "other"}
        assert (b"User-Agent", b"other") in door._requested(request).fields
        client.close()

    run(test())
