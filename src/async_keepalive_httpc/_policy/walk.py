"""A Walk: the tries of one call, and what comes after each answer.

Refuses: sending; `client` does.
Called by: `client`, with each response that has ended, or of which the head is here.
Law: asked in this order

    the connection failed                 again, as `resend` allows; else the error
    401, and the request has a Digest     answered, as `authorization` allows
    417 to an expectation                 once without it (RFC 9110 section 10.1.1)
    407 of a proxy that forwarded it      again, as its Credentials allow
    the server turned it away unread      again, as `resend` allows
    a redirect                            followed as `redirect` allows, up to the limit; one more is an error, or the
                                          answer
    anything else                         is the answer

and each redirect is a new request, with resends of its own.
"""

from __future__ import annotations

from typing import NamedTuple

from .._message.request import Request
from .._message.response import Response
from ..errors import TooManyRedirects
from . import authorization, redirect
from .resend import FRESH, NEVER, refused, resend


class Step(NamedTuple):
    """What is to be sent next."""

    request: Request
    fresh: bool = False
    """On a connection that has not been used."""
    redirect: bool = False
    unsent: bool = False
    """Nothing of the last try had been sent."""


class Walk:
    """Where one call stands. `history` holds the redirects followed, oldest first."""

    __slots__ = ("_answered", "_left", "_most", "_proofs", "_resends", "_rules", "_surplus", "_tries", "history")

    def __init__(self, most: int, rules: redirect.Rules, surplus: bool) -> None:
        self._most = self._left = most
        self._rules = rules
        self._surplus = surplus
        self._tries, self._resends, self._answered, self._proofs = 1, 0, 0, 0
        self.history: tuple[Response, ...] = ()

    def after(self, response: Response) -> Step | None:
        """What is to be sent after `response`; None: that is the answer. Raises what ended the call."""
        request = response._request
        if response._error is not None:
            return self._again(request, response._error)
        if response.status < 300:
            if request.auth is not None:
                authorization.learn(response)
            return None
        if response.status == 401 and request.auth is not None and authorization.accept(response, self._proofs):
            self._proofs += 1
            return Step(authorization.authorize(request))
        if response.status == 417 and request.expect_continue and request.replayable:
            return Step(request.changed(expect_continue=False))
        if response.status == 407 and self._answers(response):
            return Step(request)
        if refused(response, self._resends):
            self._resends += 1
            return Step(request, True)
        if self._most and redirect.redirects(response):
            return self._follow(response)
        return None

    def _answers(self, response: Response) -> bool:
        """Whether the proxy's challenge was taken up: the same request carries the answer then."""
        if response.hop is None or not response._request.replayable:
            return False
        credentials, told = response.hop
        lines = response._head.headers.get_list("Proxy-Authenticate")
        taken: bool = credentials.accept(lines, told, self._answered)
        self._answered += taken
        return taken

    def _again(self, request: Request, error: BaseException) -> Step:
        how = resend(request, error, self._tries, self._resends)
        if how == NEVER:
            raise error
        self._tries += 1
        self._resends += how == FRESH
        return Step(_again(request), how == FRESH, unsent=how != FRESH)

    def _follow(self, response: Response) -> Step | None:
        if self._left:
            request = redirect.follow(response, self._rules.sensitive)
            if self._rules.allows is not None and self._rules.allows(response, request.url) is not True:
                return None
            self._left -= 1
            self._tries, self._resends, self._answered, self._proofs = 1, 0, 0, 0
            self.history += (response,)
            return Step(_again(request), redirect=True)
        if self._surplus:
            return None
        raise TooManyRedirects(
            f"{response._request.method} {response._request.url}: more than {self._most} redirects, the next one to "
            f"{response._head.headers['Location'][:200]!r}; raise max_redirects if they lead somewhere",
            response,
        )


def _again(request: Request) -> Request:
    """An answer of Digest is for one request: what is sent again, or elsewhere, needs another."""
    return request if request.auth is None else authorization.authorize(request)
