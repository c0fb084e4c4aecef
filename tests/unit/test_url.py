"""URLs: what is dialled, what is sent, what is refused (CASES 120, 123, 124, 129-134, 142)."""

from __future__ import annotations

import pickle
from urllib.parse import urljoin

import pytest

from async_keepalive_httpc._message.url import MAX_AUTHORITY, Origin, parse
from async_keepalive_httpc.errors import InvalidRequest

LABEL63 = "a" * 63
NAME253 = ".".join([LABEL63, LABEL63, LABEL63, "a" * 61])


@pytest.mark.parametrize(
    ("text", "origin", "authority", "target"),
    [
        ("http://example.com", ("http", "example.com", 80), b"example.com", b"/"),
        ("https://example.com/", ("https", "example.com", 443), b"example.com", b"/"),
        ("HTTP://EXAMPLE.com/A", ("http", "example.com", 80), b"example.com", b"/A"),
        ("http://h:80/", ("http", "h", 80), b"h", b"/"),
        ("http://h:/", ("http", "h", 80), b"h", b"/"),
        ("http://h:00080/", ("http", "h", 80), b"h", b"/"),
        ("http://h:443/", ("http", "h", 443), b"h:443", b"/"),
        ("https://h:65535/", ("https", "h", 65535), b"h:65535", b"/"),
        ("http://h?q", ("http", "h", 80), b"h", b"/?q"),
        ("http://h#f", ("http", "h", 80), b"h", b"/"),
        ("http://h?#f", ("http", "h", 80), b"h", b"/?"),
        ("http://h/a?b?c/d", ("http", "h", 80), b"h", b"/a?b?c/d"),
        ("http://h//evil/x", ("http", "h", 80), b"h", b"//evil/x"),
        ("http://h/http://x@y/", ("http", "h", 80), b"h", b"/http://x@y/"),
        ("http://h/a/../b/./c", ("http", "h", 80), b"h", b"/a/../b/./c"),
        ("http://h/a;b=c,d!$&'()*+:@-._~", ("http", "h", 80), b"h", b"/a;b=c,d!$&'()*+:@-._~"),
        ("http://h/a b?c d", ("http", "h", 80), b"h", b"/a%20b?c%20d"),
        ("http://h/%41%zz%?%", ("http", "h", 80), b"h", b"/%41%zz%?%"),
        ('http://h/"<>\\^`{|}', ("http", "h", 80), b"h", b"/%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ("http://h/[1]?a[]=1", ("http", "h", 80), b"h", b"/[1]?a[]=1"),
        ("http://h/\u00fc?\u20ac", ("http", "h", 80), b"h", b"/%C3%BC?%E2%82%AC"),
        # These two look like CR and LF to who cuts a code point down to a byte.
        ("http://h/\u010d\u010a", ("http", "h", 80), b"h", b"/%C4%8D%C4%8A"),
        ("http://my_host-1.x/", ("http", "my_host-1.x", 80), b"my_host-1.x", b"/"),
        ("http://host./", ("http", "host", 80), b"host.", b"/"),
        ("http://host.:81/", ("http", "host", 81), b"host.:81", b"/"),
        ("http://127.0.0.1:8080/", ("http", "127.0.0.1", 8080), b"127.0.0.1:8080", b"/"),
        ("http://1.2.3.4./", ("http", "1.2.3.4", 80), b"1.2.3.4.", b"/"),
        ("http://1.example/", ("http", "1.example", 80), b"1.example", b"/"),
        ("http://0xg/", ("http", "0xg", 80), b"0xg", b"/"),
        ("http://[::1]/", ("http", "::1", 80), b"[::1]", b"/"),
        ("http://[2001:DB8:0:0::1]:81/", ("http", "2001:db8::1", 81), b"[2001:db8::1]:81", b"/"),
        ("http://[fe80::1%25eth0]/", ("http", "fe80::1%eth0", 80), b"[fe80::1]", b"/"),
        ("http://[fe80::1%eth0]:81/", ("http", "fe80::1%eth0", 81), b"[fe80::1]:81", b"/"),
        (
            "http://b\u00fccher.example/",
            ("http", "xn--bcher-kva.example", 80),
            b"xn--bcher-kva.example",
            b"/",
        ),
        (
            "http://B\u00dcCHER.Example./",
            ("http", "xn--bcher-kva.example", 80),
            b"xn--bcher-kva.example.",
            b"/",
        ),
        (
            "http://xn--bcher-kva.example/",
            ("http", "xn--bcher-kva.example", 80),
            b"xn--bcher-kva.example",
            b"/",
        ),
        # What stands for an ASCII letter or a full stop is mapped before anything is judged.
        ("http://\uff45x\u3002com/", ("http", "ex.com", 80), b"ex.com", b"/"),
        # Upper case that Unicode 3.2, which the codec knows, did not have yet.
        ("http://\u1c90.example/", ("http", "xn--lod.example", 80), b"xn--lod.example", b"/"),
        (f"http://{NAME253}./", ("http", NAME253, 80), f"{NAME253}.".encode(), b"/"),
    ],
)
def test_parse(text: str, origin: tuple[str, str, int], authority: bytes, target: bytes) -> None:
    url = parse(text)
    assert url.origin == Origin(*origin)
    assert url.authority == authority
    assert url.target == target
    assert parse(url.text) == url
    assert parse(url.text).origin == url.origin
    assert url.text.isascii()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("HTTP://User:Pw@Host.:80/x?y#z", "http://host./x?y#z"),
        ("http://h:81#a b#c", "http://h:81/#a%20b%23c"),
        ("http://[fe80::1%eth0]:81", "http://[fe80::1%25eth0]:81/"),
        ("https://h/#", "https://h/"),
    ],
)
def test_text(text: str, shown: str) -> None:
    url = parse(text)
    assert str(url) == url.text == shown
    assert repr(url) == f"URL({shown!r})"
    assert url.fragment == shown.partition("#")[2]


@pytest.mark.parametrize(
    ("userinfo", "username", "password"),
    [
        ("", None, None),
        ("@", None, None),
        (":@", None, None),
        ("me@", "me", None),
        ("me:@", "me", ""),
        (":pw@", "", "pw"),
        ("me:p:w@", "me", "p:w"),
        ("a%40b:%C3%BC%0a@", "a@b", "\u00fc\n"),
        ("a@b:c@d@", "a@b", "c@d"),
        ("\u00fc:\u20ac@", "\u00fc", "\u20ac"),
    ],
)
def test_userinfo(userinfo: str, username: str | None, password: str | None) -> None:
    url = parse(f"http://{userinfo}h/x")
    assert (url.username, url.password) == (username, password)
    assert (url.authority, url.text, repr(url)) == (b"h", "http://h/x", "URL('http://h/x')")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "Unsupported url scheme: nothing given"),
        ("ftp://host/", "Unsupported url scheme: ftp://host/"),
        ("ftp://me:secret@host/", "Unsupported url scheme: ftp://***@host/"),
        ("file:///etc/passwd", "Unsupported url scheme: file"),
        ("javascript:alert(1)", "Unsupported url scheme: javascript:alert(1)"),
        ("www.example.com/x", "Unsupported url scheme: www.example.com/x"),
        ("host:80/", "Unsupported url scheme: host:80/"),
        ("//host/", "Unsupported url scheme: //host/"),
        ("http:/host/", "Unsupported url scheme: http:/host/"),
        (" http://host/", "Unsupported url scheme:  http"),
        ("ht\rtp://host/", "Unsupported url scheme: ht\\rtp"),
        ("me:secret@host/", "Unsupported url scheme: ***@host/"),
        ("http://", "No host"),
        ("http:///x", "No host"),
        ("http://?x", "No host"),
        ("http://:80/", "No host"),
        ("http://./", "No host"),
        ("http://me@/", "No host"),
        ("http://::1/", "No host"),
        ("http://h:0/", "Bad port"),
        ("http://h:65536/", "Bad port"),
        ("http://h:" + "9" * 5000 + "/", "Bad port"),
        ("http://h:+80/", "Bad port"),
        ("http://h:8_0/", "Bad port"),
        ("http://h:\u0668\u0660/", "Bad port"),
        ("http://h:80:80/", "Bad port"),
        ("http://me:se/cret@h/", "Bad port"),
        ("http://[::1/", "Bad brackets"),
        ("http://[::1]x/", "Bad brackets"),
        ("http://[::1]]/", "Bad brackets"),
        ("http://[::1]:x/", "Bad port"),
        ("http://::1]/", "No host"),
        ("http://h]/", "Bad host name"),
        ("http://x[::1]/", "Bad host name"),
        ("http://[]/", "Bad IPv6 address"),
        ("http://[::g]/", "Bad IPv6 address"),
        ("http://[1.2.3.4]/", "Bad IPv6 address"),
        ("http://[v1.a]/", "Bad IPv6 address"),
        ("http://[1:2:3:4:5:6:7:8:9]/", "Bad IPv6 address"),
        ("http://[fe80::1%]/", "Bad IPv6 zone"),
        ("http://[fe80::1%25]/", "Bad IPv6 zone"),
        ("http://[fe80::1%25a%25b]/", "Bad IPv6 zone"),
        ("http://a..b/", "Bad host name"),
        ("http://.a/", "Bad host name"),
        ("http://a../", "Bad host name"),
        ("http://a%41/", "Bad host name"),
        ("http://a,b/", "Bad host name"),
        ("http://a\x7f/", "Control character, space or backslash"),
        ("http://a b/", "Control character, space or backslash"),
        ("http://good.example\\@evil.example/", "Control character, space or backslash"),
        ("http://a\r\nHost: b/", "Control character, space or backslash"),
        ("http://me\n:x@a/", "Control character, space or backslash"),
        ("http://\ud800/", "Control character, space or backslash"),
        (f"http://{'a' * MAX_AUTHORITY}@h/", "More than 8192 characters"),
        (f"http://{LABEL63}a/", "Bad host name"),
        (f"http://{NAME253}a/", "Host name longer than 253"),
        ("http://" + "\u00fc." * 127 + "/", "Host name longer than 253"),
        ("http://" + "\u00fc" * 63 + "/", "Bad international host name"),
        ("http://\u00fc..x/", "Bad international host name"),
        ("http://\u0640\ufdd0/", "Bad international host name"),
        ("http://a\uff0fb/", "Bad host name"),
        ("http://stra\u00dfe.example/", "Host name that IDNA 2003 and 2008 read differently"),
        ("http://STRA\u1e9eE.example/", "Host name that IDNA 2003 and 2008 read differently"),
        ("http://\u03c2.example/", "Host name that IDNA 2003 and 2008 read differently"),
        ("http://a\u200d.example/", "Host name that IDNA 2003 and 2008 read differently"),
        ("http://a\u200c.example/", "Host name that IDNA 2003 and 2008 read differently"),
        ("http://xn--abc-.example/", "Bad host name"),
        ("http://xn--.example/", "Bad host name"),
        ("http://xn--9999999999.example/", "Bad host name"),
        ("http://\uff58n--abc-.example/", "Bad host name"),
        ("http://127.1/", "Bad IPv4 address"),
        ("http://2130706433/", "Bad IPv4 address"),
        ("http://0x7f000001/", "Bad IPv4 address"),
        ("http://0x/", "Bad IPv4 address"),
        ("http://0x7f.1/", "Bad IPv4 address"),
        ("http://127.0.0.01/", "Bad IPv4 address"),
        ("http://256.0.0.1/", "Bad IPv4 address"),
        ("http://1.2.3.4.5/", "Bad IPv4 address"),
        ("http://a.1/", "Bad IPv4 address"),
        ("http://\uff11\uff12\uff17.1/", "Bad IPv4 address"),
        ("http://h/\x00", "Control character in the path"),
        ("http://h/a\r\nX: y", "Control character in the path"),
        ("http://h/?a\tb", "Control character in the path"),
        ("http://h/\x7f", "Control character in the path"),
        ("http://h/#a\nb", "Control character in the path"),
        ("http://h/\udcff", "Control character in the path"),
        ("http://%ff:x@h/", "The user name or password in the URL is not UTF-8"),
    ],
)
def test_refused(text: str, what: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse(text)
    message = str(caught.value)
    assert message.startswith(what)
    assert message.isprintable()
    assert message.endswith(")")  # the advice
    assert len(message) < 500


@pytest.mark.parametrize("value", [None, 5, b"http://h/"])
def test_not_text(value: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^No URL: "):
        parse(value)


@pytest.mark.parametrize(
    "text",
    [
        "http://jdoe:secret@host:99999/x",
        "http://jdoe:sec/secret@host/",
        "http://jdoe:sec?secret#secret@host/",
        "http://jdoe:secret@host/\n",
        "ftp://jdoe:secret@host/",
        "jdoe:secret@host",
        "jdoe:secret://secret@host",
        "/jdoe://secret@host",
        "http://jdoe:secret@a b/",
        "http://jdoe:%ffsecret@host/",
    ],
)
def test_errors_hide_userinfo(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse(text)
    assert "***@" in str(caught.value)
    assert "jdoe" not in str(caught.value)
    assert "sec" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_equality_and_memory() -> None:
    first, second = parse("http://h/a"), parse("HTTP://H:80/a")
    assert first == second
    assert hash(first) == hash(second)
    assert first != parse("http://h/b")
    assert first != "http://h/a"
    assert parse("http://h/a") is first
    copied = pickle.loads(pickle.dumps(parse("http://u:p@h/a")))
    assert (copied, copied.password) == (first, "p")


BASE = "http://a/b/c/d;p?q"
# RFC 3986 section 5.4.1 and 5.4.2, but for "g:h".
REFERENCES = [
    *["g", "./g", "g/", "/g", "//g", "?y", "g?y", "#s", "g#s", "g?y#s", ";x", "g;x"],
    *[
        "g;x?y#s",
        ".",
        "./",
        "..",
        "../",
        "../g",
        "../..",
        "../../",
        "../../g",
        "../../../g",
        "../../../../g",
        "/./g",
    ],
    *[
        "/../g",
        "g.",
        ".g",
        "g..",
        "..g",
        "./../g",
        "./g/.",
        "g/./h",
        "g/../h",
        "g;x=1/./y",
        "g;x=1/../y",
        "g?y/./x",
    ],
    *["g?y/../x", "g#s/./x", "g#s/../x", "http:g"],
]


@pytest.mark.parametrize("reference", ["", *REFERENCES])
def test_join_agrees_with_urljoin(reference: str) -> None:
    assert parse(BASE).join(reference) == parse(urljoin(BASE, reference))


@pytest.mark.parametrize(
    ("base", "location", "expected"),
    [
        (BASE, "https://h/x/../y?z/../w#f", "https://h/y?z/../w#f"),
        (BASE, "HTTP://h", "http://h/"),
        (BASE, "http:/g", "http://a/g"),
        (BASE, "1a:b", "http://a/b/c/1a:b"),
        (BASE, "\\\\evil/x", "http://a/b/c/%5C%5Cevil/x"),
        (BASE, "/..//evil/x", "http://a//evil/x"),
        (BASE, "a b", "http://a/b/c/a%20b"),
        (BASE, "#a b", "http://a/b/c/d;p?q#a%20b"),
        (BASE, "?", "http://a/b/c/d;p?"),
        (BASE, "/\u00e4", "http://a/%C3%A4"),
        (BASE, "/\u00c3\u00a4", "http://a/%C3%A4"),
        (BASE, "/\u20ac", "http://a/%E2%82%AC"),
        (BASE, "//b\u00c3\u00bccher.example/", "http://xn--bcher-kva.example/"),
        ("https://h:444?x", "y", "https://h:444/y"),
        ("https://h./", "//other/y", "https://other/y"),
        ("http://[fe80::1%25eth0]/a", "b", "http://[fe80::1%25eth0]/b"),
        ("http://h/a/./b", "?c", "http://h/a/./b?c"),
    ],
)
def test_join(base: str, location: str, expected: str) -> None:
    assert parse(base).join(location).text == expected


def test_join_and_credentials() -> None:
    base = parse("http://me:pw@h/a")
    near = base.join("b")
    assert (near.username, near.password, near.text) == ("me", "pw", "http://h/b")
    far = base.join("http://you:theirs@h/b")
    assert (far.username, far.password, far.text) == (None, None, "http://h/b")


@pytest.mark.parametrize(
    ("location", "what"),
    [
        ("g:h", "Unsupported url scheme: g:h"),
        ("javascript:alert(1)", "Unsupported url scheme: javascript:alert(1)"),
        ("ftp://h/", "Unsupported url scheme: ftp://h/"),
        ("https:g", "Unsupported url scheme: https:g"),
        ("//", "No host"),
        ("///x", "No host"),
        ("//a b/", "Control character, space or backslash"),
        ("http://h:x/", "Bad port"),
        ("/a\r\nb", "Control character in the path"),
        ("#a\x00", "Control character in the path"),
    ],
)
def test_join_refused(location: str, what: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse(BASE).join(location)
    assert str(caught.value).startswith(what)


@pytest.mark.parametrize(
    ("text", "params", "expected"),
    [
        ("http://h", {}, "http://h/"),
        ("http://h/a#f", {"b": "c"}, "http://h/a?b=c#f"),
        ("http://h/a?", {"b": 1}, "http://h/a?b=1"),
        ("http://h/a?x=%20", [("b", 1.5), ("b", True)], "http://h/a?x=%20&b=1.5&b=True"),
        ("http://h/a?x&", iter([("b", "")]), "http://h/a?x&b="),
        ("http://h/", {"a b&": "\u00fc/ \r\n"}, "http://h/?a%20b%26=%C3%BC%2F%20%0D%0A"),
    ],
)
def test_with_params(text: str, params: object, expected: str) -> None:
    assert parse(text).with_params(params).text == expected  # type: ignore[arg-type]


def test_with_params_keeps_the_rest() -> None:
    url = parse("http://me:pw@h:81/a#f").with_params({"b": "c"})
    assert (url.origin, url.username, url.password) == (Origin("http", "h", 81), "me", "pw")
    assert (url.authority, url.target, url.fragment) == (b"h:81", b"/a?b=c", "f")


@pytest.mark.parametrize(
    ("params", "what"),
    [
        ({"a": None}, "Query parameter 'a' for http://h/ is of type NoneType"),
        ({"a": ["b"]}, "Query parameter 'a' for http://h/ is of type list"),
        ({5: "b"}, "Query parameter 5 for http://h/"),
        ({"a": "\ud800"}, "A query parameter for http://h/ is not Unicode"),
        ("abc", "Query parameters must be a mapping or an iterable of pairs"),
        (5, "Query parameters must be a mapping or an iterable of pairs"),
    ],
)
def test_with_params_refused(params: object, what: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse("http://h").with_params(params)  # type: ignore[arg-type]
    assert str(caught.value).startswith(what)
