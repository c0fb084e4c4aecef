"""The engine's own arguments at the Tornado doors: each arrives, at both, and a wrong one is refused clearly."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.looped import looped
from tests.peers import Conn, Peer, Request, certificate, ok, response, serving
from tests.proxies import basic, proxy
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.simple_httpclient import HTTPStreamClosedError

from async_keepalive_httpc import InvalidRequest, KeepAliveAsyncHTTPClient, TLSError
from async_keepalive_httpc._tornado.engine import EngineOptions
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient

CLOSE = [("Connection", "close")]
NAME = "async_keepalive_httpc.KeepAliveAsyncHTTPClient"
DER = ssl.PEM_cert_to_DER_cert(certificate("localhost", "127.0.0.1", "::1").cert_chain_pems[0].bytes().decode())
PIN = hashlib.sha256(DER).hexdigest()
OTHER_PIN = "00" * 32


def drop_in(**arguments: Any) -> Any:
    return KeepAliveAsyncHTTPClient(force_instance=True, **arguments)


@pytest.fixture(autouse=True)
def configuration() -> Iterator[None]:
    saved = AsyncHTTPClient._save_configuration()
    yield
    AsyncHTTPClient._restore_configuration(saved)


both = pytest.mark.parametrize("door", [SimpleKeepAliveHTTPClient, drop_in])


# -- each arrives


@both
@looped
async def test_max_requests_per_connection(door: Any) -> None:
    async with Peer(ok()) as peer:
        client = door(max_requests_per_connection=2)
        for _ in range(5):
            await client.fetch(peer.url)
        assert client.connect_times == 3
        client.close()


@both
@looped
async def test_how_sockets_are_made(door: Any) -> None:
    made: list[Any] = []

    def make(info: Any) -> socket.socket:
        made.append(info)
        return socket.socket(*info[:3])

    async with Peer(ok()) as peer:
        client = door(socket_factory=make)
        await client.fetch(peer.url)
        client.close()
        assert len(made) == 1
        client = door(socket_options=[(socket.SOL_SOCKET, 0x7FFFFFFF, 1)])
        with pytest.raises(OSError, match="rotocol not available"):
            await client.fetch(peer.url)
        client.close()


@both
@looped
async def test_how_long_names_are_remembered(door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    loop = asyncio.get_running_loop()

    async def getaddrinfo(host: Any, port: Any, **more: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    async with Peer(ok(headers=CLOSE)) as peer:
        for options, times in (({}, 1), ({"dns_ttl": 0}, 3)):
            asked.clear()
            client = door(**options)
            for _ in range(3):
                await client.fetch(f"http://a.test:{peer.port}/")
            client.close()
            assert asked.count("a.test") == times


@both
@looped
async def test_sessions_that_are_not_resumed(door: Any, tmp_path: Path) -> None:
    async with Peer(ok(headers=CLOSE), tls=True) as peer:
        trusted = tmp_path / "ca.pem"
        trusted.write_bytes(peer.ca_pem)
        for wanted, resumed in ((True, 2), (False, 0)):
            client = door(tls_resumption=wanted, defaults={"ca_certs": str(trusted)})
            for _ in range(3):
                await client.fetch(peer.url)
            assert client.stats()["connections"]["resumed"] == resumed
            client.close()


@both
@looped
async def test_the_end_of_a_stream_over_tls(door: Any) -> None:
    async def script(conn: Conn) -> None:
        await conn.request()
        conn.send(b"HTTP/1.1 200 OK\r\n\r\nbody")
        conn.close(notify=False)

    async with Peer(script, tls=True) as peer:
        client = door()
        assert (await client.fetch(peer.url, ssl_options=peer.ca_context())).body == b"body"
        client.close()
        client = door(strict_tls_eof=True)
        with pytest.raises(HTTPStreamClosedError):
            await client.fetch(peer.url, ssl_options=peer.ca_context())
        client.close()


@both
@looped
async def test_interims(door: Any) -> None:
    @serving
    def script(conn: Conn, request: Request) -> bytes:
        return b"HTTP/1.1 100 Continue\r\n\r\n" * 11 + response(b"ok")

    async with Peer(script) as peer:
        for most, good in ((None, False), (11, True), (0, True)):
            client = door() if most is None else door(max_interims=most)
            if good:
                assert (await client.fetch(peer.url)).body == b"ok"
            else:
                with pytest.raises(HTTPStreamClosedError):
                    await client.fetch(peer.url)
            client.close()


@both
@looped
async def test_redirects(door: Any) -> None:
    """A field that stays behind, and a redirect that is not followed."""

    async with Peer(ok()) as there:

        @serving
        def script(conn: Conn, request: Request) -> bytes:
            return response(status=302, headers=[("Location", f"{there.url}{request.target}")])

        async with Peer(script) as here:
            client = door(
                sensitive_headers=["X-Mine"], redirect_filter=lambda response, url: url.target != b"/forbidden"
            )
            request = HTTPRequest(f"{here.url}/", headers={"X-Mine": "1", "X-Other": "2"})
            assert (await client.fetch(request)).effective_url == f"{there.url}/"
            assert (there.requests[0].get("X-Mine"), there.requests[0].get("X-Other")) == ("", "2")
            with pytest.raises(HTTPClientError) as caught:
                await client.fetch(f"{here.url}/forbidden")
            assert caught.value.code == 302
            client.close()


@both
@looped
async def test_pipelining(door: Any) -> None:
    async with Peer(ok()) as peer:
        limit = {} if door is SimpleKeepAliveHTTPClient else {"max_per_host": 1}
        client = door(pipelining=8, **limit)
        await client.fetch(peer.url)
        await asyncio.gather(*(client.fetch(peer.url) for _ in range(8)))
        assert client.stats()["connections"]["pipelined"] == 7
        assert client.connect_times == 1
        client.close()


# -- the client's way, and a request's


@both
@looped
async def test_pins_hold_for_every_request(door: Any, tmp_path: Path) -> None:
    """Whatever a request says of certificates."""
    async with Peer(ok(), tls=True) as peer:
        trusted = tmp_path / "ca.pem"
        trusted.write_bytes(peer.ca_pem)
        ways: list[dict[str, Any]] = [
            {"ca_certs": str(trusted)},
            {"validate_cert": False},
            {"ssl_options": peer.ca_context()},
            {"ssl_options": {"ca_certs": str(trusted), "cert_reqs": ssl.CERT_REQUIRED}},
        ]
        for pin in (PIN, OTHER_PIN):
            client = door(pin_sha256=pin)
            for way in ways:
                if pin == PIN:
                    assert (await client.fetch(peer.url, **way)).code == 200
                else:
                    with pytest.raises(ssl.SSLError, match="not one that pin_sha256 names") as caught:
                        await client.fetch(peer.url, **way)
                    assert isinstance(caught.value.__cause__, TLSError)
            client.close()


@both
@looped
async def test_the_name_that_servers_are_asked_for(door: Any) -> None:
    async with Peer(ok(), tls=True) as peer:
        client = door(server_hostname="localhost")
        await client.fetch(peer.url, ssl_options=peer.ca_context())
        assert peer.server_names == ["localhost"]
        client.close()


@both
@looped
async def test_proxies(door: Any) -> None:
    """The client's for all requests; a request's own wins; fields for the proxy alone."""
    async with Peer(ok(), tls=True) as origin, Peer(proxy(origin, gate=basic("me", "pw"))) as hop:
        async with Peer(proxy()) as other:
            client = door(
                proxy=f"http://me:pw@127.0.0.1:{hop.port}",
                proxy_headers={"X-Hop": "1"},
                defaults={"validate_cert": False},
            )
            assert (await client.fetch("http://a.test/plain")).body == b"http://a.test/plain"
            assert (await client.fetch("https://localhost/", ssl_options=origin.ca_context())).body == b"ok"
            assert [(sent.method, sent.get("X-Hop")) for sent in hop.requests[-1:]] == [("CONNECT", "1")]
            seen = len(hop.requests)
            got = await client.fetch("http://a.test/other", proxy_host="127.0.0.1", proxy_port=other.port)
            assert got.body == b"http://a.test/other"
            assert (len(hop.requests), len(other.requests)) == (seen, 1)
            client.close()


@both
@looped
async def test_no_proxy_whatever_the_environment_says(door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Peer(ok()) as peer, Peer(proxy()) as hop:
        monkeypatch.setenv("http_proxy", hop.url)
        url = f"http://a.test:{peer.port}/"
        for options, hops in (({}, 0), ({"trust_env": True}, 1), ({"trust_env": True, "proxy": False}, 1)):
            client = door(hostname_mapping={"a.test": "127.0.0.1"}, **options)
            assert (await client.fetch(url)).code == 200
            client.close()
            assert len(hop.requests) == hops


@both
@looped
async def test_a_unix_socket(door: Any, tmp_path: Path) -> None:
    """Its requests may still say what they like of certificates; a proxy of their own contradicts it."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(response(b"ok"))
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_unix_server(serve, tmp_path / "socket")
    client = door(unix_socket=tmp_path / "socket")
    for options in ({}, {"validate_cert": False}):
        assert (await client.fetch("http://docker.invalid/info", **options)).body == b"ok"
    assert len(heads) == 2
    assert client.connect_times == 1
    with pytest.raises(InvalidRequest, match="unix_socket .* and proxy http://h:1"):
        await client.fetch("http://docker.invalid/", proxy_host="h", proxy_port=1)
    client.close()
    server.close()


# -- how they are given


@looped
async def test_through_configure() -> None:
    async with Peer(ok(), tls=True) as peer:
        AsyncHTTPClient.configure(NAME, pin_sha256=OTHER_PIN, max_requests_per_connection=1)
        client: Any = AsyncHTTPClient()
        with pytest.raises(ssl.SSLError, match="pin"):
            await client.fetch(peer.url, ssl_options=peer.ca_context())
        client.close()
        AsyncHTTPClient.configure(NAME, pin_sha256="abc")
        with pytest.raises(InvalidRequest, match="pin_sha256 must be SHA-256 digests"):
            AsyncHTTPClient()
        AsyncHTTPClient.configure(NAME, pin_sha_256=PIN)
        with pytest.raises(TypeError, match="no argument 'pin_sha_256'"):
            AsyncHTTPClient()


WRONG: dict[str, Any] = {
    "dns_ttl": -1,
    "max_interims": -1,
    "max_requests_per_connection": 0,
    "pin_sha256": "abc",
    "pipelining": 0,
    "proxy": "ftp://h:1",
    "proxy_headers": {"X\n": "1"},
    "redirect_filter": "a.test",
    "sensitive_headers": "X-Mine",
    "server_hostname": "a.test:443",
    "socket_factory": 5,
    "socket_options": [(1, 2)],
    "unix_socket": 5,
}


def test_each_that_can_be_wrong_is_tried() -> None:
    plain = {"strict_tls_eof", "tls_resumption", "trust_env"}
    assert {*EngineOptions.__annotations__, "max_requests_per_connection"} - plain == set(WRONG)


@both
@pytest.mark.parametrize("name", WRONG)
@looped
async def test_values_that_make_no_sense(door: Any, name: str) -> None:
    with pytest.raises(InvalidRequest):
        door(**{name: WRONG[name]})


@both
@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("verify", "say validate_cert=... in the HTTPRequest, or defaults={'validate_cert': ...} for all of them"),
        ("proxy_host", "say proxy_host=... in the HTTPRequest, or defaults={'proxy_host': ...} for all of them"),
        ("retries", "beside those in its signature it takes dns_ttl, max_interims, pin_sha256, pipelining, proxy, "),
        ("headers", "beside those in its signature it takes dns_ttl, "),
        ("limits", "beside those in its signature it takes dns_ttl, "),
    ],
)
@looped
async def test_those_that_do_not_exist(door: Any, name: str, advice: str) -> None:
    with pytest.raises(TypeError) as caught:
        door(**{name: 1})
    assert str(caught.value).startswith(f"a Tornado-shaped client has no argument {name!r}: {advice}")


@both
@looped
async def test_each_is_documented(door: Any) -> None:
    described = (KeepAliveAsyncHTTPClient if door is drop_in else door).__doc__ or ""
    assert [name for name in EngineOptions.__annotations__ if name not in described] == []
