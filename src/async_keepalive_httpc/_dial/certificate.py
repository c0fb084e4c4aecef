"""What a certificate says of itself: a walk over its DER, as far as messages and pins need it (RFC 5280 section 4.1).

Refuses: checking anything; OpenSSL did, or refused to.
Called by: `pins`, `refusal`.
Law: what is not shaped like a certificate is a ValueError, and nothing else.

    Certificate     SEQUENCE of: TBSCertificate, algorithm, signature
    TBSCertificate  SEQUENCE of: [0] version, serial, algorithm, issuer, validity, subject, public key, ...,
                    [3] extensions
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final, NamedTuple

_SEQUENCE: Final = 0x30
_SET: Final = 0x31
_OID: Final = 0x06
_OCTETS: Final = 0x04
_UTC_TIME: Final = 0x17
_TIME: Final = 0x18
_WIDE: Final = 0x1E
_VERSION: Final = 0xA0
_EXTENSIONS: Final = 0xA3
_DNS_NAME: Final = 0x82
_IP_ADDRESS: Final = 0x87
_COMMON_NAME: Final = bytes.fromhex("550403")
_SHOWN: Final = {_COMMON_NAME: "CN", bytes.fromhex("55040a"): "O"}
"""The parts of a name that tell most: 2.5.4.3 and 2.5.4.10."""
_ALTERNATIVE_NAMES: Final = bytes.fromhex("551d11")
_LONGEST: Final = 100
"""Characters of a part of a name that are repeated."""


class Certificate(NamedTuple):
    """What messages tell of a certificate, and its public key."""

    subject: str
    issuer: str
    begins: str
    """When it becomes valid, as "2026-11-22 19:00:00 UTC"."""
    ends: str
    names: tuple[str, ...]
    """Host names and addresses it is for."""
    key: bytes
    """The SubjectPublicKeyInfo, as it stands in the certificate."""


class _Element(NamedTuple):
    tag: int
    content: bytes
    whole: bytes


def read(der: bytes) -> Certificate:
    """What a certificate says. Raises ValueError for what is none."""
    try:
        fields = _elements(_only(_only(der, _SEQUENCE), _SEQUENCE))
        if fields[0].tag == _VERSION:
            del fields[0]
        _, _, issuer, validity, subject, key = fields[:6]
        begins, ends = _elements(validity.content)
        return Certificate(
            _name(subject.content), _name(issuer.content), _time(begins), _time(ends), _names(fields[6:]), key.whole
        )
    except (IndexError, ValueError) as error:
        raise ValueError(f"not a certificate: {error}") from error


def _walk(data: bytes) -> Iterator[_Element]:
    at = 0
    while at < len(data):
        tag, size, begin = data[at], data[at + 1], at + 2
        if size & 0x80:
            begin += size & 0x7F
            size = int.from_bytes(data[at + 2 : begin], "big")
        end = begin + size
        if end > len(data):
            raise ValueError("it is cut off")
        yield _Element(tag, data[begin:end], data[at:end])
        at = end


def _elements(data: bytes) -> list[_Element]:
    return list(_walk(data))


def _only(data: bytes, tag: int) -> bytes:
    """The content of the element that `data` begins with."""
    element = next(_walk(data), None)
    if element is None or element.tag != tag:
        raise ValueError(f"no element of type {tag:#x}")
    return element.content


def _name(data: bytes) -> str:
    """The parts of a Name that tell most, as "CN=..., O=..."; "" where it has none of them."""
    said = []
    for group in _walk(data):
        for part in _walk(group.content):
            kind, value = _elements(part.content)
            if kind.content in _SHOWN:
                said.append(f"{_SHOWN[kind.content]}={_text(value)}")
    return ", ".join(said)


def _text(value: _Element) -> str:
    text = value.content.decode("utf-16-be" if value.tag == _WIDE else "utf-8", "replace")
    return "".join(letter if letter.isprintable() else "?" for letter in text[:_LONGEST])


def _time(value: _Element) -> str:
    text = _text(value).removesuffix("Z")
    if value.tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text  # RFC 5280 section 4.1.2.5.1
    return f"{text[:4]}-{text[4:6]}-{text[6:8]} {text[8:10]}:{text[10:12]}:{text[12:14]} UTC"


def _names(rest: list[_Element]) -> tuple[str, ...]:
    """The alternative names among the extensions (RFC 5280 section 4.2.1.6)."""
    found: list[str] = []
    for part in rest:
        if part.tag == _EXTENSIONS:
            for extension in _walk(_only(part.content, _SEQUENCE)):
                kind, *_, value = _elements(extension.content)
                if kind.content == _ALTERNATIVE_NAMES:
                    found += _alternatives(_only(value.content, _SEQUENCE))
    return tuple(found)


def _alternatives(data: bytes) -> Iterator[str]:
    for name in _walk(data):
        if name.tag == _DNS_NAME:
            yield _text(name)
        elif name.tag == _IP_ADDRESS and len(name.content) in (4, 16):
            yield str(ip_address(name.content))
