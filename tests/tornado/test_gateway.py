"""examples/gateway.py run unchanged with Tornado's simple client and with ours: same outputs, fewer connections."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from examples.gateway import make_app
from tests.peers import Conn, Peer, Request, answer, response, serving
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from async_keepalive_httpc import Client, Limits

OURS = "async_keepalive_httpc.KeepAliveAsyncHTTPClient"
PACKED = gzip.compress(b"packed " * 100)


@serving
def upstream(conn: Conn, request: Request) -> bytes:
    """A few pages; each says that it does not mind being asked again."""
    body: bytes = request.body
    pages: dict[str, Any] = {
        "/hello?a=1": response(b"hello", headers=[("X-A", "1"), ("X-A", "2"), ("Content-Type", "text/plain")]),
        "/packed": response(PACKED, headers=[("Content-Encoding", "gzip")]),
        "/moved": response(status=302, reason="Found", headers=[("Location", "/hello")]),
        "/none": response(status=204, reason="No Content", length=False),
        "/echo": response(body, headers=[("X-Method", request.method), ("X-Sent", request.get("X-Own"))]),
        "/one": response(b"1"),
        "/two": response(b"22"),
    }
    missing = response(b"no such page", status=404, reason="Nothing Here")
    return answer(request, pages.get(request.target, missing))


ASKED: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/hello?a=1", {}),
    ("HEAD", "/one", {}),
    ("GET", "/packed", {"decode": False}),
    ("GET", "/moved", {"max_redirects": 0}),
    ("GET", "/none", {}),
    ("GET", "/missing", {}),
    ("POST", "/echo", {"body": b"posted", "headers": {"X-Own": "mine", "Content-Type": "text/plain"}}),
    ("PUT", "/echo", {"body": b"put" * 1000}),
    ("DELETE", "/one", {}),
    ("GET", "/_summary?path=/one&path=/two&path=/missing", {}),
]


@pytest.fixture(autouse=True)
def configuration() -> Iterator[None]:
    saved = AsyncHTTPClient._save_configuration()
    yield
    AsyncHTTPClient._restore_configuration(saved)


async def outputs(client: str | None, peer: Peer) -> list[Any]:
    """What the gateway answers to all of ASKED, twice over."""
    AsyncHTTPClient.configure(client)
    server = HTTPServer(make_app(peer.url))
    sock, port = bind_unused_port()
    server.add_socket(sock)
    said = []
    async with Client(limits=Limits(max_per_host=1)) as user:
        for _ in range(2):
            for method, path, options in ASKED:
                got = await user.request(method, f"http://127.0.0.1:{port}{path}", **options)
                fields = [field for field in got.headers.multi_items() if field[0] not in ("Date", "Etag")]
                said.append((got.status, got.reason, sorted(fields), got.body))
    AsyncHTTPClient().close()
    server.stop()
    await server.close_all_connections()
    return said


def test_same_outputs_and_fewer_connections(run):
    async def test():
        async with Peer(upstream) as peer:
            simple = await outputs(None, peer)
            asked, before = len(peer.requests), peer.connections
            assert before == asked
            ours = await outputs(OURS, peer)
            assert ours == simple
            assert len(peer.requests) == 2 * asked
            # Three at once, for the summary; all else goes over one of them.
            assert peer.connections - before == 3
            assert [said[0] for said in ours[: len(ASKED)]] == [200, 200, 200, 302, 204, 404, 200, 200, 200, 200]

    run(test())


@pytest.mark.parametrize("client", [None, OURS], ids=["simple", "ours"])
def test_an_upstream_that_is_gone(run, client):
    async def test():
        async with Peer([]) as peer:
            url = peer.url
        gone: Any = type("Gone", (), {"url": url})
        said = await outputs(client, gone)
        assert [answered[:2] for answered in said[:2]] == [(502, "Upstream Unreachable")] * 2

    run(test())
