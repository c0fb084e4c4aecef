"""The process that the demo's servers run in, as the demo holds it.

Refuses: HTTP. Called by: `demo`; `emulator` (Child).
Law: it is started on entry and ended on exit, whatever happened in between. The client's core is not shared:
what is measured is the client.
"""

from __future__ import annotations

import importlib.util
import json
import ssl
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from .failure import DemoFailed

COMMAND = [sys.executable, "-m", "async_keepalive_httpc.cli.server"]
PATIENCE = 5.0
"""Seconds that the process has for its last steps, before it is killed."""


class Child:
    """A process that tells what it has to tell in lines, answers each line with one, and ends when its stdin does.

    what: whose process it is, for messages. number: the process's. own_group: whether a terminal's Ctrl-C passes it
    by. Raises DemoFailed once it has ended.
    """

    def __init__(self, command: Sequence[str], what: str, *, own_group: bool = False) -> None:
        self._what = what
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0 if own_group else None,
        )
        self.number = self._process.pid

    def hear(self) -> str:
        """The next line that it tells."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise DemoFailed(
                f"the process of the {self._what} ended with status {self._process.wait()}; what it wrote is above"
            )
        return line

    def ask(self) -> str:
        """Its answer to a line."""
        with suppress(BrokenPipeError):  # it has ended, which is heard next
            print(file=self._process.stdin, flush=True)
        return self.hear()

    def end(self) -> None:
        """End it, and wait for that."""
        try:
            self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


class Servers:
    """`with Servers() as servers`: an HTTP and an HTTPS server.

    number: the process's. urls: where they are, by scheme, without a path. context: trusts the HTTPS server's
    certificate and no other.

    Raises DemoFailed when they cannot be started.
    """

    def __enter__(self) -> Self:
        if importlib.util.find_spec("trustme") is None:
            raise DemoFailed(
                "trustme, which makes the certificate of the HTTPS server, is not installed: "
                "pip install trustme, or run `make demo`, which installs all that the demo needs"
            )
        self._child = Child(COMMAND, "servers")
        try:
            self.number = self._child.number
            facts: dict[str, Any] = json.loads(self._child.hear())
            self.urls = {scheme: f"{scheme}://127.0.0.1:{facts[scheme]}" for scheme in ("http", "https")}
            self.context = ssl.create_default_context(cadata=facts["authority"])
        except BaseException:
            self._child.end()
            raise
        return self

    def count(self) -> dict[str, int]:
        """The connections accepted so far, by scheme."""
        counts: dict[str, int] = json.loads(self._child.ask())
        return counts

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.end()
