"""A Request, from what a caller says of it and what a client says of all.

Refuses: sending it, and overriding: what the caller wrote stands.
Called by: `client`.
Law: everything is checked here, before a request exists.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, cast

from .._message.headers import encode_fields
from .._message.reach import Reach, merged
from .._message.request import Defaults, HeaderInput, Request
from .._message.url import URL, parse
from . import additions, authorization
from .carrier import carry
from .cookies import CookieJar
from .digest import Digest

ROADS: Final = frozenset(("proxy", "unix_socket", "server_hostname"))
"""Options that are part of a Reach."""


class Common(NamedTuple):
    """What a client says of all its requests: fields, the way, and who answers challenges and keeps cookies."""

    defaults: Defaults
    reach: Reach
    digest: Digest | None
    cookies: CookieJar | None


def build(
    common: Common, method: str, url: str | URL, headers: HeaderInput, body: Any, options: additions.Options
) -> Request:
    """The Request. Takes out of `options` what it has no name for. Raises InvalidRequest."""
    target = url if isinstance(url, URL) else parse(url)
    if "params" in options:
        target = target.with_params(options.pop("params"))
    more = cast(dict[str, Any], options)
    body, added = additions.body(body, more)
    if not ROADS.isdisjoint(more):
        roads = {name: more.pop(name) for name in ROADS & more.keys()}
        more["reach"] = merged(more.get("reach") or common.reach, **roads)
    auth = more.pop("auth", None)
    if target.username is not None and not isinstance(auth, Digest):
        auth = (target.username, target.password or "")
    digest = auth if isinstance(auth, Digest) else None if auth else common.digest
    if auth is not None and digest is None:
        added.append((b"Authorization", additions.basic(auth)))
    fields = additions.completed(encode_fields(headers), added)
    request = Request(method, target, fields or None, body, defaults=common.defaults, **more)
    if digest is not None:
        request = authorization.sign(request, digest)
    return request if common.cookies is None else carry(common.cookies, request)
