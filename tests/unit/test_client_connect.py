"""Connections that do not come about: each says where it went, at what step it failed, and why."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Run
from tests.peers import Conn, Peer, certificate, ok, server_context

from async_keepalive_httpc import Client, ConnectError, ConnectionLost, DNSError, ProtocolError, TLSError
from async_keepalive_httpc._message.reach import TLS, Reach


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def nothing_left(client: Client) -> None:
    """Neither slot nor dial nor waiter."""
    connections = client.stats()["connections"]
    assert {name: connections[name] for name in ("dialling", "active", "idle", "waiting")} == {
        "dialling": 0,
        "active": 0,
        "idle": 0,
        "waiting": 0,
    }


def test_refused(run: Run) -> None:
    async def main() -> None:
        port = closed_port()
        async with Client() as client:
            with pytest.raises(ConnectError) as caught:
                await client.get(f"http://127.0.0.1:{port}/")
            assert str(caught.value) == (
                f"cannot connect to 127.0.0.1:{port}: 127.0.0.1:{port}: Connection refused (errno "
                f"{errno.ECONNREFUSED}); check that a server listens there"
            )
            assert isinstance(caught.value.__cause__, ConnectionRefusedError)
            nothing_left(client)
            async with Peer(ok(), port=port) as peer:
                assert (await client.get(peer.url)).status == 200

    run(main())


def test_every_waiter_hears_of_it(run: Run) -> None:
    async def main() -> None:
        url = f"http://127.0.0.1:{closed_port()}/"
        async with Client() as client:
            outcomes = await asyncio.gather(*(client.get(url) for _ in range(250)), return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} == {ConnectError}
            assert len({id(outcome) for outcome in outcomes}) == 250
            nothing_left(client)

    run(main())


def test_all_addresses_are_tried_and_named(run: Run) -> None:
    async def main() -> None:
        port = closed_port()

        async def resolve(host: str, port: int, family: int) -> list[Any]:
            return [(socket.AF_INET, (f"127.0.0.{number}", port)) for number in (2, 3)] + [
                (socket.AF_INET6, ("::1", port, 0, 0))
            ]

        async with Client(resolver=resolve) as client:
            with pytest.raises(ConnectError) as caught:
                await client.get(f"http://many.test:{port}/")
            why = f"Connection refused (errno {errno.ECONNREFUSED})"
            assert str(caught.value) == (
                f"cannot connect to many.test:{port}: 127.0.0.2:{port}: {why}; [::1]:{port}: {why}; "
                f"127.0.0.3:{port}: {why}; check that a server listens there"
            )

    run(main())


def test_the_next_address_serves(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer:

            async def resolve(host: str, port: int, family: int) -> list[Any]:
                return [(socket.AF_INET6, ("::1", port, 0, 0)), (socket.AF_INET, ("127.0.0.1", port))]

            async with Client(resolver=resolve) as client:
                assert (await client.get(f"http://two.test:{peer.port}/")).status == 200
            async with Client(resolver=resolve, ipv6=False) as client:
                assert (await client.get(f"http://two.test:{peer.port}/")).status == 200

    run(main())


def test_ipv6(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok(), host="::1") as peer, Client() as client:
            assert (await client.get(peer.url)).status == 200
            assert peer.requests[0].get("Host") == f"[::1]:{peer.port}"
            async with Client(ipv6=False) as other:
                with pytest.raises(DNSError, match="no IPv4 address"):
                    await other.get(peer.url)

    run(main())


def test_a_unix_socket_through_a_resolver(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "socket")

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            writer.close()
            await writer.wait_closed()

        async def resolve(host: str, port: int, family: int) -> list[Any]:
            return [(socket.AF_UNIX, path)]

        server = await asyncio.start_unix_server(answer, path)
        async with server, Client(resolver=resolve) as client:
            assert (await client.get("http://local.test/")).status == 200
        async with Client(resolver=resolve) as client:
            # From 3.13 on asyncio takes the socket's file away with its server.
            why = "(Connection refused|No such file or directory)"
            with pytest.raises(ConnectError, match=f"local.test:80: {path}: {why} "):
                await client.get("http://local.test/")

    run(main())


def test_names_without_an_address(run: Run) -> None:
    async def main() -> None:
        async def none(host: str, port: int, family: int) -> list[Any]:
            return []

        async def fails(host: str, port: int, family: int) -> list[Any]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        for resolver, what in ((none, "gave no address"), (fails, "Name or service not known")):
            async with Client(resolver=resolver) as client:
                with pytest.raises(DNSError, match=f"cannot resolve 'nowhere.test': .*{what}"):
                    await client.get("http://nowhere.test/")
                nothing_left(client)

    run(main())


def test_a_resolver_that_fails_in_its_own_way(run: Run) -> None:
    async def main() -> None:
        async def breaks(host: str, port: int, family: int) -> list[Any]:
            raise KeyError(host)

        async with Client(resolver=breaks) as client:
            with pytest.raises(KeyError, match=r"a\.test"):
                await client.get("http://a.test/")
            nothing_left(client)

    run(main())


def test_the_source_address(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer:
            async with Client(local_address="127.0.0.2") as client:
                await client.get(peer.url)
                assert peer.conns[0]._socket.getpeername()[0] == "127.0.0.2"
            for source, what in (("198.51.100.1", "local address 198.51.100.1: "), ("::1", "of another family")):
                async with Client(local_address=source) as client:
                    with pytest.raises(ConnectError, match=f"cannot connect to 127.0.0.1:{peer.port}.*{what}"):
                        await client.get(peer.url)
                    nothing_left(client)

    run(main())


def test_no_files_left(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client() as client:
            with monkeypatch.context() as patch:

                def none(*arguments: Any, **options: Any) -> Any:
                    raise OSError(errno.EMFILE, "Too many open files")

                patch.setattr(socket, "socket", none)
                with pytest.raises(ConnectError, match="Too many open files"):
                    await client.get(peer.url)
            nothing_left(client)
            assert (await client.get(peer.url)).status == 200

    run(main())


# -- TLS


def test_verified(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with Peer(ok(), tls=True) as peer:
            ca = tmp_path / "ca.pem"
            ca.write_bytes(peer.ca_pem)
            async with Client(ca_certs=str(ca)) as client:
                for _ in range(2):
                    assert (await client.get(peer.url)).status == 200
                assert (await client.get(peer.url.replace("127.0.0.1", "localhost"))).status == 200
            async with Client(verify=peer.ca_context()) as client:
                assert (await client.get(peer.url)).status == 200
            async with Client(verify=False) as client:
                assert (await client.get(peer.url)).status == 200
            assert peer.connections == 4
            assert set(peer.server_names) <= {None, "127.0.0.1", "localhost"}

    run(main())


def test_not_verified(run: Run) -> None:
    """Not one byte of the request is sent."""

    async def main() -> None:
        async with Peer(ok(), tls=server_context("other.test")) as peer:
            async with Client() as client:
                with pytest.raises(TLSError) as caught:
                    await client.get(peer.url)
                text = str(caught.value)
                assert f"TLS handshake with 127.0.0.1:{peer.port} failed" in text
                assert "unable to get local issuer certificate" in text
                assert "it is for other.test" in text
                assert "give the authority's file as ca_certs" in text
                assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
                nothing_left(client)
            async with Client(verify=peer.ca_context()) as client:
                with pytest.raises(TLSError, match="IP address mismatch|doesn't match|not valid for"):
                    await client.get(peer.url)
                nothing_left(client)
            await peer.ended()
            assert peer.requests == []
            assert len(peer.handshake_errors) == 2

    run(main())


def test_not_verified_once_is_not_verified_for_all(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok(), tls=True) as peer, Client() as client:
            await client.get(peer.url, reach=Reach(TLS(verify=False)))
            with pytest.raises(TLSError):
                await client.get(peer.url)
            assert peer.connections == 2

    run(main())


def test_old_tls_is_refused(run: Run) -> None:
    async def main() -> None:
        context = server_context()
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        async with Peer(ok(), tls=context) as peer, Client(verify=False) as client:
            with pytest.raises((TLSError, ConnectError)):
                await client.get(peer.url)

    with pytest.warns(DeprecationWarning):
        run(main())


def test_plain_http_on_the_port(run: Run) -> None:
    async def main() -> None:
        async def script(conn: Conn) -> None:
            await conn.read_some()
            conn.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

        async with Peer(script) as peer, Client() as client:
            with pytest.raises(
                TLSError,
                match="does not speak TLS on this port .*; nothing was sent. To do: if it is a plain HTTP server",
            ):
                await client.get(peer.url.replace("http:", "https:"))
            nothing_left(client)

    run(main())


@pytest.mark.parametrize("how", ["fin", "reset"])
def test_a_handshake_that_is_cut_off(run: Run, how: str) -> None:
    async def main() -> None:
        async def script(conn: Conn) -> None:
            await conn.read_some()
            if how == "reset":
                conn.reset()

        async with Peer(script) as peer, Client() as client:
            with pytest.raises(ConnectError, match=f"127.0.0.1:{peer.port}"):
                await client.get(peer.url.replace("http:", "https:"))
            nothing_left(client)

    run(main())


def test_https_on_a_plain_request(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok(), tls=True) as peer, Client() as client:
            with pytest.raises((ProtocolError, ConnectionLost)):
                await client.get(peer.url.replace("https:", "http:"))
            nothing_left(client)

    run(main())


@pytest.mark.parametrize(
    "arguments", [{"ca_certs": "/nowhere.pem"}, {"cert": "/nowhere.pem"}, {"cert": ("/no", "/no")}]
)
def test_files_that_are_not_there(run: Run, arguments: dict[str, Any]) -> None:
    async def main() -> None:
        async with Peer(ok(), tls=True) as peer, Client(**arguments) as client:
            with pytest.raises(TLSError, match="the TLS options cannot be used: .*check /no"):
                await client.get(peer.url)
            assert peer.connections == 0
            nothing_left(client)

    run(main())


def test_a_client_certificate(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        context = server_context()
        context.verify_mode = ssl.CERT_REQUIRED
        async with Peer(ok(), tls=context) as peer:
            ca, key = tmp_path / "ca.pem", tmp_path / "client.pem"
            ca.write_bytes(peer.ca_pem)
            key.write_bytes(certificate("client.test").private_key_and_cert_chain_pem.bytes())
            context.load_verify_locations(str(ca))
            async with Client(ca_certs=str(ca), cert=str(key)) as client:
                assert (await client.get(peer.url)).status == 200
            async with Client(ca_certs=str(ca)) as client:
                with pytest.raises((ConnectError, ConnectionLost)):
                    await client.get(peer.url)
                nothing_left(client)

    run(main())


def test_a_context_of_the_callers_is_not_changed(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok(), tls=True) as peer:
            context = peer.ca_context()
            before = (context.check_hostname, context.verify_mode, context.options, context.sslobject_class)
            async with Client(verify=context) as client:
                await client.get(peer.url)
            after = (context.check_hostname, context.verify_mode, context.options, context.sslobject_class)
            assert before == after

    run(main())


@pytest.mark.parametrize("notify", [True, False])
@pytest.mark.parametrize("strict", [True, False])
def test_a_body_framed_by_close_needs_a_goodbye(run: Run, tmp_path: Path, notify: bool, strict: bool) -> None:
    async def main() -> None:
        async def script(conn: Conn) -> None:
            await conn.request()
            conn.send(b"HTTP/1.1 200 OK\r\n\r\nbody")
            conn.close(notify=notify)

        async with Peer(script, tls=True) as peer:
            ca = tmp_path / "ca.pem"
            ca.write_bytes(peer.ca_pem)
            async with Client(ca_certs=str(ca), strict_tls_eof=strict) as client:
                if notify or not strict:
                    assert (await client.get(peer.url)).body == b"body"
                else:
                    with pytest.raises(ConnectionLost, match="close_notify"):
                        await client.get(peer.url)

    run(main())
