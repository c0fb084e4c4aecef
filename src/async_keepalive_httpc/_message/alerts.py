"""What a TLS peer means that ends a handshake, or a connection, with an alert (RFC 8446 section 6).

Refuses: deciding anything; these are words.
Called by: `_dial/refusal`; `h1`, since a server of TLS 1.3 refuses a client's certificate after its handshake.
"""

from __future__ import annotations

import ssl
from typing import Final

_VERSION: Final = (
    "the peer and this side have no version of TLS in common",
    "it may speak only TLS 1.0 or 1.1, which nobody should (RFC 8996); the server must learn a newer one, or the "
    "SSLContext allow what it has",
)
_CIPHER: Final = (
    "the peer has no cipher in common with this side, or it wants a client certificate",
    "give one as cert=, or an SSLContext with other ciphers",
)
_WANTED: Final = (
    "the peer requires a client certificate",
    "give one as cert= (client_cert and client_key at Tornado's doors), or in the SSLContext",
)
_REFUSED: Final = (
    "the peer does not accept the client certificate",
    "check that cert= is valid, and signed by an authority that this server trusts",
)
_NAME: Final = ("the peer knows no host of this name", "check the host, or server_hostname")
_NOT_TLS: Final = (
    "the peer does not speak TLS on this port",
    "if it is a plain HTTP server, write http:// in the URL; else check the port",
)
_MEANINGS: Final = {
    "CERTIFICATE_REQUIRED": _WANTED,
    "BAD_CERTIFICATE": _REFUSED,
    "CERTIFICATE_EXPIRED": _REFUSED,
    "CERTIFICATE_REVOKED": _REFUSED,
    "CERTIFICATE_UNKNOWN": _REFUSED,
    "UNSUPPORTED_CERTIFICATE": _REFUSED,
    "UNKNOWN_CA": _REFUSED,
    "ACCESS_DENIED": _REFUSED,
    "DECRYPT_ERROR": _REFUSED,
    "HANDSHAKE_FAILURE": _CIPHER,
    "INSUFFICIENT_SECURITY": _CIPHER,
    "PROTOCOL_VERSION": _VERSION,
    "UNSUPPORTED_PROTOCOL": _VERSION,
    "NO_PROTOCOLS_AVAILABLE": _VERSION,
    "UNRECOGNIZED_NAME": _NAME,
    "WRONG_VERSION_NUMBER": _NOT_TLS,
    "HTTP_REQUEST": _NOT_TLS,
    "PACKET_LENGTH_TOO_LONG": _NOT_TLS,
}


def meaning(error: ssl.SSLError) -> tuple[str, str]:
    """What happened, and what to do, for what OpenSSL calls a reason: "TLSV13_ALERT_CERTIFICATE_REQUIRED" for one."""
    reason = error.reason or ""
    known = _MEANINGS.get(reason.partition("_ALERT_")[2] or reason.removeprefix("TLSV1_"))
    if known is None:
        return str(error), "check the TLS options, and that TLS is spoken on this port"
    return f"{known[0]} ({reason})", known[1]
