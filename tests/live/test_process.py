"""What the servers of these tests stand on: a program that is missing or does not start fails loudly, and leaves
nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.live.process import ServerError, find_ports, find_program, is_listening, serve

LISTENER = "import socket, sys, time; server = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(60)"


def test_missing_program() -> None:
    with pytest.raises(ServerError, match="no-such-server is not installed.*apt-get install its-package"):
        find_program("no-such-server", "its-package")


def test_program_that_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="ended with code 3.*its reason"):
        with serve([sys.executable, "-c", "print('its reason'); exit(3)"], find_ports(1), tmp_path / "said"):
            pass


def test_program_ends_with_its_block(tmp_path: Path) -> None:
    [port] = find_ports(1)
    with pytest.raises(KeyError):
        with serve([sys.executable, "-c", LISTENER, str(port)], [port], tmp_path / "said") as process:
            assert is_listening(port)
            raise KeyError
    assert process.returncode is not None
    assert not is_listening(port)
