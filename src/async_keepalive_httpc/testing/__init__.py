"""A server for tests that does to its clients what a script says: the faults that production has, when you want them.

Re-exports; no logic. See docs/testing.md. The extra `testing` brings what TLS and the pytest fixtures need; the server
itself needs the standard library alone. It wants a POSIX event loop (one that has `add_reader`), asyncio's or uvloop's.
"""

from . import faults
from .certificates import authority, certificate, server_context
from .chaos import Chaos, Rates
from .conn import LINGER_ZERO, Conn, Gone, Script
from .faults import in_turn
from .latency import Latency
from .messages import (
    BadRequest,
    Fields,
    Request,
    answer,
    chunked,
    parse_chunk_size,
    parse_head,
    response,
    split,
)
from .peer import Peer
from .scripts import answers, echo, ok, serving
from .threaded import Threaded

__all__ = [
    "LINGER_ZERO",
    "BadRequest",
    "Chaos",
    "Conn",
    "Fields",
    "Gone",
    "Latency",
    "Peer",
    "Rates",
    "Request",
    "Script",
    "Threaded",
    "answer",
    "answers",
    "authority",
    "certificate",
    "chunked",
    "echo",
    "faults",
    "in_turn",
    "ok",
    "parse_chunk_size",
    "parse_head",
    "response",
    "server_context",
    "serving",
    "split",
]
