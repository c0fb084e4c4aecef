"""The Client under a Tornado door: what Tornado's own client promises, in the engine's terms.

Refuses: defaults of its own; the doors have them, in their signatures.
Called by: both Tornado doors, once.
Law: Tornado's limits, and nothing that Tornado does not do: gzip alone is undone, a truncated TLS stream passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tornado.netutil import DefaultLoopResolver, Resolver

from .._message.limits import Limits, count
from .._message.request import NOTHING
from ..client import Client

MAX_HEADER_SIZE: Final = 64 * 1024
"""Tornado's own limit for a response head, bytes."""
MAX_INTERIMS: Final = 10
"""Tornado's own limit for interim (1xx) responses before a final one."""


def body_limit(max_buffer_size: int, max_body_size: int | None) -> int:
    """Bytes of a body: Tornado's two numbers as one. Raises InvalidRequest."""
    if max_body_size is None:
        return count("max_buffer_size", max_buffer_size)
    return count("max_body_size", max_body_size)


def engine(
    limits: Limits,
    max_body_size: int,
    max_header_size: int | None,
    resolver: Any,
    hostname_mapping: Mapping[Any, Any] | None,
    *,
    trust_env: bool = False,
    pipelining: int = 1,
) -> Client:
    """A Client that behaves as Tornado's. Raises InvalidRequest for arguments that make no sense."""
    return Client(
        limits=limits,
        max_body_size=max_body_size,
        max_header_size=max_header_size or MAX_HEADER_SIZE,
        max_interims=MAX_INTERIMS,
        codings=("gzip",),
        strict_tls_eof=False,
        resolver=_configured() if resolver is None else resolver,
        hostname_mapping=hostname_mapping,
        trust_env=trust_env,
        pipelining=pipelining,
        defaults=NOTHING,
    )


def _configured() -> Resolver | None:
    """What `Resolver.configure` chose; None where that is the event loop's own, whose answers the engine remembers."""
    return None if Resolver.configured_class() is DefaultLoopResolver else Resolver()
