"""One cookie: lines, dates, domains and paths (RFC 6265bis sections 5.1 and 5.6)."""

from __future__ import annotations

import sys
from email.utils import formatdate
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.request import Request as URLRequest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_keepalive_httpc import Cookie
from async_keepalive_httpc._message.cookie import (
    MAX_AGE,
    MAX_ATTRIBUTE,
    MAX_COOKIE,
    Line,
    default_path,
    domain_matches,
    domains_of,
    parse,
    path_matches,
    read_date,
)


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        (b"a=b", "a", "b"),
        (b" a \t=\t b c ", "a", "b c"),
        (b"a=b=c", "a", "b=c"),
        (b'a="b;c"', "a", '"b'),
        (b"a=", "a", ""),
        (b"=b", "", "b"),
        (b"b", "", "b"),
        (b" b ;c=d", "", "b"),
        (b"a\tb=c\td", "a\tb", "c\td"),
        (b"a=\xe9\xff", "a", "\xe9\xff"),
        (b"a=" + b"x" * (MAX_COOKIE - 1), "a", "x" * (MAX_COOKIE - 1)),
    ],
)
def test_name_and_value(line: bytes, name: str, value: str) -> None:
    assert parse(line) == (name, value, None, None, "", None, False, False)


@pytest.mark.parametrize(
    "line", [b"", b"=", b" = ;a=b", b";", b";a=b", b"a=" + b"x" * MAX_COOKIE, b"x" * (MAX_COOKIE + 1)]
)
def test_no_cookie(line: bytes) -> None:
    assert parse(line) is None


@pytest.mark.parametrize("control", [*range(9), *range(10, 32), 127])
def test_a_control_character_anywhere_spoils_the_line(control: int) -> None:
    for line in (b"a%c=b", b"a=b%c", b"a=b; Path=/%c", b"a=b; %c"):
        assert parse(line % control) is None


@pytest.mark.parametrize(
    ("attributes", "read"),
    [
        ("Max-Age=10", {"age": 10}),
        ("max-age = 010 ", {"age": 10}),
        ("Max-Age=0", {"age": 0}),
        ("Max-Age=-1", {"age": 0}),
        ("Max-Age=-0", {"age": 0}),
        ("Max-Age=00000000000000001", {"age": 1}),
        ("Max-Age=9999999999", {"age": 9_999_999_999}),
        ("Max-Age=" + "9" * 1000, {"age": MAX_AGE}),
        *[(f"Max-Age={word}", {}) for word in ("", "x", "1x", "+1", "1.5", "- 1", "--1", "\u00b2")],
        ("Max-Age=5; Max-Age=x", {"age": 5}),
        ("Max-Age=5; Max-Age=6", {"age": 6}),
        ("Expires=Thu, 01 Jan 1970 00:00:10 GMT", {"expires": 10.0}),
        ("Expires=Thu, 01 Jan 1970 00:00:10 GMT; Expires=soon", {"expires": 10.0}),
        ("Expires=soon", {}),
        ("Domain=Example.COM", {"domain": "example.com"}),
        ("Domain=.example.com", {"domain": "example.com"}),
        ("Domain=..example.com", {"domain": ".example.com"}),
        ("Domain=example.com; Domain", {}),
        ("Domain=a.example; Domain=" + "b" * (MAX_ATTRIBUTE + 1), {"domain": "a.example"}),
        ("Path=/a", {"path": "/a"}),
        ("Path=/a; path=/B", {"path": "/B"}),
        ("Path", {"path": ""}),
        ("Path=/a; Path=a", {"path": ""}),
        ("Path=/" + "a" * MAX_ATTRIBUTE, {}),
        ("Path=/" + "a" * (MAX_ATTRIBUTE - 1), {"path": "/" + "a" * (MAX_ATTRIBUTE - 1)}),
        ("SECURE", {"secure": True}),
        ("secure=no", {"secure": True}),
        ("HttpOnly", {"http_only": True}),
        ("Secure ;\tHttpOnly=", {"secure": True, "http_only": True}),
        ("Secured; Http-Only; SameSite=Strict; Partitioned; =; ;", {}),
    ],
)
def test_attributes(attributes: str, read: dict[str, Any]) -> None:
    assert parse(f"a=b;{attributes}".encode("latin-1")) == Line("a", "b", **read)


def test_a_long_age_is_read_whatever_the_interpreter_allows() -> None:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        assert parse(b"a=b; Max-Age=" + b"1" * 1000) == Line("a", "b", MAX_AGE)
    finally:
        sys.set_int_max_str_digits(before)


# -- dates

SAMPLE = 784_111_777.0


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "06 November 1994 8:49:37",
        "1994 nOvEmBeR 6 08:49:37",
        "08:49:37 06/Nov/1994",
        "08:49:37x 6th Nov 1994BC",
        "Sun,06,Nov,1994,08:49:37",
        "Sun, 06 Nov 1994 08:49:37 +0200",
        "Sun, 06 Nov 1994 08:49:37 07 Dec 1995 09:50:38",
    ],
)
def test_dates(text: str) -> None:
    assert read_date(text) == SAMPLE


@pytest.mark.parametrize(
    ("year", "meant"),
    [("70", 1970), ("99", 1999), ("00", 2000), ("69", 2069), ("1601", 1601), ("9999", 9999), ("0069", 2069)],
)
def test_years(year: str, meant: int) -> None:
    assert read_date(f"01 Jan {year} 00:00:00") == read_date(f"01 Jan {meant} 00:00:00")
    assert read_date(f"01 Jan {year} 00:00:00") is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "Sun, 06 Nov 1994",
        "06 1994 08:49:37",
        "Nov 1994 08:49:37",
        "06 Nov 08:49:37",
        "06 Nov 1994 08:49",
        "06 Nov 1994 24:00:00",
        "06 Nov 1994 00:60:00",
        "06 Nov 1994 00:00:60",
        "06 Nov 1994 00:00:000",
        "00 Nov 1994 08:49:37",
        "32 Nov 1994 08:49:37",
        "31 Nov 1994 08:49:37",
        "29 Feb 2025 08:49:37",
        "006 Nov 94 08:49:37",
        "06 Nov 1600 08:49:37",
        "06 Nov 199 08:49:37",
        "06 Nov 19940 08:49:37",
        "06 Nov 1994 \u0660\u0668:49:37",
    ],
)
def test_no_dates(text: str) -> None:
    assert read_date(text) is None


@given(st.integers(0, 4_000_000_000))
def test_dates_of_servers(seconds: int) -> None:
    assert read_date(formatdate(seconds, usegmt=True)) == seconds


# -- domains and paths


@pytest.mark.parametrize(
    ("host", "domain", "matches"),
    [
        ("example.com", "example.com", True),
        ("a.example.com", "example.com", True),
        ("a.b.example.com", "example.com", True),
        ("evilexample.com", "example.com", False),
        ("example.com", "a.example.com", False),
        ("example.com", ".example.com", False),
        ("example.com", "example.com.", False),
        ("example.com", "", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "0.0.1", False),
        ("127.0.0.1", "1", False),
        ("::1", "::1", True),
        ("::ffff:127.0.0.1", "0.0.1", False),
        ("fe80::1%en.eth0.lan", "eth0.lan", False),
    ],
)
def test_domains(host: str, domain: str, matches: bool) -> None:
    assert domain_matches(host, domain) is matches
    assert (domain in domains_of(host)) is matches


def test_the_domains_of_a_host() -> None:
    assert domains_of("a.b.example.com") == ["a.b.example.com", "b.example.com", "example.com", "com"]
    assert domains_of("localhost") == ["localhost"]
    assert domains_of("127.0.0.1") == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("path", "prefix", "matches"),
    [
        ("/", "/", True),
        ("/a", "/", True),
        ("/a", "/a", True),
        ("/a/", "/a", True),
        ("/a/b", "/a", True),
        ("/a/b", "/a/", True),
        ("/ab", "/a", False),
        ("/a", "/a/", False),
        ("/a", "/A", False),
        ("/", "/a", False),
    ],
)
def test_paths(path: str, prefix: str, matches: bool) -> None:
    assert path_matches(path, prefix) is matches


@pytest.mark.parametrize(
    ("path", "default"), [("/", "/"), ("/a", "/"), ("/a/", "/a"), ("/a/b", "/a"), ("/a/b/", "/a/b"), ("//", "/")]
)
def test_the_path_of_a_cookie_that_says_none(path: str, default: str) -> None:
    assert default_path(path) == default


PATHS = st.text("/ab", max_size=6).map("/".__add__)


@given(PATHS, PATHS)
def test_paths_as_the_standard_library_matches_them(path: str, prefix: str) -> None:
    request = URLRequest(f"http://example.com{path}")
    assert path_matches(path, prefix) is DefaultCookiePolicy().path_return_ok(prefix, request)


def test_a_cookie_does_not_show_its_value() -> None:
    cookie = Cookie("sid", "secret", "example.com", "/a", True, False, False, None)
    assert (cookie.name, cookie.value) == ("sid", "secret")
    for shown in (repr(cookie), str(cookie), f"{cookie}", repr([cookie])):
        assert "<Cookie 'sid' for example.com/a>" in shown
        assert "secret" not in shown
