"""pytest fixtures of the AWS emulator: `pytest_plugins = ["async_keepalive_httpc.testing.aws_fixtures"]` has them.

Refuses: to be loaded unasked. Called by: pytest.
Law: the emulator runs in a thread, so that it serves a test of any event loop, or of none; it is fresh for each test.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .aws import Emulator
from .threaded import Threaded


@pytest.fixture
def aws_emulator() -> Iterator[Emulator]:
    """AWS on this machine, whatever the signature; see `Emulator`."""
    with Threaded(Emulator()) as aws:
        yield aws


@pytest.fixture
def aws_verifying_emulator() -> Iterator[Emulator]:
    """AWS on this machine, which refuses wrong signatures; its `access_key` and `secret_key` are right."""
    with Threaded(Emulator(verify=True)) as aws:
        yield aws
