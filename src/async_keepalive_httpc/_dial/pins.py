"""Pins: the peer's certificate, or the public key in it, must be one that the caller knows.

Refuses: authorities: only the peer's own certificate counts.
Called by: `handshake`, before anything is written; also for a resumed session, which remembers the certificate.
"""

from __future__ import annotations

import ssl
from hashlib import sha256

from .._message.url import Origin
from ..errors import TLSError
from .certificate import read
from .course import shown


def check_pins(tls: ssl.SSLObject, pins: frozenset[bytes], origin: Origin) -> None:
    """Raises TLSError where the peer's certificate fits none of `pins`."""
    if not pins:
        return
    der = tls.getpeercert(binary_form=True)
    digests = [] if der is None else [sha256(der).digest(), _key_digest(der)]
    if pins.isdisjoint(digests):
        certificate, key = (digest.hex() for digest in digests) if digests else ("none", "none")
        raise TLSError(
            f"TLS handshake with {shown((origin.host, origin.port))} failed: the certificate is not one that "
            f"pin_sha256 names; nothing was sent. SHA-256 of the certificate: {certificate}, of its public key: {key}. "
            "If the server has got a new one, learn its digest from who runs it"
        )


def _key_digest(der: bytes) -> bytes:
    try:
        return sha256(read(der).key).digest()
    except ValueError:
        return b""
