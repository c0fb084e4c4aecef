"""CookieJar: the cookies that servers set, and which of them a request takes along (RFC 6265bis sections 5.7 and 5.8).

Refuses: reading lines and dates (`_message.cookie`), files (`jar_file`), and the standard library's cookiejar, whose
policy is that of RFC 2965 and which looks through all of its cookies for each request.
Called by: `carrier`, for each request and answer of a client that has a jar; callers, to look, save and load.
Law: what a host sets goes to that host, or to names below the Domain that it may speak for, and to nobody else. A
request looks at the domains of its host only, however many there are.

    refused     a control character; more than MAX_COOKIE bytes; a Domain that is not the host's or is a public suffix;
                Secure over http; "__Secure-" and "__Host-" without what they promise; over http, what would cover a
                Secure cookie
    dropped     at its time; beyond MAX_OF_DOMAIN and MAX_IN_ALL, those that were not sent for longest
    left out    of a request, what makes its Cookie line longer than MAX_LINE
"""

from __future__ import annotations

import math
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any, Final

from .._message.cookie import (
    MAX_AGE,
    MAX_ATTRIBUTE,
    Cookie,
    Line,
    Place,
    default_path,
    domain_matches,
    domains_of,
    parse,
    path_matches,
)
from .._message.url import URL
from .._message.url import parse as parse_url
from ..errors import InvalidRequest
from . import jar_file
from .suffixes import SuffixTest, suffix_test

MAX_OF_DOMAIN: Final = 50
"""Cookies of one domain."""
MAX_IN_ALL: Final = 3000
"""Cookies of a jar. These two are what RFC 6265bis section 6.1 asks for at least."""
MAX_LINE: Final = 8192
"""Bytes of a Cookie line, its name and its end included: servers refuse longer ones (curl CVE-2022-32205)."""
_FRAME: Final = len("Cookie: \r\n")

_Key = tuple[str, str, str, bool]


def admit(line: Line, place: Place, now: float, is_public: SuffixTest) -> Cookie | None:
    """The cookie that a line from `place` makes; None where it may make none, whatever the jar holds."""
    domain = line.domain
    if domain:
        if not domain.isascii() or not domain_matches(place.host, domain):
            return None
        if is_public(domain):
            if domain != place.host:
                return None
            domain = ""
    path = line.path or default_path(place.path)
    if len(path) > MAX_ATTRIBUTE or (line.secure and not place.secure):
        return None
    expires = line.expires if line.age is None else now + line.age
    if expires is not None:
        expires = min(expires, now + MAX_AGE)
    cookie = Cookie(line.name, line.value, domain or place.host, path, not domain, line.secure, line.http_only, expires)
    return cookie if keeps_promise(cookie, line.path) else None


def keeps_promise(cookie: Cookie, path: str | None) -> bool:
    """Whether a cookie is what its name promises (RFC 6265bis section 4.1.3). path: the one that it was set with.

    A nameless cookie is sent as its value alone, which must not look like one that promises something.
    """
    label = (cookie.name or cookie.value).lower()
    if label.startswith("__secure-"):
        return cookie.secure and cookie.name != ""
    if label.startswith("__host-"):
        return cookie.secure and cookie.name != "" and cookie.host_only and path == "/"
    return True


class _Index(dict[Any, dict[_Key, Cookie]]):
    """Cookies by something that they have in common; nothing is kept of what none has."""

    __slots__ = ()

    def add(self, at: object, key: _Key, cookie: Cookie) -> None:
        self.setdefault(at, {})[key] = cookie

    def remove(self, at: object, key: _Key) -> None:
        held = self[at]
        del held[key]
        if not held:
            del self[at]


class CookieJar:
    """The cookies of a client, or of several: `Client(cookies=CookieJar())`. RFC 6265bis; at most 50 cookies of 4 KiB
    for a domain, 3000 in all, and 8 KiB of them with one request.

    is_public_suffix: function that tells whether a domain is a public suffix, so that no cookie is set for all below
        it (default: by the list of the package publicsuffixlist where that is installed, extra "cookies"; else single
        labels count as such, and names such as "co.uk").
    now: function that gives the time, in seconds since 1970 (default `time.time`).

    Iterating gives each Cookie, those set first first. May be used on several event loops and threads.
    """

    __slots__ = ("_cookies", "_count", "_domains", "_ends", "_guards", "_is_public", "_lock", "_now")

    def __init__(
        self, *, is_public_suffix: Callable[[str], bool] | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self._is_public = suffix_test() if is_public_suffix is None else is_public_suffix
        self._now = now
        self._lock = Lock()
        # Each with the number of its creation. The one not used for longest is the first, here and of its domain.
        self._cookies: OrderedDict[_Key, tuple[int, Cookie]] = OrderedDict()
        self._domains = _Index()
        self._guards = _Index()
        """The Secure ones, by their name and each domain at and above their own."""
        self._count = 0
        self._ends = math.inf
        """No cookie ends before this time."""

    def store(self, url: str | URL, line: str | bytes) -> bool:
        """Do what a Set-Cookie line of an answer from `url` asks for; whether the jar then has that cookie.

        line: such as "sid=1; Path=/; Secure"; str must be Latin-1. Raises InvalidRequest for a URL that is none, and
        for other characters.
        """
        if isinstance(line, str):
            try:
                line = line.encode("latin-1")
            except UnicodeEncodeError:
                raise InvalidRequest("The cookie holds characters outside Latin-1: encode them") from None
        place, now, read = _place(url), self._now(), parse(line)
        cookie = None if read is None else admit(read, place, now, self._is_public)
        if cookie is None:
            return False
        with self._lock:
            self._expire(now)
            return (place.secure or self._uncovered(cookie)) and self._put(cookie, now)

    def field(self, url: str | URL) -> str:
        """The value of the Cookie field of a request for `url`, "" for none. Raises InvalidRequest for a bad URL."""
        place = _place(url)
        with self._lock:
            self._expire(self._now())
            found = [
                (-len(cookie.path), self._cookies[key][0], key, cookie)
                for domain in domains_of(place.host)
                for key, cookie in self._domains.get(domain, {}).items()
                if _goes(cookie, place)
            ]
            # Longer paths first, then those set first (section 5.8.3).
            found.sort()
            pairs, room = [], MAX_LINE - _FRAME
            for *_, key, cookie in found:
                pair = f"{cookie.name}={cookie.value}" if cookie.name else cookie.value
                if len(pair) <= room:
                    room -= len(pair) + len("; ")
                    pairs.append(pair)
                    self._cookies.move_to_end(key)
                    held = self._domains[cookie.domain]
                    held[key] = held.pop(key)
        return "; ".join(pairs)

    def clear(self, domain: str | None = None) -> None:
        """Forget all cookies, or those of one domain: as `Cookie.domain` has it, not those of names below it."""
        with self._lock:
            for key in list(self._cookies if domain is None else self._domains.get(domain, ())):
                self._drop(key)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all cookies to a file, as JSON, that only this user may read; one that is there is replaced.

        Session cookies are saved too. Raises OSError.
        """
        jar_file.write(path, list(self))

    def load(self, path: str | os.PathLike[str]) -> None:
        """Add the cookies of a file that `save` wrote. Raises OSError, and InvalidRequest for any other file."""
        cookies = jar_file.read(path)
        for cookie in cookies:
            if not keeps_promise(cookie, cookie.path) or (not cookie.host_only and self._is_public(cookie.domain)):
                raise InvalidRequest(f"{os.fspath(path)}: {cookie!r} could not have been set: remove it from the file")
        with self._lock:
            now = self._now()
            for cookie in cookies:
                if cookie.expires is not None:
                    cookie = cookie._replace(expires=min(now + MAX_AGE, cookie.expires))
                self._put(cookie, now)

    def __iter__(self) -> Iterator[Cookie]:
        with self._lock:
            self._expire(self._now())
            return iter([cookie for _, cookie in sorted(self._cookies.values())])

    def __len__(self) -> int:
        with self._lock:
            self._expire(self._now())
            return len(self._cookies)

    def __bool__(self) -> bool:
        """A jar is a jar, even an empty one."""
        return True

    def __repr__(self) -> str:
        return f"<CookieJar of {len(self)} cookies>"

    # -- with the lock held

    def _put(self, cookie: Cookie, now: float) -> bool:
        """In the place of the one that it replaces, whose number it takes over; not at all if it has ended, or would
        drive out a Secure one without being one."""
        key = cookie.domain, cookie.path, cookie.name, cookie.host_only
        if key in self._cookies:
            number = self._cookies[key][0]
            self._drop(key)
        else:
            number = self._count
            self._count += 1
        if cookie.expires is not None:
            if cookie.expires <= now:
                return False
            self._ends = min(self._ends, cookie.expires)
        held = self._domains.get(cookie.domain, {})
        if len(held) >= MAX_OF_DOMAIN:
            plain = next((old for old, there in held.items() if not there.secure), None)
            if plain is None and not cookie.secure:
                return False
            self._drop(plain or next(iter(held)))
        if len(self._cookies) >= MAX_IN_ALL:
            self._drop(next(iter(self._cookies)))
        self._cookies[key] = number, cookie
        self._domains.add(cookie.domain, key, cookie)
        if cookie.secure:
            for domain in domains_of(cookie.domain):
                self._guards.add((cookie.name, domain), key, cookie)
        return True

    def _drop(self, key: _Key) -> None:
        _, cookie = self._cookies.pop(key)
        self._domains.remove(cookie.domain, key)
        if cookie.secure:
            for domain in domains_of(cookie.domain):
                self._guards.remove((cookie.name, domain), key)

    def _expire(self, now: float) -> None:
        """Drop what has ended; costs nothing until the first one does."""
        if now < self._ends:
            return
        ends = math.inf
        for key, (_, cookie) in list(self._cookies.items()):
            if cookie.expires is not None:
                if cookie.expires <= now:
                    self._drop(key)
                else:
                    ends = min(ends, cookie.expires)
        self._ends = ends

    def _uncovered(self, new: Cookie) -> bool:
        """Whether a cookie from http leaves the Secure ones alone (section 5.7)."""
        below = self._guards.get((new.name, new.domain), {})
        above = [self._domains.get(domain, {}) for domain in domains_of(new.domain)]
        return not any(
            cookie.secure and cookie.name == new.name and path_matches(new.path, cookie.path)
            for held in (below, *above)
            for cookie in held.values()
        )


def _place(url: str | URL) -> Place:
    target = url if isinstance(url, URL) else parse_url(url)
    scheme, host, _ = target.origin
    return Place(host, target.target.partition(b"?")[0].decode(), scheme == "https")


def _goes(cookie: Cookie, place: Place) -> bool:
    """Whether a cookie of one of the host's domains goes with a request for `place` (section 5.8.3)."""
    return (
        (not cookie.host_only or cookie.domain == place.host)
        and (place.secure or not cookie.secure)
        and path_matches(place.path, cookie.path)
    )
