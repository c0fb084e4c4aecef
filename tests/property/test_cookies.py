"""Laws of cookies: whatever a server writes, reading it never fails, and nobody else is sent what it set."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from async_keepalive_httpc import CookieJar
from async_keepalive_httpc._message.cookie import MAX_AGE, MAX_COOKIE, parse, read_date
from async_keepalive_httpc._message.headers import encode_fields
from async_keepalive_httpc._policy.cookies import MAX_LINE, MAX_OF_DOMAIN
from async_keepalive_httpc._policy.suffixes import is_likely_suffix

LABELS = st.sampled_from(["a", "b", "evil", "example", "com", "co", "uk", "xevil"])
HOSTS = st.lists(LABELS, min_size=1, max_size=4).map(".".join) | st.sampled_from(
    ["127.0.0.1", "1.127.0.0.1.com", "[::1]"]
)
PATHS = st.lists(st.sampled_from(["a", "b", "ab", ""]), max_size=3).map(lambda parts: "/" + "/".join(parts))
SCHEMES = st.sampled_from(["http", "https"])
URLS = st.builds(lambda scheme, host, path: f"{scheme}://{host}{path}", SCHEMES, HOSTS, PATHS)
WORDS = HOSTS | PATHS | st.sampled_from([".com", "com.", "-1", "0", "99999999999", "Thu, 01 Jan 2026 00:00:00 GMT"])
NAMES = st.sampled_from(["Domain", "Path", "Secure", "Max-Age", "Expires", "HttpOnly", "SameSite", "x"])
ATTRIBUTES = st.lists(st.builds("; {}={}".format, NAMES, WORDS) | st.sampled_from(["; Secure", "; Path"]), max_size=4)
PAIRS = st.sampled_from(["sid", "=", "__Host-", "__Secure-a", "\xe9"]) | st.text(
    st.characters(max_codepoint=255), max_size=8
)
LINES = st.builds(lambda pair, value, rest: f"{pair}={value}{''.join(rest)}", PAIRS, PAIRS, ATTRIBUTES)


@given(st.binary(max_size=200) | LINES.map(lambda line: line.encode("latin-1")))
def test_any_line_can_be_read(line: bytes) -> None:
    read = parse(line)
    if read is not None:
        assert 0 < len(read.name) + len(read.value) <= MAX_COOKIE
        assert not {";", "\r", "\n", "\x00"} & {*read.name, *read.value}
        assert "=" not in read.name
        assert read.path is None or read.path[:1] in ("", "/")
        assert read.age is None or read.age >= 0
        # What is sent of it may go into a field, as it is.
        encode_fields({"Cookie": f"{read.name}={read.value}"})


@given(st.text(max_size=60))
def test_any_date_can_be_read(text: str) -> None:
    seconds = read_date(text)
    assert seconds is None or isinstance(seconds, float)


def site_of(host: str) -> str:
    """The part of a host that its owner has registered; what is above it belongs to others too."""
    if host.startswith("[") or host == "127.0.0.1":
        return host
    labels = host.split(".")
    for size in range(1, len(labels) + 1):
        if not is_likely_suffix(".".join(labels[-size:])):
            return ".".join(labels[-size:])
    return host


@given(st.lists(st.tuples(HOSTS, SCHEMES, PATHS, LINES), max_size=12), HOSTS, SCHEMES, PATHS)
def test_nobody_unrelated_is_sent_what_a_host_has_set(
    stored: list[tuple[str, str, str, str]], host: str, scheme: str, path: str
) -> None:
    now = 1_767_000_000.0
    jar = CookieJar(is_public_suffix=is_likely_suffix, now=lambda: now)
    allowed = []
    for number, (setter, how, place, line) in enumerate(stored):
        pair, semicolon, rest = line.partition(";")
        kept = jar.store(f"{how}://{setter}{place}", f"{pair}-{number}-{semicolon}{rest}".encode("latin-1"))
        if kept and site_of(setter) == site_of(host):
            allowed.append(f"-{number}-")
    sent = jar.field(f"{scheme}://{host}{path}")
    assert len(f"Cookie: {sent}\r\n") <= MAX_LINE
    encode_fields({"Cookie": sent})
    for pair in sent.split("; ") if sent else ():
        assert any(mark in pair for mark in allowed), (pair, allowed)
    for cookie in jar:
        assert cookie.expires is None or now < cookie.expires <= now + MAX_AGE
        if f"{cookie.name}={cookie.value}" in sent.split("; "):
            assert scheme == "https" or not cookie.secure or sent.count(cookie.value) > 1


@given(st.lists(st.tuples(URLS, LINES, st.integers(0, 10)), max_size=30))
def test_a_jar_is_one_whole(stored: list[tuple[str, str, int]]) -> None:
    now = 0.0
    jar = CookieJar(is_public_suffix=is_likely_suffix, now=lambda: now)
    for url, line, rest in stored:
        jar.store(url, line.encode("latin-1"))
        now += rest
        jar.field(url)
    cookies = list(jar)
    held = [cookie for there in jar._domains.values() for cookie in there.values()]
    assert sorted(cookies) == sorted(held)
    assert all(len(there) <= MAX_OF_DOMAIN for there in jar._domains.values())
    assert {key for there in jar._guards.values() for key in there} == {
        key for key, (_, cookie) in jar._cookies.items() if cookie.secure
    }
