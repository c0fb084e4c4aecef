"""What may not be sent is refused before anything is: the peer never sees a connection."""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Run
from tests.peers import Peer, ok

from async_keepalive_httpc import Client, ClientClosed, HTTPCError, InvalidRequest, Limits, Timeout


def refused(run: Run, what: str, url: str = "", method: Any = "GET", **options: Any) -> None:
    """The request raises InvalidRequest with this text, from `request` and from `stream`, unseen by the peer."""

    async def main() -> None:
        async with Peer(ok()) as peer, Client() as client:
            target = url.replace("PEER", peer.url.removeprefix("http://")) if url else peer.url
            with pytest.raises(InvalidRequest) as caught:
                await client.request(method, target, **options)
            assert what in str(caught.value)
            assert isinstance(caught.value, ValueError)
            with pytest.raises(InvalidRequest):
                client.stream(method, target, **options)
            assert peer.connections == 0
            assert client.stats()["connections"]["opened"] == 0
            assert (await client.get(peer.url)).status == 200

    run(main())


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("ftp://PEER/", "Unsupported url scheme: ftp"),
        ("file:///etc/passwd", "Unsupported url scheme: file"),
        ("PEER/", ""),
        ("/only/a/path", ""),
        ("http://", "No host"),
        ("http:///path", "No host"),
        ("http://127.0.0.1:port/", "port"),
        ("http://127.0.0.1:65536/", "port"),
        ("http://127.0.0.1:0/", "port"),
        ("http://127.0.0.1:-1/", "port"),
        ("http://[::1/", ""),
        ("http://[12345::]/", ""),
        ("http://127.1/", "IPv4"),
        ("http://2130706433/", "IPv4"),
        ("http://0x7f000001/", "IPv4"),
        ("http://exa mple.test/", "space"),
        ("http://PEER/a\r\nX-Injected: 1", "ontrol"),
        ("http://PEER/a\nb", "ontrol"),
        ("http://PEER/a\x00b", "ontrol"),
        ("http://PEER\r\n/", ""),
        ("http://us:er\r\n@PEER/", ""),
    ],
)
def test_urls(run: Run, url: str, what: str) -> None:
    refused(run, what, url)


@pytest.mark.parametrize("url", [None, 7, b"http://127.0.0.1/"])
def test_urls_that_are_no_text(run: Run, url: Any) -> None:
    async def main() -> None:
        async with Client() as client:
            with pytest.raises(InvalidRequest):
                await client.get(url)

    run(main())


@pytest.mark.parametrize("method", ["", "GE T", "GET\r\nX: 1", "GET\x00", "GÉT", "get", "Post", None, b"GET", "A:B"])
def test_methods(run: Run, method: Any) -> None:
    refused(run, "ethod", method=method)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "1\r\nX-B: 2"},
        {"X-A": "1\nX-B: 2"},
        {"X-A": "1\rX"},
        {"X-A": "1\x00"},
        {"X-A": "\u010d\u010a"},
        {"X-A\r\nX-B": "1"},
        {"X A": "1"},
        {"X-A:": "1"},
        {"": "1"},
        {"X-É": "1"},
        {"Host": "a\r\nb"},
        {"User-Agent": "a\r\nX: 1"},
        [("X-A", "1", "2")],
        {"X-A": 5},
        {"Content-Length": "5"},
        {"Content-Length": "-1"},
        {"Content-Length": "1_0"},
        {"Transfer-Encoding": "chunked"},
        [("Host", "a"), ("Host", "b")],
    ],
)
def test_headers(run: Run, headers: Any) -> None:
    refused(run, "", headers=headers)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("GET", {"body": b"x"}),
        ("HEAD", {"body": b"x"}),
        ("TRACE", {"body": b"x"}),
        ("GET", {"json": {}}),
        ("HEAD", {"form": {"a": "b"}}),
        ("TRACE", {"body": b"x", "allow_body": True}),
        ("POST", {"body": {"a": "b"}}),
        ("POST", {"body": 7}),
        ("POST", {"body": b"xyz", "headers": {"Content-Length": "2"}}),
        ("POST", {"body": b"xyz", "headers": {"Transfer-Encoding": "chunked"}}),
        ("POST", {"body": b"x", "json": 1}),
        ("POST", {"form": {}, "json": 1}),
    ],
)
def test_bodies(run: Run, method: str, options: dict[str, Any]) -> None:
    refused(run, "", method=method, **options)


def test_a_body_where_it_is_allowed(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client() as client:
            await client.get(peer.url, body=b"x", allow_body=True)
            await client.request("DELETE", peer.url, body=b"y")
            assert [request.body for request in peer.requests] == [b"x", b"y"]

    run(main())


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": -1},
        {"timeout": "5"},
        {"timeout": math.nan},
        {"timeout": True},
        {"max_redirects": -1},
        {"max_redirects": 1.5},
        {"max_body_size": 0},
        {"auth": "me:secret"},
        {"auth": ("me",)},
        {"auth": ("me", None)},
        {"auth": ("m:e", "secret")},
        {"auth": ("me", "sec\r\nret")},
        {"auth": ("me\x00", "secret")},
    ],
)
def test_options(run: Run, options: dict[str, Any]) -> None:
    refused(run, "", **options)


@pytest.mark.parametrize("auth", ["me:secret", ("me", "secret\n"), ("m:e", "secret")])
def test_errors_show_no_secret(run: Run, auth: Any) -> None:
    async def main() -> None:
        async with Client() as client:
            with pytest.raises(InvalidRequest) as caught:
                await client.get("http://user:secret@127.0.0.1/", auth=auth, max_redirects=-1)
            assert "secret" not in str(caught.value)

    run(main())


def test_an_option_that_does_not_exist(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client() as client:
            with pytest.raises(TypeError, match="retries"):
                await client.get(peer.url, retries=3)
            assert peer.connections == 0

    run(main())


@pytest.mark.parametrize(
    "arguments",
    [
        {"timeout": -1},
        {"max_redirects": -1},
        {"max_body_size": -1},
        {"max_header_size": 0},
        {"headers": {"X-A": "1\n"}},
        {"headers": {"Host": "a"}},
        {"headers": {"Content-Length": "1"}},
        {"auth": ("a:b", "c")},
        {"auth": ["a", "b"]},
        {"sensitive_headers": "X-Mine"},
        {"sensitive_headers": ["X Mine"]},
        {"redirect_filter": "example.com"},
        {"redirect_filter": asyncio.sleep},
        {"resolver": 5},
        {"verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "ca_certs": "ca.pem"},
        {"verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "cert": "cert.pem"},
        {"verify": "ca.pem"},
        {"verify": None},
        {"verify": 0},
        {"cert": 7},
        {"cert": ("cert.pem",)},
        {"cert": ("cert.pem", 7)},
        {"cert": (None, "key.pem")},
    ],
)
def test_arguments_of_a_client(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        Client(**arguments)


@pytest.mark.parametrize("wrong", [5, 1.5, True, "text", b"bytes", [5], [None], {5: 5}, object()])
@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("limits", r"limits is .*: give Limits\(max_connections=..., max_per_host=..., ...\), or leave it out"),
        ("codings", r'codings is .*: give a list of names, such as \["gzip"\], or None for all'),
        ("hostname_mapping", "hostname_mapping (is|has) .*'host': 'host', "),
        ("socket_options", r"socket_options must be \(level, name, value\) each"),
        ("sensitive_headers", "sensitive_headers is .*: give a list of names"),
        ("pin_sha256", "pin_sha256 must be SHA-256 digests"),
    ],
)
def test_what_is_of_another_kind(name: str, what: str, wrong: Any) -> None:
    """Refused when the client is made, not at its first request."""
    with pytest.raises(InvalidRequest, match=what):
        Client(**{name: wrong})


@pytest.mark.parametrize("wrong", [5, True, b"ca.pem", ["ca.pem"]])
def test_what_is_no_file_of_certificates(wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match="ca_certs must be the name of a file of certificates, not "):
        Client(ca_certs=wrong)


def test_a_path_to_a_file_of_certificates() -> None:
    """It is the same as its name: connections are shared."""
    path: Any = Path("ca.pem")
    assert Client(ca_certs=path)._reach == Client(ca_certs="ca.pem")._reach


@pytest.mark.parametrize(
    "wrong",
    [
        {"a.test": 5},
        {"a.test": ("127.0.0.1", 80)},
        {("a.test",): ("127.0.0.1", 80)},
        {("a.test", 80): "127.0.0.1"},
        {("a.test", 80): ("127.0.0.1",)},
        {("a.test", "80"): ("127.0.0.1", 80)},
        {("a.test", 80): ("127.0.0.1", "80")},
        {("a.test", 80, 2, 3): ("127.0.0.1", 80)},
        {"b.test": "127.0.0.1", b"a.test": "127.0.0.1"},
    ],
)
def test_what_is_no_mapping_of_hosts(wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match="hostname_mapping has .*, which is none of 'host': 'host', "):
        Client(hostname_mapping=wrong)


def test_a_mapping_of_hosts_may_change_its_shape_from_entry_to_entry() -> None:
    forms: Any = {"a.test": "b.test", ("a.test", 80): ["::1", 81], ("a.test", 80, socket.AF_INET): ("127.0.0.1", 81)}
    Client(hostname_mapping=forms)


@pytest.mark.parametrize(
    ("what", "arguments"),
    [
        (Timeout, {"total": -0.5}),
        (Timeout, {"connect": math.nan}),
        (Timeout, {"pool": "1"}),
        (Limits, {"max_connections": 0}),
        (Limits, {"max_per_host": 1.0}),
        (Limits, {"idle_timeout": -1}),
        (Limits, {"max_waiters": 0}),
        (Limits, {"max_requests_per_connection": -1}),
    ],
)
def test_arguments_of_values(what: Any, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=next(iter(arguments))):
        what(**arguments)


@pytest.mark.parametrize("number", [0, -1, 1.5, True])
def test_preconnect(run: Run, number: Any) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client() as client:
            with pytest.raises(InvalidRequest, match="number"):
                await client.preconnect(peer.url, number)
            with pytest.raises(InvalidRequest, match="Unsupported url scheme"):
                await client.preconnect("ftp://127.0.0.1/")
            assert peer.connections == 0

    run(main())


@pytest.mark.parametrize("timeout", [-1, math.nan])
def test_aclose(run: Run, timeout: float) -> None:
    async def main() -> None:
        client = Client()
        with pytest.raises(InvalidRequest, match="aclose"):
            await client.aclose(timeout)
        assert not client.closed
        await client.aclose()

    run(main())


def test_a_closed_client(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer:
            client = Client()
            request = client.build("GET", peer.url)
            client.close()
            client.close()
            for call in (client.get(peer.url), client.send(request), client.preconnect(peer.url)):
                with pytest.raises(ClientClosed, match=f"{peer.url}.*closed; make a new one"):
                    await call
            with pytest.raises(ClientClosed):
                async with client.stream("GET", peer.url):
                    pytest.fail("it began")
            with pytest.raises(HTTPCError):
                await client.get(peer.url)
            await client.aclose()
            assert peer.connections == 0

    run(main())
