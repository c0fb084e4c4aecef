"""pytest fixtures: `pytest_plugins = ["async_keepalive_httpc.testing.fixtures"]` in the root conftest.py has them.

Refuses: to be loaded unasked, so that installing the package changes nobody's pytest.
Called by: pytest. Law: a server runs in a thread, so that it serves a test of any event loop, or of none; it ends with
the test, and what its script raised fails the test.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Protocol

import pytest

from .chaos import Chaos, Rates
from .conn import Script
from .peer import Peer
from .threaded import Threaded


class StartPeer(Protocol):
    """The type of the `fault_server` fixture."""

    def __call__(self, script: Script | Sequence[bytes], *, tls: bool | ssl.SSLContext = False) -> Peer: ...


@pytest.fixture
def fault_server() -> Iterator[StartPeer]:
    """`fault_server(script)` starts a Peer, which ends with the test; may be called several times."""
    with ExitStack() as stack:

        def start(script: Script | Sequence[bytes], *, tls: bool | ssl.SSLContext = False) -> Peer:
            return stack.enter_context(Threaded(Peer(script, tls=tls)))

        yield start


@pytest.fixture
def chaos_server(fault_server: StartPeer) -> Callable[..., tuple[Chaos, Peer]]:
    """`chaos_server(seed, rates)` starts a server that is cruel by chance; what it saw, and the Peer it is on."""

    def start(seed: int = 0, rates: Rates | None = None) -> tuple[Chaos, Peer]:
        chaos = Chaos(seed, rates)
        return chaos, fault_server(chaos)

    return start
