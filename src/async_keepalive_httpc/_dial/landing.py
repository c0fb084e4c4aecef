"""From a connected socket, or a byte stream that stands, to a protocol that is connected, TLS included.

Refuses: getting there (`dialer`, `tunnel`).
Called by: `dialer` and `tunnel`, as the last step of a dial.
Law: whatever fails, nothing is left open, and nothing of a request is written before every check has passed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Protocol, cast

from .._message.url import Origin
from ..errors import ConnectError
from .course import shown
from .handshake import Handshake
from .nested import mend


class Closing(Protocol):
    """What a dial connects: a protocol that can be told to end."""

    def close(self, reason: str, *, at_once: bool = False) -> None: ...


async def land(
    sock: socket.socket, make: Callable[[], Closing], shake: Handshake | None, origin: Origin
) -> tuple[Closing, bool]:
    """Give the socket to the event loop, which closes it from then on: the protocol, and whether TLS was resumed."""
    made: list[Closing] = []

    def protocol() -> Any:
        made.append(make())
        return made[0]

    options = {} if shake is None else {"ssl": cast(Any, shake), **shake.options()}
    try:
        await asyncio.get_running_loop().create_connection(protocol, sock=sock, **options)
        return made[0], shake is not None and shake.made()
    except BaseException as error:
        # A socket that has a transport is the transport's: closing it here would let its number be used again
        # while the loop still watches it. A cancelled handshake may have connected the protocol already.
        if made:
            made[0].close("abandoned", at_once=True)
        else:
            sock.close()
        if shake is not None:
            shake.failed()
        if not isinstance(error, Exception):
            raise
        if shake is not None:
            shake.refuse(error)
        where = shown((origin.host, origin.port))
        raise ConnectError(f"the connection to {where} was lost as soon as it was made: {error!r}") from error


async def secure(transport: asyncio.Transport, make: Callable[[], Closing], shake: Handshake) -> tuple[Closing, bool]:
    """Make the TLS handshake over a byte stream, which is closed if it fails; the result as that of `land`."""
    protocol: Any = make()
    mend(transport)
    try:
        secured = await asyncio.get_running_loop().start_tls(transport, protocol, cast(Any, shake), **shake.options())
        resumed = shake.made()
    except BaseException as error:
        transport.abort()
        shake.failed()
        if isinstance(error, Exception):
            shake.refuse(error)
        raise
    # The loop does not say it again; what the peer sent or ended meanwhile is noted in the protocol already.
    protocol.connection_made(secured)
    return protocol, resumed
