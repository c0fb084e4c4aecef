"""The Dialer: from a Route to a connected protocol.

Refuses: HTTP, and keeping anything: what it connects, a Lane owns.
Called by: a Lane, once for each connection, in a task of its own.
Law: name, TCP (addresses raced as RFC 8305 has it) and TLS together stay within the connect timeout. Whatever
fails, nothing is left open, and the error names the host, the step and the reason.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import aiohappyeyeballs

from .._message.reach import Reach
from .._message.url import Origin
from ..errors import ConnectError, TimeoutExpired, TLSError
from .dns import Address, Resolve, addresses
from .link import Link
from .tls import context_for

ATTEMPT_DELAY: Final = 0.25
"""Seconds before the next address is tried beside the one that has not answered (RFC 8305 section 5)."""
TLS_SHUTDOWN: Final = 1.0
"""Seconds that a peer gets to answer our close_notify."""
TRIED_SHOWN: Final = 4
"""Addresses that an error names."""


class Destination(Protocol):
    """Where to go (a Route)."""

    @property
    def origin(self) -> Origin: ...

    @property
    def reach(self) -> Reach: ...


class Closing(Protocol):
    """What a dial connects: a protocol that can be told to end."""

    def close(self, reason: str, *, at_once: bool = False) -> None: ...


class Dialer:
    """Connects Routes, with one resolver."""

    __slots__ = ("_resolve",)

    def __init__(self, resolve: Resolve | None = None) -> None:
        self._resolve = resolve

    async def dial(self, route: Destination, make: Callable[[], Closing], timeout: float | None) -> Link:
        """Connect `route` to the protocol that `make` gives, within `timeout` seconds (None: no limit).

        Raises DNSError, ConnectError, TLSError, TimeoutExpired (phase "connect").
        """
        steps = ["resolving"]
        try:
            async with asyncio.timeout(timeout):
                return await self._connect(route, make, steps)
        except TimeoutError as error:
            # Every other TimeoutError, the system's ETIMEDOUT for one, became an error of ours on its way here.
            raise TimeoutExpired(
                f"connect timeout of {timeout:g} s while {steps[-1]} {name(route.origin)}; raise "
                "Timeout(connect=...) if that is too soon",
                "connect",
                steps[-1],
                route.origin,
            ) from error

    async def _connect(self, route: Destination, make: Callable[[], Closing], steps: list[str]) -> Link:
        origin, reach = route.origin, route.reach
        context = await context_for(reach.tls) if origin.scheme == "https" else None
        found = await addresses(self._resolve, origin.host, origin.port, ipv6=reach.ipv6)
        steps.append("connecting to")
        began = time.monotonic()
        sock = await _open(origin, found, reach.source)
        rtt = time.monotonic() - began
        steps.append("making a TLS handshake with")
        return Link(await _wrap(sock, make, context, origin), rtt, context is not None)


async def _open(origin: Origin, found: list[Address], source: str | None) -> socket.socket:
    infos = [(family, socket.SOCK_STREAM, _protocol(family), "", address) for family, address in found]
    try:
        return await aiohappyeyeballs.start_connection(
            infos,
            local_addr_infos=None if source is None else [_local(source)],
            happy_eyeballs_delay=ATTEMPT_DELAY,
            interleave=1,
        )
    except (OSError, RuntimeError) as error:  # uvloop says RuntimeError in places
        tried = ", ".join(_shown(address) for _, address in found[:TRIED_SHOWN])
        raise ConnectError(
            f"cannot connect to {name(origin)}: {error} (tried {tried}); check that a server listens there"
        ) from error


def _local(source: str) -> Any:
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (source, 0))


def _protocol(family: int) -> int:
    """TCP by name, without which asyncio sets no TCP_NODELAY; none for the unix socket that a resolver may give."""
    return socket.IPPROTO_TCP if family in (socket.AF_INET, socket.AF_INET6) else 0


async def _wrap(
    sock: socket.socket, make: Callable[[], Closing], context: ssl.SSLContext | None, origin: Origin
) -> Closing:
    """Give the socket to the event loop, which closes it from then on, and make the TLS handshake."""
    made: list[Closing] = []

    def protocol() -> Any:
        made.append(make())
        return made[0]

    options: dict[str, Any] = {}
    if context is not None:
        server = origin.host.partition("%")[0]
        options = {"ssl": context, "server_hostname": server, "ssl_shutdown_timeout": TLS_SHUTDOWN}
    try:
        await asyncio.get_running_loop().create_connection(protocol, sock=sock, **options)
    except BaseException as error:
        # A socket that has a transport is the transport's: closing it here would let its number be used again
        # while the loop still watches it. A cancelled handshake may have connected the protocol already.
        if made:
            made[0].close("abandoned", at_once=True)
        else:
            sock.close()
        if isinstance(error, Exception):
            raise _failure(error, origin, context) from error
        raise
    return made[0]


def _failure(error: Exception, origin: Origin, context: ssl.SSLContext | None) -> ConnectError:
    if context is None:
        return ConnectError(f"the connection to {name(origin)} was lost as soon as it was made: {error!r}")
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        return ConnectError(
            f"the connection to {name(origin)} was lost during the TLS handshake: {error!r}; check that TLS is "
            "spoken on this port"
        )
    return TLSError(
        f"TLS handshake with {name(origin)} failed: {error}; check the certificate, the TLS options, and that TLS "
        "is spoken on this port"
    )


def name(origin: Origin) -> str:
    """Host and port, for messages."""
    return _shown((origin.host, origin.port))


def _shown(address: Any) -> str:
    if not isinstance(address, tuple):
        return str(address)
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
