"""Tornado's HTTPRequest made into our Request.

Refuses: sending. What Tornado's client refuses, this refuses with Tornado's words, before anything is sent.
Called by: `fetch`.
Law: method, URL, headers and body are read here, all else is `terms`'. The caller's objects are not changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tornado import version as tornado_version
from tornado.escape import to_unicode
from tornado.httpclient import HTTPRequest

from .._message.body import Produced
from .._message.request import Request
from .._message.url import URL, parse
from ..client import Client, Digest, Options
from .terms import Pairs, Terms

USER_AGENT: Final = f"Tornado/{tornado_version}"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
_WITH_BODY: Final = ("POST", "PATCH", "PUT")
_FORM: Final = ("Content-Type", "application/x-www-form-urlencoded")
_GZIP: Final = ("Accept-Encoding", "gzip")

Answering = Callable[[str, str], Digest]
"""Who answers digest challenges for a user name and a password: the same for the same."""


def translate(
    asked: HTTPRequest, terms: Terms, defaults: dict[str, Any], client: Client, answering: Answering
) -> Request:
    """Our Request for Tornado's. Raises ValueError, or KeyError for a method, in Tornado's words."""
    method = asked.method
    body: Any = defaults.get("body") if asked.body is None else asked.body
    known = body is not None
    producer = asked.body_producer or defaults.get("body_producer")
    if not known and producer is not None:
        body = Produced(producer)
    url = parse(to_unicode(asked.url))
    headers = tuple(asked.headers.get_all())
    repeated = url.username is None and (body is None or type(body) is bytes)
    if repeated and (made := terms.made(method, headers, body)) is not None:
        return made.like(url, body)
    if not terms.nonstandard:
        _check_method(method, body is not None)
    options: Options = terms.options
    auth = _auth(terms, url)
    if auth is not None:
        options = {**options, "auth": answering(*auth) if terms.auth_mode == "digest" else auth}
    fields = _fields(headers, terms, method, auth is not None, known)
    request = client.build(method, url, headers=fields, body=body, **options)
    if repeated:
        terms.keep(headers, request)
    return request


def _check_method(method: str, has_body: bool) -> None:
    if method not in _METHODS:
        raise KeyError(f"unknown method {method}")
    expected = method in _WITH_BODY
    if expected != has_body:
        raise ValueError(
            f"Body must {'not ' if expected else ''}be None for method {method} (unless "
            "allow_nonstandard_methods is true)"
        )


def _auth(terms: Terms, url: URL) -> tuple[str, str] | None:
    """Who asks: the URL's own user counts more than auth_username, as in Tornado's simple client."""
    if url.username is None and terms.user is None:
        return None
    if terms.auth_mode not in (None, "basic", "digest"):
        raise ValueError(f"unsupported auth_mode {terms.auth_mode}")
    return terms.user if url.username is None else (url.username, url.password or "")


def _fields(headers: Pairs, terms: Terms, method: str, authorized: bool, known: bool) -> Pairs:
    """The caller's fields, less those that an argument replaces, then Tornado's own. known: the body's length is."""
    names = {name for name, _ in headers}
    own: list[tuple[str, str]] = []
    if terms.user_agent or "User-Agent" not in names:
        own.append(("User-Agent", terms.user_agent or USER_AGENT))
    if method == "POST" and "Content-Type" not in names:
        own.append(_FORM)
    if terms.decode:
        own.append(_GZIP)
    replaced = {name for name, _ in own}
    if authorized:
        replaced.add("Authorization")
    if known:
        # The engine writes the length of a body that it knows, whatever the caller says, as Tornado does.
        replaced.add("Content-Length")
    return *(pair for pair in headers if pair[0] not in replaced), *own
