"""What the budgets are measured against: a server that takes no part in what is counted here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def other_process() -> Iterator[str]:
    """The URL of a server in another process."""
    script = str(Path(__file__).with_name("server.py"))
    with subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}/"
        server.communicate("")
    assert server.returncode == 0
