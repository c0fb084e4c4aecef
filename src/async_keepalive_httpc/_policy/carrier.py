"""Carrier: the Walk of a client that has a jar. It stores what answers set, and gives each request what it is to have.

Refuses: which cookies those are: `cookies` knows.
Called by: `client`, when it is made and as any Walk; `building`, for each request.
Law: a jar's Cookie belongs to one hop: it is in the block that is sent, and never among the fields of the Request,
which a redirect copies. A Cookie field of the caller's stands, and nothing is added to it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Final

from .._message.headers import wire
from .._message.request import Request
from .._message.response import Response
from ..errors import InvalidRequest
from .cookies import MAX_OF_DOMAIN, CookieJar
from .redirect import Rules
from .walk import Step, Walk

Walks = Callable[[int, Rules, bool], Walk]

MAX_LINES: Final = MAX_OF_DOMAIN
"""Set-Cookie lines that are read of one answer: more of them would drive each other out."""


def walks(jar: CookieJar | None) -> Walks:
    """What makes the Walks of a client. Raises InvalidRequest."""
    if jar is None:
        return Walk
    if not isinstance(jar, CookieJar):
        raise InvalidRequest(
            f"cookies must be a CookieJar, not {type(jar).__name__}: make one, and store() what it is to begin with"
        )
    return partial(Carrier, jar)


def carry(jar: CookieJar, request: Request) -> Request:
    """`request` with what `jar` has for it now."""
    if any(name.lower() == b"cookie" for name, _ in request.fields):
        return request
    value = jar.field(request.url)
    block = wire(request.fields) + (f"Cookie: {value}\r\n".encode("latin-1") if value else b"")
    return request if block == request.block else request.changed(block=block)


def learn(jar: CookieJar, response: Response) -> None:
    """Store what an answer sets. A 407 is a proxy's, and no proxy speaks for an origin."""
    if response.status != 407:
        lines = (value for name, value in response._head.headers.raw if name.lower() == b"set-cookie")
        for line in islice(lines, MAX_LINES):
            jar.store(response.url, line)


class Carrier(Walk):
    """A Walk with a jar."""

    __slots__ = ("_jar",)

    def __init__(self, jar: CookieJar, most: int, rules: Rules, surplus: bool) -> None:
        super().__init__(most, rules, surplus)
        self._jar = jar

    def after(self, response: Response) -> Step | None:
        """As `Walk.after`; the answer's cookies are stored first, since the next hop may need them.

        What is sent again is what was sent, cookies too; but a server that wants a Digest may have set one for it.
        """
        if response._error is None:
            learn(self._jar, response)
        step = super().after(response)
        if step is None or not (step.redirect or step.request.auth is not None):
            return step
        return step._replace(request=carry(self._jar, step.request))
