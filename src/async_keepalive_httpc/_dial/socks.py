"""SOCKS: a connected socket to a proxy becomes one to an origin (RFC 1928, RFC 1929, SOCKS4 and 4a).

Refuses: connecting to the proxy and resolving names: `dialer` does both, with the caller's own ways and resolver.
Called by: `dialer`. The protocol itself is python-socks', loaded when it is first needed.
Law:

    socks5h, socks4a    the proxy resolves the name of the origin
    socks5, socks4      we do; socks4 knows IPv4 alone, and with socks5 an IPv4 address goes before one of IPv6, since
                        every proxy can reach the one
"""

from __future__ import annotations

import importlib
import socket
from typing import Any, Final

from .._message.proxy import Proxy
from ..errors import ConnectError, ProxyError
from .dns import Address

ASKING: Final = "waiting for the SOCKS proxy to connect to"

_LONG: Final = 365 * 86400.0
"""Seconds: the dial has a limit of its own, and python-socks takes None for a minute."""


class _Connected:
    """What python-socks asks for its way to the proxy: there is one already."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    async def connect(self, *_: Any, **__: Any) -> socket.socket:
        return self._socket


def load(proxy: Proxy) -> tuple[Any, Any]:
    """python-socks and its asyncio part. Raises ProxyError, which says how to get it."""
    try:
        return importlib.import_module("python_socks"), importlib.import_module("python_socks.async_.asyncio")
    except ImportError as error:
        raise ProxyError(
            f"the proxy {proxy} speaks SOCKS, for which python-socks is needed: "
            "pip install 'async_keepalive_httpc[socks]'"
        ) from error


def resolves(proxy: Proxy) -> bool:
    """Whether the proxy is told a name, which it looks up itself."""
    return proxy.scheme in ("socks5h", "socks4a")


def chosen(proxy: Proxy, found: list[Address]) -> str:
    """The address that the proxy is told. Raises ConnectError where SOCKS4 cannot name any."""
    old = [address[0] for family, address in found if family == socket.AF_INET]
    if not old and proxy.scheme == "socks4":
        raise ConnectError(
            f"{found[0][1][0]} is no IPv4 address, and the proxy {proxy} speaks SOCKS4, which has no other: use socks5"
        )
    return str(old[0] if old else found[0][1][0])


async def negotiate(sock: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    """Have the proxy at the other end of `sock` connect it to `host`. Raises ProxyError; the socket is closed then."""
    base, module = load(proxy)
    kind = base.ProxyType.SOCKS4 if proxy.scheme.startswith("socks4") else base.ProxyType.SOCKS5
    speaker = module.Proxy(
        kind, proxy.host, proxy.port, proxy.username, proxy.password, rdns=True, forward=_Connected(sock)
    )
    try:
        await speaker.connect(host.partition("%")[0], port, timeout=_LONG)
    except (base.ProxyError, OSError, UnicodeError) as error:
        sock.close()
        raise ProxyError(_failure(proxy, host, port, error)) from error
    except BaseException:
        sock.close()
        raise


def _failure(proxy: Proxy, host: str, port: int, error: Exception) -> str:
    code = getattr(error, "error_code", None)
    said = f"{error} (code {int(code)})" if code is not None else str(error) or type(error).__name__
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return (
        f"the proxy {proxy} did not connect to {target}: {said}; check the proxy's scheme, user and password, and that "
        "it may reach this host"
    )
