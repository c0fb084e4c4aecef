"""The proxies of a client: which one the environment names for an origin, and who tells each of them who we are.

Refuses: looking at the environment (it is given a mapping) and resolving names: a host is what it is called.
Called by: `client`, which makes one Proxies; `_transport`, which asks it for each new origin and connection.
Law:

    http     http_proxy, HTTP_PROXY, all_proxy, ALL_PROXY: the first that is set decides, and if it is empty
             there is no proxy. HTTP_PROXY is not read where REQUEST_METHOD is set: under CGI a client writes
             it, as the field "Proxy" (CVE-2016-5386)
    https    https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY
    never    localhost and its sub-domains, loopback addresses, and what no_proxy or else NO_PROXY lists:

    *                        everything
    example.com              the name and its sub-domains
    .example.com *.example.com   its sub-domains only
    192.0.2.1 2001:db8::1    the address, as a literal in the URL
    192.0.2.0/24 fe80::/10   the network
    example.com:8080 [::1]:80    any of the first, on this port only
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple

from .._message.proxy import Proxy, parse_proxy
from .._message.url import Origin, parse
from ..errors import InvalidRequest
from .credentials import Credentials

PROXIES_KEPT: Final = 256
"""Proxies whose Credentials are remembered; some services make a new user name for each session."""

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network

_NAME: Final = re.compile(r"[^\x00-\x20/?#@:\[\]\\]+")


class Rules(NamedTuple):
    """What the environment says, parsed. Each exception holds for one port, or for all: None.

    names: "example.com" is that name, ".example.com" all below it.
    """

    proxies: dict[str, Proxy]
    everything: bool = False
    names: frozenset[tuple[str, int | None]] = frozenset()
    networks: tuple[tuple[_Network, int | None], ...] = ()

    def proxy_for(self, scheme: str, host: str, port: int) -> Proxy | None:
        """The proxy for an origin, None if it is to be reached directly. Arguments as in `Origin`."""
        proxy = self.proxies.get(scheme)
        if proxy is None or self.everything or self._excepts(host.lower().removesuffix("."), port):
            return None
        return proxy

    def _excepts(self, host: str, port: int) -> bool:
        address = _address(host)
        if address is not None:
            return address.is_loopback or any(
                address in network and only in (None, port) for network, only in self.networks
            )
        if host == "localhost" or host.endswith(".localhost"):
            return True
        above = [host[at:] for at, character in enumerate(host) if character == "."]
        return any((name, only) in self.names for name in (host, *above) for only in (None, port))


class Proxies:
    """What a client knows of proxies.

    environ: a mapping like `os.environ`, None: no proxy is read from it. fields: what each proxy is sent with CONNECT,
    as field lines.

    Raises InvalidRequest as `read()` does.
    """

    __slots__ = ("_credentials", "_rules", "fields")

    def __init__(self, environ: Mapping[str, str] | None = None, fields: bytes = b"") -> None:
        self.fields = fields
        self._rules = None if environ is None else read(environ)
        self._credentials: OrderedDict[Proxy, Credentials] = OrderedDict()

    def environment(self, origin: Origin) -> Proxy | None:
        """The proxy that the environment names for `origin`."""
        return None if self._rules is None else self._rules.proxy_for(*origin)

    def credentials(self, proxy: Proxy) -> Credentials | None:
        """What `proxy` is told of us; always the same object, so that a nonce is used again. None: nothing."""
        if proxy.username is None:
            return None
        known = self._credentials.get(proxy)
        if known is None:
            known = self._credentials[proxy] = Credentials(proxy.username, proxy.password or "", proxy.auth_mode)
            while len(self._credentials) > PROXIES_KEPT:
                self._credentials.popitem(last=False)
        return known


def read(environ: Mapping[str, str]) -> Rules:
    """The rules in `environ`, a mapping like `os.environ`.

    Raises InvalidRequest, which names the variable, for a proxy that `parse_proxy()` refuses. An entry of
    NO_PROXY that has none of the forms above matches nothing, as everywhere else.
    """
    proxies = {}
    for scheme in ("http", "https"):
        proxy = _proxy(scheme, environ)
        if proxy is not None:
            proxies[scheme] = proxy
    names: set[tuple[str, int | None]] = set()
    networks: list[tuple[_Network, int | None]] = []
    entries = environ.get("no_proxy", environ.get("NO_PROXY", "")).replace(",", " ").split()
    for entry in entries:
        network = _network(entry)
        if network is not None:
            networks.append((network, None))
            continue
        host, only = _cut(entry)
        address = _address(host)
        if address is not None:
            networks.append((ip_network(address), only))
        else:
            names.update((name, only) for name in _names(host))
    return Rules(proxies, "*" in entries, frozenset(names), tuple(networks))


def _proxy(scheme: str, environ: Mapping[str, str]) -> Proxy | None:
    variables = [f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"]
    if "REQUEST_METHOD" in environ:
        variables = [variable for variable in variables if variable != "HTTP_PROXY"]
    variable = next((variable for variable in variables if variable in environ), "")
    value = environ.get(variable, "")
    if not value:
        return None
    try:
        return parse_proxy(value)
    except InvalidRequest as error:
        raise InvalidRequest(f"Environment variable {variable}: {error}") from None


def _address(host: str) -> _Address | None:
    """The address that `host` is a literal of. A zone says where it is, not what it is (CVE-2025-22870)."""
    try:
        address = ip_address(host.partition("%")[0].removesuffix("."))
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def _network(entry: str) -> _Network | None:
    _, slash, bits = entry.partition("/")
    if not slash or not bits.isdecimal():
        return None  # a netmask in the place of the length is nobody's rule
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        return None


def _cut(entry: str) -> tuple[str, int | None]:
    """Host and port of an entry; None: any port; 0: one that matches nothing."""
    host, tail = entry, ""
    if entry.startswith("["):
        host, _, tail = entry[1:].partition("]")
    elif entry.count(":") == 1:
        host, _, digits = entry.partition(":")
        tail = ":" + digits
    if tail in ("", ":"):
        return host, None
    digits = tail[1:]
    return host, int(digits) if tail[0] == ":" and digits.isdecimal() and len(digits) <= 5 else 0


def _names(host: str) -> list[str]:
    """The names that an entry stands for, as `Rules.names` has them; none if it is no name."""
    host = host.removeprefix("*") if host.startswith("*.") else host
    name = host.removeprefix(".")
    if not _NAME.fullmatch(name):
        return []
    try:
        name = parse(f"http://{name}").origin.host
    except InvalidRequest:
        return []
    return ["." + name] if host.startswith(".") else [name, "." + name]
