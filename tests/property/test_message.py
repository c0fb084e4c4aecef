"""Laws of URLs, header fields and content codings, for any input."""

from __future__ import annotations

import gzip
import re
import sys
import zlib
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from urllib.parse import unquote, urljoin

import brotli
from hypothesis import given
from hypothesis import strategies as st

from async_keepalive_httpc._message.headers import Headers, RawFields, encode_fields, wire
from async_keepalive_httpc._message.url import URL, parse
from async_keepalive_httpc._policy.decode import decoder
from async_keepalive_httpc.errors import DecodeError, InvalidRequest

zstd = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

TARGET = re.compile(rb"/[!-~]*")
AUTHORITY = re.compile(rb"([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?")
HOST = re.compile(r"[a-z0-9._-]*[a-z0-9_-]|[0-9a-f:.]+(%[A-Za-z0-9._~-]+)?")


def is_safe(url: URL) -> bool:
    return bool(
        TARGET.fullmatch(url.target)
        and b"#" not in url.target
        and AUTHORITY.fullmatch(url.authority)
        and HOST.fullmatch(url.origin.host)
        and url.text.isascii()
        and url.text.isprintable()
        and parse(url.text) == url
        and parse(url.text).origin == url.origin
        and parse(url.text).target == url.target
    )


def read(make: Callable[[str], URL], text: str) -> URL | None:
    try:
        return make(text)
    except InvalidRequest:
        return None


# Text that often comes close to a URL: its delimiters, and characters that parsers stumble over.
pieces = st.sampled_from(
    [
        *[
            "http",
            "https",
            "ftp",
            ":",
            "//",
            "/",
            "..",
            ".",
            "@",
            "?",
            "#",
            "[",
            "]",
            "%",
            "%25",
            "%41",
            "\\",
            " ",
        ],
        *[
            "\r\n",
            "\x00",
            "\x7f",
            "\u00fc",
            "\u3002",
            "\uff0f",
            "\u00df",
            "\ud800",
            "xn--",
            "0x",
            "127",
            "::1",
        ],
        *["example", "80", "a"],
    ]
)
texts = st.one_of(
    st.text(),
    st.text().map("http://".__add__),
    st.text().map("http://h/".__add__),
    st.lists(pieces, max_size=12).map("".join),
    st.lists(pieces, max_size=12).map(lambda parts: "http://" + "".join(parts)),
)


@given(texts)
def test_a_url_is_safe_or_refused(text: str) -> None:
    url = read(parse, text)
    assert url is None or is_safe(url)


@given(texts)
def test_a_joined_url_is_safe_or_refused(location: str) -> None:
    base = parse("http://me:pw@base:81/a/b?c#d")
    url = read(base.join, location)
    assert url is None or is_safe(url)
    assert url is None or url.password is None or url.origin == base.origin


# No empty segments: urljoin drops those inside a path, RFC 3986 section 5.2.4 keeps them.
segments = st.lists(st.sampled_from([".", "..", "a", "b;c", "d=."]), max_size=8).map("/".join)
ends = st.sampled_from(["", "/"])
queries = st.sampled_from(["", "?", "?q", "?q/../r"])


@given(segments, queries, ends, segments, ends, queries.filter("?".__ne__))
def test_join_is_urljoin(path: str, query: str, start: str, other: str, end: str, other_query: str) -> None:
    base = f"http://h/{path}{query}"
    location = start + other + (end if other else "") + other_query
    assert parse(base).join(location).text == parse(urljoin(base, location)).text


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="?#%\x7f")))
def test_a_path_can_be_read_back(path: str) -> None:
    assert unquote(parse("http://h/" + path).target.decode()) == "/" + path


@given(st.lists(st.tuples(st.text(), st.text())))
def test_params_are_safe_or_refused(params: list[tuple[str, str]]) -> None:
    assert is_safe(parse("http://h/?a").with_params(params))


tokens = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1)
values = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]))


@given(st.lists(st.tuples(tokens, values)))
def test_fields_round_trip(fields: list[tuple[str, str]]) -> None:
    raw = encode_fields(fields)
    trimmed = [(name, value.strip(" \t")) for name, value in fields]
    headers = Headers(raw)
    assert headers.multi_items() == trimmed
    assert encode_fields(headers) == raw
    for name in headers:
        assert headers.get_list(name.swapcase()) == [v for n, v in trimmed if n.lower() == name.lower()]
    assert len(list(headers)) == len(headers) == len({name.lower() for name, _ in fields})
    lines = wire(raw).split(b"\r\n")
    assert lines.pop() == b""
    read: RawFields = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
    assert read == raw


@given(st.text(), st.text())
def test_a_field_is_one_line_or_refused(name: str, value: str) -> None:
    try:
        block = wire(encode_fields({name: value}))
    except InvalidRequest:
        return
    assert block.count(b"\n") == block.count(b"\r") == 1
    assert block.endswith(b"\r\n")
    assert b"\0" not in block


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKERS = [
    ("gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("br", brotli.compress),
    ("zstd", zstd.compress),
]
bodies = st.one_of(
    st.binary(max_size=2000),
    st.builds(bytes.__mul__, st.binary(min_size=1, max_size=20), st.integers(0, 2000)),
)


@given(
    bodies,
    st.lists(st.sampled_from(PACKERS), min_size=1, max_size=5),
    st.lists(st.integers(0, 3000), max_size=10),
    st.integers(1, 70_000),
)
def test_any_split_of_any_coding_gives_the_body(
    body: bytes, packers: list[tuple[str, object]], cuts: list[int], slice_size: int
) -> None:
    packed = body
    for _, pack in packers:
        packed = pack(packed)  # type: ignore[operator]
    found = decoder([name for name, _ in packers], slice_size=slice_size)
    assert found is not None
    edges = [0, *sorted(cuts), len(packed)]
    slices = [
        part for start, end in pairwise(edges) for part in found.decode(packed[start:end] if end > start else b"")
    ]
    slices += found.finish()
    assert b"".join(slices) == body
    assert all(0 < len(part) <= slice_size for part in slices)


@given(st.sampled_from(["gzip", "deflate", "br", "zstd", "gzip, br"]), st.binary(), st.integers(1, 100))
def test_any_bytes_are_decoded_or_refused(value: str, data: bytes, slice_size: int) -> None:
    found = decoder([value], slice_size=slice_size)
    assert found is not None
    try:
        slices = [*found.decode(data), *found.finish()]
    except DecodeError:
        return
    assert all(0 < len(part) <= slice_size for part in slices)
