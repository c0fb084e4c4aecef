"""A relay that puts a round trip between a client and a server on the same machine.

Refuses: to look at what it carries. Called by: tests, `bench`.
Law: bytes, FIN and RST leave in the order and at the distance in time in which they came, so many seconds later. So a
server's FIN and a client's request pass each other on the way, as they do on a long line.

    async with Latency(peer.host, peer.port, 0.04) as line:     0.04: seconds there and back
        ... line.url ...
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Self, cast

from .conn import LINGER_ZERO


class Latency:
    """`async with Latency(host, port, round_trip) as line`: `line.port` leads to host and port, `round_trip` s away."""

    def __init__(self, host: str, port: int, round_trip: float) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.one_way = round_trip / 2
        self._target = (host, port)
        self._ends: set[End] = set()
        self._dials: set[asyncio.Task[None]] = set()
        self._emptied = asyncio.Event()
        self._emptied.set()

    @property
    def url(self) -> str:
        """Where it is, without a path, for plain http."""
        return f"http://{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: End(self, self._dial), self.host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for dial in self._dials:
            dial.cancel()
        for end in list(self._ends):
            end.abort()
        await self._server.wait_closed()
        await self._emptied.wait()

    def _dial(self, near: End) -> None:
        dial = asyncio.get_running_loop().create_task(self._reach(near))
        self._dials.add(dial)
        dial.add_done_callback(self._dials.discard)

    def _enter(self, end: End) -> None:
        self._ends.add(end)
        self._emptied.clear()

    def _leave(self, end: End) -> None:
        self._ends.discard(end)
        if not self._ends:
            self._emptied.set()

    async def _reach(self, near: End) -> None:
        try:
            _, far = await asyncio.get_running_loop().create_connection(lambda: End(self), *self._target)
        except OSError:
            near.abort()
            return
        near.join(far)
        far.join(near)


class End(asyncio.Protocol):
    """One end of the line: what comes in here goes out at the other end, later."""

    def __init__(self, line: Latency, made: Callable[[End], None] | None = None) -> None:
        self._line = line
        self._made = made
        self._transport: asyncio.Transport | None = None
        self._other: End | None = None
        self._under_way: deque[tuple[float, Callable[[End], None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._heard_all = self._said_all = False

    def join(self, other: End) -> None:
        """Where what comes in here goes out."""
        self._other = other
        self._deliver()

    def abort(self) -> None:
        """RST at once."""
        if self._timer is not None:
            self._timer.cancel()
        transport = self._transport
        if transport is not None and not transport.is_closing():
            sock = cast(socket.socket, transport.get_extra_info("socket"))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
            transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._line._enter(self)
        if self._made is not None:
            self._made(self)

    def data_received(self, data: bytes) -> None:
        self._later(lambda other: other._write(data))

    def eof_received(self) -> bool:
        self._heard_all = True
        self._later(End._finish)
        return not self._said_all

    def connection_lost(self, error: Exception | None) -> None:
        self._line._leave(self)
        if error is not None:
            self._later(End.abort)

    def _later(self, act: Callable[[End], None]) -> None:
        self._under_way.append((self._loop.time() + self._line.one_way, act))
        if self._timer is None:
            self._deliver()

    def _deliver(self) -> None:
        """Do at the other end what its moment has come for."""
        self._timer = None
        while self._under_way and self._other is not None:
            moment, act = self._under_way[0]
            delay = moment - self._loop.time()
            if delay > 0:
                self._timer = self._loop.call_later(delay, self._deliver)
                return
            self._under_way.popleft()
            act(self._other)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _finish(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._said_all = True
            # A reset that has come already, but has not been read yet, shows here first.
            with suppress(OSError):
                self._transport.write_eof()
            if self._heard_all:
                self._transport.close()
