"""dynalite: DynamoDB in memory; a table is there, and gone, at once.

Refuses: transactions, PartiQL, the old item of a failed condition: it has none of them.
Called by: conftest.py, and the bench. Law: x-amz-crc32 on every answer; an unused connection is closed after 5 s.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.live import node

SCRIPT = f"""
const server = require(process.argv[1])({{createTableMs: 0, deleteTableMs: 0, updateTableMs: 0}});
server{node.COUNTED}
server.listen(+process.argv[2], "127.0.0.1");
"""


@contextmanager
def run() -> Iterator[node.Emulator]:
    """dynalite until the block ends. Raises ServerError."""
    with node.run("dynalite", [], SCRIPT, "dynalite") as emulator:
        yield emulator
