"""Sockets, from the client to the wire: unix sockets, where connections set out, and how they are set up."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Run
from tests.peers import Peer, authority, ok, server_context
from tornado.httpclient import HTTPRequest

from async_keepalive_httpc import Client, ConnectError
from async_keepalive_httpc._message.reach import Reach
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient


class UnixServer:
    """Answers on a unix socket; `heads` is what it was sent, one list for each connection."""

    def __init__(self, path: Any, context: ssl.SSLContext | None = None) -> None:
        self.path = path
        self.context = context
        self.heads: list[list[str]] = []
        self.redirect = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads: list[str] = []
        self.heads.append(heads)
        while not reader.at_eof():
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            heads.append(head.decode())
            target, self.redirect = self.redirect, ""
            more = f"Location: {target}\r\n" if target else ""
            status = "302 Found" if target else "200 OK"
            writer.write(f"HTTP/1.1 {status}\r\n{more}Content-Length: 2\r\n\r\nhi".encode())
        writer.close()


@asynccontextmanager
async def unix_server(path: Any, context: ssl.SSLContext | None = None) -> AsyncIterator[UnixServer]:
    unix = UnixServer(path, context)
    server = await asyncio.start_unix_server(unix.serve, path, ssl=context)
    try:
        yield unix
    finally:
        server.close()
        for _ in range(10):
            await asyncio.sleep(0)


# -- unix sockets


@pytest.mark.parametrize("abstract", [False, True])
def test_a_unix_socket_for_all(run: Run, tmp_path: Path, abstract: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the host, which is not looked up; Host is the URL's; the connection is kept; the environment's proxy is
    not for it."""
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:1")
    path = f"\0{tmp_path}" if abstract else str(tmp_path / "socket")

    async def main() -> None:
        async with unix_server(path) as server, Client(unix_socket=path) as client:
            for _ in range(3):
                response = await client.get("http://docker.invalid/info")
                assert (response.status, response.body) == (200, b"hi")
            assert len(server.heads) == 1
            assert all("\r\nHost: docker.invalid\r\n" in head for head in server.heads[0])
            await client.get("http://other.invalid:81/")
            assert len(server.heads) == 2
            assert "\r\nHost: other.invalid:81\r\n" in server.heads[1][0]

    run(main())


def test_a_unix_socket_for_one_request(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            unix_server(str(tmp_path / "a")) as first,
            unix_server(str(tmp_path / "b")) as second,
            Peer(ok()) as peer,
        ):
            async with Client() as client:
                for _ in range(2):
                    await client.get(peer.url, unix_socket=tmp_path / "a")
                    await client.get(peer.url, unix_socket=tmp_path / "b")
                    await client.get(peer.url)
                assert [len(server.heads) for server in (first, second)] == [1, 1]
                assert [len(server.heads[0]) for server in (first, second)] == [2, 2]
                assert peer.connections == 1
                assert client.connect_times == 3

    run(main())


def test_redirects_stay_on_the_socket(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with unix_server(str(tmp_path / "a")) as server, Client() as client:
            server.redirect = "http://elsewhere.invalid/next"
            response = await client.get("http://here.invalid/", unix_socket=tmp_path / "a")
            assert (response.status, str(response.request.url)) == (200, "http://elsewhere.invalid/next")
            hosts = [head.split("Host: ")[1].split("\r\n")[0] for heads in server.heads for head in heads]
            assert hosts == ["here.invalid", "elsewhere.invalid"]

    run(main())


def test_https_over_a_unix_socket(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        names: list[Any] = []
        context = server_context("a.test")
        context.sni_callback = lambda _, name, __: names.append(name)
        trusted = ssl.create_default_context(cadata=authority().cert_pem.bytes().decode())
        path = str(tmp_path / "a")
        async with unix_server(path, context) as server, Client(unix_socket=path, verify=trusted) as client:
            for _ in range(2):
                assert (await client.get("https://a.test/")).status == 200
            assert (len(server.heads), names) == (1, ["a.test"])
            with pytest.raises(ConnectError, match="a certificate|b.test"):
                await client.get("https://b.test/")

    run(main())


def test_no_such_unix_socket(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with Client(unix_socket=tmp_path / "none") as client:
            with pytest.raises(ConnectError) as caught:
                await client.get("http://a.test/")
            assert str(caught.value) == (
                f"cannot connect to a.test:80: {tmp_path / 'none'}: No such file or directory (errno {errno.ENOENT}); "
                "check the path, and that a server listens there"
            )
            assert isinstance(caught.value.__cause__, FileNotFoundError)

    run(main())


# -- where it sets out, and how


def test_where_connections_set_out_and_how(run: Run) -> None:
    async def main() -> None:
        made: list[Any] = []

        def make(info: Any) -> socket.socket:
            made.append(info)
            return socket.socket(*info[:3])

        async with Peer(ok()) as peer:
            options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
            async with Client(
                local_address="127.0.0.3", network_interface="lo", socket_options=options, socket_factory=make
            ) as client:
                await client.get(peer.url)
                assert peer.conns[0]._socket.getpeername()[0] == "127.0.0.3"
                assert len(made) == 1

    run(main())


def test_interfaces_are_connections_apart(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client() as client:
            for reach in (None, Reach(interface="lo"), Reach(interface="lo"), Reach(source="127.0.0.1")):
                await client.get(peer.url, reach=reach)
            assert peer.connections == 3

    run(main())


def test_an_interface_at_the_tornado_door(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, SimpleKeepAliveHTTPClient() as client:
            for start in ("lo", "127.0.0.4"):
                assert (await client.fetch(HTTPRequest(peer.url, network_interface=start))).code == 200
            assert [conn._socket.getpeername()[0] for conn in peer.conns] == ["127.0.0.1", "127.0.0.4"]
            with pytest.raises(ValueError, match="Unrecognized IPv4 or IPv6 address"):
                await client.fetch(HTTPRequest(peer.url, network_interface="nowhere0"))

    run(main())
