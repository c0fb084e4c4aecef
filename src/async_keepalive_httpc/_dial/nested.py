"""TLS inside TLS on asyncio, where CPython has a slip.

Refuses: anything on another loop, and on a version that has been mended.
Called by: `landing`, before a handshake over a byte stream that may be TLS itself (an https proxy's).
Law: a TLS stream within one, when it ends it for an error or a shutdown that takes too long, gives its `abort` one
argument too many (gh-113214, mended in 3.11.8 and 3.12.2): who waits for the handshake then learns of a TypeError.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import sslproto
from typing import Any, Final

SLIPS: Final = sys.version_info < (3, 11, 8) or (3, 12) <= sys.version_info < (3, 12, 2)


class _Mended(sslproto._SSLProtocolTransport):
    """The outer TLS stream, as the inner one sees it."""

    def _force_close(self, error: BaseException | None) -> None:
        self.abort()


def mend(transport: asyncio.Transport) -> None:
    """Make `transport` fit to carry TLS."""
    stream: Any = transport
    if SLIPS and type(stream) is sslproto._SSLProtocolTransport:
        stream.__class__ = _Mended
