"""A URL, parsed once, strictly, and remembered.

Refuses: repairing. What two parsers might read in two ways raises InvalidRequest; what is only unsafe in a
request line (a space, non-ASCII, `"<>\\^`{|}`) is percent-encoded. Escapes that are there stay as they are.
Called by: `request`, the redirect policy, `_dial` and `_transport` (by `Origin`), callers.
Law: what this file says is the host is what is dialled, verified, sent as Host and keyed.

    http://user:pw@Example.COM.:80/a b?q#top
           |       |               |     |
           |       |               |     fragment  "top", never sent
           |       |               target  b"/a%20b?q"
           |       origin.host "example.com"    authority b"example.com."
           username, password: decoded, in no text, repr or error
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final, NamedTuple
from unicodedata import normalize
from urllib.parse import quote, unquote, urlencode

from ..errors import InvalidRequest

Parameter = str | int | float | bool
Parameters = Mapping[str, Parameter] | Iterable[tuple[str, Parameter]]

PORTS: Final = {"http": 80, "https": 443}
REMEMBERED_URLS: Final = 4096
"""URLs kept parsed: a service's working set, not a crawler's; the oldest unused goes first."""
REMEMBERED_AUTHORITIES: Final = 1024
MAX_NAME: Final = 253
MAX_LABEL: Final = 63
"""Octets in a host name and in one label of it (RFC 1035 section 2.3.4, without the root)."""
MAX_AUTHORITY: Final = 8192
"""Characters between "://" and the path. Room for a token as password; what is read is remembered."""
_SHOWN: Final = 200
"""Characters of a refused URL that an error repeats."""

# Each class of characters ends where the next part begins, so no pattern here can backtrack.
_SPLIT: Final = re.compile(r"([^:/?#]*://[^/?#]*)([^#]*)#?(.*)", re.DOTALL)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_UNSAFE: Final = re.compile(r"[^!$-;=?-Z\[\]_a-z~]")
_SAFE: Final = "!$%&'()*+,/:;=?@[]"
_CONTROL: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_BARRED: Final = re.compile("[\x00-\x20\x7f\\\\\ud800-\udfff]")
_LABEL: Final = re.compile(rf"[a-z0-9_-]{{1,{MAX_LABEL}}}")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ZONE: Final = re.compile(r"[A-Za-z0-9._~-]+")

# IDNA 2003 maps these away, IDNA 2008 keeps them: one name, two hosts (UTS 46 section 1.3.2).
_DEVIATING: Final = frozenset("\u00df\u1e9e\u03c2\u200c\u200d")

_ABSOLUTE: Final = "write an absolute URL that begins with http:// or https://"
_ENCODE: Final = "percent-encode what is not printable"
_HOST: Final = "give a host name of letters, digits, '-', '_' and '.', or an IP address; IPv6 in brackets"


class Origin(NamedTuple):
    """Who is asked (RFC 9110 section 4.3.1); equal origins may share connections.

    scheme: "http" or "https".
    host: what is dialled, verified and keyed: lower case, no trailing dot, A-labels; IPv6 without brackets,
        its zone kept after "%".
    port: 1-65535.
    """

    scheme: str
    host: str
    port: int


_Place = tuple[Origin, bytes, str | None, str | None, str]


class URL:
    """An absolute http or https URL (RFC 3986); made by `parse()`, `join()`, `with_params()`; never changed.

    origin: Origin.
    authority: bytes, the value of Host: a trailing dot as given, no IPv6 zone, ":port" unless the default.
    target: bytes, path and query as sent (RFC 9112 section 3.2.1): printable ASCII that begins with "/".
    fragment: str, percent-encoded, "" if there is none.
    username, password: str or None, decoded.
    text: str, the URL in ASCII without userinfo. Two URLs are equal when their texts are.
    """

    __slots__ = ("authority", "fragment", "origin", "password", "target", "text", "username")

    def __init__(self, place: _Place, target: str, fragment: str) -> None:
        self.origin, self.authority, self.username, self.password, prefix = place
        self.target = target.encode("ascii")
        self.fragment = fragment
        self.text = f"{prefix}{target}#{fragment}" if fragment else prefix + target

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"URL({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, URL) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)

    def join(self, location: str) -> URL:
        """The URL that `location`, relative or absolute, means at this one (RFC 3986 section 5.2).

        location: as a Location field gives it: Latin-1, read as UTF-8 where its bytes are UTF-8.
        Userinfo in it is left out, since a server must not choose our credentials; a relative one keeps this
        URL's. Raises InvalidRequest when the result is no http or https URL.
        """
        if not location.isascii():
            location = _as_utf8(location)
        own = self.origin.scheme
        if location.startswith("//"):
            location = f"{own}:{location}"
        scheme = _SCHEME.match(location)
        if scheme is None:
            return self._join_relative(location)
        rest = location[scheme.end() :]
        if scheme[0][:-1].lower() == own and not rest.startswith("//"):
            return self._join_relative(rest)  # "http:g" means "g" (RFC 3986 section 5.4.2, and all browsers)
        url = _read(location)
        path, query = _cut(url.target.decode())
        place = url.origin, url.authority, None, None, url._prefix()
        return URL(place, _without_dots(path) + query, url.fragment)

    def _join_relative(self, location: str) -> URL:
        reference, _, fragment = location.partition("#")
        path, query = _cut(reference)
        base_path, base_query = _cut(self.target.decode())
        if not path:
            path, query = base_path, query or base_query
        elif path.startswith("/"):
            path = _without_dots(path)
        else:
            path = _without_dots(base_path[: base_path.rindex("/") + 1] + path)
        try:
            return self._at(_encoded(path + query), _encoded(fragment))
        except _Fault as fault:
            raise fault.refusal(location) from None

    def with_params(self, params: Parameters) -> URL:
        """This URL with `params` added to its query, names and values percent-encoded as UTF-8.

        params: a mapping or pairs of str to str, int, float or bool (written as `str()` writes them).
        Raises InvalidRequest for anything else.
        """
        given = params.items() if isinstance(params, Mapping) else params
        try:
            pairs = [(name, value) for name, value in given]
        except (TypeError, ValueError):
            raise InvalidRequest("Query parameters must be a mapping or an iterable of pairs") from None
        for name, value in pairs:
            if not isinstance(name, str) or not isinstance(value, (str, int, float)):
                raise InvalidRequest(
                    f"Query parameter {name!r} for {self.text} is of type {type(value).__name__}: "
                    "give a str, int, float or bool; repeat the pair for several values"
                )
        try:
            added = urlencode(pairs, quote_via=quote)
        except UnicodeEncodeError:
            raise InvalidRequest(f"A query parameter for {self.text} is not Unicode: {_ENCODE}") from None
        target = self.target.decode()
        if added:
            target += ("" if target[-1] in "?&" else "&") if "?" in target else "?"
        return self._at(target + added, self.fragment)

    def _prefix(self) -> str:
        # The host has at least one character: "http://h" and "https://" end before the path begins.
        return self.text[: self.text.index("/", 8)]

    def _at(self, target: str, fragment: str) -> URL:
        place = self.origin, self.authority, self.username, self.password, self._prefix()
        return URL(place, target, fragment)


class _Fault(Exception):
    """What is wrong with a part; raised where the whole URL, which alone can be redacted, is not known."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what, advice)
        self.what = what
        self.advice = advice

    def refusal(self, text: str) -> InvalidRequest:
        return InvalidRequest(f"{self.what}: {_redacted(text)} ({self.advice})")


@lru_cache(REMEMBERED_URLS)
def parse(text: str) -> URL:
    """The URL that `text` spells: absolute, http or https.

    Raises InvalidRequest (RFC 3986 section 3, RFC 9110 section 4.2): another scheme, no host, a bad port, bad
    brackets, a control character, an IPv4 address not in four decimal parts, a host name that is none or that
    IDNA's versions read in two ways.
    """
    return _read(text)


def _read(text: str) -> URL:
    """`parse` without memory, for what servers send."""
    if not isinstance(text, str):
        raise InvalidRequest(f"No URL: {type(text).__name__} given ({_ABSOLUTE}, as a str)")
    parts = _SPLIT.fullmatch(text)
    if parts is None:
        raise _Fault("Unsupported url scheme", _ABSOLUTE).refusal(text)
    start, target, fragment = parts.groups()
    try:
        place = _locate(start)
        target = _encoded(target)
        if fragment:
            fragment = _encoded(fragment)
    except _Fault as fault:
        raise fault.refusal(text) from None
    if target[:1] != "/":
        target = "/" + target
    return URL(place, target, fragment)


@lru_cache(REMEMBERED_AUTHORITIES)
def _locate(start: str) -> _Place:
    """All that "scheme://authority" says; remembered apart, so that a new path on a known origin is cheap."""
    scheme, _, netloc = start.partition("://")
    scheme = scheme.lower()
    default = PORTS.get(scheme)
    if default is None:
        raise _Fault("Unsupported url scheme", _ABSOLUTE)
    if len(netloc) > MAX_AUTHORITY:
        raise _Fault(f"More than {MAX_AUTHORITY} characters before the path of the URL", _HOST)
    if _BARRED.search(netloc):
        raise _Fault("Control character, space or backslash before the path of the URL", _ENCODE)
    userinfo, _, hostport = netloc.rpartition("@")
    if hostport.startswith("["):
        host, shown, digits = _bracketed(hostport)
    else:
        name, _, digits = hostport.partition(":")
        host, shown = _named(name)
    port = _port(digits, default)
    tail = "" if port == default else f":{port}"
    username, password = _credentials(userinfo)
    address, percent, zone = host.partition("%")
    written = f"[{address}%25{zone}]" if percent else shown
    return (
        Origin(scheme, host, port),
        (shown + tail).encode(),
        username,
        password,
        f"{scheme}://{written}{tail}",
    )


def _port(digits: str, default: int) -> int:
    if not digits:
        return default  # "http://host:/" is legal and means the default (RFC 3986 section 6.2.3)
    # Five digits hold every port; int() of a longer text would cost time that a peer chooses.
    port = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 5 else 0
    if not 1 <= port <= 65535:
        raise _Fault("Bad port in the URL", "give a number from 1 to 65535")
    return port


def _credentials(userinfo: str) -> tuple[str | None, str | None]:
    if userinfo in ("", ":"):
        return None, None
    username, colon, password = userinfo.partition(":")
    try:
        decoded = unquote(username, errors="strict"), unquote(password, errors="strict")
    except UnicodeDecodeError:
        raise _Fault("The user name or password in the URL is not UTF-8", "give credentials apart") from None
    return decoded[0], decoded[1] if colon else None


def _bracketed(hostport: str) -> tuple[str, str, str]:
    """An IPv6 literal (RFC 3986 section 3.2.2), with or without a zone (RFC 6874): dialled, shown, port."""
    literal, bracket, tail = hostport[1:].partition("]")
    if not bracket or (tail and not tail.startswith(":")):
        raise _Fault("Bad brackets in the host of the URL", _HOST)
    literal, percent, zone = literal.partition("%")
    zone = zone.removeprefix("25")
    if percent and not _ZONE.fullmatch(zone):
        raise _Fault("Bad IPv6 zone in the host of the URL", "write it as [fe80::1%25eth0]")
    try:
        address = str(IPv6Address(literal))
    except AddressValueError:
        raise _Fault("Bad IPv6 address in the URL", _HOST) from None
    return f"{address}%{zone}" if percent else address, f"[{address}]", tail[1:]


def _named(name: str) -> tuple[str, str]:
    """A registered name or an IPv4 address: dialled, and shown with the trailing dot that it was given."""
    shown = (name if name.isascii() else _in_ascii(name)).lower()
    host = shown.removesuffix(".")
    if not host:
        raise _Fault("No host in the URL", _HOST)
    if len(host) > MAX_NAME:
        raise _Fault(f"Host name longer than {MAX_NAME} characters in the URL", _HOST)
    labels = host.split(".")
    for label in labels:
        if not _LABEL.fullmatch(label) or (label.startswith("xn--") and not _is_international(label)):
            raise _Fault("Bad host name in the URL", _HOST)
    if _NUMBER.fullmatch(labels[-1]):
        # 127.1, 0x7f000001 and 2130706433 are addresses to some resolvers and names to others.
        try:
            IPv4Address(host)
        except AddressValueError:
            raise _Fault("Bad IPv4 address in the URL", "write four decimal numbers from 0 to 255") from None
    return host, shown


def _in_ascii(name: str) -> str:
    """The A-labels of a name. The codec stopped at Unicode 3.2, so today's case folding goes before it."""
    if not _DEVIATING.isdisjoint(name):
        raise _Fault("Host name that IDNA 2003 and 2008 read differently in the URL", "write its xn-- form")
    if len(name) > MAX_NAME:
        raise _Fault(f"Host name longer than {MAX_NAME} characters in the URL", _HOST)
    mapped = normalize("NFKC", normalize("NFKC", name).casefold())
    try:
        return mapped.encode("idna").decode("ascii")
    except UnicodeError:
        raise _Fault("Bad international host name in the URL", _HOST) from None


def _is_international(label: str) -> bool:
    """Whether an A-label hides something that is not ASCII, as it must (RFC 5891 section 5.4)."""
    try:
        return not label[4:].encode("ascii").decode("punycode").isascii()
    except UnicodeError:
        return False


def _encoded(part: str) -> str:
    if _UNSAFE.search(part) is None:
        return part
    if _CONTROL.search(part):
        raise _Fault("Control character in the path, query or fragment of the URL", _ENCODE)
    return quote(part, _SAFE)


def _cut(reference: str) -> tuple[str, str]:
    """Path and query, the query with its "?"."""
    path, mark, query = reference.partition("?")
    return path, mark + query


def _without_dots(path: str) -> str:
    """RFC 3986 section 5.2.4, for a path that begins with "/"."""
    segments = path.split("/")[1:]
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _as_utf8(location: str) -> str:
    try:
        return location.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return location


def _redacted(text: str) -> str:
    """For errors: nothing of what may be userinfo, which in a bad URL is all before the last "@"."""
    head, at, tail = text.rpartition("@")
    if at:
        scheme = head[: head.index("://") + 3] if _SPLIT.match(head) else ""
        tail = f"{scheme}***@{tail}"
    shown = repr(tail[:_SHOWN])[1:-1] + ("..." if len(tail) > _SHOWN else "")
    return shown or "nothing given"
