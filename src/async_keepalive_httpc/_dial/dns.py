"""Names to addresses, through whatever resolver the caller chose.

Refuses: caching and choosing among addresses (the dialer races them).
Called by: `dialer`.
Law: a Tornado Resolver, or any object or function of its shape, `await resolve(host, port, family)` giving
`[(family, address), ...]`, is asked for every host, literals too, since it may map them. Without one, an IP
literal is its own address and names go to the loop's getaddrinfo.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tornado.netutil import DefaultLoopResolver, OverrideResolver

from ..errors import DNSError, InvalidRequest

Address = tuple[int, tuple[Any, ...]]
Resolve = Callable[[str, int, socket.AddressFamily], Awaitable[list[Address]]]


def resolver_of(resolver: Any, mapping: Mapping[Any, Any] | None) -> Resolve | None:
    """One `resolve` for the caller's resolver and `hostname_mapping`; None when neither is given.

    The mapping has the three forms of Tornado's OverrideResolver: host -> host, (host, port) -> (host, port)
    and (host, port, family) -> (host, port).
    """
    resolve: Any = getattr(resolver, "resolve", resolver)
    if resolve is not None and not callable(resolve):
        raise InvalidRequest(
            f"resolver is a {type(resolver).__name__}: give a tornado.netutil.Resolver, or an async function "
            "resolve(host, port, family) that gives [(family, address), ...]"
        )
    if mapping is not None:
        inner = DefaultLoopResolver() if resolve is None else _Asked(resolve)
        resolve = OverrideResolver(inner, dict(mapping)).resolve
    return resolve  # type: ignore[no-any-return]


class _Asked:
    """A resolve function in the shape that OverrideResolver holds."""

    __slots__ = ("resolve",)

    def __init__(self, resolve: Resolve) -> None:
        self.resolve = resolve


async def addresses(resolve: Resolve | None, host: str, port: int, *, ipv6: bool) -> list[Address]:
    """The addresses of `host`, in the resolver's order. Raises DNSError when there are none."""
    family = socket.AF_UNSPEC if ipv6 else socket.AF_INET
    try:
        literal = None if resolve is not None else _literal(host, port)
        if literal is not None:
            found = [literal]
        elif resolve is not None:
            found = list(await resolve(host, port, family))
        else:
            infos = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
            found = [(info[0], info[4]) for info in infos]
    except (OSError, UnicodeError) as error:
        raise DNSError(f"cannot resolve {host!r}: {error}; check the name and the resolver") from error
    if not ipv6:
        found = [(family, address) for family, address in found if family != socket.AF_INET6]
    if not found:
        wanted = "address" if ipv6 else "IPv4 address"
        raise DNSError(f"cannot resolve {host!r}: the resolver gave no {wanted}; check the name and allow_ipv6")
    return found


def _literal(host: str, port: int) -> Address | None:
    """The address that an IP literal is. Raises OSError for a zone that names no interface."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return (socket.AF_INET, (host, port))
    zone = address.scope_id
    if zone is None:
        return (socket.AF_INET6, (host, port, 0, 0))
    # Not through getaddrinfo, which on uvloop loses the zone.
    index = int(zone) if zone.isdecimal() else socket.if_nametoindex(zone)
    return (socket.AF_INET6, (host.partition("%")[0], port, 0, index))
