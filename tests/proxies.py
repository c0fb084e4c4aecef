"""Scripted proxies: what a Peer is told to do so that it is an HTTP proxy or a SOCKS proxy.

Refuses: names: whatever origin a client asks for, the one `Peer` that is given is reached.
Called by: tests.

    async with Peer(echo, tls=True) as origin, Peer(proxy(origin)) as hop:
        ... Client(proxy=hop.url) ...

A gate is asked about each request to a proxy: None lets it pass, bytes are the answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress

from tests.peers import Conn, Peer, Request, Script, answer, response

Gate = Callable[[Request], bytes | None]

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def proxy(origin: Peer | None = None, *, gate: Gate | None = None, established: bytes = ESTABLISHED) -> Script:
    """An HTTP proxy: tunnels lead to `origin`; what it forwards it answers itself, with the target."""

    async def script(conn: Conn) -> None:
        while (request := await conn.request()) is not None:
            refusal = None if gate is None else gate(request)
            if refusal is not None:
                conn.send(answer(request, refusal))
                if b"\r\nconnection: close\r\n" in refusal.lower():
                    return
            elif request.method == "CONNECT":
                assert origin is not None, f"CONNECT {request.target} to a proxy that knows no origin"
                conn.send(established)
                await relay(conn, origin)
                return
            else:
                body = request.body or request.target.encode()
                conn.send(answer(request, response(body, headers=[("X-Connection", str(conn.number))])))

    return script


async def relay(conn: Conn, origin: Peer) -> None:
    """Bytes to and fro, until one side ends."""
    reader, writer = await asyncio.open_connection(origin.host, origin.port)

    async def back() -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                conn.send(data)
        conn.half_close()

    task = asyncio.ensure_future(back())
    try:
        while data := await conn.read_some():
            writer.write(data)
        writer.close()
        await task
    finally:
        task.cancel()
        writer.close()
        await asyncio.gather(task, return_exceptions=True)


def challenged(*challenges: str, close: bool = False) -> bytes:
    """A 407 with a body, as real proxies send one."""
    headers = [("Proxy-Authenticate", challenge) for challenge in challenges]
    if close:
        headers.append(("Connection", "close"))
    return response(b"<p>who are you?</p>", status=407, reason="Proxy Authentication Required", headers=headers)


def basic(user: str, password: str) -> Gate:
    """Lets in whoever says this."""
    wanted = "Basic " + b64encode(f"{user}:{password}".encode()).decode()
    return lambda request: None if request.get("Proxy-Authorization") == wanted else challenged('Basic realm="proxy"')


class DigestGate:
    """Lets in whoever answers its challenges, with MD5 and qop=auth; strict with nonces and their counts.

    uses: answers after which a nonce is stale. close: a 407 ends the connection.
    """

    def __init__(self, user: str, password: str, *, uses: int = 100, close: bool = False, stale: bool = True) -> None:
        self.user, self.password = user, password
        self.uses = uses
        self.close = close
        self.stale = stale
        self.nonces: dict[str, int] = {}
        self.refused = 0

    def __call__(self, request: Request) -> bytes | None:
        told = dict(re.findall(r'(\w+)="?([^",]*)"?', request.get("Proxy-Authorization")))
        nonce = told.get("nonce", "")
        if nonce in self.nonces and self._right(request, told) and int(told["nc"], 16) == self.nonces[nonce] + 1:
            if self.nonces[nonce] < self.uses:
                self.nonces[nonce] += 1
                return None
            del self.nonces[nonce]
            return self._challenge(stale=self.stale)
        return self._challenge()

    def _right(self, request: Request, told: dict[str, str]) -> bool:
        if (told["username"], told["uri"], told["qop"]) != (self.user, request.target, "auth"):
            return False
        key = _md5(f"{self.user}:proxy:{self.password}")
        asked = _md5(f"{request.method}:{request.target}")
        return told["response"] == _md5(f"{key}:{told['nonce']}:{told['nc']}:{told['cnonce']}:auth:{asked}")

    def _challenge(self, *, stale: bool = False) -> bytes:
        self.refused += 1
        nonce = f"nonce{self.refused}"
        self.nonces[nonce] = 0
        more = ", stale=true" if stale else ""
        return challenged(f'Digest realm="proxy", nonce="{nonce}", qop="auth"{more}', close=self.close)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


class Socks:
    """A SOCKS proxy, 4 and 5, before `origin`; `asked` collects (version, host, port, user) of each connection.

    user, password: whom SOCKS5 lets in, None: everybody. reply: the code that is answered.
    """

    def __init__(
        self, origin: Peer, *, user: str | None = None, password: str | None = None, reply: int | None = None
    ) -> None:
        self.origin = origin
        self.user, self.password = user, password
        self.reply = reply
        self.asked: list[tuple[int, str, int, str]] = []

    async def __call__(self, conn: Conn) -> None:
        version = (await conn.read(1))[0]
        passed = await (self._old(conn) if version == 4 else self._new(conn))
        if passed:
            await relay(conn, self.origin)

    async def _new(self, conn: Conn) -> bool:
        methods = await conn.read((await conn.read(1))[0])
        wanted = 0 if self.user is None else 2
        if wanted not in methods:
            conn.send(b"\x05\xff")
            return False
        conn.send(bytes([5, wanted]))
        user = ""
        if wanted:
            await conn.read(1)
            user = (await conn.read((await conn.read(1))[0])).decode()
            password = (await conn.read((await conn.read(1))[0])).decode()
            right = (user, password) == (self.user, self.password)
            conn.send(b"\x01\x00" if right else b"\x01\x01")
            if not right:
                return False
        _, _, _, kind = await conn.read(4)
        self.asked.append((5, await _host(conn, kind), int.from_bytes(await conn.read(2), "big"), user))
        # In two pieces: a reply may be cut anywhere.
        await conn.send_split(bytes([5, self.reply or 0, 0, 1, 0, 0, 0, 0, 0, 0]), [4])
        return not self.reply

    async def _old(self, conn: Conn) -> bool:
        await conn.read(1)
        port = int.from_bytes(await conn.read(2), "big")
        address = await conn.read(4)
        user = await _text(conn)
        host = await _text(conn) if address[:3] == bytes(3) else ".".join(map(str, address))
        self.asked.append((4, host, port, user))
        conn.send(bytes([0, self.reply or 90, 0, 0, 0, 0, 0, 0]))
        return not self.reply


async def _host(conn: Conn, kind: int) -> str:
    if kind == 3:
        return (await conn.read((await conn.read(1))[0])).decode()
    data = await conn.read(4 if kind == 1 else 16)
    return ".".join(map(str, data)) if kind == 1 else data.hex(":", 2)


async def _text(conn: Conn) -> str:
    text = b""
    while (byte := await conn.read(1)) != b"\0":
        text += byte
    return text.decode()
