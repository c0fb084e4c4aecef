"""AWS's emulators that run on Node: found where scripts/npm.sh puts them, started on loopback, connections counted.

Refuses: versions; scripts/npm/package.json pins them. Called by: dynalite.py and fauxqs.py beside this one.
Law: each starts from a piece of JavaScript, which is given the path of its module and a port, and prints a line for
the first request of each connection: a connection without one, such as that which asks whether it listens, is none.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.live.process import HOST, Log, find_ports, new_folder, serve

FOLDER = Path(__file__).resolve().parent.parent.parent / "build" / "node"
KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
REGION = "eu-west-1"


COUNTED = (
    """.on('request', ({socket}) => { if (!socket.counted) { socket.counted = true; console.log('connection'); } });"""
)
"""JavaScript, behind a server."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator. It checks no signature, so any keys do."""

    url: str
    log: Log[str]
    pid: int

    def count_connections(self) -> int:
        """Those that brought a request since it started."""
        return len(self.log.lines(lambda line: line == "connection"))

    def arguments(self) -> dict[str, Any]:
        """What `aws.client` is opened with."""
        access, secret = KEYS
        return {
            "endpoint_url": self.url,
            "region_name": REGION,
            "aws_access_key_id": access,
            "aws_secret_access_key": secret,
        }


def find_missing(name: str) -> str | None:
    """Why this emulator cannot be started; None if it can."""
    if shutil.which("node") is None:
        return f"Node is not installed, and {name} runs on it"
    if not (FOLDER / "installed").exists():
        return f"{name} is not installed: scripts/npm.sh does so, and says why where it cannot (make test calls it)"
    return None


@contextmanager
def run(name: str, options: Sequence[str], script: str, module: str) -> Iterator[Emulator]:
    """An emulator until the block ends; script: gets the path of `module` and the port. Raises ServerError."""
    with new_folder(name) as folder:
        (port,) = find_ports(1)
        said = folder / "said"
        command = ["node", *options, "--eval", script, str(FOLDER / "node_modules" / module), str(port)]
        with serve(command, [port], said) as process:
            yield Emulator(f"http://{HOST}:{port}", Log(said, str), process.pid)
