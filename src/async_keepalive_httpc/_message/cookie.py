"""One cookie, how a Set-Cookie line is read, and what matches what (RFC 6265bis sections 5.1 and 5.6).

Refuses: deciding what is kept and what is sent (`_policy.cookies`). SameSite: it guards against pages of other sites
that make a browser send requests; a program's requests are its own.
Called by: `_policy`.
Law: reading never raises: a line is a cookie with its attributes, or nothing. Text is Latin-1, a character a byte. Of
an attribute that comes twice the last one counts that can be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

MAX_COOKIE: Final = 4096
"""Bytes of a name and its value together (section 5.6): longer ones are no cookies."""
MAX_ATTRIBUTE: Final = 1024
"""Bytes of an attribute's value (section 5.6): longer ones are passed over. The same for a path that a URL gives."""
MAX_AGE: Final = 400 * 86_400
"""Seconds that a cookie lives at most (section 5.5), whatever the server says."""

_WSP: Final = " \t"
_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_SECONDS: Final = re.compile("-?[0-9]+")
_AGE_DIGITS: Final = 10
_FIRST_YEAR: Final = 1601

# The grammar of section 5.1.1. No part of a pattern can match in two ways, so none can backtrack for long.
_TOKEN: Final = re.compile("[^\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_PARTS: Final = (
    ("time", re.compile("([0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2})(?![0-9])")),
    ("day", re.compile("([0-9]{1,2})(?![0-9])")),
    ("month", re.compile("(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", re.IGNORECASE | re.ASCII)),
    ("year", re.compile("([0-9]{2,4})(?![0-9])")),
)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Cookie(NamedTuple):
    """A cookie as a jar keeps it.

    name, value: str, Latin-1. domain: whose it is, lower case, without a dot at either end.
    host_only: sent to `domain` itself, not to names below it. path: it is sent for this path and those below it.
    expires: when it ends, in seconds since 1970; None: with the jar. secure: sent over https only.
    http_only: meant to be out of reach of a page's scripts; nothing follows from it here.
    """

    name: str
    value: str
    domain: str
    path: str
    host_only: bool
    secure: bool
    http_only: bool
    expires: float | None

    def __repr__(self) -> str:
        return f"<Cookie {self.name!r} for {self.domain}{self.path}>"


class Line(NamedTuple):
    """What a Set-Cookie line says. An attribute that it has not is as its default."""

    name: str
    value: str
    age: int | None = None
    """Seconds."""
    expires: float | None = None
    domain: str = ""
    path: str | None = None
    """"" for a Path that means the default."""
    secure: bool = False
    http_only: bool = False


class Place(NamedTuple):
    """Who is asked, and for what, as far as cookies go: the URL's host, never that of a Host field."""

    host: str
    path: str
    secure: bool


def parse(line: bytes) -> Line | None:
    """What a line says; None where it is to be passed over as a whole."""
    text = line.decode("latin-1")
    if _CONTROL.search(text):
        return None
    pair, *attributes = text.split(";")
    name, equals, value = pair.partition("=")
    name, value = (name.strip(_WSP), value.strip(_WSP)) if equals else ("", pair.strip(_WSP))
    if not 0 < len(name) + len(value) <= MAX_COOKIE:
        return None
    said: dict[str, Any] = {}
    for attribute in attributes:
        kind, _, word = attribute.partition("=")
        known = _READERS.get(kind.strip(_WSP).lower())
        word = word.strip(_WSP)
        if known is not None and len(word) <= MAX_ATTRIBUTE and (read := known[1](word)) is not None:
            said[known[0]] = read
    return Line(name, value, **said)


def _read_age(word: str) -> int | None:
    if not _SECONDS.fullmatch(word):
        return None
    digits = word.lstrip("0")
    if digits.startswith("-"):
        return 0
    return MAX_AGE if len(digits) > _AGE_DIGITS else int(digits or 0)


def read_date(text: str) -> float | None:
    """A cookie-date as seconds since 1970 (section 5.1.1), None if it is none."""
    found: dict[str, str] = {}
    for token in _TOKEN.findall(text):
        for part, pattern in _PARTS:
            if part not in found and (match := pattern.match(token)):
                found[part] = match[1]
                break
    if len(found) < len(_PARTS):
        return None
    year = int(found["year"])
    year += 2000 if year < 70 else 1900 if year < 100 else 0
    hour, minute, second = map(int, found["time"].split(":"))
    if year < _FIRST_YEAR:
        return None
    month = _MONTHS.index(found["month"].lower()) + 1
    try:
        return datetime(year, month, int(found["day"]), hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return None


_READERS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "max-age": ("age", _read_age),
    "expires": ("expires", read_date),
    "domain": ("domain", lambda word: word.removeprefix(".").lower()),
    "path": ("path", lambda word: word if word.startswith("/") else ""),
    "secure": ("secure", lambda word: True),
    "httponly": ("http_only", lambda word: True),
}


def domains_of(host: str) -> list[str]:
    """The domains whose cookies `host` may have: itself, and those above a name; an address has none above it."""
    if _is_address(host):
        return [host]
    return [host] + [host[at + 1 :] for at, character in enumerate(host) if character == "."]


def domain_matches(host: str, domain: str) -> bool:
    """Section 5.1.3."""
    return host == domain or (host.endswith("." + domain) and not _is_address(host))


def _is_address(host: str) -> bool:
    # A URL's host whose last label is a number is an IPv4 address, or the URL is refused.
    return ":" in host or host.rpartition(".")[2].isdigit()


def path_matches(path: str, prefix: str) -> bool:
    """Section 5.1.4: whether a cookie for `prefix` goes with a request for `path`."""
    return path == prefix or (path.startswith(prefix) and (prefix.endswith("/") or path[len(prefix)] == "/"))


def default_path(path: str) -> str:
    """Section 5.1.4: the path of a cookie that says none."""
    return path[: path.rindex("/")] or "/"
