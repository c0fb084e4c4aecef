"""Why a TLS handshake failed, in words: which check, what the peer showed, and what to do.

Refuses: deciding anything.
Called by: `handshake`.
Law: what came from the peer is repeated only where it can be printed, and not at length.
"""

from __future__ import annotations

import ssl
from typing import Any, Final

from .._message.alerts import meaning
from .._message.url import Origin
from ..errors import ConnectError, TLSError
from .certificate import Certificate, read
from .course import shown

NAMES_SHOWN: Final = 8
"""Names of a certificate that a message tells of; some have hundreds."""

_EXPIRED: Final = ("has expired", "the server must get a new one; or set this machine's clock right")
_NOT_YET: Final = ("is not valid yet", "set this machine's clock right, or ask whoever runs the server")
_SELF_SIGNED: Final = (
    "is signed by itself, and not trusted here",
    "if it is the right one, give its file as ca_certs; or else somebody is between",
)
_UNKNOWN: Final = (
    "is signed by an authority that is not trusted here, or the server does not send the certificates between",
    "give the authority's file as ca_certs, or as SSL_CERT_FILE; or have the server send its whole chain",
)
_MISNAMED: Final = ("is for other names", "check the URL's host, or say server_hostname if it goes by another name")
_CHECKS: Final = {
    9: _NOT_YET,
    10: _EXPIRED,
    18: _SELF_SIGNED,
    19: _UNKNOWN,
    20: _UNKNOWN,
    21: _UNKNOWN,
    62: _MISNAMED,
    64: _MISNAMED,
}
"""By X509_V_ERR_..., as OpenSSL numbers what its check found."""


def explain(error: Exception, origin: Origin, server: str, tls: ssl.SSLObject | None) -> ConnectError:
    """What is to be raised for `error`, which the event loop raised."""
    where = shown((origin.host, origin.port))
    if isinstance(error, ssl.SSLCertVerificationError):
        what, advice = _CHECKS.get(error.verify_code, ("does not pass", "ask whoever runs the server"))
        seen = _shown_certificate(tls)
        said = error.verify_message.rstrip(".")
        what = f"{said}: the certificate for {server} {what}{'' if seen is None else f' ({_told(seen)})'}"
    elif isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        what, advice = meaning(error)
    else:
        return ConnectError(
            f"the connection to {where} was lost during the TLS handshake: {error!r}; check that TLS is spoken on "
            "this port"
        )
    return TLSError(f"TLS handshake with {where} failed: {what}; nothing was sent. To do: {advice}")


def _told(certificate: Certificate) -> str:
    names = ", ".join(certificate.names[:NAMES_SHOWN]) or "no host"
    more = len(certificate.names) - NAMES_SHOWN
    return (
        f"it is for {names}{f' and {more} more' if more > 0 else ''}; subject {certificate.subject or 'empty'}; issuer "
        f"{certificate.issuer or 'empty'}; valid from {certificate.begins} to {certificate.ends}"
    )


def _shown_certificate(tls: Any) -> Certificate | None:
    """What the peer showed as its own, unverified as it is; None where that cannot be had."""
    # Public since Python 3.13, and in the object below before.
    chain = getattr(tls, "get_unverified_chain", None) or getattr(
        getattr(tls, "_sslobj", None), "get_unverified_chain", None
    )
    try:
        first = chain()[0] if chain is not None else b""
        return read(first if isinstance(first, bytes) else ssl.PEM_cert_to_DER_cert(first.public_bytes()))
    except (ssl.SSLError, ValueError, TypeError, IndexError):
        return None
