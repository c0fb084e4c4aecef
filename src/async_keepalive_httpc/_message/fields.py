"""Which response fields the engine itself understands, as bits, found by name in one dictionary look-up.

Refuses: values; it knows names only.
Called by: `_connection`, once for each field of a final response; `client`, to see whether policy has work.
Law: a name is lower-cased once in its life; the spelling a server sends is remembered (at most MEMORY
spellings, so that a server that invents names cannot make us grow). Most fields mean nothing here, and one
look into a set of their names is all that they cost.
"""

from __future__ import annotations

from typing import Final

CONTENT_LENGTH: Final = 1
TRANSFER_ENCODING: Final = 2
KEEP_ALIVE: Final = 4
CONTENT_ENCODING: Final = 8
LOCATION: Final = 16
AUTHENTICATION_INFO: Final = 32
SETTLED: Final = CONTENT_ENCODING | AUTHENTICATION_INFO
"""A response that has one of these wants a look before it is handed over."""

MEMORY: Final = 4096

_MEANT: Final = {
    b"content-length": CONTENT_LENGTH,
    b"transfer-encoding": TRANSFER_ENCODING,
    b"keep-alive": KEEP_ALIVE,
    b"content-encoding": CONTENT_ENCODING,
    b"location": LOCATION,
    b"authentication-info": AUTHENTICATION_INFO,
}
KINDS: Final[dict[bytes, int]] = {}
"""Spellings of the names above."""
PLAIN: Final[set[bytes]] = set()
"""Spellings of names that mean nothing to the engine."""


def kind_of(name: bytes) -> int:
    """The kind of a name that PLAIN does not hold, 0 for none; remembers it."""
    kind = KINDS.get(name)
    if kind is None:
        kind = _MEANT.get(name.lower(), 0)
        if len(KINDS) + len(PLAIN) < MEMORY:
            if kind:
                KINDS[name] = kind
            else:
                PLAIN.add(name)
    return kind
