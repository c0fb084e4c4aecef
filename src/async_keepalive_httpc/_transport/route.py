"""Route: what may share a socket.

Refuses: options that decide nothing about the other end or how it was verified.
Called by: `transport`, as the key of its Lanes; `tunnel` and `_dial`, to know where to go.
Law: same Route, same peer, same checks; anything that could change either is a field here.

    URL      proxy            origin       hop
    any      none             the URL's    None
    http     http, https      the proxy    None     it forwards: one Lane for all http origins
    https    http, https      the URL's    how the proxy is reached, which is asked for a tunnel
    any      socks...         the URL's    None     the dial asks it for a byte stream

A unix socket stands for its origin, so there is no proxy before it. TLS options count where TLS is spoken: the
request's to an https origin, the client's own to an https proxy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .._message.proxy import NO_PROXY, Proxy
from .._message.reach import Reach
from .._message.tls import TLS
from .._message.url import Origin

PLAIN = TLS()


class Route(NamedTuple):
    """Whom a connection goes to, and how. `reach.proxy` is what stands between, None for nothing."""

    origin: Origin
    reach: Reach
    hop: Route | None = None

    @property
    def forwards(self) -> bool:
        """Whether a proxy is spoken to, which asks the origins itself."""
        proxy = self.reach.proxy
        return proxy is not None and self.hop is None and not proxy.is_socks

    def __str__(self) -> str:
        scheme, host, port = self.origin
        text = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
        proxy = self.reach.proxy
        if proxy is None:
            return text
        return f"http://* via {proxy}" if self.forwards else f"{text} via {proxy}"


def route_to(origin: Origin, reach: Reach, own: Reach, environment: Callable[[Origin], Proxy | None]) -> Route:
    """The Route to `origin` for a request that says `reach`, of a client whose own is `own`."""
    proxy = reach.proxy or own.proxy or environment(origin)
    if origin.scheme == "http":
        reach = reach._replace(tls=PLAIN)
    if proxy is None or proxy == NO_PROXY or reach.unix_socket is not None:
        return Route(origin, reach._replace(proxy=None))
    reach = reach._replace(proxy=proxy)
    if proxy.is_socks:
        return Route(origin, reach)
    to_proxy = Route(
        Origin(proxy.scheme, proxy.host, proxy.port),
        reach._replace(tls=own.tls.general if proxy.scheme == "https" else PLAIN),
    )
    return to_proxy if origin.scheme == "http" else Route(origin, reach, to_proxy)
