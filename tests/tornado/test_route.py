"""Connections are reused when they may be and not when they may not: a test for each part of the Route.

Each case is two ways to ask for the same: what is asked twice in one way shares a connection, what is asked in the
other way does not.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from tests.peers import Peer, authority, certificate, echo, server_context

from async_keepalive_httpc import KeepAliveAsyncHTTPClient

Way = tuple[str, dict[str, Any]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder: Path = tmp_path_factory.mktemp("route")
    pems = {
        "ca": authority().cert_pem.bytes(),
        "other_ca": authority().cert_pem.bytes(),
        "cert": certificate("client").private_key_and_cert_chain_pem.bytes(),
        "other_cert": certificate("client").private_key_and_cert_chain_pem.bytes(),
        "key": certificate("client").private_key_pem.bytes(),
        "other_key": certificate("client").private_key_pem.bytes(),
    }
    for name, pem in pems.items():
        (folder / name).write_bytes(pem)
    return {name: str(folder / name) for name in pems}


async def connections(peer: Peer, one: Way, other: Way, **arguments: Any) -> list[int]:
    """How many there are after asking in one way, again, in the other way, and in the first once more."""
    client: Any = KeepAliveAsyncHTTPClient(force_instance=True, **arguments)
    counts = []
    try:
        for url, options in (one, one, other, other, one):
            fresh = {name: dict(value) if isinstance(value, dict) else value for name, value in options.items()}
            await client.fetch(url, **fresh)
            counts.append(client.connect_times)
    finally:
        client.close()
    assert peer.connections <= counts[-1]
    return counts


APART = [1, 1, 2, 2, 2]
TOGETHER = [1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("one", "other"),
    [("http://a.test/", "http://b.test/"), ("http://a.test/", "http://a.test:81/")],
    ids=["host", "port"],
)
def test_origin(run, one, other):
    async def test():
        async with Peer(echo) as peer:
            here = "127.0.0.1", peer.port
            mapping = {(host, port): here for host in ("a.test", "b.test") for port in (80, 81)}
            assert await connections(peer, (one, {}), (other, {}), hostname_mapping=mapping) == APART
            assert peer.connections == 2

    run(test())


def test_scheme(run, files):
    async def test():
        async with Peer(echo) as peer, Peer(echo, tls=server_context("a.test")) as secure:
            mapping = {("a.test", 80): (peer.host, peer.port), ("a.test", 443): (secure.host, secure.port)}
            ways = [(f"{scheme}://a.test/", {"ca_certs": files["ca"]}) for scheme in ("http", "https")]
            assert await connections(peer, *ways, hostname_mapping=mapping) == APART
            assert (peer.connections, secure.connections) == (1, 1)

    run(test())


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({}, {"allow_ipv6": False}, APART),
        ({}, {"network_interface": "127.0.0.1"}, APART),
        ({"network_interface": "127.0.0.1"}, {"network_interface": "127.0.0.2"}, APART),
        # What does not concern the socket, or says what is the case anyway.
        ({}, {"allow_ipv6": True, "connect_timeout": 1, "user_agent": "me", "auth_username": "me"}, TOGETHER),
        # Nobody is verified without TLS.
        ({}, {"validate_cert": False}, TOGETHER),
        ({"ssl_options": {}}, {"ca_certs": "no such file"}, TOGETHER),
    ],
    ids=["allow_ipv6", "network_interface", "another network_interface", "nothing", "validate_cert", "tls options"],
)
def test_way_of_a_plain_connection(run, one, other, expected):
    async def test():
        async with Peer(echo) as peer:
            assert await connections(peer, (peer.url, one), (peer.url, other)) == expected

    run(test())


TLS = [
    ("validate_cert", {"ca_certs": "ca"}, {"ca_certs": "ca", "validate_cert": False}, APART),
    ("ca_certs", {"ca_certs": "ca"}, {"ca_certs": "other_ca"}, APART),
    ("client_cert", {"client_cert": "cert"}, {}, APART),
    ("another client_cert", {"client_cert": "cert"}, {"client_cert": "other_cert"}, APART),
    (
        "client_key",
        {"client_cert": "cert", "client_key": "key"},
        {"client_cert": "cert", "client_key": "other_key"},
        APART,
    ),
    # A dictionary counts by what it holds, however often it is made anew.
    ("ssl_options", {"ssl_options": {"ca_certs": "ca"}}, {"ssl_options": {"ca_certs": "other_ca"}}, APART),
    ("equal ssl_options", {"ssl_options": {"ca_certs": "ca"}}, {"ssl_options": {"ca_certs": "ca"}}, TOGETHER),
    ("equal ca_certs", {"ca_certs": "ca"}, {"ca_certs": "ca"}, TOGETHER),
]


@pytest.mark.parametrize(("one", "other", "expected"), [case[1:] for case in TLS], ids=[case[0] for case in TLS])
def test_way_of_a_tls_connection(run, files, one, other, expected):
    def whole(options: dict[str, Any]) -> dict[str, Any]:
        named = {
            name: {key: files[file] for key, file in value.items()}
            if isinstance(value, dict)
            else files.get(value, value)
            for name, value in options.items()
        }
        return named if "ssl_options" in named else {"ca_certs": files["ca"], **named}

    async def test():
        async with Peer(echo, tls=True) as peer:
            ways = [(peer.url, whole(options)) for options in (one, other)]
            assert await connections(peer, *ways) == expected

    run(test())


def test_contexts_count_by_identity(run, files):
    async def test():
        async with Peer(echo, tls=True) as peer:
            one, equal = (ssl.create_default_context(cafile=files["ca"]) for _ in range(2))
            ways = [(peer.url, {"ssl_options": context}) for context in (one, equal)]
            assert await connections(peer, *ways) == APART

    run(test())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"proxy_host": "127.0.0.1"}, {}),
        ({"proxy_host": "127.0.0.1"}, {"proxy_host": "localhost"}),
        ({"proxy_host": "127.0.0.1"}, {"proxy_host": "127.0.0.1", "proxy_username": "me"}),
        (
            {"proxy_host": "127.0.0.1", "proxy_username": "me", "proxy_password": "a"},
            {"proxy_host": "127.0.0.1", "proxy_username": "me", "proxy_password": "b"},
        ),
        (
            {"proxy_host": "127.0.0.1", "proxy_username": "me"},
            {"proxy_host": "127.0.0.1", "proxy_username": "me", "proxy_auth_mode": "basic"},
        ),
    ],
    ids=["proxy", "proxy host", "user", "password", "mode"],
)
def test_proxy(run, one, other):
    async def test():
        async with Peer(echo) as peer:
            ways = [
                (peer.url, {**way, "proxy_port": peer.port} if "proxy_host" in way else way) for way in (one, other)
            ]
            assert await connections(peer, *ways) == APART

    run(test())


def test_origins_share_a_proxy_that_forwards(run):
    """Its connection is to the proxy, whoever is asked beyond it."""

    async def test():
        async with Peer(echo) as peer:
            proxy = {"proxy_host": "127.0.0.1", "proxy_port": peer.port}
            ways = [(f"http://{host}/", proxy) for host in ("a.test", "b.test")]
            assert await connections(peer, *ways) == TOGETHER

    run(test())


def test_resolver_and_mapping_are_the_clients(run):
    """Each client has its own connections, so what one resolves concerns no other."""

    async def test():
        async with Peer(echo) as one, Peer(echo) as other:
            clients: list[Any] = [
                KeepAliveAsyncHTTPClient(force_instance=True, hostname_mapping={"a.test": "127.0.0.1"}),
                KeepAliveAsyncHTTPClient(
                    force_instance=True, hostname_mapping={("a.test", one.port): ("127.0.0.1", other.port)}
                ),
            ]
            for _ in range(2):
                for client in clients:
                    await client.fetch(f"http://a.test:{one.port}/")
            assert (one.connections, other.connections) == (1, 1)
            for client in clients:
                client.close()

    run(test())
