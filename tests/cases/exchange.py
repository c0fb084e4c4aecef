"""One request to a scripted server over a socket, and what came of it, of its connection and of the next request.

Refuses: judging; a case does. Called by: tests/cases.
Law: whatever the server did, the next GET is answered rightly, or `ask` fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.turns import turns as turns

from async_keepalive_httpc import Client, HTTPCError, Response
from async_keepalive_httpc.testing import Conn, Peer, Request, response

OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"Content-Length: 5\r\n\r\nhello"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = response(b"next")

KEEP, FIN, RST, WAIT = "keep", "fin", "rst", "wait"
"""What the server does after its answer: goes on, FIN, RST, or nothing more until the client ends it."""


@dataclass
class Came:
    """What came of a request."""

    response: Response | None
    error: HTTPCError | None
    kept: bool
    closed: dict[str, int]
    seen: list[tuple[str, int]]
    """Method and connection of each request that the server saw, the next GET left out."""

    @property
    def body(self) -> bytes:
        """Of an answer that came."""
        assert self.error is None, self.error
        assert self.response is not None
        return self.response.body

    @property
    def status(self) -> int:
        """Of an answer that came."""
        assert self.error is None, self.error
        assert self.response is not None
        return self.response.status


def case(number: int, what: str, *values: Any) -> Any:
    """A parameter set of a numbered case."""
    return pytest.param(*values, id=f"case_{number}_{what.replace(' ', '_')}")


def answering(raw: bytes | Iterable[bytes], then: str, used: bool) -> Any:
    """The script: `raw` to the request, in these segments, and the end; NEXT to /next, "used" to /used."""
    pieces = [raw] if isinstance(raw, bytes) else list(raw)

    async def reply(conn: Conn, request: Request) -> None:
        if request.target == "/next":
            conn.send(NEXT)
        elif request.target == "/used":
            conn.send(response(b"used"))
        else:
            for piece in pieces:
                await conn.send_split(piece, [])
            await conn.flushed()
            if then == RST:
                conn.reset()
            elif then == FIN:
                conn.close()
            elif then == WAIT:
                await conn.closed()

    async def script(conn: Conn) -> None:
        while not conn.ending and (request := await conn.request()) is not None:
            await reply(conn, request)

    return script


async def ask(
    raw: bytes | Iterable[bytes],
    then: str = KEEP,
    *,
    method: str = "GET",
    used: bool = False,
    tls: bool = False,
    body: Any = None,
    rest: int = 0,
    **options: Any,
) -> Came:
    """Send one request, which is answered with `raw`; with `used`, on a connection that has answered before.

    `rest`: turns of the loop before the next request, in which what was not asked for may come.
    """
    async with Peer(answering(raw, then, used), tls=tls) as peer:
        if tls:
            options["verify"] = peer.ca_context()
        async with Client(**options) as client:
            if used:
                assert (await client.get(f"{peer.url}/used")).body == b"used"
            came: Response | None = None
            error: HTTPCError | None = None
            try:
                came = await client.request(method, f"{peer.url}/case", body=body)
            except HTTPCError as raised:
                error = raised
            await turns(rest)
            connections = peer.connections
            following = await client.get(f"{peer.url}/next")
            assert (following.status, following.body) == (200, b"next")
            seen = [(request.method, request.connection) for request in peer.requests if request.target == "/case"]
            kept = peer.connections == connections and error is None
            closed = client.stats()["connections"]["closed"]
            counts = client.stats()["connections"]
            assert (counts["active"], counts["waiting"], counts["dialling"]) == (0, 0, 0)
        await peer.ended()
    return Came(came, error, kept, closed, seen)
