"""Header fields: what may go out, and how what came in is read (CASES 35-37, 120, 121)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest
from tornado.httputil import HTTPHeaders

from async_keepalive_httpc._message.headers import Headers, RawFields, encode_fields, wire
from async_keepalive_httpc.errors import InvalidRequest

TORNADO = HTTPHeaders({"A": "1"})
TORNADO.add("A", "2")
TORNADO.add("B", "3")


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        (None, []),
        ({}, []),
        ({"A": "b", "C": "d"}, [(b"A", b"b"), (b"C", b"d")]),
        (MappingProxyType({"A": "b"}), [(b"A", b"b")]),
        ([("A", "1"), ("a", "2")], [(b"A", b"1"), (b"a", b"2")]),
        (iter([(b"A", b"\xff"), ("B", b"")]), [(b"A", b"\xff"), (b"B", b"")]),
        (TORNADO, [(b"A", b"1"), (b"A", b"2"), (b"B", b"3")]),
        (Headers([(b"A", b"1"), (b"A", b" 2")]), [(b"A", b"1"), (b"A", b"2")]),
        ({"A": " \t b\tc \t"}, [(b"A", b"b\tc")]),
        ({"A": "\u00fc\x80\xa0"}, [(b"A", b"\xfc\x80\xa0")]),
        ({"A": "\u20ac".encode()}, [(b"A", b"\xe2\x82\xac")]),
        ({"!#$%&'*+-.^_`|~09azAZ": "x"}, [(b"!#$%&'*+-.^_`|~09azAZ", b"x")]),
    ],
)
def test_encode(given: Mapping[str, str], fields: RawFields) -> None:
    assert encode_fields(given) == fields


@pytest.mark.parametrize(
    "value",
    [
        "a\r\nb",
        "a\nb",
        "\ra",
        "a\n",
        "\x00",
        "\x1b",
        "\x7f",
        "\u010d\u010a",
        "\u20ac",
        "\ud800",
        b"a\r\nb",
        b"\0",
    ],
)
def test_value_refused(value: str | bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        encode_fields({"X-Field": value})
    message = str(caught.value)
    assert message.startswith("The value of header X-Field holds a control character or one outside Latin-1")
    assert message.isprintable()
    assert message.isascii()


@pytest.mark.parametrize("value", [5, None, ["a"], bytearray(b"a")])
def test_value_of_another_type_refused(value: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^The value of header X-Field is of type "):
        encode_fields({"X-Field": value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a:", ":a", "a\n", "a\r\nb", "\u00fc", "(a)", "a\x00", b"\xfc", b"", 5, None]
)
def test_name_refused(name: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^Header name .* is no token"):
        encode_fields([(name, "secret")])  # type: ignore[list-item]


@pytest.mark.parametrize("given", [5, ["abc"], [5], ["a"], [("a", "b", "c")]])
def test_no_pairs_refused(given: object) -> None:
    with pytest.raises(InvalidRequest, match="Headers must be a mapping or an iterable"):
        encode_fields(given)  # type: ignore[arg-type]


def test_errors_hide_values() -> None:
    for value in ("secret\n", b"secret\x00", "secret\u20ac"):
        with pytest.raises(InvalidRequest) as caught:
            encode_fields({"Authorization": value})
        assert "secret" not in str(caught.value)
        assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("fields", "lines"),
    [([], b""), ([(b"A", b"b")], b"A: b\r\n"), ([(b"A", b""), (b"c", b"%s")], b"A: \r\nc: %s\r\n")],
)
def test_wire(fields: RawFields, lines: bytes) -> None:
    assert wire(fields) == lines


RAW: RawFields = [
    (b"Server", b" nginx\t"),
    (b"Set-Cookie", b"a=1, b"),
    (b"X-Empty", b""),
    (b"set-cookie", b"c=2"),
    (b"X-Text", b"\xfc: \xff"),
    (b"SET-COOKIE", b"d=3 "),
]


def test_look_up() -> None:
    headers = Headers(RAW)
    assert headers["server"] == headers["SERVER"] == "nginx"
    assert headers["Set-Cookie"] == "a=1, b, c=2, d=3"
    assert headers["x-empty"] == ""
    assert headers["X-Text"] == "\u00fc: \u00ff"
    assert headers.get("Missing") is None
    assert headers.get("Missing", "x") == "x"
    assert headers.raw is RAW


def test_missing() -> None:
    headers = Headers(RAW)
    for name in ("Missing", "\u20ac", "", 5, None, b"Server"):
        assert name not in headers
        with pytest.raises(KeyError):
            headers[name]  # type: ignore[index]
    assert "SERVER" in headers


def test_lists() -> None:
    headers = Headers(RAW)
    assert headers.get_list("set-Cookie") == ["a=1, b", "c=2", "d=3"]
    assert headers.get_list("X-Empty") == [""]
    assert headers.get_list("Missing") == []
    assert headers.multi_items() == [
        ("Server", "nginx"),
        ("Set-Cookie", "a=1, b"),
        ("X-Empty", ""),
        ("set-cookie", "c=2"),
        ("X-Text", "\u00fc: \u00ff"),
        ("SET-COOKIE", "d=3"),
    ]


def test_mapping() -> None:
    headers = Headers(RAW)
    assert list(headers) == ["Server", "Set-Cookie", "X-Empty", "X-Text"]
    assert len(headers) == 4
    assert dict(headers.items())["Set-Cookie"] == "a=1, b, c=2, d=3"
    assert list(headers.values()) == ["nginx", "a=1, b, c=2, d=3", "", "\u00fc: \u00ff"]
    assert len(Headers([])) == 0
    assert not Headers([])


def test_name_outside_ascii_is_found_as_it_is_listed() -> None:
    headers = Headers([(b"\xc4", b"x")])
    assert [headers[name] for name in headers] == ["x"]


def test_equality() -> None:
    headers = Headers([(b"A", b"1"), (b"a", b"2")])
    assert headers == Headers([(b"a", b" 1"), (b"A", b"2")])
    assert headers == Headers([(b"A", b"1, 2")])
    assert headers == {"a": "1, 2"}
    assert headers != {"a": "1"}
    assert headers != {5: "1, 2"}
    assert headers != [("a", "1, 2")]
    with pytest.raises(TypeError):
        hash(headers)


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "proxy-authorization",
        "Cookie",
        "SET-COOKIE",
        "X-Api-Key",
        "X-Auth-Token",
        "X-Amz-Security-Token",
    ],
)
def test_repr_hides_secrets(name: str) -> None:
    headers = Headers([(b"A", b"b"), (name.encode(), b"secret")])
    assert repr(headers) == f"Headers([('A', 'b'), ({name!r}, '***')])"
