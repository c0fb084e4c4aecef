"""microsocks: a SOCKS5 proxy, open or for one user.

Refuses: a configuration file; it has none.
Called by: conftest.py. Law: its log has a line for each connection, before the client hears that it was made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.live.process import HOST, Log, find_ports, find_program, new_folder, serve

PACKAGE = "microsocks"
USER, PASSWORD = "alice", "open sesame: 1/2 @home"


@dataclass(frozen=True, slots=True)
class Access:
    """A line of the log: one connection to `host`, a name or an address as the client gave it."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Microsocks:
    """A running microsocks."""

    port: int
    log: Log[Access]

    def connections(self) -> list[Access]:
        """All connections it has made, oldest first."""
        return self.log.lines(lambda line: True)


@contextmanager
def run(*, closed: bool = False) -> Iterator[Microsocks]:
    """microsocks until the block ends, for all, or for USER and PASSWORD only. Raises ServerError."""
    program = find_program("microsocks", PACKAGE)
    with new_folder("microsocks") as folder:
        [port] = find_ports(1)
        credentials = ["-u", USER, "-P", PASSWORD] if closed else []
        with serve([program, "-i", HOST, "-p", str(port), *credentials], [port], folder / "said"):
            yield Microsocks(port, Log(folder / "said", _read))


def _read(text: str) -> Access | None:
    found = re.search(r"connected to (\S+):(\d+)$", text)
    return found and Access(found[1], int(found[2]))
