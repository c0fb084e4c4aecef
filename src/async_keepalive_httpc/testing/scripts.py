"""Scripts that answer as a good server does; `faults` has the others.

Called by: tests, as `Peer(script)`. Law: a response that says `Connection: close` is followed by just that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .conn import Conn, Script
from .messages import Fields, Request, answer, response


def serving(reply: Callable[[Conn, Request], bytes]) -> Script:
    """A script that sends what `reply` returns to each request, until one or the other says `close`."""

    async def script(conn: Conn) -> None:
        while (request := await conn.request()) is not None:
            raw = reply(conn, request)
            conn.send(raw)
            if request.get("Connection").lower() == "close" or b"\r\nconnection: close\r\n" in raw.lower():
                return

    return script


def answers(responses: Iterable[bytes]) -> Script:
    """A script that gives each request, of whatever connection, the next of these, byte for byte.

    A response that says `Connection: close` is followed by just that. A request too many fails the test.
    """
    rest = iter(responses)

    def reply(conn: Conn, request: Request) -> bytes:
        for raw in rest:
            return raw
        raise AssertionError(f"{request.method} {request.target} came after the last of the peer's responses")

    return serving(reply)


def ok(body: bytes = b"ok", headers: Fields = ()) -> Script:
    """A script that gives the same 200 to every request."""
    raw = response(body, headers=headers)
    return serving(lambda conn, request: answer(request, raw))


@serving
def echo(conn: Conn, request: Request) -> bytes:
    """The script that answers POST, PUT, PATCH with their body, /n/<k> with k, other targets with themselves.

    Each answer carries X-Connection: the number of the connection.
    """
    sends = request.method in ("POST", "PUT", "PATCH")
    body = request.body if sends else request.target.removeprefix("/n/").encode("latin-1")
    return answer(request, response(body, headers=[("X-Connection", str(conn.number))]))
