"""The servers of these tests: those of `async_keepalive_httpc.testing`, by the name that tests know them by.

Refuses: anything of its own. Called by: tests.
"""

from async_keepalive_httpc.testing import (
    LINGER_ZERO,
    BadRequest,
    Conn,
    Fields,
    Peer,
    Request,
    Script,
    answer,
    answers,
    authority,
    certificate,
    chunked,
    echo,
    ok,
    parse_chunk_size,
    parse_head,
    response,
    server_context,
    serving,
    split,
)

__all__ = [
    "LINGER_ZERO",
    "BadRequest",
    "Conn",
    "Fields",
    "Peer",
    "Request",
    "Script",
    "answer",
    "answers",
    "authority",
    "certificate",
    "chunked",
    "echo",
    "ok",
    "parse_chunk_size",
    "parse_head",
    "response",
    "server_context",
    "serving",
    "split",
]
