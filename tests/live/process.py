"""A real server as a child process: found, started on free loopback ports, waited for, read, ended by its pid.

Refuses: configurations; each server has its own file beside this one.
Called by: those files. Law: whatever ends the block, the process ends and its folder goes; a program that is not
there fails every test that wants it, and names the package to install.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, Protocol, TypeVar

HOST = "127.0.0.1"
# Below those that systems give to connections, one of which could take a port before its server does.
PORTS = range(15000, 32000)
START_SECONDS = 10.0
STOP_SECONDS = 5.0
# A line is written after the answer was sent; on a busy machine that may be a while.
LOG_SECONDS = 10.0
STEP_SECONDS = 0.01
# Debian keeps servers where the PATH of a user does not look, and squid's programs elsewhere again.
PLACES = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/squid", "/usr/libexec/squid", "/usr/lib64/squid")

Line = TypeVar("Line")


class ServerError(Exception):
    """A server cannot be had; the text says what to install, or what it complained of."""


def find_program(name: str, package: str) -> str:
    """The path of an installed program. Raises ServerError, which names Debian's package for it."""
    path = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *PLACES]))
    if path is None:
        raise ServerError(
            f"{name} is not installed, and these tests are about it: apt-get install {package} (make test does so)"
        )
    return path


def find_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on now. Raises ServerError if there are too few."""
    ports: list[int] = []
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        try:
            socket.create_server((HOST, port)).close()
        except OSError:
            continue
        ports.append(port)
        if len(ports) == count:
            return ports
    raise ServerError(f"{count} free ports from {PORTS[0]} to {PORTS[-1]} were wanted, and there are {len(ports)}")


@contextmanager
def new_folder(name: str) -> Iterator[Path]:
    """A folder that a server which gave up root may enter and write to."""
    with tempfile.TemporaryDirectory(prefix=f"live-{name}-") as text:
        folder = Path(text)
        folder.chmod(0o777)
        yield folder


@contextmanager
def serve(
    command: Sequence[str], ports: Iterable[int], said: Path, end: signal.Signals = signal.SIGTERM
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command that stays in the foreground until the block ends; enter when it accepts on all `ports`.

    said: the file that gets its output, and whose end is quoted when it does not start. end: what ends it.
    """
    with said.open("ab") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        _await_start(process, ports, said)
        yield process
    finally:
        _stop(process, end)


def _await_start(process: subprocess.Popen[bytes], ports: Iterable[int], said: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    for port in ports:
        while not is_listening(port):
            code = process.poll()
            if code is not None or time.monotonic() > deadline:
                what = f"did not listen within {START_SECONDS:g} s" if code is None else f"ended with code {code}"
                text = said.read_text(errors="replace").strip()[-1000:] or "nothing"
                raise ServerError(f"{process.args!r:.100} {what}; it said: {text}")
            time.sleep(STEP_SECONDS)


def is_listening(port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _stop(process: subprocess.Popen[bytes], end: signal.Signals) -> None:
    process.send_signal(end)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Log(Generic[Line]):
    """A server's log, each line read into a value. `pick` chooses the lines of one test: see `tag` in conftest.py."""

    def __init__(self, path: Path, read: Callable[[str], Line | None]) -> None:
        self._path = path
        self._read = read

    def lines(self, pick: Callable[[Line], bool]) -> list[Line]:
        """What is there now, oldest first."""
        # The last line may be half written.
        whole = self._path.read_text(errors="replace").rpartition("\n")[0]
        lines = (self._read(text) for text in whole.split("\n") if text)
        return [line for line in lines if line is not None and pick(line)]

    async def wait(self, count: int, pick: Callable[[Line], bool]) -> list[Line]:
        """What is there once it is at least `count` lines. An AssertionError shows what is there if it never is."""
        deadline = time.monotonic() + LOG_SECONDS
        while len(lines := self.lines(pick)) < count:
            assert time.monotonic() < deadline, f"{count} lines were to come, but the log has {lines}"
            await asyncio.sleep(STEP_SECONDS)
        return lines


class Passing(Protocol):
    """A line of the log of what stands before an origin. `port` is the client's."""

    @property
    def port(self) -> int: ...

    @property
    def target(self) -> str: ...


Passed = TypeVar("Passed", bound=Passing)


class Passage(Generic[Passed]):
    """What stands before an origin, and has a log."""

    __slots__ = ()

    log: Log[Passed]

    async def seen(self, tag: str, count: int) -> list[Passed]:
        """The lines with this tag in their target, once there are `count`; fails if there are more."""
        lines = await self.log.wait(count, lambda line: tag in line.target)
        assert len(lines) == count, lines
        return lines

    async def connections(self, tag: str, count: int) -> int:
        """Over how many connections of clients those `count` came."""
        return len({line.port for line in await self.seen(tag, count)})
