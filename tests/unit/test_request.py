"""Request: everything is checked when it is made, and nothing is cleaned (numbers: cases 120 to 128)."""

from __future__ import annotations

import enum
import http
import io
from typing import Any

import pytest

from async_keepalive_httpc._connection.head import head
from async_keepalive_httpc._message.body import File, Pieces, Slices
from async_keepalive_httpc._message.limits import UPLOAD_SLICE, Timeout
from async_keepalive_httpc._message.request import Defaults, Request
from async_keepalive_httpc._message.url import parse
from async_keepalive_httpc.errors import InvalidRequest

URL = "http://example.com/"
INJECTIONS = ["\r\n", "\n", "\r", "\0", "a\r\nX: y", "\u010d\u010a", "x\x7f", "x\x08"]


class Verb(str, enum.Enum):  # noqa: UP042 - as code from before StrEnum has it: its str() is "Verb.GET"
    GET = "GET"


NO_METHODS = [
    *["", " ", "G T", "GET ", " GET", "GET:", "G\xc9T", "GET/1", "(GET)", "x" * 200 + " "],
    *[None, 5, b"GET", ["GET"]],
    *INJECTIONS,
]
NO_DEFAULTS = ["Host", "content-length", "Transfer-Encoding", "Connection", "Expect", "Idempotency-Key"]


# -- methods


@pytest.mark.parametrize("method", NO_METHODS, ids=repr)
def test_case_121_no_method(method: Any) -> None:
    with pytest.raises(InvalidRequest, match="is no token") as caught:
        Request(method, URL)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("method", ["get", "Post", "pUT", "query"])
def test_methods_are_case_sensitive(method: str) -> None:
    with pytest.raises(InvalidRequest, match=f"write '{method.upper()}'"):
        Request(method, URL)


@pytest.mark.parametrize("method", ["CONNECT", "connect"])
def test_connect_is_no_request(method: str) -> None:
    with pytest.raises(InvalidRequest, match="tunnel"):
        Request(method, URL)


@pytest.mark.parametrize("method", ["GET", "PURGE", "m-search", "!#$%&'*+-.^_`|~0"])
def test_methods(method: str) -> None:
    assert Request(method, URL).method == method


@pytest.mark.parametrize("method", [http.HTTPMethod.GET, Verb.GET])
def test_methods_of_enumerations_become_plain(method: str) -> None:
    request = Request(method, URL)
    assert type(request.method) is str
    assert request.method == "GET"
    assert request.idempotent


# -- URL and fields


@pytest.mark.parametrize("place", ["http://a/%s", "http://a/?%s", "http://a%s/", "%s"])
@pytest.mark.parametrize("bad", ["\r\n", "\n", "\r", "\0", "\x7f"], ids=repr)
def test_case_120_urls(place: str, bad: str) -> None:
    with pytest.raises(InvalidRequest):
        Request("GET", place % f"x{bad}y")


def test_a_url_as_text_or_parsed() -> None:
    url = parse("http://a/b")
    assert Request("GET", url).url is url
    assert Request("GET", "http://a/b").url == url


@pytest.mark.parametrize("bad", INJECTIONS, ids=repr)
@pytest.mark.parametrize("name", ["X", "Host", "Content-Type", "User-Agent", "Connection", "Expect"])
def test_case_120_values(name: str, bad: str) -> None:
    values: list[str | bytes] = [f"a{bad}b"]
    if bad.isascii():
        values.append(f"a{bad}b".encode())
    for value in values:
        with pytest.raises(InvalidRequest):
            Request("GET", URL, {name: value})


@pytest.mark.parametrize("name", ["", " X", "X ", "X Y", "X:", "X\r\nY", "\xe9", "(X)", "X\0"], ids=repr)
def test_case_121_names(name: str) -> None:
    with pytest.raises(InvalidRequest):
        Request("GET", URL, {name: "x"})


def test_host() -> None:
    request = Request("GET", URL, {"host": "other:8080"})
    assert request.host == b"other:8080"
    assert request.fields == []
    with pytest.raises(InvalidRequest, match="Host twice"):
        Request("GET", URL, [("Host", "a"), ("host", "b")])
    for value in ("a b", "a/b", "a@b", "a?b", "é"):
        with pytest.raises(InvalidRequest, match="not a host name"):
            Request("GET", URL, {"Host": value})


def test_connection_close() -> None:
    assert not Request("GET", URL).close
    assert not Request("GET", URL, {"Connection": "keep-alive, closed"}).close
    request = Request("GET", URL, [("Connection", "TE"), ("connection", "x ,\tClose")])
    assert request.close
    assert len(request.fields) == 2


def test_idempotent() -> None:
    assert Request("PUT", URL).idempotent
    assert not Request("POST", URL).idempotent
    assert Request("POST", URL, idempotent=True).idempotent
    assert not Request("GET", URL, idempotent=False).idempotent
    for name in ("Idempotency-Key", "X-Idempotency-Key"):
        assert Request("POST", URL, {name: "k"}).idempotent
        assert not Request("POST", URL, {name: "k"}, idempotent=False).idempotent
    assert not Request("POST", URL, {"Expect": "x"}).idempotent


def test_expect() -> None:
    assert Request("POST", URL, {"Expect": "100-continue"}, b"x").expect_continue
    assert Request("POST", URL, {"Expect": "100-continue"}, b"x").fields == []
    assert Request("POST", URL, {"Expect": "other"}, b"x").fields == [(b"Expect", b"other")]
    for request in (
        Request("POST", URL, expect_continue=True),
        Request("POST", URL, body=b"", expect_continue=True),
        Request("POST", URL, body=io.BytesIO(), expect_continue=True),
    ):
        assert not request.expect_continue


# -- framing fields


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"hello", "4"),
        (b"hello", "6"),
        (b"hello", "-5"),
        (b"hello", "5, 5"),
        (b"hello", "+5"),
        (b"hello", ""),
        (b"hello", "9" * 30),
        (b"hello", "9" * 5000),
        (None, "5"),
        (io.BytesIO(b"hello"), "6"),
    ],
)
def test_case_125_lengths_that_do_not_fit(body: Any, value: str) -> None:
    with pytest.raises(InvalidRequest, match="Content-Length") as caught:
        Request("POST", URL, {"Content-Length": value}, body)
    assert len(str(caught.value)) < 250


def test_lengths_that_fit() -> None:
    assert Request("POST", URL, {"Content-Length": "5"}, b"hello").fields == []
    assert Request("POST", URL, {"Content-Length": "0"}).length == 0
    assert Request("GET", URL, {"Content-Length": "0"}).length is None
    assert Request("POST", URL, {"Content-Length": "7"}, [b"hello"]).length == 7
    twice = [("Content-Length", "7"), ("content-length", "8")]
    with pytest.raises(InvalidRequest, match="Content-Length 8"):
        Request("POST", URL, twice, [b"hello"])


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (None, {"Transfer-Encoding": "chunked"}),
        (b"hello", {"Transfer-Encoding": "chunked"}),
        ([b"hello"], {"Transfer-Encoding": "gzip, chunked"}),
        ([b"hello"], {"Transfer-Encoding": "identity"}),
        ([b"hello"], {"Transfer-Encoding": "chunked", "Content-Length": "5"}),
        ([b"hello"], {"Content-Length": "5", "Transfer-Encoding": "chunked"}),
    ],
)
def test_case_125_codings(body: Any, fields: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match="Transfer-Encoding is set by the client"):
        Request("POST", URL, fields, body)


def test_the_coding_that_is_used_anyway() -> None:
    assert Request("POST", URL, {"Transfer-Encoding": "Chunked"}, [b"hello"]).fields == []


@pytest.mark.parametrize("name", NO_DEFAULTS)
def test_defaults_that_fit_no_request(name: str) -> None:
    with pytest.raises(InvalidRequest, match="Default header"):
        Defaults({name: "x"})


# -- bodies


@pytest.mark.parametrize("method", ["GET", "HEAD", "TRACE"])
def test_a_body_where_none_may_be(method: str) -> None:
    with pytest.raises(InvalidRequest, match="carries no body") as caught:
        Request(method, URL, body=b"x")
    assert ("allow_body" in str(caught.value)) is (method != "TRACE")


def test_a_body_that_is_allowed() -> None:
    assert Request("GET", URL, body=b"x", allow_body=True).length == 1
    with pytest.raises(InvalidRequest):
        Request("TRACE", URL, body=b"x", allow_body=True)
    assert Request("DELETE", URL, body=b"x").body == b"x"


def test_lengths_of_bodies() -> None:
    assert Request("GET", URL).length is None
    assert Request("POST", URL).length == 0
    assert Request("POST", URL, body="é").length == 2
    assert Request("POST", URL, body=[b"x"]).length is None
    large = Request("POST", URL, body=bytes(UPLOAD_SLICE + 1))
    assert isinstance(large.body, Slices)
    assert large.length == UPLOAD_SLICE + 1


def test_replayable() -> None:
    assert Request("GET", URL).replayable
    assert Request("POST", URL, body=b"x").replayable
    assert not Request("POST", URL, body=[b"x"]).replayable
    request = Request("POST", URL, body=io.BytesIO(b"x"))
    assert isinstance(request.body, File)
    assert request.replayable


# -- options


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": -1},
        {"timeout": "5"},
        {"timeout": float("nan")},
        {"max_redirects": -1},
        {"max_redirects": 1.5},
        {"max_body_size": 0},
        {"max_body_size": "1"},
    ],
    ids=repr,
)
def test_options_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        Request("GET", URL, **options)


def test_options() -> None:
    request = Request("GET", URL, timeout=5, max_redirects=0, max_body_size=1, decode=False)
    assert request.timeout is not None
    assert request.timeout.total == 5
    assert (request.max_redirects, request.max_body_size, request.decode) == (0, 1, False)
    timeout = Timeout(1)
    assert Request("GET", URL, timeout=timeout).timeout is timeout
    plain = Request("GET", URL)
    assert (plain.timeout, plain.max_redirects, plain.max_body_size, plain.decode) == (None,) * 4


def test_changed() -> None:
    request = Request("POST", URL, {"A": "b", "C": "d"}, [b"x"], timeout=5)
    other = request.changed(method="GET", body=None, length=None, fields=[(b"A", b"b")])
    assert (other.method, other.body, other.length, other.block) == ("GET", None, None, b"A: b\r\n")
    assert other.timeout is request.timeout
    assert other.url is request.url
    assert (request.method, request.block) == ("POST", b"A: b\r\nC: d\r\n")
    assert isinstance(request.body, Pieces)
    assert request.changed(method="PUT").block is request.block


def test_changed_forgets_the_head_that_was_written() -> None:
    request = Request("GET", URL)
    request.wire = head(request)
    assert request.changed(method="PUT").wire is None


def test_repr_hides_credentials() -> None:
    assert repr(Request("GET", "http://user:secret@a/b")) == "<Request GET http://a/b>"


def test_errors_hide_credentials() -> None:
    with pytest.raises(InvalidRequest) as caught:
        Request("GET", "http://user:secret@a/b", body=b"x")
    assert "secret" not in str(caught.value)


def test_what_is_for_a_proxy_is_kept_apart():
    request = Request("GET", "http://a.test", {"PROXY-Authorization": "x", "A": "b"})
    assert request.for_proxy == b"x"
    assert request.fields == [(b"A", b"b")]
    assert b"x" not in request.block
    with pytest.raises(InvalidRequest, match="Proxy-Authorization twice"):
        Request("GET", "http://a.test", [("Proxy-Authorization", "x"), ("proxy-authorization", "y")])
    with pytest.raises(InvalidRequest, match="proxy-authorization cannot be set for every request"):
        Defaults({"Proxy-Authorization": "x"})
