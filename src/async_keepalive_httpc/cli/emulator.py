"""The process that the demo's AWS runs in, as the demo holds it.

Refuses: AWS's calls (`aws` makes them), and to miss what is not installed: it says what that is.
Called by: `demo`, and `aws`.
Law: it is started on entry, and waited for later: moto takes most of a second to import. It is ended on exit,
whatever happened in between.
"""

from __future__ import annotations

import importlib.util
import sys
from types import TracebackType
from typing import Self

from .process import Child

COMMAND = [sys.executable, "-m", "async_keepalive_httpc.testing.aws", "--port", "0", "--stdin"]
EXTRAS = {"botocore": "aws", "moto": "testing-aws"}
"""Which extra brings what the emulator and its clients import."""


class Emulator:
    """`with Emulator() as emulator`: AWS on loopback, started but not waited for.

    missing: the extras that are not installed, so that nothing was started; else empty. After `ready()`: url, and
    access_key and secret_key, which it accepts. number: the process's.
    """

    _child: Child | None = None

    def __enter__(self) -> Self:
        self.missing = [extra for name, extra in EXTRAS.items() if importlib.util.find_spec(name) is None]
        if not self.missing:
            self._child = Child(COMMAND, "AWS emulator", own_group=True)
            self.number = self._child.number
        return self

    def ready(self) -> None:
        """Wait until it serves. Raises DemoFailed if it will not."""
        if self._child is not None:
            facts = dict(fact.split("=", 1) for fact in self._child.hear().split())
            self.url = facts["AWS_ENDPOINT_URL"]
            self.access_key = facts["AWS_ACCESS_KEY_ID"]
            self.secret_key = facts["AWS_SECRET_ACCESS_KEY"]

    def count(self) -> int:
        """The connections accepted so far; it must be ready."""
        assert self._child is not None
        return int(self._child.ask().split()[3])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            self._child.end()
