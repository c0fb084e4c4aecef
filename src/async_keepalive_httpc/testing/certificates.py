"""The certificates that test servers show, and who signs them: an authority of this process alone.

Refuses: to be known to anybody else; a client must be told to trust `authority()` (see `Peer.ca_context`).
Called by: `peer`, tests. Law: made when first asked for, with trustme, of the extra `testing`.
"""

from __future__ import annotations

import functools
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trustme


@functools.lru_cache(maxsize=1)
def authority() -> trustme.CA:
    """The authority that signs what the peers show; made once, since that is slow."""
    try:
        import trustme
    except ImportError as error:
        raise ImportError(
            "a test server with TLS needs trustme, which makes its certificate: "
            "pip install 'async_keepalive_httpc[testing]'"
        ) from error
    return trustme.CA()


@functools.lru_cache(maxsize=16)
def certificate(*names: str) -> trustme.LeafCert:
    """A certificate of the test authority, with its key, for these host names or addresses; made once."""
    return authority().issue_cert(*names)


def server_context(*names: str, alpn: Sequence[str] = ()) -> ssl.SSLContext:
    """A new server's context with a certificate for `names`, by default localhost and both addresses."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate(*(names or ("localhost", "127.0.0.1", "::1"))).configure_cert(context)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context
