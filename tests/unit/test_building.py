"""A Request, from what a caller says of it and what a client says of all: which of the two counts."""

from __future__ import annotations

from typing import Any

import pytest

from async_keepalive_httpc import CookieJar, Digest, InvalidRequest
from async_keepalive_httpc._message.proxy import parse_proxy
from async_keepalive_httpc._message.reach import DIRECT, Reach
from async_keepalive_httpc._message.request import NOTHING, Defaults, Request
from async_keepalive_httpc._message.url import parse
from async_keepalive_httpc._policy.building import Common, build

URL = "http://a.test/"
OWN = Reach(source="127.0.0.1")
BASIC = b"Basic bWU6cHc="  # me:pw


def built(url: Any = URL, /, *, headers: Any = None, body: Any = None, common: Any = None, **options: Any) -> Request:
    return build(Common(NOTHING, DIRECT, None, None)._replace(**(common or {})), "POST", url, headers, body, options)  # type: ignore[arg-type]


def sent(request: Request, name: bytes) -> list[bytes]:
    return [value for key, value in request.fields if key == name]


def test_what_is_said_of_nothing() -> None:
    request = built()
    assert (request.method, request.url, request.fields, request.body) == ("POST", parse(URL), [], None)
    assert (request.reach, request.timeout, request.auth) == (None, None, None)


@pytest.mark.parametrize("url", [f"{URL}?b=2", parse(f"{URL}?b=2")])
def test_parameters(url: Any) -> None:
    assert str(built(url, params={"a": "1"}).url) == f"{URL}?b=2&a=1"


def test_the_callers_fields_stand() -> None:
    """Before those of the client, those of a body, and credentials."""
    defaults = Defaults({"X-A": "client", "X-B": "client"})
    request = built(
        headers={"X-A": "caller", "Content-Type": "text/x", "Authorization": "mine"},
        common={"defaults": defaults},
        json={},
        auth=("me", "pw"),
    )
    assert request.body == b"{}"
    assert request.fields == [
        (b"X-A", b"caller"),
        (b"Content-Type", b"text/x"),
        (b"Authorization", b"mine"),
        (b"X-B", b"client"),
    ]


def test_the_way() -> None:
    """What a request says is put on the way that it names, or else on the client's."""
    common = {"reach": OWN}
    proxy = parse_proxy("http://p.test:1")
    assert built(common=common).reach is None
    assert built(common=common, proxy="http://p.test:1").reach == OWN._replace(proxy=proxy)
    reach = Reach(ipv6=False)
    assert built(common=common, reach=reach).reach is reach
    assert built(common=common, reach=reach, proxy="http://p.test:1").reach == reach._replace(proxy=proxy)


def test_who_asks() -> None:
    """The URL's user before `auth`, save a Digest; either before the client's own Digest."""
    digest, own = Digest("me", "pw"), Digest("own", "pw")
    with_user = "http://me:pw@a.test/"
    assert sent(built(auth=("me", "pw")), b"Authorization") == [BASIC]
    assert sent(built(with_user, auth=("you", "pw")), b"Authorization") == [BASIC]
    assert sent(built("http://me@a.test/"), b"Authorization") == [b"Basic bWU6"]
    assert sent(built(with_user, common={"digest": own}), b"Authorization") == [BASIC]
    for request, who in (
        (built(auth=digest), digest),
        (built(with_user, auth=digest), digest),
        (built(auth=digest, common={"digest": own}), digest),
        (built(common={"digest": own}), own),
    ):
        assert request.auth is who
        assert sent(request, b"Authorization") == []
    assert built(auth=("me", "pw"), common={"digest": own}).auth is None


def test_cookies() -> None:
    jar = CookieJar()
    jar.store(URL, "a=1")
    assert built(common={"cookies": jar}).block == b"Cookie: a=1\r\n"


@pytest.mark.parametrize("options", [{"json": 1, "form": {}}, {"auth": "me"}, {"proxy": 5}, {"timeout": -1}])
def test_what_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        built(**options)
