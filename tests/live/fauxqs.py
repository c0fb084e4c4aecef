"""fauxqs: SQS in memory, with FIFO queues, long polls and the limits of sizes.

Refuses: permissions, message moves, CRC-32: it has none of them; the MD5 of messages and attributes it has.
Called by: conftest.py, and the bench. Law: a queue's URL names a host that does not resolve
(sqs.<region>.localhost), so calls go to `endpoint_url`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.live import node

# Its own command listens on every interface.
SCRIPT = f"""
const {{buildApp}} = await import(process.argv[1]);
const app = buildApp({{logger: false}});
app.server{node.COUNTED}
await app.listen({{port: +process.argv[2], host: "127.0.0.1"}});
"""


@contextmanager
def run() -> Iterator[node.Emulator]:
    """fauxqs until the block ends. Raises ServerError."""
    with node.run("fauxqs", ["--input-type=module"], SCRIPT, "fauxqs/dist/app.js") as emulator:
        yield emulator
