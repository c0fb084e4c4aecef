"""Names to addresses, through whatever resolver the caller chose.

Refuses: remembering (`names`) and choosing among addresses (`tcp` races them).
Called by: `dialer`.
Law: a Tornado Resolver, or any object or function of its shape, `await resolve(host, port, family)` giving
`[(family, address), ...]`, is asked for every connection and every host, literals too, since it may map them, each time
in another way. Without one, `names` is asked, which remembers what the event loop's getaddrinfo says.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tornado.netutil import OverrideResolver

from ..errors import DNSError, InvalidRequest
from .course import reason

Address = tuple[int, Any]
"""A family, and an address of it as `socket.connect` takes it."""
Resolve = Callable[[str, int, socket.AddressFamily], Awaitable[list[Address]]]


def resolver_of(resolver: Any, mapping: Mapping[Any, Any] | None, names: Any) -> Resolve:
    """One `resolve` for the caller's resolver, or `names` without one, behind the caller's `hostname_mapping`.

    Raises InvalidRequest for what is neither.
    """
    resolve: Any = names.resolve if resolver is None else getattr(resolver, "resolve", resolver)
    if not callable(resolve):
        raise InvalidRequest(
            f"resolver is a {type(resolver).__name__}: give a tornado.netutil.Resolver, or an async function "
            "resolve(host, port, family) that gives [(family, address), ...]"
        )
    if mapping is not None:
        resolve = OverrideResolver(_Asked(resolve), mapping_of(mapping)).resolve
    return resolve  # type: ignore[no-any-return]


def mapping_of(given: Any) -> dict[Any, Any]:
    """A copy of a `hostname_mapping`, each entry in one of the three forms of Tornado's OverrideResolver.

    Raises InvalidRequest.
    """
    forms = "'host': 'host', ('host', port): ('host', port) or ('host', port, family): ('host', port)"
    if not isinstance(given, Mapping):
        raise InvalidRequest(f"hostname_mapping is {given!r:.80}: give a dict of {forms}")
    for asked, other in given.items():
        if not _is_entry(asked, other):
            raise InvalidRequest(f"hostname_mapping has {asked!r:.80}: {other!r:.80}, which is none of {forms}")
    return dict(given)


def _is_entry(asked: Any, other: Any) -> bool:
    if isinstance(asked, str):
        return isinstance(other, str)
    kinds = [str, int, int]
    return (
        isinstance(asked, tuple)
        and isinstance(other, (tuple, list))
        and (len(asked), len(other)) in ((2, 2), (3, 2))
        and all(map(isinstance, (*asked, *other), (*kinds[: len(asked)], str, int)))
    )


class _Asked:
    """A resolve function in the shape that OverrideResolver holds."""

    __slots__ = ("resolve",)

    def __init__(self, resolve: Resolve) -> None:
        self.resolve = resolve


async def addresses(resolve: Resolve, host: str, port: int, *, ipv6: bool) -> list[Address]:
    """The addresses of `host`, in the resolver's order. Raises DNSError when there are none."""
    try:
        found = list(await resolve(host, port, socket.AF_UNSPEC if ipv6 else socket.AF_INET))
    except (OSError, UnicodeError) as error:
        again = getattr(error, "errno", None) == socket.EAI_AGAIN
        advice = "no name server answered: try again, and check the network" if again else "check the name"
        raise DNSError(f"cannot resolve {host!r}: {reason(error)}; {advice} and the resolver") from error
    if not ipv6:
        found = [(family, address) for family, address in found if family != socket.AF_INET6]
    if not found:
        wanted = "address" if ipv6 else "IPv4 address"
        raise DNSError(f"cannot resolve {host!r}: the resolver gave no {wanted}; check the name and allow_ipv6")
    return found


def literal(host: str, port: int) -> Address | None:
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
