"""Proxies of the environment (FEATURES 41, CASES 158 and 160)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_keepalive_httpc._message.proxy import Proxy
from async_keepalive_httpc._message.url import Origin
from async_keepalive_httpc._policy.proxies import PROXIES_KEPT, Proxies, Rules, read
from async_keepalive_httpc.errors import InvalidRequest


def shown(rules: Rules, scheme: str = "http", host: str = "origin", port: int = 80) -> str | None:
    proxy = rules.proxy_for(scheme, host, port)
    return proxy and str(proxy)


@pytest.mark.parametrize(
    ("environ", "http", "https"),
    [
        ({}, None, None),
        ({"http_proxy": "proxy:3128"}, "http://proxy:3128", None),
        ({"HTTP_PROXY": "proxy:3128"}, "http://proxy:3128", None),
        ({"https_proxy": "http://proxy:3128/"}, None, "http://proxy:3128"),
        ({"HTTPS_PROXY": "https://proxy"}, None, "https://proxy:443"),
        ({"all_proxy": "socks5h://proxy"}, "socks5h://proxy:1080", "socks5h://proxy:1080"),
        ({"ALL_PROXY": "proxy:1"}, "http://proxy:1", "http://proxy:1"),
        # Lower case first, the scheme's own before all_proxy.
        ({"http_proxy": "a", "HTTP_PROXY": "b", "all_proxy": "c"}, "http://a:80", "http://c:80"),
        ({"HTTPS_PROXY": "b", "all_proxy": "c", "ALL_PROXY": "d"}, "http://c:80", "http://b:80"),
        ({"all_proxy": "c", "ALL_PROXY": "d"}, "http://c:80", "http://c:80"),
        # Set to nothing is an answer.
        ({"http_proxy": "", "HTTP_PROXY": "b", "ALL_PROXY": "c"}, None, "http://c:80"),
        # Under CGI a client of the server writes HTTP_PROXY (CVE-2016-5386), and nothing else.
        ({"HTTP_PROXY": "evil", "REQUEST_METHOD": "GET"}, None, None),
        ({"HTTP_PROXY": "evil", "REQUEST_METHOD": ""}, None, None),
        ({"HTTP_PROXY": "http://evil:x", "http_proxy": "a", "REQUEST_METHOD": "GET"}, "http://a:80", None),
        ({"HTTP_PROXY": "evil", "ALL_PROXY": "c", "REQUEST_METHOD": "GET"}, "http://c:80", "http://c:80"),
        ({"HTTPS_PROXY": "b", "REQUEST_METHOD": "GET"}, None, "http://b:80"),
        ({"ftp_proxy": "a", "PROXY": "a", "Http_Proxy": "a"}, None, None),
    ],
)
def test_read(environ: dict[str, str], http: str | None, https: str | None) -> None:
    rules = read(environ)
    assert (shown(rules), shown(rules, "https", "origin", 443)) == (http, https)
    assert rules.proxy_for("ftp", "origin", 21) is None


def test_credentials_stay_with_their_proxy() -> None:
    rules = read({"http_proxy": "http://u:secret@a", "https_proxy": "b", "no_proxy": "c"})
    first = rules.proxy_for("http", "origin", 80)
    assert first is not None
    assert (first.username, first.password) == ("u", "secret")
    second = rules.proxy_for("https", "origin", 443)
    assert second is not None
    assert (second.username, second.password) == (None, None)
    assert "secret" not in repr(rules)
    # Read once: later changes of the environment are not seen.
    assert rules.proxy_for("http", "origin", 80) is first


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("http_proxy", "http://u:secret@proxy:x", "Bad proxy: Bad port in the URL: http://***@proxy:x"),
        ("HTTPS_PROXY", "u:secret@proxy:x", "Bad proxy: Bad port in the URL: ***@proxy:x"),
        ("all_proxy", "gopher://u:secret@proxy", "Bad proxy: Unsupported proxy scheme: gopher://***@proxy"),
        ("ALL_PROXY", "http://u:secret%0a@proxy", "The password for proxy http://proxy:80 holds a control"),
    ],
)
def test_read_refuses(name: str, value: str, what: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read({name: value})
    assert str(caught.value).startswith(f"Environment variable {name}: {what}")
    assert "secret" not in str(caught.value)


def is_direct(no_proxy: str, host: str, port: int = 80) -> bool:
    return read({"all_proxy": "proxy", "no_proxy": no_proxy}).proxy_for("http", host, port) is None


@pytest.mark.parametrize(
    ("no_proxy", "direct", "proxied"),
    [
        ("", [], ["example.com", "10.0.0.1", "2001:db8::1"]),
        (" , ,,", [], ["example.com"]),
        ("*", ["example.com", "10.0.0.1", "2001:db8::1"], []),
        ("a, * ,b", ["example.com"], []),
        (
            "example.com",
            ["example.com", "a.example.com", "a.b.example.com"],
            ["anexample.com", "com", "example.org"],
        ),
        (".example.com", ["a.example.com", "a.b.example.com"], ["example.com", "anexample.com"]),
        ("*.example.com", ["a.example.com", "a.b.example.com"], ["example.com", "anexample.com"]),
        ("com", ["com", "example.com"], ["example.org", "telecom"]),
        ("EXAMPLE.com.", ["example.com", "Example.COM.", "a.example.com"], ["example.co"]),
        (".Example.com.", ["a.example.com"], ["example.com"]),
        ("a.com,b.com c.com\td.com", ["a.com", "b.com", "c.com", "d.com"], ["e.com"]),
        ("b\u00fccher.example", ["xn--bcher-kva.example", "a.xn--bcher-kva.example"], ["bucher.example"]),
        ("under_score", ["under_score"], ["score"]),
        # Addresses, and networks, whatever bits their hosts have.
        (
            "10.0.0.1",
            ["10.0.0.1", "10.0.0.1.", "::ffff:10.0.0.1"],
            ["10.0.0.2", "110.0.0.1", "a.10.0.0.1.example"],
        ),
        (
            "10.0.0.0/8",
            ["10.0.0.1", "10.255.255.255", "::ffff:10.0.0.1"],
            ["11.0.0.1", "::1:2", "10.example"],
        ),
        ("10.1.2.3/8", ["10.0.0.1"], ["11.0.0.1"]),
        ("0.0.0.0/0", ["1.2.3.4"], ["2001:db8::1"]),
        ("2001:DB8::1", ["2001:db8::1"], ["2001:db8::2"]),
        ("[2001:db8::1]", ["2001:db8::1"], ["2001:db8::2"]),
        ("::ffff:10.0.0.1", ["10.0.0.1", "::ffff:10.0.0.1"], ["10.0.0.2"]),
        ("2001:db8::/32", ["2001:db8::1", "2001:db8:ffff::1%eth0"], ["2001:db9::1"]),
        # A zone takes no part (CVE-2025-22870).
        ("fe80::1", ["fe80::1%eth0", "fe80::1"], ["fe80::2%eth0"]),
        ("fe80::1%eth0", ["fe80::1%eth1", "fe80::1"], ["fe80::2"]),
        ("[fe80::1%25eth0]", ["fe80::1%eth1"], ["fe80::2"]),
        ("example.com", [], ["2001:db8::1%.example.com", "2001:db8::1%example.com"]),
        (".1", [], ["10.0.0.1"]),
        # What has no form of ours matches nothing.
        ("10.0.0.0/33,10.0.0.0/255.0.0.0,10.0.0.0/,10.*,10.,10", [], ["10.0.0.1"]),
        ("http://example.com,example.com/x,u@example.com,exam[ple.com", [], ["example.com", "u", "http"]),
        ("example.com:x,example.com:99999999999999999999,:80,*:80,.,..,[example.com]x", [], ["example.com"]),
        ("example..com,a.*.com,%41.com,[,[],]", [], ["example.com", "a.b.com"]),
    ],
)
def test_no_proxy(no_proxy: str, direct: list[str], proxied: list[str]) -> None:
    assert [host for host in direct if not is_direct(no_proxy, host)] == []
    assert [host for host in proxied if is_direct(no_proxy, host)] == []


@pytest.mark.parametrize(
    ("no_proxy", "host", "port"),
    [
        ("example.com:8080", "example.com", 8080),
        ("example.com:8080", "a.example.com", 8080),
        (".example.com:8080", "a.example.com", 8080),
        ("*.example.com:8080", "a.example.com", 8080),
        ("10.0.0.1:8080", "10.0.0.1", 8080),
        ("[2001:db8::1]:8080", "2001:db8::1", 8080),
        ("[fe80::1%25eth0]:08080", "fe80::1", 8080),
        ("[::ffff:10.0.0.1]:8080", "10.0.0.1", 8080),
    ],
)
def test_no_proxy_with_a_port(no_proxy: str, host: str, port: int) -> None:
    assert is_direct(no_proxy, host, port)
    assert not is_direct(no_proxy, host, 80)
    assert is_direct(no_proxy.removesuffix("08080").removesuffix("8080"), host, 80)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.1.2.3", "::1", "::1%lo", "::ffff:127.0.0.1"],
)
def test_this_machine_needs_no_proxy(host: str) -> None:
    assert is_direct("", host)


@pytest.mark.parametrize("host", ["localhost.example", "notlocalhost", "128.0.0.1", "::2", "::127.0.0.1"])
def test_other_machines_do(host: str) -> None:
    assert not is_direct("", host)


@pytest.mark.parametrize(
    ("environ", "direct"),
    [
        ({"no_proxy": "a"}, {"a"}),
        ({"NO_PROXY": "b"}, {"b"}),
        ({"no_proxy": "a", "NO_PROXY": "b"}, {"a"}),
        ({"no_proxy": "", "NO_PROXY": "b"}, set()),
    ],
)
def test_lower_case_no_proxy_comes_first(environ: dict[str, str], direct: set[str]) -> None:
    rules = read({"all_proxy": "proxy", **environ})
    assert {host for host in "ab" if rules.proxy_for("http", host, 80) is None} == direct


def test_the_proxies_of_a_client() -> None:
    proxies = Proxies({"http_proxy": "proxy", "no_proxy": "a.test"})
    proxy = proxies.environment(Origin("http", "b.test", 80))
    assert proxy is not None
    assert proxies.environment(Origin("http", "a.test", 80)) is None
    assert Proxies().environment(Origin("http", "b.test", 80)) is None
    assert proxies.credentials(proxy) is None
    user = proxy.with_credentials("u", "p")
    assert proxies.credentials(user) is proxies.credentials(user) is not None
    assert proxies.credentials(proxy.with_credentials("u", "q")) is not proxies.credentials(user)


def test_no_more_users_are_remembered_than_there_is_room_for() -> None:
    proxies = Proxies()
    proxy = Proxy("http", "proxy", 80)
    first = proxies.credentials(proxy.with_credentials("first"))
    for number in range(PROXIES_KEPT):
        proxies.credentials(proxy.with_credentials(str(number)))
    assert len(proxies._credentials) == PROXIES_KEPT
    assert proxies.credentials(proxy.with_credentials("first")) is not first


pieces = st.sampled_from(
    [
        *[
            ",",
            " ",
            "*",
            ".",
            ":",
            "/",
            "[",
            "]",
            "%",
            "a",
            "com",
            "10.0.0.1",
            "::1",
            "8",
            "80",
            "\u00fc",
            "@",
            "\x00",
        ]
    ]
)


@given(st.text() | st.lists(pieces).map("".join))
def test_any_no_proxy_is_read(no_proxy: str) -> None:
    rules = read({"all_proxy": "proxy", "no_proxy": no_proxy})
    for host in ("a.com", "10.0.0.1", "2001:db8::1%a.com"):
        assert rules.proxy_for("http", host, 80) is None or not rules.everything
