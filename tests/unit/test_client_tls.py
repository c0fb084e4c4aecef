"""TLS as a client's user meets it: names, certificates, errors that say what to do, and the end of the stream."""

from __future__ import annotations

import asyncio
import re
import ssl
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from tests.conftest import Run
from tests.peers import Conn, Peer, authority, certificate, ok, response, server_context

from async_keepalive_httpc import Client, ConnectionLost, TLSError
from async_keepalive_httpc._dial import tls as contexts
from async_keepalive_httpc._message.limits import STREAM_HIGH
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient

CLOSE = [("Connection", "close")]
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
ALERT = "15 0303 0002 02"

versions = pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    leaf = certificate("client.test")
    key = load_pem_private_key(leaf.private_key_pem.bytes(), None)
    contents = {
        "ca": authority().cert_pem.bytes(),
        "client": leaf.private_key_and_cert_chain_pem.bytes(),
        "certificate": leaf.cert_chain_pems[0].bytes(),
        "encrypted": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")),
        "stranger": trustme.CA().issue_cert("client.test").private_key_and_cert_chain_pem.bytes(),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return {name: str(tmp_path / name) for name in contents}


def asking(version: ssl.TLSVersion) -> ssl.SSLContext:
    """A server that wants a certificate of the client."""
    context = server_context()
    authority().configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = version
    return context


async def refusal(peer: Peer, **arguments: Any) -> TLSError:
    """How a client with these arguments fails."""
    async with Client(**arguments) as client:
        with pytest.raises(TLSError) as caught:
            await client.get(peer.url.replace("http:", "https:"))
    assert f":{peer.port}" in str(caught.value)
    return caught.value


# -- the certificate of the peer


@pytest.mark.parametrize(
    ("server", "arguments", "told"),
    [
        (
            certificate("other.test", "192.0.2.9"),
            {},
            "IP address mismatch.*it is for other.test, 192.0.2.9.*server_hostname",
        ),
        (
            authority().issue_cert("127.0.0.1", not_after=datetime(2020, 1, 2, tzinfo=UTC)),
            {},
            "has expired.*to 2020-01-02 00:00:00 UTC.*clock right",
        ),
        (
            authority().issue_cert("127.0.0.1", not_before=datetime(2100, 1, 2, tzinfo=UTC)),
            {},
            "not valid yet.*from 2100-01-02",
        ),
        (trustme.CA().issue_cert("127.0.0.1"), {}, "authority that is not trusted here.*issuer O=trustme.*ca_certs"),
        (
            authority().create_child_ca().issue_cert(*[f"h{n}.test" for n in range(10)]),
            {},
            r"h7\.test and 2 more",
        ),
    ],
    ids=["name", "expired", "early", "unknown", "many"],
)
def test_what_is_wrong_with_a_certificate(run: Run, server: trustme.LeafCert, arguments: Any, told: str) -> None:
    async def main() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.configure_cert(context)
        async with Peer(ok(), tls=context) as peer:
            error = await refusal(peer, verify=peer.ca_context())
            assert isinstance(error.__cause__, ssl.SSLCertVerificationError)
            assert re.search(told, str(error))
            assert re.search("nothing was sent. To do: ", str(error))
            await peer.ended()
            assert peer.requests == []

    run(main())


def test_signed_by_itself(run: Run, tmp_path: Path) -> None:
    """The error says what to do, and that does it."""

    async def main() -> None:
        own = trustme.CA()
        own.private_key_pem.write_to_path(tmp_path / "key")
        own.cert_pem.write_to_path(tmp_path / "cert")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
        async with Peer(ok(), tls=context) as peer:
            error = await refusal(peer)
            assert "is signed by itself" in str(error)
            assert "it is for no host" in str(error)
            assert "ca_certs" in str(error)

    run(main())


@versions
def test_another_name_than_the_urls(run: Run, files: dict[str, str], version: ssl.TLSVersion) -> None:
    async def main() -> None:
        asked: list[str | None] = []
        context = server_context("api.example.test")
        context.minimum_version = context.maximum_version = version
        context.sni_callback = lambda tls, name, context: asked.append(name)
        async with Peer(ok(), tls=context) as peer:
            async with Client(ca_certs=files["ca"], server_hostname="API.example.test") as client:
                assert (await client.get(peer.url)).body == b"ok"
            async with Client(ca_certs=files["ca"]) as client:
                response = await client.get(peer.url, server_hostname="api.example.test")
                assert response.body == b"ok"
                with pytest.raises(TLSError, match="the certificate for 127.0.0.1 is for other names"):
                    await client.get(peer.url)
                assert peer.requests[-1].get("Host") == f"127.0.0.1:{peer.port}"
            assert asked == ["api.example.test", "api.example.test", None]

    run(main())


# -- the certificate of the client


@versions
def test_a_client_certificate_is_wanted(run: Run, files: dict[str, str], version: ssl.TLSVersion) -> None:
    async def main() -> None:
        async with Peer(ok(), tls=asking(version)) as peer:
            async with Client(ca_certs=files["ca"], cert=files["client"]) as client:
                assert (await client.get(peer.url)).body == b"ok"
            async with Client(ca_certs=files["ca"]) as client:
                with pytest.raises(TLSError, match="client certificate") as caught:
                    await client.post(peer.url, body=b"x")
                assert "cert=" in str(caught.value)
                assert isinstance(caught.value.__cause__, ssl.SSLError)
            async with Client(ca_certs=files["ca"], cert=files["stranger"]) as client:
                with pytest.raises(TLSError, match="does not accept the client certificate"):
                    await client.get(peer.url)
            assert len(peer.requests) == 1

    run(main())


def test_tornados_door_hands_out_the_systems_error(run: Run, files: dict[str, str]) -> None:
    async def main() -> None:
        async with Peer(ok(), tls=server_context("other.test")) as peer:
            client = SimpleKeepAliveHTTPClient()
            with pytest.raises(ssl.SSLCertVerificationError) as caught:
                await client.fetch(peer.url, ca_certs=files["ca"])
            assert "it is for other.test" in caught.value.__notes__[0]
            with pytest.raises(FileNotFoundError):
                await client.fetch(peer.url, ca_certs="/nowhere/ca")
            client.close()

    run(main())


def test_ssl_options_that_cannot_be_told_apart(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok(), tls=True) as peer:
            client = SimpleKeepAliveHTTPClient()
            for options, told in [
                ({"ciphers": ["A", "B"]}, "ciphers cannot be a list"),
                ({"verify": 1}, "no 'verify'"),
            ]:
                with pytest.raises(ValueError, match=f"ssl_options.*{told}"):
                    await client.fetch(peer.url, ssl_options=options)
            client.close()
            assert peer.connections == 0

    run(main())


@pytest.mark.parametrize("by", ["cert", "ssl_options"])
def test_an_encrypted_key(run: Run, files: dict[str, str], by: str) -> None:
    """OpenSSL would ask for its password on the terminal."""

    async def main() -> None:
        if by == "cert":
            async with Client(cert=(files["certificate"], files["encrypted"])) as client:
                with pytest.raises(TLSError, match=f"the private key is encrypted.*check .*{files['encrypted']}"):
                    await client.get("https://127.0.0.1:1")
            return
        simple = SimpleKeepAliveHTTPClient()
        async with Peer(ok(), tls=True) as peer:
            options = {"certfile": files["certificate"], "keyfile": files["encrypted"]}
            with pytest.raises(ValueError, match="the private key is encrypted"):
                await simple.fetch(peer.url, ssl_options=options)
        simple.close()

    run(main())


def test_a_certificate_that_was_replaced_is_read_again(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        seen: list[Any] = []

        async def script(conn: Conn) -> None:
            assert conn.tls is not None
            seen.append(conn.tls.getpeercert())
            await conn.request()
            conn.send(response(b"ok", headers=CLOSE))

        file = tmp_path / "client.pem"
        async with Peer(script, tls=asking(ssl.TLSVersion.TLSv1_3)) as peer:
            (tmp_path / "ca").write_bytes(peer.ca_pem)
            async with Client(ca_certs=str(tmp_path / "ca"), cert=str(file)) as client:
                for name in ("old.test", "new.test"):
                    authority().issue_cert(name).private_key_and_cert_chain_pem.write_to_path(file)
                    await client.get(peer.url)
            assert [found["subjectAltName"] for found in seen] == [(("DNS", "old.test"),), (("DNS", "new.test"),)]

    run(main())


# -- the environment


def test_ssl_cert_file(run: Run, files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with Peer(ok(), tls=True) as peer, Client() as client:
            assert (await client.get(peer.url)).body == b"ok"

    monkeypatch.setenv("SSL_CERT_FILE", files["ca"])
    contexts._contexts.clear()
    try:
        run(main())
    finally:
        contexts._contexts.clear()


def test_ssl_cert_dir(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with Peer(ok(), tls=True) as peer, Client() as client:
            assert (await client.get(peer.url)).body == b"ok"

    (tmp_path / "ca.pem").write_bytes(authority().cert_pem.bytes())
    subprocess.run(["openssl", "rehash", str(tmp_path)], check=True)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    contexts._contexts.clear()
    try:
        run(main())
    finally:
        contexts._contexts.clear()


def test_sslkeylogfile(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with Peer(ok(), tls=True) as peer, Client(verify=False) as client:
            await client.get(peer.url)

    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    contexts._contexts.clear()
    try:
        run(main())
    finally:
        contexts._contexts.clear()
    assert "CLIENT_TRAFFIC_SECRET_0" in (tmp_path / "keys").read_text()


# -- what is not TLS, or is another


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak TLS on this port.*http://"),
        (b"SSH-2.0-x\r\n", "does not speak TLS"),
        (bytes.fromhex(f"{ALERT} 28"), "no cipher in common.*cert="),
        (bytes.fromhex(f"{ALERT} 46"), "no version of TLS in common.*RFC 8996"),
        (bytes.fromhex(f"{ALERT} 70"), "no host of this name.*server_hostname"),
        (bytes.fromhex(f"{ALERT} 50"), "internal error.*check the TLS options"),
    ],
)
def test_who_does_not_shake_hands(run: Run, raw: bytes, told: str) -> None:
    async def main() -> None:
        async def script(conn: Conn) -> None:
            await conn.read_some()
            conn.send(raw)

        async with Peer(script) as peer:
            error = await refusal(peer)
            assert re.search(f"TLS handshake with 127.0.0.1:{peer.port} failed: .*{told}", str(error))

    run(main())


# -- the end of the stream


@versions
@pytest.mark.parametrize("strict", [True, False], ids=["strict", "lax"])
@pytest.mark.parametrize("size", [STREAM_HIGH + 1, 3 * STREAM_HIGH, 1_000_000], ids=str)
def test_an_end_while_reading_is_paused(run: Run, version: ssl.TLSVersion, strict: bool, size: int) -> None:
    """What came before it is not lost, which uvloop's TLS would do."""

    async def main() -> None:
        async def script(conn: Conn) -> None:
            await conn.request()
            conn.send(response(b"x" * size, length=False))
            await conn.flushed()

        context = server_context()
        context.minimum_version = context.maximum_version = version
        async with Peer(script, tls=context) as peer:
            async with Client(verify=peer.ca_context(), strict_tls_eof=strict) as client:
                for waits in (False, True):
                    async with client.stream("GET", peer.url) as answer:
                        if waits and size < 1_000_000:
                            await peer.ended()
                        assert sum([len(piece) async for piece in answer]) == size

    run(main())


@pytest.mark.parametrize("size", [10, 3 * STREAM_HIGH], ids=str)
def test_a_cut_end_over_a_callers_own_context(run: Run, size: int) -> None:
    async def main() -> None:
        async def script(conn: Conn) -> None:
            await conn.request()
            conn.send(response(b"x" * size, length=False))
            await conn.flushed()
            conn.close(notify=False)

        async with Peer(script, tls=True) as peer:
            own = peer.ca_context()
            async with Client(verify=own) as client:
                with pytest.raises(ConnectionLost, match="close_notify"):
                    await client.get(peer.url)
            async with Client(verify=own, strict_tls_eof=False) as client:
                assert len((await client.get(peer.url)).body) == size
            assert own.sslobject_class is ssl.SSLObject

    run(main())


def test_a_known_length_that_ends_while_paused(run: Run) -> None:
    """The connection is not used again, though the answer allows it."""

    async def main() -> None:
        size = 3 * STREAM_HIGH

        async def script(conn: Conn) -> None:
            await conn.request()
            conn.send(response(b"x" * size))
            await conn.flushed()

        async with Peer(script, tls=True) as peer, Client(verify=peer.ca_context()) as client:
            async with client.stream("GET", peer.url) as answer:
                await peer.ended()
                for _ in range(5):
                    await asyncio.sleep(0)
                assert sum([len(piece) async for piece in answer]) == size
            assert (await client.get(peer.url)).status == 200
            assert peer.connections == 2

    run(main())


@pytest.mark.parametrize("spoken", [(), ("h2", "http/1.1")])
def test_http11_is_offered_by_alpn(run: Run, files: dict[str, str], spoken: tuple[str, ...]) -> None:
    chosen: list[str | None] = []

    async def answer(conn: Conn) -> None:
        chosen.append(conn.tls.selected_alpn_protocol() if conn.tls else None)
        await ok()(conn)

    async def main() -> None:
        async with Peer(answer, tls=server_context(alpn=spoken)) as peer, Client(verify=peer.ca_context()) as own:
            async with Client(ca_certs=files["ca"]) as client:
                assert (await client.get(peer.url)).status == 200
            assert (await own.get(peer.url)).status == 200
        assert chosen == ["http/1.1" if spoken else None, None]

    run(main())


def test_case_170_another_protocol_by_alpn_is_refused(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok(), tls=server_context(alpn=["h2", "http/1.1"])) as peer:
            context = peer.ca_context(alpn=["h2", "http/1.1"])
            async with Client(verify=context) as client:
                with pytest.raises(TLSError, match="by ALPN the server chose 'h2', .* nothing was sent"):
                    await client.get(peer.url)
                assert client.stats()["connections"]["closed"] == {}
            assert not peer.requests

    run(main())
