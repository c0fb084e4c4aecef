"""Who may share a socket, and which way it goes."""

from __future__ import annotations

from typing import Any

from async_keepalive_httpc._message.proxy import NO_PROXY, Proxy, parse_proxy
from async_keepalive_httpc._message.reach import DIRECT, Reach
from async_keepalive_httpc._message.tls import TLS
from async_keepalive_httpc._message.url import Origin
from async_keepalive_httpc._transport.route import Route, route_to

HTTP, HTTPS = Origin("http", "a.test", 80), Origin("https", "a.test", 443)
FORWARD, SECURE, SOCKS = (parse_proxy(f"{scheme}://u:p@proxy.test:1") for scheme in ("http", "https", "socks5h"))
UNVERIFIED = TLS(verify=False)


def way(origin: Origin, reach: Reach = DIRECT, own: Reach = DIRECT, environment: Proxy | None = None) -> Route:
    return route_to(origin, reach, own, lambda asked: environment)


def by(proxy: Proxy | None, **more: Any) -> Reach:
    return Reach(proxy=proxy, **more)


def test_direct() -> None:
    route = way(HTTPS, Reach(UNVERIFIED))
    assert route == Route(HTTPS, Reach(UNVERIFIED))
    assert not route.forwards
    assert str(route) == "https://a.test:443"


def test_tls_options_count_where_tls_is_spoken() -> None:
    assert way(HTTP, Reach(UNVERIFIED)) == way(HTTP)
    assert way(HTTPS, Reach(UNVERIFIED)) != way(HTTPS)


def test_all_plain_origins_behind_a_proxy_are_one() -> None:
    route = way(HTTP, by(FORWARD))
    assert route == way(Origin("http", "b.test", 81), by(FORWARD, tls=UNVERIFIED))
    assert route.forwards
    assert route.origin == ("http", "proxy.test", 1)
    assert str(route) == "http://* via http://***@proxy.test:1"
    assert route != way(HTTP, by(FORWARD._replace(password="q")))
    assert route != way(HTTP, by(FORWARD, source="127.0.0.2"))
    # The proxy itself, asked as an origin, is told nothing of a proxy's user.
    assert route != way(Origin("http", "proxy.test", 1))


def test_a_tunnel_for_each_origin() -> None:
    route = way(HTTPS, by(FORWARD, tls=UNVERIFIED))
    assert route.origin == HTTPS
    assert route.reach.tls == UNVERIFIED
    assert not route.forwards
    assert route.hop == way(HTTP, by(FORWARD))
    assert str(route) == "https://a.test:443 via http://***@proxy.test:1"
    assert str(way(Origin("https", "::1", 443), by(FORWARD))) == "https://[::1]:443 via http://***@proxy.test:1"


def test_a_proxy_over_tls_is_verified_as_the_client_says() -> None:
    own = Reach(TLS(ca_certs="/own", server_hostname="a.test"))
    tunnel = way(HTTPS, by(SECURE, tls=UNVERIFIED), own)
    assert tunnel.reach.tls == UNVERIFIED
    assert tunnel.hop is not None
    # What the client asks of one server's certificate is not asked of the proxy's.
    assert tunnel.hop.reach.tls == TLS(ca_certs="/own")
    assert way(HTTP, by(SECURE, tls=UNVERIFIED), own) == tunnel.hop


def test_socks_for_each_origin() -> None:
    for origin in (HTTP, HTTPS):
        route = way(origin, by(SOCKS))
        assert route == Route(origin, by(SOCKS))
        assert not route.forwards


def test_who_is_asked_first() -> None:
    assert way(HTTP, by(FORWARD), by(SOCKS), SECURE).reach.proxy == FORWARD
    assert way(HTTP, DIRECT, by(SOCKS), SECURE).reach.proxy == SOCKS
    assert way(HTTP, DIRECT, DIRECT, SECURE).reach.proxy == SECURE
    assert way(HTTP, by(NO_PROXY), by(SOCKS), SECURE) == way(HTTP)
    assert way(HTTP, DIRECT, by(NO_PROXY), SECURE) == way(HTTP)
    assert way(HTTP, Reach(unix_socket="/s"), by(SOCKS), SECURE).reach.proxy is None
