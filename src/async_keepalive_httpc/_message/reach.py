"""How an origin is to be reached: what, beside the origin itself, decides who may share a socket.

Refuses: doing any of it; `_dial` does. It is a value that can be a dictionary key.
Called by: `client` and `_tornado` (to make one), `_transport` (as part of a Route), `_dial` (to follow it).
Law: two requests whose Reach differs in any field never share a connection (CASES 1.2 rule 6).
"""

from __future__ import annotations

import os
import socket
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

from ..errors import InvalidRequest
from .proxy import NO_PROXY, Proxy, Wanted, proxy_of
from .tls import TLS as TLS
from .tls import server_name

UnixSocket = str | bytes | os.PathLike[str]

MAX_INTERFACE: Final = 15
"""Bytes in the name of a network interface (Linux's IFNAMSIZ, less its zero)."""


class Reach(NamedTuple):
    """TLS options, source address, address family and proxy of a connection."""

    tls: TLS = TLS()
    source: str | None = None
    """The local IP address to connect from."""
    ipv6: bool = True
    """False: IPv4 only."""
    interface: str | None = None
    """The name of the network interface to connect from."""
    unix_socket: str | bytes | None = None
    """The unix socket to connect to, whatever the host; a first character "\\0": Linux's abstract namespace."""
    proxy: Proxy | None = None
    """None: the one that the client, or else its environment, names; NO_PROXY: none."""


DIRECT: Final = Reach()


def check(reach: Reach) -> Reach:
    """`reach`, if it can be followed. Raises InvalidRequest for what is malformed, and for what excludes each other."""
    source, interface = reach.source, reach.interface
    if source is not None and not _is_address(source):
        raise InvalidRequest(f"local_address must be an IP address of this machine, not {source!r}")
    if interface is not None and not (isinstance(interface, str) and 0 < len(interface.encode()) <= MAX_INTERFACE):
        raise InvalidRequest(f"network_interface must be the name of an interface, such as 'eth0', not {interface!r}")
    return reach if reach.unix_socket is None else _check_unix_socket(reach)


def _check_unix_socket(reach: Reach) -> Reach:
    if not hasattr(socket, "AF_UNIX"):
        raise InvalidRequest("unix_socket: this system has no unix sockets; leave it out")
    try:
        path = os.fspath(reach.unix_socket or "")
    except TypeError:
        path = ""
    if not path:
        raise InvalidRequest(f"unix_socket must be the path of a socket, not {reach.unix_socket!r}")
    if reach.proxy not in (None, NO_PROXY):
        raise InvalidRequest(
            f"unix_socket {path!r} and proxy {reach.proxy}: what a unix socket leads to is reached directly; leave one "
            "of them out, or say proxy=False"
        )
    if reach.source is not None or reach.interface is not None:
        raise InvalidRequest("unix_socket and local_address or network_interface: leave one of them out")
    return reach._replace(unix_socket=path)


def merged(
    reach: Reach, proxy: Wanted = None, unix_socket: UnixSocket | None = None, server_hostname: str | None = None
) -> Reach:
    """`reach` with what a request says beside it. Raises InvalidRequest."""
    if proxy is not None:
        reach = reach._replace(proxy=proxy_of(proxy))
    if unix_socket is not None:
        reach = reach._replace(unix_socket=unix_socket)  # type: ignore[arg-type]  # `check` makes it a path
    if server_hostname is not None:
        reach = reach._replace(tls=reach.tls._replace(server_hostname=server_name(server_hostname)))
    return check(reach)


def _is_address(text: Any) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return isinstance(text, str)
