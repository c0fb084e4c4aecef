"""Proxies as values: what a proxy URL says, and what it never shows (CASES 156, 159)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_keepalive_httpc._message.proxy import (
    MAX_SOCKS_PART,
    NO_PROXY,
    Proxy,
    parse_proxy,
    proxy_at,
    proxy_from,
    proxy_of,
)
from async_keepalive_httpc._message.url import MAX_AUTHORITY
from async_keepalive_httpc.errors import InvalidRequest

LONG = "a" * MAX_SOCKS_PART


@pytest.mark.parametrize(
    ("text", "proxy", "shown"),
    [
        ("http://proxy", ("http", "proxy", 80), "http://proxy:80"),
        ("https://proxy", ("https", "proxy", 443), "https://proxy:443"),
        ("socks4://proxy", ("socks4", "proxy", 1080), "socks4://proxy:1080"),
        ("socks4a://proxy", ("socks4a", "proxy", 1080), "socks4a://proxy:1080"),
        ("socks5://proxy", ("socks5", "proxy", 1080), "socks5://proxy:1080"),
        ("socks5h://proxy", ("socks5h", "proxy", 1080), "socks5h://proxy:1080"),
        ("proxy", ("http", "proxy", 80), "http://proxy:80"),
        ("proxy:3128", ("http", "proxy", 3128), "http://proxy:3128"),
        ("proxy:3128/", ("http", "proxy", 3128), "http://proxy:3128"),
        ("SOCKS5H://Proxy.Example.:1/", ("socks5h", "proxy.example", 1), "socks5h://proxy.example:1"),
        # A port is not another one because it is the default of http.
        ("socks5://proxy:80", ("socks5", "proxy", 80), "socks5://proxy:80"),
        ("https://u:p@proxy:80", ("https", "proxy", 80, "u", "p"), "https://***@proxy:80"),
        ("socks5://proxy:", ("socks5", "proxy", 1080), "socks5://proxy:1080"),
        ("socks5://[::1]", ("socks5", "::1", 1080), "socks5://[::1]:1080"),
        ("[::1]:3128", ("http", "::1", 3128), "http://[::1]:3128"),
        ("https://[::1]:80/", ("https", "::1", 80), "https://[::1]:80"),
        (
            "https://a:b:c@[FE80::1%25eth0]",
            ("https", "fe80::1%eth0", 443, "a", "b:c"),
            "https://***@[fe80::1%eth0]:443",
        ),
        (
            "http://b\u00fccher.example",
            ("http", "xn--bcher-kva.example", 80),
            "http://xn--bcher-kva.example:80",
        ),
        ("u:p@proxy:1", ("http", "proxy", 1, "u", "p"), "http://***@proxy:1"),
        ("http://u%40x:%C3%BC%2F@proxy", ("http", "proxy", 80, "u@x", "\u00fc/"), "http://***@proxy:80"),
        ("http://u@x:p@proxy", ("http", "proxy", 80, "u@x", "p"), "http://***@proxy:80"),
        # Equal credentials are equal, however they are written.
        ("http://u@proxy", ("http", "proxy", 80, "u", ""), "http://***@proxy:80"),
        ("http://u:@proxy", ("http", "proxy", 80, "u", ""), "http://***@proxy:80"),
        ("http://:p@proxy", ("http", "proxy", 80, "", "p"), "http://***@proxy:80"),
        ("http://@proxy", ("http", "proxy", 80), "http://proxy:80"),
        ("http://:@proxy", ("http", "proxy", 80), "http://proxy:80"),
        ("socks4://u@proxy", ("socks4", "proxy", 1080, "u", ""), "socks4://***@proxy:1080"),
        (f"socks5://{LONG}:{LONG}@proxy", ("socks5", "proxy", 1080, LONG, LONG), "socks5://***@proxy:1080"),
        (f"http://{LONG}a@proxy", ("http", "proxy", 80, LONG + "a", ""), "http://***@proxy:80"),
    ],
)
def test_parse_proxy(text: str, proxy: tuple, shown: str) -> None:
    parsed = parse_proxy(text)
    assert parsed == Proxy(*proxy)
    assert hash(parsed) == hash(Proxy(*proxy))
    assert str(parsed) == f"{parsed}" == shown
    assert repr(parsed) == f"Proxy({shown!r})"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "No host in the URL"),
        ("http://", "No host in the URL"),
        ("http://u:secret@", "No host in the URL"),
        ("ftp://proxy", "Unsupported proxy scheme: ftp://proxy (use one of http, https, socks4"),
        ("socks://u:secret@proxy", "Unsupported proxy scheme: socks://***@proxy"),
        ("://proxy", "Unsupported proxy scheme"),
        ("u:secret://@proxy", "Unsupported proxy scheme: ***@proxy"),
        ("http:proxy", "Bad port"),
        ("http:/proxy", "Path, query or fragment in the URL of a proxy"),
        ("http://proxy/path", "Path, query or fragment in the URL of a proxy"),
        ("http://proxy//", "Path, query or fragment in the URL of a proxy"),
        ("http://proxy?q", "Path, query or fragment in the URL of a proxy"),
        ("http://proxy/#", "Path, query or fragment in the URL of a proxy"),
        ("http://u:secret/secret@proxy", "Path, query or fragment in the URL of a proxy: http://***@proxy"),
        ("http://u:secret@proxy:0", "Bad port in the URL: http://***@proxy:0"),
        ("http://proxy:65536", "Bad port"),
        ("http://proxy:x", "Bad port"),
        ("http://proxy:80:80", "Bad port"),
        ("http://::1", "No host"),
        ("http://[::1", "Bad brackets"),
        ("http://[::1]80", "Bad brackets"),
        ("http://[::g]", "Bad IPv6 address"),
        ("http://127.1", "Bad IPv4 address"),
        ("http://pro xy", "Control character, space or backslash"),
        (" http://proxy", "Unsupported proxy scheme"),
        ("http://proxy\n", "Control character, space or backslash"),
        ("http://pro\\xy", "Control character, space or backslash"),
        ("http://pro%78y", "Bad host name"),
        ("http://u:secret%ff@proxy", "The user name or password in the URL is not UTF-8"),
        ("http://" + "a" * MAX_AUTHORITY + "@h", "More than"),
        ("http://u:secret%0d%0a@proxy", "The password for proxy http://proxy:80 holds a control character"),
        ("http://secret%00@proxy", "The user name for proxy http://proxy:80 holds a control character"),
        (f"socks5://{LONG}a@proxy", "The user name for proxy socks5://proxy:1080 has more than 255 bytes"),
        (
            f"socks5h://u:{'%C3%BC' * 128}@proxy",
            "The password for proxy socks5h://proxy:1080 has more than 255",
        ),
        ("socks4a://u:secret@proxy", "A password for proxy socks4a://proxy:1080: SOCKS4 has none"),
        (b"http://proxy", "bytes given"),
        (None, "NoneType given"),
    ],
)
def test_parse_proxy_refuses(text: str, what: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_proxy(text)
    message = str(caught.value)
    assert message.removeprefix("Bad proxy: ").startswith(what)
    assert "secret" not in message
    assert message.isprintable()


def test_with_credentials() -> None:
    proxy = parse_proxy("http://u:p@proxy")
    other = proxy.with_credentials("v", "q", "digest")
    assert other == Proxy("http", "proxy", 80, "v", "q", "digest")
    assert other != proxy.with_credentials("v", "q", "basic") != proxy.with_credentials("v", "q")
    assert proxy.with_credentials("v") == Proxy("http", "proxy", 80, "v", "")
    assert other.with_credentials(None) == other.with_credentials(None, "") == parse_proxy("http://proxy")
    assert parse_proxy("https://proxy").with_credentials("v", "q", "digest").auth_mode == "digest"


@pytest.mark.parametrize(
    ("scheme", "credentials", "what"),
    [
        (
            "http",
            ("u", "secret", "ntlm"),
            "Authentication mode 'ntlm' for proxy http://proxy:1: an http or https",
        ),
        ("socks5", ("u", "secret", "basic"), "Authentication mode 'basic' for proxy socks5://proxy:1"),
        ("http", (None, "secret"), "A password without a user name for proxy http://proxy:1: give both"),
        ("http", ("u", "secret\ud800"), "The password for proxy http://proxy:1 holds a control character"),
    ],
)
def test_with_credentials_refuses(scheme: str, credentials: tuple, what: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Proxy(scheme, "proxy", 1).with_credentials(*credentials)
    assert str(caught.value).startswith(what)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, None),
        (False, NO_PROXY),
        (NO_PROXY, NO_PROXY),
        ("proxy:1", Proxy("http", "proxy", 1)),
        (Proxy("http", "PROXY", 1, "u"), Proxy("http", "proxy", 1, "u", "")),
        (Proxy("socks5h", "::1", 1, "u", "p"), Proxy("socks5h", "::1", 1, "u", "p")),
        (Proxy("http", "proxy", 1, "a:b", "p", "digest"), Proxy("http", "proxy", 1, "a:b", "p", "digest")),
    ],
)
def test_what_callers_say(wanted: Any, expected: Proxy | None) -> None:
    assert proxy_of(wanted) == expected


@pytest.mark.parametrize(
    "wanted",
    [
        True,
        1,
        b"proxy",
        ["proxy"],
        Proxy("http", "a b", 1),
        Proxy("http", "proxy", 0),
        Proxy("http", "proxy", 1, "a:b"),
    ],
)
def test_what_callers_may_not_say(wanted: Any) -> None:
    with pytest.raises(InvalidRequest):
        proxy_of(wanted)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("localhost", 3128), Proxy("http", "localhost", 3128)),
        (("https://proxy", 1, "u", "p"), Proxy("https", "proxy", 1, "u", "p")),
        (("proxy", 1, "u", None, "digest"), Proxy("http", "proxy", 1, "u", "", "digest")),
        (("proxy", 1, "", ""), Proxy("http", "proxy", 1)),
        (("::1", 1), Proxy("http", "::1", 1)),
        (("socks5://[::1]", 1), Proxy("socks5", "::1", 1)),
    ],
)
def test_tornados_arguments(given: Any, expected: Proxy) -> None:
    assert proxy_at(*given) == expected


@pytest.mark.parametrize(
    ("given", "part"),
    [
        (("proxy", None), "proxy_port must be given"),
        (("proxy", True), "proxy_port"),
        (("proxy", 70000), "not 70000"),
        ((7, 80), "proxy_host is a int"),
        (("u:secret@proxy/x", 80), "Path"),
        (("proxy", 80, None, "secret"), "without a user name"),
    ],
)
def test_tornados_arguments_that_make_no_sense(given: Any, part: str) -> None:
    with pytest.raises(InvalidRequest, match=part) as caught:
        proxy_at(*given)
    assert "secret" not in str(caught.value)


def test_a_proxy_config() -> None:
    config = {"proxy_host": "localhost", "proxy_port": 3128}
    assert proxy_from(config) == Proxy("http", "localhost", 3128)
    more = {**config, "proxy_username": "u", "proxy_password": "p", "proxy_auth_mode": "digest"}
    assert proxy_from(more) == Proxy("http", "localhost", 3128, "u", "p", "digest")


@pytest.mark.parametrize(
    ("config", "part"),
    [
        ("http://proxy:1", "proxy_config is a str: give a dict"),
        ({}, "lacks proxy_host and proxy_port"),
        ({"proxy_host": "proxy", "proxy_port": None}, "lacks proxy_port"),
        ({"proxy_host": "proxy", "proxy_port": 1, "proxy_user": "x"}, "has proxy_user: it knows proxy_host"),
        ({"proxy_host": "proxy", "proxy_port": "1"}, "proxy_port must be given"),
    ],
)
def test_a_proxy_config_that_makes_no_sense(config: Any, part: str) -> None:
    with pytest.raises(InvalidRequest, match=part):
        proxy_from(config)


pieces = st.sampled_from(
    [
        *[
            "http",
            "socks5",
            "://",
            ":",
            "/",
            "@",
            "[",
            "]",
            "::1",
            "%25",
            "%00",
            "proxy",
            "3128",
            " ",
            "\n",
            "?",
            "\u00fc",
        ]
    ]
)


@given(st.text() | st.lists(pieces).map("".join))
def test_any_text_is_a_proxy_or_refused(text: str) -> None:
    try:
        proxy = parse_proxy(text)
    except InvalidRequest as error:
        refusal = str(error)
        if refusal.isprintable():
            return
        raise
    if proxy.username is None:
        assert parse_proxy(str(proxy)) == proxy
    assert proxy.with_credentials(proxy.username, proxy.password) == proxy
