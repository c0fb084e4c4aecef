"""One fetch of SimpleKeepAliveHTTPClient from a scripted peer.

Called by: tests of what Tornado's callers see.
"""

from __future__ import annotations

from typing import Any

from tests.peers import Peer

from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient


async def fetched(script: Any, path: str = "/", /, client: Any = None, **options: Any) -> Any:
    """The one response of a client to `path`, or what it raises; and what the peer saw."""
    async with Peer(script) as peer, SimpleKeepAliveHTTPClient(**(client or {})) as here:
        try:
            return await here.fetch(peer.url + path, **options), peer
        except Exception as error:
            return error, peer
