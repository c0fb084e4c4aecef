"""Where a redirect leads, and what goes along.

Refuses: following; `client` does. Credentials that come from a Location.
Called by: `client`, for each response that could be a redirect.
Law (RFC 9110 section 15.4):

    301, 302     POST becomes GET without body, other methods stay as they are
    303          everything but HEAD becomes GET without body
    307, 308     method and body stay; a body that cannot be replayed is an error
    other origin (scheme, host or port)  Authorization, Cookie, Proxy-Authorization, Referer, Host and the sensitive
                 fields are dropped, and stay dropped for the rest of the chain (Go CVE-2024-45336)
    redirect_filter says anything but True    not followed: the redirect is the answer
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Set
from inspect import iscoroutinefunction
from typing import Any, Final, NamedTuple

from .._message.fields import LOCATION
from .._message.headers import RawFields
from .._message.request import IDEMPOTENT, Request
from .._message.response import Response
from .._message.url import URL
from ..errors import InvalidRequest

STATUSES: Final = frozenset({301, 302, 303, 307, 308})
SENSITIVE: Final = frozenset(
    {
        b"authorization",
        b"cookie",
        b"proxy-authorization",
        b"referer",
        b"x-api-key",
        b"x-auth-token",
        b"x-amz-security-token",
    }
)
"""Fields that belong to the origin they were given for. The last three leak from every peer."""
_OF_BODY: Final = (b"content-", b"transfer-encoding")


RedirectFilter = Callable[[Response, URL], bool]
"""Whether this redirect may be followed to that URL."""


class Rules(NamedTuple):
    """What a client says of redirects: the fields that must not leave an origin, and who is asked, if anybody."""

    sensitive: Collection[bytes] = SENSITIVE
    allows: RedirectFilter | None = None


def rules(sensitive: Set[bytes], allows: RedirectFilter | None) -> Rules:
    """The checked rules; `sensitive` is added to what always is. Raises InvalidRequest."""
    if allows is not None and (not callable(allows) or iscoroutinefunction(allows)):
        raise InvalidRequest(
            "redirect_filter must be a plain function of a Response and the URL that it leads to, which gives True "
            "where that may be followed"
        )
    return Rules(SENSITIVE | sensitive, allows)


def redirects(response: Response) -> bool:
    """Whether `response` is a redirect that can be followed."""
    return response.status in STATUSES and bool(response._head.kinds & LOCATION)


def follow(response: Response, sensitive: Collection[bytes] = SENSITIVE) -> Request:
    """The request that a redirect asks for. Raises InvalidRequest where it leads nowhere it may."""
    request = response._request
    location = response._head.headers.get_list("Location")[0]
    try:
        url = request.url.join(location)
    except InvalidRequest as error:
        raise InvalidRequest(
            f"{request.method} {request.url} was redirected (HTTP {response.status}): {error}"
        ) from error
    method = _method(request.method, response.status)
    drop_body = method != request.method or response.status == 303
    if not drop_body and not request.replayable:
        raise InvalidRequest(
            f"{request.method} {request.url} was redirected (HTTP {response.status}) to {url}, but its body can be "
            "sent only once: pass bytes or a seekable file, or max_redirects=0"
        )
    leaves = url.origin != request.url.origin
    changes: dict[str, Any] = {"fields": _fields(request.fields, sensitive if leaves else (), drop_body)}
    if leaves:
        changes["host"] = changes["for_proxy"] = changes["auth"] = None
    if drop_body:
        changes |= {
            "body": None,
            "length": None,
            "expect_continue": False,
            "idempotent": method in IDEMPOTENT,
        }
    return request.changed(method=method, url=url, **changes)


def _method(method: str, status: int) -> str:
    if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
        return "GET"
    return method


def _fields(fields: RawFields, barred: Collection[bytes], drop_body: bool) -> RawFields:
    kept = []
    for name, value in fields:
        lower = name.lower()
        if lower not in barred and not (drop_body and lower.startswith(_OF_BODY)):
            kept.append((name, value))
    return kept
