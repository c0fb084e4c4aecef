"""The site that the examples in the docs talk to: scripted peers for http and https, proxies, and AWS, in a thread.

Refuses: knowing the examples; it has a few pages worth asking for. It is strict about what it is sent, as
every Peer is. AWS is the emulator, for pages that ask for it: moto takes a while to import.
Called by: `tests.docs.page`.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from tests.peers import Conn, Peer, Request, answer, authority, certificate, chunked, response, server_context
from tests.proxies import ESTABLISHED, Socks, relay

HOSTS = ("api.example.com", "intranet.example.com", "localhost", "127.0.0.1")
AWS = ".amazonaws.com"
AWS_HOSTS = tuple(f"{service}.ap-southeast-2{AWS}" for service in ("sqs", "dynamodb", "kinesis"))
FILES = {"/a.txt": b"aaa", "/b.txt": b"bbb", "/c.txt": b"ccc"}
EXPORT = b"number,square\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(100_000))
JSON = ("Content-Type", "application/json")
PLAIN = ("Content-Type", "text/plain; charset=utf-8")


def write_json(value: object, status: int = 200, reason: str = "OK") -> bytes:
    return response(json.dumps(value).encode(), status=status, reason=reason, headers=[JSON])


def show_items(request: Request) -> bytes:
    """A list to read, and to add to by JSON or by a form."""
    if request.method != "POST":
        page = parse_qs(urlsplit(request.target).query).get("page", ["1"])[0]
        return write_json([{"name": "tea", "page": int(page)}])
    if request.get("Content-Type") == "application/json":
        return write_json(json.loads(request.body), 201, "Created")
    return write_json({name: values[0] for name, values in parse_qs(request.body.decode()).items()}, 201, "Created")


def show_upload(request: Request) -> bytes:
    """What came, and how its end was told."""
    framing = "chunked" if request.get("Transfer-Encoding") else "Content-Length"
    return write_json({"bytes": len(request.body), "framing": framing})


def show_private(request: Request) -> bytes:
    if request.get("Authorization") == "Basic dXNlcjpzZWNyZXQ=":
        return response(b"hello, user", headers=[PLAIN])
    return response(b"who are you?", status=401, reason="Unauthorized", headers=[PLAIN])


def show_digest(request: Request) -> bytes:
    given = request.get("Authorization")
    if given.startswith('Digest username="user"') and 'nonce="n1"' in given:
        return response(b"hello, user", headers=[PLAIN, ("Authentication-Info", 'nextnonce="n1"')])
    challenge = ("WWW-Authenticate", 'Digest realm="private", nonce="n1", qop="auth"')
    return response(b"who are you?", status=401, reason="Unauthorized", headers=[PLAIN, challenge])


def show_old(request: Request) -> bytes:
    return response(b"", status=302, reason="Found", headers=[("Location", "/items")])


def show_login(request: Request) -> bytes:
    fields = [("Location", "/account"), ("Set-Cookie", "sid=1; Path=/; Secure; HttpOnly; SameSite=Lax")]
    return response(b"", status=303, reason="See Other", headers=fields)


def show_account(request: Request) -> bytes:
    return response(b"hello, user" if request.get("Cookie") == "sid=1" else b"who are you?", headers=[PLAIN])


def show_export(request: Request) -> bytes:
    head = response(headers=[("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked")], length=False)
    return head + chunked(gzip.compress(EXPORT))


PAGES: dict[str, Callable[[Request], bytes]] = {
    "/items": show_items,
    "/upload": show_upload,
    "/private": show_private,
    "/digest": show_digest,
    "/old": show_old,
    "/login": show_login,
    "/account": show_account,
    "/export.csv": show_export,
}


async def serve(conn: Conn) -> None:
    """The script of both peers."""
    while (request := await conn.request()) is not None:
        path = urlsplit(request.target).path
        if path == "/slow":
            await conn.closed()
            return
        conn.send(show(request))
        if request.get("Connection").lower() == "close":
            return


def show(request: Request) -> bytes:
    """The answer to any request, whether its target is a path or a whole URL."""
    path = urlsplit(request.target).path
    if path in PAGES:
        raw = PAGES[path](request)
    elif path in FILES:
        raw = response(FILES[path], headers=[PLAIN])
    elif path.startswith("/n/"):
        raw = response(path.removeprefix("/n/").encode(), headers=[PLAIN])
    else:
        raw = response(b"no such page", status=404, reason="Not Found", headers=[PLAIN])
    return answer(request, raw)


class Place(NamedTuple):
    """Where something listens."""

    host: str
    port: int


async def hop(conn: Conn, aws: Place | None) -> None:
    """The script of an HTTP proxy, with the site and AWS behind it; it forbids one host."""
    request = await conn.request()
    while request is not None:
        if aws is not None and request.target.endswith(f"{AWS}:443"):
            conn.send(ESTABLISHED)
            return await relay(conn, aws)  # type: ignore[arg-type]  # of a Peer it needs host and port
        if request.method == "CONNECT" and request.target.startswith("forbidden."):
            conn.send(response(b"not this one", status=403, reason="Forbidden"))
        elif request.method == "CONNECT":
            conn.send(ESTABLISHED)
            await conn.start_tls(server_context(*HOSTS))
            return await serve(conn)
        else:
            conn.send(show(request))
        request = await conn.request()


class Site:
    """`with Site() as site`: it serves in a thread until then.

    aws: whether AWS is there too. `ports` are those of http, https and proxies, `aws_port` that of AWS, or None.
    """

    def __init__(self, *, aws: bool = False) -> None:
        self._wants_aws = aws
        self.aws_port: int | None = None

    def __enter__(self) -> Self:
        self._started = threading.Event()
        self._errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="site", daemon=True)
        self._thread.start()
        self._started.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set_result, None)
        self._thread.join(30)
        if self._errors:
            raise self._errors[0]

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._errors.append(error)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        async with AsyncExitStack() as stack:
            aws = await self._start_aws(stack) if self._wants_aws else None
            plain = await stack.enter_async_context(Peer(serve))
            tls = await stack.enter_async_context(Peer(serve, tls=server_context(*HOSTS)))
            proxy = await stack.enter_async_context(Peer(lambda conn: hop(conn, aws)))
            socks = await stack.enter_async_context(Peer(Socks(tls)))
            self.ports = {80: plain.port, 443: tls.port, 3128: proxy.port, 1080: socks.port}
            self._started.set()
            await self._ended

    async def _start_aws(self, stack: AsyncExitStack) -> Place:
        from async_keepalive_httpc.testing.aws import Emulator

        emulator: Any = await stack.enter_async_context(Emulator(tls=server_context(*AWS_HOSTS)))
        self.aws_port = int(emulator.url.rpartition(":")[2])
        return Place("127.0.0.1", self.aws_port)


def write_files(folder: Path) -> None:
    """The files that the examples read, and `ca.pem`, which certifies the site."""
    (folder / "photo.jpg").write_bytes(b"\xff\xd8" + bytes(300_000))
    authority().cert_pem.write_to_path(folder / "ca.pem")
    certificate("client").private_key_and_cert_chain_pem.write_to_path(folder / "client.pem")
