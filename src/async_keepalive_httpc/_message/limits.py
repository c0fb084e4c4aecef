"""Timeout and Limits: the values a caller sets once, and the named size limits with their reasons.

Refuses: clocks and counting; those are `_transport`'s.
Called by: callers, `client`, `_transport`, `_connection`.
Law: every number is checked when it is given, not when it is used.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Final

from ..errors import InvalidRequest

KIB: Final = 1024
MIB: Final = 1024 * KIB

MAX_HEADER_SIZE: Final = 128 * KIB
"""Head of a response with its interim responses, bytes. aiohttp's 8,190 a field is a standing complaint."""
MAX_FIELDS: Final = 1000
"""Fields in one header block: more is an attack on whoever indexes them (CVE-2023-38039)."""
MAX_BODY_SIZE: Final = 100 * MIB
"""Decoded bytes of a body that is held in memory (Tornado's `max_body_size`)."""
CHUNK_OVERHEAD: Final = 16 * KIB
CHUNK_OVERHEAD_EACH: Final = 16
"""Chunk sizes, extensions and trailers: so much for a message and so much for each chunk (CVE-2023-39326)."""
DRAIN_SIZE: Final = 64 * KIB
"""An unread or redirect body up to this size is read to keep its connection; a longer one closes it."""
DRAIN_TIME: Final = 0.05
"""Seconds that reading such a rest may take: longer costs more than a new connection on a near network."""
STREAM_HIGH: Final = 256 * KIB
STREAM_LOW: Final = 64 * KIB
"""Bytes of a streamed body that wait to be read: above the first reading stops, at the second it goes on."""
UPLOAD_SLICE: Final = 256 * KIB
"""A body in memory above this size goes out in slices, so that an early answer can stop it."""
CONTINUE_WAIT: Final = 1.0
"""Seconds to wait for `100 Continue` before the body goes out all the same (RFC 9110 section 10.1.1)."""
TIMEOUTS_KEPT: Final = 64
"""Timeouts given as a number that are remembered: making one costs more than sending the request."""
LONGEST: Final = 1e9
"""Seconds, 31 years: a longer time is no limit. A float could not hold every int."""


def seconds(name: str, value: float | None) -> float | None:
    """`value` as seconds, None for "no limit" (None, 0 and infinity mean that). Raises InvalidRequest."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:  # NaN is neither
        raise InvalidRequest(f"{name} must be a number of seconds, zero or more (0 and None: no limit), not {value!r}")
    return None if value == 0 or value > LONGEST else float(value)


def count(name: str, value: Any, least: int = 1) -> int:
    """`value` as a whole number of at least `least`. Raises InvalidRequest."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidRequest(f"{name} must be a whole number of at least {least}, not {value!r}")
    return value


class Timeout:
    """Time limits of one request, in seconds; None, 0 or infinity: no limit.

    total: from the call to the complete response, redirects and resends included (default 300).
    connect: one dial: name, TCP, TLS (default 10).
    pool: waiting for a connection while no dial is under way for this request (default None).
    read: silence from the peer while its answer is awaited or under way (default 60).
    write: no progress while a body is sent (default 60).

    Raises InvalidRequest for negative or non-numeric values.
    """

    __slots__ = ("connect", "first", "from_queue", "pool", "read", "total", "write")

    def __init__(
        self,
        total: float | None = 300.0,
        connect: float | None = 10.0,
        pool: float | None = None,
        read: float | None = 60.0,
        write: float | None = 60.0,
        *,
        from_queue: bool = True,
    ) -> None:
        self.total = seconds("Timeout total", total)
        self.connect = seconds("Timeout connect", connect)
        self.pool = seconds("Timeout pool", pool)
        self.read = seconds("Timeout read", read)
        self.write = seconds("Timeout write", write)
        self.from_queue = from_queue
        """False: the total counts from the moment the request leaves the queue, as Tornado has it."""
        given = [value for value in (self.total, self.pool, self.read, self.write) if value is not None]
        self.first = min(given, default=math.inf)
        """Seconds after which anything could expire at the earliest: when the clock first looks."""

    def __repr__(self) -> str:
        return (
            f"Timeout(total={self.total}, connect={self.connect}, pool={self.pool}, "
            f"read={self.read}, write={self.write})"
        )

    @classmethod
    def of(cls, value: float | Timeout) -> Timeout:
        """A Timeout as it is; a number becomes the total, and bounds the dial with it."""
        if isinstance(value, Timeout):
            return value
        return _remembered(value) if type(value) in (int, float) else _in_all(value)


def _in_all(value: float) -> Timeout:
    total = seconds("timeout", value)
    return Timeout(total=total, connect=min(10.0, total) if total else 10.0)


_remembered: Final = lru_cache(TIMEOUTS_KEPT)(_in_all)


class Limits:
    """How many connections and how long they live.

    max_connections: open and dialling, all origins together (default 512).
    max_per_host: the same for one origin (default 100).
    idle_timeout: seconds an unused connection is kept at most (default 60; a server's hint shortens it).
    max_age: seconds after which a connection takes no new request, +-10 % (default 600; None: no limit).
    max_waiters: requests that may wait for a connection of one origin (default None: no limit).
    max_requests_per_connection: requests after which a connection is closed (default None: no limit).

    Raises InvalidRequest for values below 1, or negative seconds.
    """

    __slots__ = (
        "idle_timeout",
        "max_age",
        "max_connections",
        "max_per_host",
        "max_requests_per_connection",
        "max_waiters",
    )

    def __init__(
        self,
        max_connections: int = 512,
        max_per_host: int = 100,
        idle_timeout: float | None = 60.0,
        max_age: float | None = 600.0,
        max_waiters: int | None = None,
        max_requests_per_connection: int | None = None,
    ) -> None:
        self.max_connections = count("max_connections", max_connections)
        self.max_per_host = count("max_per_host", max_per_host)
        self.idle_timeout = seconds("idle_timeout", idle_timeout)
        self.max_age = seconds("max_age", max_age)
        self.max_waiters = None if max_waiters is None else count("max_waiters", max_waiters)
        self.max_requests_per_connection = (
            None
            if max_requests_per_connection is None
            else count("max_requests_per_connection", max_requests_per_connection)
        )

    @classmethod
    def of(cls, value: Limits | None) -> Limits:
        """Limits as they are; None: the ordinary ones. Raises InvalidRequest for all else."""
        if not (value is None or isinstance(value, Limits)):
            raise InvalidRequest(
                f"limits is {value!r:.80}: give Limits(max_connections=..., max_per_host=..., ...), or leave it out"
            )
        return value or cls()

    def __repr__(self) -> str:
        return f"Limits({', '.join(f'{name}={getattr(self, name)}' for name in sorted(self.__slots__))})"


class Reading:
    """What a connection accepts from its peer.

    header_size: bytes of the head of a response, its interim responses included.
    interims: interim responses, counted (0: by bytes only).
    strict_tls_eof: over TLS, close_notify must end a body that is framed by close (RFC 9112 section 9.8).

    Raises InvalidRequest for sizes below 1 and counts below 0.
    """

    __slots__ = ("header_size", "interims", "strict_tls_eof")

    def __init__(self, header_size: int = MAX_HEADER_SIZE, interims: int = 0, strict_tls_eof: bool = True) -> None:
        self.header_size = count("max_header_size", header_size)
        self.interims = count("max_interims", interims, 0)
        self.strict_tls_eof = strict_tls_eof
