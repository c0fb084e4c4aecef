"""Certificates: what they say of themselves, and pins."""

from __future__ import annotations

import hashlib
import ssl
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import Run
from tests.peers import Peer, authority, certificate, ok, server_context

from async_keepalive_httpc import Client, InvalidRequest, TLSError
from async_keepalive_httpc._dial.certificate import read
from async_keepalive_httpc._dial.pins import check_pins
from async_keepalive_httpc._message.tls import pins_of, server_name
from async_keepalive_httpc._message.url import Origin

ORIGIN = Origin("https", "api.test", 443)
CLOSE = [("Connection", "close")]


def der_of(leaf: trustme.LeafCert) -> bytes:
    return ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())


def key_of(der: bytes) -> bytes:
    """The public key, as another library finds it."""
    key = x509.load_der_x509_certificate(der).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


DER = der_of(certificate("localhost", "127.0.0.1", "::1"))
DIGEST = hashlib.sha256(DER).digest()
KEY_DIGEST = hashlib.sha256(key_of(DER)).digest()


# -- certificates


@pytest.mark.parametrize("kind", list(trustme.KeyType))
def test_what_a_certificate_says(kind: trustme.KeyType) -> None:
    ends = datetime(2036, 5, 4, 3, 2, 1, tzinfo=UTC)
    leaf = trustme.CA(key_type=kind).issue_cert(
        "a.test",
        "*.b.test",
        "192.0.2.7",
        "2001:db8::1",
        "x@y.test",
        not_after=ends,
        organization_name="Ö",
        key_type=kind,
    )
    der = der_of(leaf)
    oracle = x509.load_der_x509_certificate(der)
    said = read(der)
    assert said.key == key_of(der)
    assert said.names == ("a.test", "*.b.test", "192.0.2.7", "2001:db8::1")
    assert said.ends == "2036-05-04 03:02:01 UTC"
    assert said.begins == f"{oracle.not_valid_before_utc:%Y-%m-%d %H:%M:%S} UTC"
    assert said.subject == "O=Ö"
    assert said.issuer.startswith("O=trustme")


def built(subject: x509.Name, begins: datetime, ends: datetime) -> bytes:
    """A certificate without any extension."""
    key = ed25519.Ed25519PrivateKey.generate()
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 7, begins, ends)
    return builder.sign(key, None).public_bytes(Encoding.DER)


def test_one_without_names() -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "CH"), x509.NameAttribute(NameOID.COMMON_NAME, "a\nb")])
    said = read(built(name, datetime(1999, 1, 2), datetime(2051, 1, 2)))
    assert said[:5] == ("CN=a?b", "CN=a?b", "1999-01-02 00:00:00 UTC", "2051-01-02 00:00:00 UTC", ())


def test_text_in_two_bytes() -> None:
    value = x509.NameAttribute(NameOID.COMMON_NAME, "Zürich", x509.name._ASN1Type.BMPString)
    assert read(built(x509.Name([value]), datetime(2020, 1, 1), datetime(2030, 1, 1))).subject == "CN=Zürich"


def test_the_authority_itself() -> None:
    assert read(ssl.PEM_cert_to_DER_cert(authority().cert_pem.bytes().decode())).names == ()


@given(st.binary(max_size=200))
def test_what_is_none(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a certificate"):
        read(data)


@given(st.data())
def test_a_damaged_one_is_an_error_or_not(data: st.DataObject) -> None:
    """Whatever comes, it ends, and raises nothing but ValueError."""
    damaged = bytearray(DER)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        read(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))
    except ValueError:
        pass


# -- pins as they are given


@pytest.mark.parametrize(
    "text",
    [
        DIGEST.hex(),
        DIGEST.hex().upper(),
        DIGEST.hex(":").upper(),
        f"sha256:{DIGEST.hex()}",
        f" {DIGEST.hex()}\n",
        b64encode(DIGEST).decode(),
        f"sha256/{b64encode(DIGEST).decode()}",
        f"sha256//{b64encode(DIGEST).decode()}",
        DIGEST,
    ],
)
def test_forms_of_a_digest(text: Any) -> None:
    assert pins_of(text) == {DIGEST}
    assert pins_of([text, KEY_DIGEST.hex()]) == {DIGEST, KEY_DIGEST}


def test_no_pins() -> None:
    assert pins_of(None) == frozenset()


@pytest.mark.parametrize(
    "text", ["", "abc", DIGEST.hex()[:-1], DIGEST.hex() + "00", "z" * 64, "*" * 44, "md5/" + "A" * 44, b"abc", 7, None]
)
def test_what_is_no_digest(text: Any) -> None:
    with pytest.raises(InvalidRequest, match="pin_sha256 must be"):
        pins_of([text])


def test_an_empty_list_would_let_nobody_pass() -> None:
    with pytest.raises(InvalidRequest, match="pin_sha256 is empty"):
        Client(pin_sha256=[])


# -- pins as they are checked


class Shown:
    def __init__(self, der: bytes | None) -> None:
        self._der = der

    def getpeercert(self, binary_form: bool = False) -> bytes | None:
        assert binary_form
        return self._der


@pytest.mark.parametrize("der", [None, b"", b"no certificate"])
def test_what_cannot_be_checked_does_not_pass(der: bytes | None) -> None:
    shown: Any = Shown(der)
    check_pins(shown, frozenset(), ORIGIN)
    with pytest.raises(TLSError, match="api.test:443 failed: the certificate is not one that pin_sha256 names"):
        check_pins(shown, frozenset([DIGEST]), ORIGIN)


@pytest.mark.parametrize("pin", [DIGEST, KEY_DIGEST], ids=["certificate", "key"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("verify", [False, True], ids=["unverified", "verified"])
def test_a_pin_that_fits(run: Run, pin: bytes, version: ssl.TLSVersion, verify: bool) -> None:
    """For a resumed session too."""

    async def main() -> None:
        context = server_context("localhost", "127.0.0.1", "::1")
        context.minimum_version = context.maximum_version = version
        async with Peer(ok(headers=CLOSE), tls=context) as peer:
            async with Client(verify=peer.ca_context() if verify else False, pin_sha256=pin.hex()) as client:
                for _ in range(3):
                    assert (await client.get(peer.url)).body == b"ok"
                assert client.stats()["connections"]["resumed"] == 2

    run(main())


def test_a_pin_that_does_not_fit(run: Run) -> None:
    """Not one byte of the request is sent, and no connection stays open."""

    async def main() -> None:
        async with Peer(ok(), tls=True) as peer:
            async with Client(verify=peer.ca_context(), pin_sha256=["00" * 32, "11" * 32]) as client:
                for _ in range(2):
                    with pytest.raises(TLSError) as caught:
                        await client.get(peer.url)
                assert DIGEST.hex() in str(caught.value)
                assert KEY_DIGEST.hex() in str(caught.value)
                assert client.stats()["connections"]["handshakes"] == 0
            await peer.ended()
            assert peer.requests == []

    run(main())


# -- names


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        (None, None),
        ("API.example.com", "api.example.com"),
        ("api.example.com.", "api.example.com"),
        ("exämple.test", "xn--exmple-cua.test"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("2001:DB8::1", "2001:db8::1"),
    ],
)
def test_names(given_name: Any, name: str | None) -> None:
    assert server_name(given_name) == name


@pytest.mark.parametrize(
    "wrong", ["", "a b", "a.test:443", "[::1]", "a/b", "u@a.test", "a?b", "a#b", "fe80::1%lo", b"a", 7]
)
def test_what_is_no_name(wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match="server_hostname must be a host name"):
        Client(server_hostname=wrong)
