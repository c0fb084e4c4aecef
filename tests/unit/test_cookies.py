"""CookieJar: what it takes, keeps, and gives to whom (RFC 6265bis sections 5.7 and 5.8)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from async_keepalive_httpc import Cookie, CookieJar, InvalidRequest
from async_keepalive_httpc._message.cookie import MAX_AGE, MAX_ATTRIBUTE, MAX_COOKIE
from async_keepalive_httpc._message.url import parse
from async_keepalive_httpc._policy.cookies import MAX_IN_ALL, MAX_LINE, MAX_OF_DOMAIN
from async_keepalive_httpc._policy.suffixes import is_likely_suffix

SITE = "http://www.example.com/a/b?c/d"
SECURE = "https://www.example.com/a/b"


class Time:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def jar(clock: Time) -> CookieJar:
    return CookieJar(is_public_suffix=is_likely_suffix, now=clock)


def names(jar: CookieJar) -> list[str]:
    return [cookie.name for cookie in jar]


# -- what is taken


def test_a_cookie_with_no_attributes(jar: CookieJar) -> None:
    assert jar.store(SITE, "sid=1")
    assert list(jar) == [Cookie("sid", "1", "www.example.com", "/a", True, False, False, None)]


def test_a_cookie_with_all_attributes(jar: CookieJar, clock: Time) -> None:
    line = b"sid=1; Domain=example.com; Path=/x; Max-Age=60; Expires=soon; Secure; HttpOnly; SameSite=Lax"
    assert jar.store(parse(SECURE), line)
    assert list(jar) == [Cookie("sid", "1", "example.com", "/x", False, True, True, clock.now + 60)]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "=",
        "a=\x00",
        "a=" + "x" * MAX_COOKIE,
        "a=b; Domain=example.org",
        "a=b; Domain=a.www.example.com",
        "a=b; Domain=ww.example.com",
        "a=b; Domain=com",
        "a=b; Domain=.com",
        "a=b; Domain=COM",
        "a=b; Domain=com.",
        "a=b; Domain=example.com.",
        "a=b; Domain=ex\xe4mple.com",
        "a=b; Secure",
        "__Secure-a=b",
        "__Host-a=b; Path=/",
    ],
)
def test_what_is_refused(jar: CookieJar, line: str) -> None:
    assert not jar.store(SITE, line)
    assert names(jar) == []


def test_a_long_path_is_no_place_for_a_cookie(jar: CookieJar) -> None:
    long = "/" + "a" * MAX_ATTRIBUTE
    assert jar.store(f"http://example.com{long[:-1]}/", "a=b")
    assert not jar.store(f"http://example.com{long}/", "a=b")
    assert jar.store(f"http://example.com{long}/", "a=b; Path=/")


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("__Secure-a=b; Secure", True),
        ("__SECURE-a=b; Secure; Domain=example.com; Path=/a", True),
        ("__Secure-a=b", False),
        ("__secure-a=b", False),
        ("__Host-a=b; Secure; Path=/", True),
        ("__host-a=b; Secure; Path=/", True),
        ("__Host-a=b; Secure", False),
        ("__Host-a=b; Secure; Path=/a", False),
        ("__Host-a=b; Path=/", False),
        ("__Host-a=b; Secure; Path=/; Domain=www.example.com", False),
        ("__Host-; Secure; Path=/", False),
        ("=__Host-a=b; Secure; Path=/", False),
        ("=__secure-a=b; Secure", False),
        ("=__Sec", True),
    ],
)
def test_prefixes(jar: CookieJar, line: str, kept: bool) -> None:
    assert jar.store("https://www.example.com/", line) is kept


def test_a_path_that_only_is_the_root_by_default_is_not_promised(jar: CookieJar) -> None:
    assert not jar.store("https://www.example.com/", "__Host-a=b; Secure; Path")


@pytest.mark.parametrize("host", ["com", "localhost", "co.uk"])
def test_a_host_that_is_a_public_suffix_speaks_for_itself_alone(jar: CookieJar, host: str) -> None:
    assert jar.store(f"http://{host}/", f"a=b; Domain={host}")
    assert [(cookie.domain, cookie.host_only) for cookie in jar] == [(host, True)]
    assert jar.field(f"http://{host}/") == "a=b"
    assert jar.field(f"http://a.{host}/") == ""


def test_an_own_rule_for_public_suffixes() -> None:
    asked: list[str] = []

    def is_public(domain: str) -> bool:
        asked.append(domain)
        return domain == "example.com"

    jar = CookieJar(is_public_suffix=is_public)
    assert not jar.store(SITE, "a=b; Domain=.Example.com")
    assert jar.store(SITE, "a=b; Domain=www.example.com")
    assert asked == ["example.com", "www.example.com"]


@pytest.mark.parametrize("url", ["", "example.com", "ftp://example.com/"])
def test_what_is_no_url(jar: CookieJar, url: str) -> None:
    with pytest.raises(InvalidRequest, match="url scheme"):
        jar.field(url)
    with pytest.raises(InvalidRequest, match="url scheme"):
        jar.store(url, "a=b")


def test_what_is_no_line(jar: CookieJar) -> None:
    with pytest.raises(InvalidRequest, match="outside Latin-1: encode") as caught:
        jar.store(SITE, "a=secret\u20ac")
    assert "secret" not in str(caught.value)
    assert jar.store(SITE, "a=\u20ac".encode())
    assert jar.field(SITE).encode("latin-1") == "a=\u20ac".encode()


# -- Secure cookies are left alone


@pytest.mark.parametrize(
    ("url", "line", "kept"),
    [
        ("http://www.example.com/a/", "sid=2", False),
        ("http://www.example.com/a/b/", "sid=2", False),
        ("http://www.example.com/", "sid=2; Path=/a/b", False),
        ("http://www.example.com/a/", "sid=2; Domain=example.com", False),
        ("http://x.www.example.com/a/", "sid=2", False),
        ("http://x.www.example.com/a/", "sid=2; Domain=example.com", False),
        ("http://www.example.com/", "sid=2", True),
        ("http://www.example.com/ab/", "sid=2", True),
        ("http://www.example.com/a/", "SID=2", True),
        ("http://other.example.com/a/", "sid=2", True),
        ("http://evilwww.example.com/a/", "sid=2", True),
        ("https://www.example.com/a/", "sid=2", True),
    ],
)
def test_http_does_not_cover_what_https_has_set(jar: CookieJar, url: str, line: str, kept: bool) -> None:
    assert jar.store("https://www.example.com/", "sid=1; Secure; Path=/a; Domain=www.example.com")
    assert jar.store(url, line) is kept
    assert "sid=1" in jar.field("https://www.example.com/a")


def test_http_covers_what_http_has_set(jar: CookieJar) -> None:
    assert jar.store("http://www.example.com/", "sid=1")
    assert jar.store("http://www.example.com/", "sid=2")
    assert jar.field("http://www.example.com/") == "sid=2"


# -- what is sent


@pytest.mark.parametrize(
    ("line", "url", "sent"),
    [
        ("a=b", "http://www.example.com/a", True),
        ("a=b", "http://www.example.com./a", True),
        ("a=b", "http://WWW.example.com:8080/a/c", True),
        ("a=b", "https://www.example.com/a", True),
        ("a=b", "http://www.example.com/ab", False),
        ("a=b", "http://www.example.com/?/a", False),
        ("a=b", "http://example.com/a", False),
        ("a=b", "http://x.www.example.com/a", False),
        ("a=b; Domain=www.example.com", "http://x.www.example.com/a", True),
        ("a=b; Domain=example.com", "http://example.com/a", True),
        ("a=b; Domain=example.com", "http://y.example.com/a", True),
        ("a=b; Domain=example.com", "http://evilexample.com/a", False),
        ("a=b; Domain=example.com", "http://example.com.evil.org/a", False),
    ],
)
def test_who_is_sent_what(jar: CookieJar, line: str, url: str, sent: bool) -> None:
    assert jar.store(SITE, line)
    assert jar.field(url) == ("a=b" if sent else "")


def test_secure_cookies_go_over_tls_only(jar: CookieJar) -> None:
    jar.store(SECURE, "a=b; Secure")
    assert jar.field(SECURE) == "a=b"
    assert jar.field(SITE) == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[fe80::1%25lo]"])
def test_addresses(jar: CookieJar, host: str) -> None:
    assert jar.store(f"http://{host}/", "a=1")
    assert jar.store(f"http://{host}/", f"b=2; Domain={host.strip('[]').replace('%25', '%')}")
    assert not jar.store(f"http://{host}/", "c=3; Domain=0.0.1")
    assert not jar.store(f"http://{host}/", "c=3; Domain=1")
    assert jar.field(f"http://{host}/") == "a=1; b=2"
    assert jar.field("http://0.0.1.1/") == ""


def test_longer_paths_first_then_older_ones(jar: CookieJar) -> None:
    for line in ("c=1; Path=/", "b=1; Path=/", "a=1; Path=/a/b", "d=1; Path=/a", "c=2; Path=/"):
        assert jar.store(SECURE, line)
    jar.store(SECURE, "s=1; Path=/; Secure")
    for _ in range(2):  # what is sent is no longer the one unused for longest; its place in the field stays
        assert jar.field("http://www.example.com/a/b") == "a=1; d=1; c=2; b=1"
        assert jar.field(SECURE) == "a=1; d=1; c=2; b=1; s=1"
    assert names(jar) == ["c", "b", "a", "d", "s"]


def test_nameless_and_empty(jar: CookieJar) -> None:
    jar.store(SITE, "only a value")
    jar.store(SITE, "only-a-name=")
    jar.store(SITE, "=a=b")
    assert jar.field(SITE) == "a=b; only-a-name="


def test_a_cookie_of_the_host_and_one_of_the_domain_are_two(jar: CookieJar) -> None:
    jar.store(SITE, "a=host; Path=/")
    jar.store(SITE, "a=domain; Path=/; Domain=www.example.com")
    jar.store(SITE, "a=above; Path=/; Domain=example.com")
    jar.store(SITE, "a=path")
    assert jar.field(SITE) == "a=path; a=host; a=domain; a=above"


# -- time


@pytest.mark.parametrize(
    ("attributes", "lives"),
    [
        ("Max-Age=10", 10),
        ("Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 10),
        ("Expires=Mon, 12 Jan 1970 13:47:00 GMT", 20),
        ("Max-Age=99999999999", MAX_AGE),
        ("Expires=Fri, 31 Dec 9999 23:59:59 GMT", MAX_AGE),
    ],
)
def test_the_end_of_a_cookie(jar: CookieJar, clock: Time, attributes: str, lives: int) -> None:
    jar.store(SITE, "z=1; Max-Age=99999999999")
    assert jar.store(SITE, f"a=b; {attributes}")
    clock.now += lives - 1
    assert "a=b" in jar.field(SITE)
    clock.now += 1
    assert "a=b" not in jar.field(SITE)
    assert "a" not in names(jar)


@pytest.mark.parametrize("attribute", ["Max-Age=0", "Max-Age=-1", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_server_removes_a_cookie(jar: CookieJar, attribute: str) -> None:
    jar.store(SITE, "a=b")
    jar.store(SITE, "b=c")
    assert not jar.store(SITE, f"a=; {attribute}")
    assert jar.field(SITE) == "b=c"
    assert not jar.store(SITE, f"new=; {attribute}")
    assert len(jar) == 1


def test_who_has_ended_makes_room_by_itself(jar: CookieJar, clock: Time) -> None:
    jar.store(SITE, "short=1; Max-Age=1")
    jar.store(SITE, "long=1; Max-Age=9")
    jar.store(SITE, "session=1")
    clock.now += 5
    assert names(jar) == ["long", "session"]
    clock.now += 5
    assert len(jar) == 1
    clock.now += 1e9
    assert names(jar) == ["session"]


def test_the_time_of_the_machine_by_default() -> None:
    jar = CookieJar()
    jar.store(SITE, "a=b; Max-Age=100")
    (cookie,) = jar
    assert cookie.expires is not None
    assert 0 < cookie.expires - time.time() <= 100


# -- limits


def test_of_a_domain_the_one_unused_for_longest_goes(jar: CookieJar) -> None:
    for number in range(MAX_OF_DOMAIN):
        jar.store("http://a.example.com/", f"n{number}=1; Path=/{number % 2}")
    jar.store("http://b.example.com/", "other=1")
    jar.field("http://a.example.com/0")
    jar.store("http://a.example.com/", "one-more=1")
    assert len(jar) == MAX_OF_DOMAIN + 1
    assert {"n0", "one-more", "other"} <= {*names(jar)}
    assert "n1" not in names(jar)
    jar.store("http://a.example.com/", "n3=2; Path=/1")  # in the place of one that is there
    assert len(jar) == MAX_OF_DOMAIN + 1


def test_secure_cookies_stay_longest(jar: CookieJar) -> None:
    jar.store(SECURE, "first=1; Secure")
    for number in range(2 * MAX_OF_DOMAIN):
        jar.store(SITE, f"n{number}=1")
    assert len(jar) == MAX_OF_DOMAIN
    assert names(jar)[0] == "first"
    for number in range(MAX_OF_DOMAIN):
        jar.store(SECURE, f"s{number}=1; Secure")
    assert names(jar) == [f"s{number}" for number in range(MAX_OF_DOMAIN)]
    assert not jar.store(SITE, "plain=1")
    assert not jar.store(SECURE, "plain=1")
    assert len(jar) == MAX_OF_DOMAIN


def test_of_all_the_one_unused_for_longest_goes(jar: CookieJar) -> None:
    for number in range(MAX_IN_ALL):
        jar.store(f"http://h{number}.example.com/", "a=b")
    jar.field("http://h0.example.com/")
    for number in range(10):
        jar.store("http://new.example.org/", f"n{number}=1")
    assert len(jar) == MAX_IN_ALL
    assert jar.field("http://h0.example.com/") == "a=b"
    assert [jar.field(f"http://h{number}.example.com/") for number in (1, 10, 11)] == ["", "", "a=b"]


def test_the_last_of_its_domain_may_go_for_the_next_one(jar: CookieJar) -> None:
    jar.store("http://first.example.com/", "a=b")
    for number in range(MAX_IN_ALL - 1):
        jar.store(f"http://h{number}.example.com/", "a=b")
    jar.store("http://first.example.com/", "c=d")
    assert jar.field("http://first.example.com/") == "c=d"
    assert len(jar) == MAX_IN_ALL


def test_a_request_is_not_made_too_long(jar: CookieJar) -> None:
    for number in range(3):
        jar.store(SITE, f"n{number}={'x' * 4000}; Path=/")
    jar.store(SITE, "small=1; Path=/")
    room = MAX_LINE - len("Cookie: n0=; n1=; small=1; last=\r\n") - 2 * 4000
    jar.store(SITE, f"last={'x' * (room + 1)}; Path=/")
    sent = jar.field(SITE)
    assert [pair.partition("=")[0] for pair in sent.split("; ")] == ["n0", "n1", "small"]
    jar.store(SITE, f"last={'x' * room}; Path=/")
    assert len(f"Cookie: {jar.field(SITE)}\r\n") == MAX_LINE


def test_ten_thousand_cookies_take_no_more_than_three_thousand(jar: CookieJar) -> None:
    for number in range(10_000):
        attributes = f"Max-Age={number + 1}; Domain=h{number % 4000}.example.com" + "; Secure" * (number % 2)
        assert jar.store(f"https://a.h{number % 4000}.example.com/", f"n{number % 7}=1; {attributes}")
    assert len(jar) == MAX_IN_ALL
    assert sum(len(held) for held in jar._domains.values()) == MAX_IN_ALL
    assert all(jar._domains.values())
    assert sum(len(held) for held in jar._guards.values()) <= 3 * MAX_IN_ALL
    jar.clear()
    assert (len(jar._cookies), len(jar._domains), len(jar._guards)) == (0, 0, 0)


# -- looking, clearing


def test_clear(jar: CookieJar) -> None:
    for url in ("http://example.com/", SITE, "http://www.example.org/"):
        jar.store(url, "a=b")
    jar.clear("example.com")
    jar.clear("unknown.example")
    assert [cookie.domain for cookie in jar] == ["www.example.com", "www.example.org"]
    jar.clear()
    assert list(jar) == []
    assert jar.field(SITE) == ""


def test_a_jar_shows_no_values(jar: CookieJar) -> None:
    jar.store(SITE, "sid=secret")
    assert repr(jar) == "<CookieJar of 1 cookies>"
    assert "secret" not in repr(list(jar))


def test_an_empty_jar_is_a_jar(jar: CookieJar) -> None:
    assert bool(jar) is True
    assert len(jar) == 0


def test_a_jar_may_be_filled_while_it_is_looked_through(jar: CookieJar) -> None:
    jar.store(SITE, "a=b")
    for cookie in jar:
        jar.store(SITE, f"{cookie.name}a=b")
    assert len(jar) == 2


def test_threads() -> None:
    jar = CookieJar()
    start = threading.Barrier(4)
    wrong: list[str] = []

    def work(name: str, use: Callable[[], object]) -> None:
        start.wait()
        for number in range(200):
            jar.store(f"http://{name}.example.com/", f"n{number}={name}; Domain=example.com")
            jar.store(f"http://{name}.example.com/", f"own={name}")
            if f"own={name}" not in jar.field(f"http://{name}.example.com/"):
                wrong.append(name)
            use()

    uses: list[Callable[[], object]] = [
        lambda: list(jar),
        lambda: len(jar),
        lambda: repr(jar),
        lambda: jar.clear("x.y"),
    ]
    threads = [threading.Thread(target=work, args=(f"t{number}", use)) for number, use in enumerate(uses)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(jar) == MAX_OF_DOMAIN + 4
