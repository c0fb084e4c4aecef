"""What a request costs inside the interpreter: `python -m bench inside`. One process, no sockets, no kernel.

Refuses to tell requests/s: nothing is sent. Called by `bench.__main__`.
Law: each door has a wire that answers in the next turn of the loop; the doors take turns within each round; the figure
is the median of the rounds, in CPU us/request. The first line is that turn itself, which is in all the others.
"""

import argparse
import asyncio
import itertools
import socket
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from tornado.httpclient import HTTPRequest
from tornado.httputil import HTTPHeaders

from async_keepalive_httpc import Client, KeepAliveAsyncHTTPClient
from async_keepalive_httpc._dial.dialer import Dialer
from async_keepalive_httpc._dial.link import Link
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient
from bench.clients import CONTENDERS
from bench.command import parse_count
from bench.machine import choose_cpus, describe_machine, describe_packages, pin
from bench.report import draw_table
from bench.show import RESULTS
from bench.worker import choose_loop

URL: Final = "http://inside.bench/3"
HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 22 Nov 2026 16:08:07 GMT\r\n"
    b'Vary: Accept-Encoding\r\nCache-Control: no-cache\r\nETag: "6b031367-3"\r\nX-Frame-Options: DENY\r\n'
    b"X-Content-Type-Options: nosniff\r\nReferrer-Policy: same-origin\r\nX-Request-Id: 0a1b2c3d\r\n"
)
"""As many fields as a service's answers have."""
PLAIN: Final = (
    HEAD + b"Content-Type: application/octet-stream\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc"
)
LATER: Final = PLAIN.replace(b"16:08:07", b"16:08:08")
CHUNKED: Final = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
PIECES: Final = CHUNKED.replace(b"3\r\nabc", b"1\r\na\r\n2\r\nbc")
"""Nothing of it is remembered: each head is read field by field."""
FIELDS: Final = {"Accept": "application/json", "Authorization": "Bearer 0123456789"}
LOOPS: Final = ("uvloop", "asyncio")

Go = Callable[[], Awaitable[object]]
Answers = Callable[[], Iterator[bytes]]
"""What a connection is answered, one after the other, without end."""


def alike() -> Iterator[bytes]:
    """The same each time, as a server's answers within a second are."""
    return itertools.repeat(PLAIN)


def unlike() -> Iterator[bytes]:
    """Each with another head than the one before."""
    return itertools.cycle((PLAIN, LATER))


def in_a_chunk() -> Iterator[bytes]:
    """As services send what they make as they go."""
    return itertools.repeat(CHUNKED)


def in_chunks() -> Iterator[bytes]:
    """The same in two pieces."""
    return itertools.repeat(PIECES)


class Wire(asyncio.Transport):
    """A transport that answers whatever is written to it in the next turn of the loop."""

    def __init__(self, protocol: asyncio.BufferedProtocol, answers: Answers) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()
        self.protocol = protocol
        self.answers = answers()
        # Asked whether it is sound, where a connection has rested for long.
        self.ends = socket.socketpair()

    def write(self, data: object) -> None:
        self.loop.call_soon(self._answer)

    def _answer(self) -> None:
        answer = next(self.answers)
        buffer = self.protocol.get_buffer(-1)
        buffer[: len(answer)] = answer  # type: ignore[index]
        self.protocol.buffer_updated(len(answer))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.ends[0] if name == "socket" else default

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is no buffer."""

    def is_closing(self) -> bool:
        return self.ends[0].fileno() < 0

    def close(self) -> None:
        if not self.is_closing():
            for end in self.ends:
                end.close()
            self.loop.call_soon(self.protocol.connection_lost, None)

    abort = close


def connect(answers: Answers) -> None:
    """Have every dial from now on land on a Wire."""

    async def dial(dialer: Dialer, route: object, make: Callable[[], Any], *rest: object) -> Link:
        protocol = make()
        protocol.connection_made(Wire(protocol, answers))
        return Link(protocol, 0.0, False)

    Dialer.dial = dial  # type: ignore[assignment, method-assign]


class Turn(asyncio.BufferedProtocol):
    """No client at all: a future for each answer."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(1024))
        self.future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.wire = Wire(self, alike)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.view

    def buffer_updated(self, nbytes: int) -> None:
        self.future.set_result(nbytes)

    async def go(self) -> int:
        self.future = asyncio.get_running_loop().create_future()
        self.wire.write(b"")
        return await self.future

    def close(self) -> None:
        self.wire.close()


@dataclass(frozen=True, slots=True)
class Case:
    """A way to ask, under the name it is told by, the client that is closed at the end, and the answers it gets."""

    name: str
    go: Go
    client: Any
    answers: Answers = alike


def make_request() -> HTTPRequest:
    """As an application makes one for each call."""
    return HTTPRequest(URL, headers=HTTPHeaders(FIELDS))


async def pass_on(waiting: Awaitable[object], _: object = None) -> object:
    """A coroutine between."""
    return await waiting


def make_cases() -> list[Case]:
    """Every case; the first is what the others stand on."""
    turn, plain, kept, options, changing = Turn(), Client(), Client(), Client(), Client()
    headed, chunk, chunks = Client(), Client(), Client()
    request = kept.build("GET", URL)
    asked = KeepAliveAsyncHTTPClient(force_instance=True, max_clients=50)
    simple = SimpleKeepAliveHTTPClient()
    drop_in = KeepAliveAsyncHTTPClient(force_instance=True, max_clients=50)
    return [
        Case("a turn of the loop, no client", turn.go, turn),
        Case("Client.request", lambda: plain.request("GET", URL), plain),
        Case("Client.send, the Request kept by the caller", lambda: kept.send(request), kept),
        Case("the same, awaited by one coroutine more", lambda: pass_on(kept.send(request)), kept),
        Case("Client.request with an option, so built anew", lambda: options.request("GET", URL, timeout=5), options),
        Case("Client.request with two header fields", lambda: headed.request("GET", URL, headers=FIELDS), headed),
        Case("Client.request, each head another", lambda: changing.request("GET", URL), changing, unlike),
        Case("Client.request, one chunk", lambda: chunk.request("GET", URL), chunk, in_a_chunk),
        Case("Client.request, two chunks", lambda: chunks.request("GET", URL), chunks, in_chunks),
        Case("KeepAliveAsyncHTTPClient.fetch", lambda: drop_in.fetch(URL), drop_in),
        Case("the same, an HTTPRequest with two header fields", lambda: asked.fetch(make_request()), asked),
        Case("no client: to make that HTTPRequest", lambda: pass_on(turn.go(), make_request()), turn),
        Case("SimpleKeepAliveHTTPClient.fetch", lambda: simple.fetch(URL), simple),
    ]


async def measure(requests: int, rounds: int) -> dict[str, float]:
    """CPU us/request of each case, the median of the rounds."""
    cases = make_cases()
    figures: dict[str, list[float]] = {case.name: [] for case in cases}
    for case in cases:
        connect(case.answers)
        await repeat(case.go, 10)
    for _ in range(rounds):
        for case in cases:
            began = time.process_time()
            await repeat(case.go, requests)
            figures[case.name].append((time.process_time() - began) / requests * 1e6)
    for case in cases:
        case.client.close()
    await asyncio.sleep(0)
    return {name: statistics.median(each) for name, each in figures.items()}


async def repeat(go: Go, times: int) -> None:
    """One after the other."""
    for _ in range(times):
        await go()


def write_markdown(figures: dict[str, dict[str, float]], machine: dict[str, str], versions: dict[str, str]) -> str:
    """A page: under what, and each case on each loop, with what is left when the turn is taken away."""
    rows = []
    for name in figures[LOOPS[0]]:
        cells = [f"{figures[loop][name]:.2f}" for loop in LOOPS]
        turn = {loop: next(iter(figures[loop].values())) for loop in LOOPS}
        rows.append([name, *cells, *(f"{figures[loop][name] - turn[loop]:.2f}" for loop in LOOPS)])
    heads = ["CPU us/request", *LOOPS, *(f"{loop}, less the turn" for loop in LOOPS)]
    facts = [f"- {name}: {machine[name]}" for name in ("processor", "kernel", "Python")]
    facts.append("- versions: " + ", ".join(f"{name} {value}" for name, value in versions.items()))
    told = "One request in flight, a warm connection, no socket: what the interpreter does. `python -m bench inside`."
    return "\n\n".join(["# Inside the interpreter", told, "\n".join(facts), draw_table(heads, rows)]) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the page, and keep it unless the run is short."""
    parser = argparse.ArgumentParser(prog="python -m bench inside", description="CPU of a request, without sockets.")
    parser.add_argument("--requests", type=parse_count, default=5000, help="of each case in each round (5000)")
    parser.add_argument("--rounds", type=parse_count, default=15, help="(15)")
    parser.add_argument("--short", action="store_true", help="one round of 100, to see that all runs; kept nowhere")
    chosen = parser.parse_args(arguments)
    requests, rounds = (100, 1) if chosen.short else (chosen.requests, chosen.rounds)
    cpus = choose_cpus()
    figures = {}
    dial = cast(Any, Dialer.dial)
    try:
        with pin(cpus and cpus[0]):
            for loop in LOOPS:
                with asyncio.Runner(loop_factory=choose_loop(loop)) as runner:
                    figures[loop] = runner.run(measure(requests, rounds))
    finally:
        Dialer.dial = dial  # type: ignore[method-assign]
    versions = describe_packages([CONTENDERS["drop-in-uvloop"]])
    page = write_markdown(figures, describe_machine(cpus), versions)
    print(page)
    if not chosen.short:
        (RESULTS / "inside.md").write_text(page)
    return 0
