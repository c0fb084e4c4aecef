"""The process that the demo's servers run in, as the demo holds it.

Refuses: HTTP. Called by: `demo`.
Law: it is started on entry and ended on exit, whatever happened in between. The client's core is not shared:
what is measured is the client.
"""

from __future__ import annotations

import importlib.util
import json
import ssl
import subprocess
import sys
from types import TracebackType
from typing import Any, Self

from .failure import DemoFailed

COMMAND = [sys.executable, "-m", "async_keepalive_httpc.cli.server"]
PATIENCE = 5.0
"""Seconds that the process has for its last steps, before it is killed."""


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
        self._process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.number = self._process.pid
            facts = self._hear()
            self.urls = {scheme: f"{scheme}://127.0.0.1:{facts[scheme]}" for scheme in ("http", "https")}
            self.context = ssl.create_default_context(cadata=facts["authority"])
        except BaseException:
            self._end()
            raise
        return self

    def count(self) -> dict[str, int]:
        """The connections accepted so far, by scheme."""
        print(file=self._process.stdin, flush=True)
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise DemoFailed(
                f"the process of the servers ended with status {self._process.wait()}; what it wrote is above"
            )
        facts: dict[str, Any] = json.loads(line)
        return facts

    def _end(self) -> None:
        try:
            self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
