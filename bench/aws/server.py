"""The canned server: prepared answers by X-Amz-Target, in a process of its own: `python -m bench.aws.server`.

Refuses what no client of AWS sends: a request without a signature, or for an operation that no work has. It prints its
port, and ends with its standard input. Called by the command.
Law: an answer has what AWS's has: the Date of this second, CRC-32 for DynamoDB, and the request's id, of which no two
are the same; all of its other bytes are prepared. While anybody is connected it never sleeps: to wake a process on the
other processor costs the one that sends up to 10 us, which over a network nobody pays.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.client import HTTPConnection
from typing import Final, cast

import uvloop

from bench.aws.work import CANNED, Work
from bench.machine import ROOT
from bench.server import HOST

COUNT: Final = "Bench.Connections"
"""The target that is answered with the number of connections so far."""
_NAMES: Final = {"dynamodb": "x-amz-json-1.0", "sqs": "x-amz-json-1.0", "kinesis": "x-amz-json-1.1"}


REQUEST_ID: Final = b"0" * 52
"""Where a request's id goes."""


def write_answer(body: bytes, kind: str = "x-amz-json-1.0", status: str = "200 OK", crc32: bool = False) -> bytes:
    """Head and body."""
    fields = {
        "Server": "Server",
        "Date": formatdate(usegmt=True),
        "Content-Type": f"application/{kind}",
        "Content-Length": str(len(body)),
        "Connection": "keep-alive",
        "x-amzn-RequestId": REQUEST_ID.decode(),
    }
    if crc32:
        fields["x-amz-crc32"] = str(zlib.crc32(body))
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def answer_work(work: Work) -> bytes:
    """What AWS answers to a work."""
    body = json.dumps(work.answer, separators=(",", ":")).encode()
    return write_answer(body, _NAMES[work.service], crc32=work.service == "dynamodb")


def split_answer(answer: bytes) -> tuple[bytes, bytes]:
    """What comes before and after the request's id."""
    before, _, after = answer.partition(REQUEST_ID)
    return before, after


def prepare() -> dict[bytes, tuple[bytes, bytes]]:
    """The answers of this second by operation, in lower case; under no name what else is answered."""
    answers = {work.operation.lower().encode(): split_answer(answer_work(work)) for work in CANNED}
    refusal = write_answer(b'{"__type":"UnknownOperationException"}', status="400 Bad Request")
    return {**answers, b"": split_answer(refusal)}


ANSWERS: Final = prepare()


class Canned(asyncio.Protocol):
    """A connection: whole requests in, prepared answers out."""

    connections = 0
    open = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Canned.connections += 1
        Canned.open += 1
        if Canned.open == 1:
            stay_awake(asyncio.get_running_loop())
        self.transport = cast("asyncio.Transport", transport)
        self.come = b""

    def data_received(self, data: bytes) -> None:
        self.come += data
        while (end := self.come.find(b"\r\n\r\n")) >= 0:
            head = self.come[:end].lower() + b"\r\n"
            whole = end + 4 + int(read_field(head, b"content-length") or 0)
            if len(self.come) < whole:
                return
            self.come = self.come[whole:]
            self.transport.write(choose_answer(head))

    def connection_lost(self, exc: Exception | None) -> None:
        Canned.open -= 1


def stay_awake(loop: asyncio.AbstractEventLoop) -> None:
    """Have the loop turn without pause while a connection is open."""
    if Canned.open:
        loop.call_soon(stay_awake, loop)


def read_field(head: bytes, name: bytes) -> bytes:
    """The value of a field in a head in lower case, whose last line is ended; empty if it is not there."""
    at = head.find(b"\r\n" + name + b":")
    start = at + len(name) + 3
    return b"" if at < 0 else head[start : head.find(b"\r\n", start)].strip()


NUMBERS: Final = itertools.count()


def choose_answer(head: bytes) -> bytes:
    """By the target in a head in lower case."""
    target = read_field(head, b"x-amz-target")
    if target == COUNT.lower().encode():
        return write_answer(b"%d" % Canned.connections)
    signed = read_field(head, b"authorization").startswith(b"aws4-hmac-sha256 ")
    before, after = ANSWERS.get(target.rpartition(b".")[2] if signed else b"") or ANSWERS[b""]
    return b"%b%052d%b" % (before, next(NUMBERS), after)


async def answer_all() -> None:
    """Serve until the standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Canned, HOST, 0)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(server.sockets[0].getsockname()[1], flush=True)
    reading = asyncio.ensure_future(reader.read())
    while not reading.done():
        ANSWERS.update(prepare())
        await asyncio.wait([reading], timeout=1)
    server.close()


class Server:
    """A running canned server."""

    def __init__(self, port: int) -> None:
        self.url = f"http://{HOST}:{port}"
        self._port = port
        self._asked = 0

    def count_connections(self) -> int:
        """How many it had so far, without those of this question."""
        asking = HTTPConnection(HOST, self._port, timeout=10)
        try:
            asking.request("POST", "/", headers={"X-Amz-Target": COUNT})
            self._asked += 1
            return int(asking.getresponse().read()) - self._asked
        finally:
            asking.close()


@contextmanager
def serve() -> Iterator[Server]:
    """A server until the block ends."""
    command = [sys.executable, "-m", "bench.aws.server"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Server(int(process.stdout.readline()))
        process.stdin.close()


if __name__ == "__main__":
    uvloop.run(answer_all())
