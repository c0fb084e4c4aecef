"""A fetch that fails: timeouts, lost connections, TLS and misuse, with Tornado's classes and texts."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from typing import Any

import pytest
from tests.fetching import fetched
from tests.peers import Conn, Peer, ok, response
from tornado.httpclient import HTTPRequest
from tornado.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError

from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient as Client


async def silent(conn: Conn) -> None:
    """A script that takes connections, and neither reads nor says anything."""
    await conn.closed()


# -- times


def test_request_timeout(run):
    async def test():
        error, _ = await fetched(silent, request_timeout=0.05)
        assert isinstance(error, HTTPTimeoutError)
        assert (error.code, str(error)) == (599, "Timeout during request")

    run(test())


def test_queue_timeout(run):
    async def test():
        async with Peer(silent) as peer, Client() as client:
            first = client.fetch(peer.url)
            await peer.until(lambda: peer.connections == 1)
            with pytest.raises(HTTPTimeoutError, match=r"^Timeout in request queue$"):
                await client.fetch(peer.url, connect_timeout=0.05)
            assert len(client) == 1
            first.cancel()

    run(test())


class Undecided:
    """A resolver that never answers."""

    async def resolve(self, host: str, port: int, family: int) -> Any:
        await asyncio.get_running_loop().create_future()


def test_timeout_while_resolving(run):
    async def test():
        async with Client(resolver=Undecided()) as client:
            with pytest.raises(HTTPTimeoutError, match=r"^Timeout while resolving h\.example$"):
                await client.fetch("http://h.example/", connect_timeout=0.05)

    run(test())


def test_timeout_names_the_hop(run):
    class HalfDecided(Undecided):
        async def resolve(self, host: str, port: int, family: int) -> Any:
            if host == "second.example":
                await super().resolve(host, port, family)
            return [(socket.AF_INET, ("127.0.0.1", port))]

    async def test():
        moved = response(status=302, headers=[("Location", "http://second.example/")])
        async with Peer([moved]) as peer, Client(resolver=HalfDecided()) as client:
            with pytest.raises(HTTPTimeoutError, match=r"^Timeout while resolving second\.example$"):
                await client.fetch(f"http://first.example:{peer.port}/", connect_timeout=0.05)

    run(test())


def test_request_timeout_counts_from_the_dial(run):
    class Late:
        async def resolve(self, host: str, port: int, family: int) -> Any:
            await asyncio.sleep(0.1)
            return [(socket.AF_INET, ("127.0.0.1", port))]

    async def test():
        async with Peer(ok()) as peer, Client(resolver=Late()) as client:
            got = await client.fetch(peer.url)
            assert (got.request_time or 0) >= 0.1

    run(test())


def test_timeout_during_the_handshake(run):
    async def test():
        async with Peer(silent) as peer, Client() as client:
            # Made here, since it takes its time.
            context = ssl.create_default_context()
            text = f"^Timeout during TLS handshake with 127.0.0.1:{peer.port}$"
            with pytest.raises(HTTPTimeoutError, match=text):
                await client.fetch(f"https://127.0.0.1:{peer.port}/", connect_timeout=0.05, ssl_options=context)
            await peer.ended()

    run(test())


# -- failures


def test_refused(run):
    async def test():
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        async with Client() as client:
            with pytest.raises(ConnectionRefusedError, match=r"Connection refused") as caught:
                await client.fetch(f"http://127.0.0.1:{port}/")
            assert caught.value.errno == errno.ECONNREFUSED
            assert f"[Errno {errno.ECONNREFUSED}]" in str(caught.value)
            assert f"127.0.0.1:{port}" in str(caught.value.__cause__)

    run(test())


def test_unknown_host(run):
    class Unknown:
        async def resolve(self, host: str, port: int, family: int) -> Any:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def test():
        async with Client(resolver=Unknown()) as client:
            with pytest.raises(socket.gaierror) as caught:
                await client.fetch("http://h.example/")
            assert any("h.example" in note for note in caught.value.__notes__)

    run(test())


def test_reset(run):
    async def resetting(conn: Conn) -> None:
        await conn.request()
        conn.reset()

    async def test():
        error, _ = await fetched(resetting)
        assert isinstance(error, ConnectionResetError)

    run(test())


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", b"garbage\r\n\r\n"])
def test_closed_or_malformed(run, raw):
    async def sending(conn: Conn) -> None:
        await conn.request()
        conn.send(raw)

    async def test():
        error, peer = await fetched(sending)
        assert isinstance(error, HTTPStreamClosedError)
        assert error.code == 599
        assert len(peer.requests) == 1

    run(test())


def test_certificate_that_is_not_trusted(run):
    async def test():
        async with Peer(ok(), tls=True) as peer, Client() as client:
            with pytest.raises(ssl.SSLCertVerificationError) as caught:
                await client.fetch(peer.url)
            assert any(f"127.0.0.1:{peer.port}" in note for note in caught.value.__notes__)
            for options in ({"validate_cert": False}, {"ssl_options": peer.ca_context()}):
                assert (await client.fetch(peer.url, **options)).body == b"ok"
            with pytest.raises(FileNotFoundError):
                await client.fetch(peer.url, ca_certs="/no/such/file.pem")

    run(test())


# -- misuse


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"method": "FOO"}, KeyError, "unknown method FOO"),
        ({"method": "POST"}, ValueError, "Body must not be None for method POST"),
        ({"body": b"x"}, ValueError, "Body must be None for method GET"),
        ({"headers": {"X": "a\r\nb"}}, ValueError, "header X"),
        ({"request_timeout": -1}, ValueError, "request_timeout"),
        ({"auth_username": "me", "auth_mode": "ntlm"}, ValueError, "unsupported auth_mode ntlm"),
    ],
)
def test_misuse_is_the_futures_and_sends_nothing(run, options, error, text):
    async def test():
        async with Peer([]) as peer, Client() as client:
            future = client.fetch(peer.url, **options)
            assert future.done()
            with pytest.raises(error, match=text):
                await future
            assert (peer.connections, len(client), client.connect_times) == (0, 0, 0)

    run(test())


@pytest.mark.parametrize("url", ["ftp://h/", "http://h:99999/", "http://h/\r\n", None, 5])
def test_misuse_of_the_url(run, url):
    async def test():
        async with Client() as client:
            with pytest.raises((ValueError, TypeError)):
                await client.fetch(url)
            assert len(client) == 0

    run(test())


def test_misuse_of_fetch_raises_at_once(run):
    async def test():
        async with Client() as client:
            with pytest.raises(ValueError, match=r"^kwargs can't be used if request is an HTTPRequest object$"):
                client.fetch(HTTPRequest("http://h/"), method="GET")
            with pytest.raises(TypeError):
                client.fetch("http://h/", no_such_option=1)
            assert len(client) == 0

    run(test())
