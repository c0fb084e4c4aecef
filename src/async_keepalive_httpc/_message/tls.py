"""How a peer is verified, and what is shown to it: a value.

Refuses: making contexts of it; `_dial` does.
Called by: `client` and `_tornado` (to make one), `reach` (as part of a Reach), `_dial` (to follow it).
Law: contexts count by identity, all else by content, so that equal options share connections, contexts and sessions.
"""

from __future__ import annotations

import os
import ssl
from base64 import b64decode
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

from ..errors import InvalidRequest
from .url import parse

DIGEST_SIZE: Final = 32
"""Bytes of a SHA-256 digest."""
BASE64_SIZE: Final = 44
"""Characters of one in base64."""
OPTIONS: Final = ("ssl_version", "certfile", "keyfile", "cert_reqs", "ca_certs", "ciphers")
"""The names in Tornado's `ssl_options`."""

_PREFIXES: Final = ("", "sha256/", "sha256//")
_NOT_IN_NAMES: Final = frozenset("/?#@%[]\\")

Pins = str | bytes | Iterable[str | bytes] | None
Certificate = str | tuple[str, str] | None


class TLS(NamedTuple):
    """TLS options. Contexts count by identity, all else by content."""

    verify: bool = True
    context: ssl.SSLContext | None = None
    ca_certs: str | None = None
    cert: str | None = None
    key: str | None = None
    options: tuple[tuple[str, Any], ...] | None = None
    """Tornado's `ssl_options` dict, as sorted items."""
    server_hostname: str | None = None
    """The name that is asked for (SNI) and that the certificate must have; None: the URL's host."""
    pins: frozenset[bytes] = frozenset()
    """SHA-256 digests, of which the peer's certificate, or the public key in it, must have one; none: no matter."""

    @property
    def general(self) -> TLS:
        """Without what is about one server: what decides about the context, and what counts for a proxy."""
        return self._replace(server_hostname=None, pins=frozenset())


def tls_of(verify: bool | ssl.SSLContext, ca_certs: str | None, cert: Certificate) -> TLS:
    """The TLS options of a client's arguments. Raises InvalidRequest."""
    if isinstance(verify, ssl.SSLContext):
        if ca_certs is not None or cert is not None:
            raise InvalidRequest("verify is an SSLContext: load ca_certs and cert into that context instead")
        return TLS(context=verify)
    if not isinstance(verify, bool):
        raise InvalidRequest(
            f"verify must be True, False or an ssl.SSLContext, not {verify!r:.100}: a file of certificates to trust is "
            "given as ca_certs"
        )
    if isinstance(ca_certs, os.PathLike):
        ca_certs = os.fspath(ca_certs)
    if not (ca_certs is None or isinstance(ca_certs, str)):
        raise InvalidRequest(f"ca_certs must be the name of a file of certificates, not {ca_certs!r:.100}")
    certificate, key = cert if isinstance(cert, tuple) and len(cert) == 2 else (cert, None)
    if not (cert is None or isinstance(certificate, str)) or not isinstance(key, str | None):
        raise InvalidRequest("cert must be the name of a file, or (certificate, key), the names of two")
    return TLS(verify=verify, ca_certs=ca_certs, cert=certificate, key=key)


def options_of(given: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Tornado's `ssl_options` dict by content. Raises InvalidRequest for a name that it does not have."""
    for option in given:
        if option not in OPTIONS:
            raise InvalidRequest(f"ssl_options has no {option!r}: use {', '.join(OPTIONS)}, or give an ssl.SSLContext")
    return tuple(sorted((option, _by_content(option, value)) for option, value in given.items()))


def _by_content(option: str, value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        raise InvalidRequest(f"ssl_options: {option} cannot be a {type(value).__name__}: {value!r:.80}") from None
    return value


def server_name(given: str | None) -> str | None:
    """`server_hostname` as it is asked for and compared: in ASCII, lower case. Raises InvalidRequest."""
    if given is None:
        return None
    try:
        if not isinstance(given, str) or not _NOT_IN_NAMES.isdisjoint(given):
            raise InvalidRequest("not a name")
        return parse(f"https://[{given}]" if ":" in given else f"https://{given}").origin.host
    except InvalidRequest as error:
        raise InvalidRequest(
            f"server_hostname must be a host name or an IP address, without a port, not {given!r:.100}"
        ) from error


def pins_of(given: Pins) -> frozenset[bytes]:
    """The digests of `pin_sha256`, each given in hexadecimal, in base64 or as its bytes. Raises InvalidRequest."""
    if given is None:
        return frozenset()
    several = isinstance(given, Iterable) and not isinstance(given, (str, bytes))
    pins = frozenset(map(_digest, given if several else (given,)))
    if not pins:
        raise InvalidRequest("pin_sha256 is empty, so no certificate would do: leave it out, or give a digest")
    return pins


def _digest(given: Any) -> bytes:
    digest = given if isinstance(given, bytes) else b""
    if isinstance(given, str):
        text = given.strip()
        figures = text.lower().removeprefix("sha256:").replace(":", "")
        with suppress(ValueError):
            if len(figures) == 2 * DIGEST_SIZE:
                digest = bytes.fromhex(figures)
            elif text[:-BASE64_SIZE] in _PREFIXES:
                digest = b64decode(text[-BASE64_SIZE:], validate=True)
    if len(digest) != DIGEST_SIZE:
        raise InvalidRequest(
            "pin_sha256 must be SHA-256 digests, each as 64 hexadecimal digits, as base64 or as 32 bytes, "
            f"not {given!r:.100}"
        )
    return digest
