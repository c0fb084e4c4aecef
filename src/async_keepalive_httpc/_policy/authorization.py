"""Authorization: what a request's Digest makes of it, before it is sent and after a 401.

Refuses: Basic, which is a field like any other, and proxies (`credentials`).
Called by: `building`, for each request; `walk`, with each answer.
Law: a protection space is an origin. A nonce that was taken up there serves every later request, each counted anew.
"""

from __future__ import annotations

from .._message.challenge import parse
from .._message.request import Request
from .._message.response import Response
from .digest import Digest, choose, refused

_NAME = b"authorization"


def sign(request: Request, digest: Digest) -> Request:
    """`request`, which has just been built, with `digest` to answer for it; an Authorization of the caller's stands."""
    if any(name.lower() == _NAME for name, _ in request.fields):
        return request
    request.auth = digest
    return authorize(request)


def authorize(request: Request) -> Request:
    """`request` with what its Digest has to say to its origin now: nothing, before the first challenge."""
    value = request.auth.preempt(request.method, request.url.target.decode(), _body(request), space=request.url.origin)
    fields = [field for field in request.fields if field[0].lower() != _NAME]
    if value is not None:
        fields.append((b"Authorization", value))
    return request.changed(fields=fields)


def learn(response: Response) -> None:
    """Take over what a successful answer says of the next nonce."""
    digest, space = response._request.auth, response._request.url.origin
    digest.learn(response._head.headers.get_list("Authentication-Info"), space=space)


def accept(response: Response, answered: int) -> bool:
    """Whether a 401 is answered by sending again, after `answered` such answers: `authorize` has the answer then."""
    request = response._request
    challenge = choose(parse(response._head.headers.get_list("WWW-Authenticate")), "digest")
    if challenge is None or not request.replayable:
        return False
    if refused(challenge, _sent(request), answered):
        request.auth.forget(space=request.url.origin)
        return False
    request.auth.accept(challenge, space=request.url.origin)
    return True


def _sent(request: Request) -> bytes:
    return next((value for name, value in request.fields if name.lower() == _NAME), b"")


def _body(request: Request) -> bytes | None:
    """All of the body, None where it is not known before it is sent."""
    body = b"" if request.body is None else request.body
    return body if isinstance(body, bytes) else None
