"""What a client writes for its caller: default fields, credentials, JSON and form bodies.

Refuses: overriding. What the caller wrote stands.
Called by: `client`, when it is made; `building`, for each request.
Law: everything is checked here, before a request exists.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, MutableMapping
from typing import Any, Final, TypedDict
from urllib.parse import urlencode

from .._message.headers import Checked, RawFields, encode_fields
from .._message.limits import Timeout
from .._message.proxy import Wanted
from .._message.reach import Reach, UnixSocket
from .._message.request import HeaderInput
from .._message.url import Parameters
from ..errors import InvalidRequest
from ..version import __version__
from . import auth as credentials
from . import decode as decoding
from .digest import Digest

_encode_json: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
USER_AGENT = f"async_keepalive_httpc/{__version__}".encode()


class Options(TypedDict, total=False):
    """What a request may say beside method, URL, headers and body; see `Client.build`."""

    params: Parameters
    json: Any
    form: Mapping[str, str] | list[tuple[str, str]]
    auth: tuple[str, str] | Digest
    timeout: float | Timeout | None
    max_redirects: int
    decode: bool
    max_body_size: int
    expect_continue: bool
    idempotent: bool
    allow_body: bool
    reach: Reach | None
    proxy: Wanted
    unix_socket: UnixSocket
    server_hostname: str


def default_fields(headers: HeaderInput, auth: Any, decode: bool) -> Checked:
    """The fields of every request of a client. Raises InvalidRequest."""
    defaults = [(b"User-Agent", USER_AGENT), (b"Accept", b"*/*")]
    if decode:
        defaults.append((b"Accept-Encoding", decoding.accepted().encode()))
    if auth is not None:
        defaults.append((b"Authorization", basic(auth)))
    return completed(encode_fields(headers), defaults)


def completed(fields: Checked, more: RawFields) -> Checked:
    """`fields`, and those of `more`, which need no check, whose name is not among them."""
    if not more:
        return fields
    given = {name.lower() for name, _ in fields}
    return Checked(fields + [(name, value) for name, value in more if name.lower() not in given])


def basic(auth: Any) -> bytes:
    """The value of Authorization for a (username, password). Raises InvalidRequest."""
    if not isinstance(auth, tuple) or len(auth) != 2 or not all(isinstance(part, str) for part in auth):
        raise InvalidRequest("auth must be a pair of texts, (username, password)")
    return credentials.basic(*auth)


def body(given: Any, options: MutableMapping[str, Any]) -> tuple[Any, RawFields]:
    """The body that `body`, `json` or `form` gives, and its Content-Type. Takes `json` and `form` out of `options`.

    Raises InvalidRequest where more than one is given, and what the JSON encoder raises.
    """
    if "json" not in options and "form" not in options:
        return given, []
    names = [name for name in ("json", "form") if name in options] + ["body"] * (given is not None)
    if len(names) > 1:
        raise InvalidRequest(f"{' and '.join(names)} each give a body: give one of them")
    if "json" in options:
        return _encode_json(options.pop("json")).encode(), [(b"Content-Type", b"application/json")]
    form = urlencode(options.pop("form"))
    return form.encode(), [(b"Content-Type", b"application/x-www-form-urlencoded")]


def lower_names(names: Collection[str]) -> set[bytes]:
    """Field names in lower case. Raises InvalidRequest."""
    if isinstance(names, str) or not isinstance(names, Collection) or not all(isinstance(name, str) for name in names):
        raise InvalidRequest(f"sensitive_headers is {names!r:.80}: give a list of names")
    return {name.lower() for name, _ in encode_fields([(name, "") for name in names])}
