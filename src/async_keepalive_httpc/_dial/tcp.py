"""A connected socket, for the addresses of a host.

Refuses: names (`dns`), and whatever is spoken over the socket.
Called by: `dialer`.
Law: addresses are raced as RFC 8305 has it: families in turn, the next after 250 ms or as soon as one fails. The first
that connects is kept, every other socket is closed. The error says of each address why it failed.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import suppress
from typing import Any, Final, cast

import aiohappyeyeballs

from .._message.reach import Reach
from .._message.sockets import KEEP_ALIVE, ORDINARY, Sockets
from ..errors import ConnectError, DNSError
from .course import Course, shown
from .dns import Address, literal

ATTEMPT_DELAY: Final = 0.25
"""Seconds before the next address is tried beside the one that has not answered (RFC 8305 section 5)."""

ADVICE: Final = {
    errno.ECONNREFUSED: "check that a server listens there",
    errno.ENOENT: "check the path, and that a server listens there",
    errno.EACCES: "check the permissions of the socket, or the firewall",
    errno.EPERM: "check the firewall; an interface may need CAP_NET_RAW",
    errno.EMFILE: "raise the limit of open files, or lower max_connections",
    errno.EADDRNOTAVAIL: "check that local_address is an address of this machine, and that it has free ports",
    errno.ENODEV: "check the name of the interface",
}
OTHER_ADVICE: Final = "check the network, and that a server listens there"

INET: Final = (socket.AF_INET, socket.AF_INET6)


async def connect(
    target: str, found: list[Address], reach: Reach, course: Course, sockets: Sockets = ORDINARY
) -> socket.socket:
    """A connected socket to one of the addresses of `target` (which is for messages). Raises ConnectError, DNSError."""
    loop: Any = _Noting(asyncio.get_running_loop(), course)
    task = cast("asyncio.Task[Any]", asyncio.current_task())
    before = task.cancelling()
    found = _matching(target, found, reach)
    try:
        sock = await aiohappyeyeballs.start_connection(
            [(family, socket.SOCK_STREAM, _protocol(family), "", address) for family, address in found],
            happy_eyeballs_delay=ATTEMPT_DELAY,
            interleave=1,
            loop=loop,
            socket_factory=_Factory(reach, sockets, course),
        )
    except (OSError, RuntimeError, ValueError) as error:  # uvloop says RuntimeError in places
        advice = ADVICE.get(getattr(error, "errno", None) or 0, OTHER_ADVICE)
        raise ConnectError(f"cannot connect to {target}: {course.tries()}; {advice}") from error
    if task.cancelling() > before:
        # It came while the losers were put away, where aiohappyeyeballs swallows it.
        sock.close()
        raise asyncio.CancelledError
    return sock


def _matching(target: str, found: list[Address], reach: Reach) -> list[Address]:
    """The addresses that can be reached from the local one."""
    if reach.source is None:
        return found
    own = _local(reach.source)[0]
    matching = [(family, address) for family, address in found if family == own]
    if not matching:
        others = ", ".join(shown(address) for _, address in found)
        raise ConnectError(
            f"cannot connect to {target}: local_address {reach.source} is of another family than {others}; give a "
            "local address of the other family, or none"
        )
    return matching


def _local(source: str) -> Address:
    try:
        address = literal(source, 0)
    except OSError as error:
        raise DNSError(f"local_address {source!r}: {error}; check the zone, which names an interface") from error
    if address is None:
        raise ConnectError(f"local_address {source!r} is no IP address: give one of this machine")
    return address


def _protocol(family: int) -> int:
    """TCP by name, without which asyncio sets no TCP_NODELAY; none for a unix socket."""
    return socket.IPPROTO_TCP if family in INET else 0


class _Noting:
    """An event loop to aiohappyeyeballs, which asks it for one thing: here each outcome meets its address."""

    __slots__ = ("_course", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, course: Course) -> None:
        self._loop = loop
        self._course = course

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        try:
            await self._loop.sock_connect(sock, _with_zone(sock, address))
        except Exception as error:
            self._course.note(address, error)
            raise
        self._course.note(address, "connected")


def _with_zone(sock: socket.socket, address: Any) -> Any:
    """`address`, its zone in the host too: uvloop looks at nothing else."""
    if sock.family != socket.AF_INET6 or len(address) < 4 or not address[3]:
        return address
    return (f"{address[0]}%{address[3]}", *address[1:])


class _Factory:
    """Makes the socket of one attempt, or has the caller make it, and sets it up."""

    __slots__ = ("_course", "_reach", "_sockets")

    def __init__(self, reach: Reach, sockets: Sockets, course: Course) -> None:
        self._reach = reach
        self._sockets = sockets
        self._course = course

    def __call__(self, info: Any) -> socket.socket:
        self._course.note(info[4])
        try:
            return self._make(info)
        except Exception as error:
            self._course.note(info[4], error)
            raise

    def _make(self, info: Any) -> socket.socket:
        family, kind, protocol, _, _ = info
        factory = self._sockets.factory
        sock = socket.socket(family, kind, protocol) if factory is None else factory(info)
        try:
            if family in INET:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if factory is None:
                    _keep_alive(sock)
                self._bind(sock)
            for level, name, value in self._sockets.options:
                _set(sock, level, name, value)
        except BaseException:
            sock.close()
            raise
        return sock

    def _bind(self, sock: socket.socket) -> None:
        """To where it is to set out from."""
        source, interface = self._reach.source, self._reach.interface
        if interface is not None:
            _bind_to_interface(sock, interface)
        if source is not None:
            try:
                sock.bind(_local(source)[1])
            except OSError as error:
                raise OSError(error.errno, f"local address {source}: {error.strerror}") from error


def _keep_alive(sock: socket.socket) -> None:
    """Have TCP find out by itself when the peer is gone; a system that cannot does without."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, other, value in KEEP_ALIVE:
            option = getattr(socket, name, None) or getattr(socket, other, None)
            if option is not None:
                sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _bind_to_interface(sock: socket.socket, name: str) -> None:
    option = getattr(socket, "SO_BINDTODEVICE", None)
    if option is None:
        raise OSError(errno.ENOTSUP, "this system binds no socket to an interface by name; give local_address")
    try:
        sock.setsockopt(socket.SOL_SOCKET, option, name.encode() + b"\0")
    except OSError as error:
        raise OSError(error.errno, f"interface {name}: {error.strerror}") from error


def _set(sock: socket.socket, level: int, name: int, value: int | bytes) -> None:
    try:
        sock.setsockopt(level, name, value)
    except OSError as error:
        raise OSError(error.errno, f"socket option ({level}, {name}, {value!r}): {error.strerror}") from error
