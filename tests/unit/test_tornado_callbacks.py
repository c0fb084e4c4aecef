"""The caller's functions: what a response is given to, and what a body comes from."""

from __future__ import annotations

import asyncio
import gzip
import logging
from typing import Any

import pytest
from tests.peers import Conn, Peer, Request, chunked, echo, ok, response, serving
from tornado import gen
from tornado.concurrent import Future
from tornado.httpclient import HTTPClientError
from tornado.simple_httpclient import HTTPStreamClosedError

from async_keepalive_httpc._tornado.callbacks import CHUNK
from async_keepalive_httpc.errors import InvalidRequest
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient as Client


@pytest.fixture
def logged(caplog):
    """What was logged at INFO and above, when it is called."""
    caplog.set_level(logging.INFO)
    return lambda: caplog.records


# -- responses


def test_head_and_body(run, logged):
    async def test():
        lines: list[str] = []
        pieces: list[bytes] = []
        packed = gzip.compress(b"body")
        fields = [("X-A", "1"), ("x-a", "2"), ("Content-Encoding", "gzip")]
        async with Peer([response(packed, headers=fields, reason="Fine")]) as peer, Client() as client:
            got = await client.fetch(peer.url, header_callback=lines.append, streaming_callback=pieces.append)
        assert lines == [
            "HTTP/1.1 200 Fine\r\n",
            "X-A: 1\r\n",
            "X-A: 2\r\n",
            f"Content-Length: {len(packed)}\r\n",
            "X-Consumed-Content-Encoding: gzip\r\n",
            "\r\n",
        ]
        assert (b"".join(pieces), got.body) == (b"body", b"")
        assert got.headers.get_list("X-A") == ["1", "2"]

    run(test())
    assert logged() == []


def test_header_callback_alone_leaves_the_body(run):
    async def test():
        lines: list[str] = []
        async with Peer(ok(b"body")) as peer, Client() as client:
            for _ in range(2):
                got = await client.fetch(peer.url, header_callback=lines.append)
                assert got.body == b"body"
            assert (peer.connections, lines[0]) == (1, "HTTP/1.1 200 OK\r\n")

    run(test())


def test_callbacks_are_for_the_last_hop(run):
    @serving
    def script(conn: Conn, request: Request) -> bytes:
        if request.target == "/":
            return response(b"moved", status=302, headers=[("Location", "/there")])
        return response(b"here", status=404, reason="Not Here")

    async def test():
        lines: list[str] = []
        pieces: list[bytes] = []
        async with Peer(script) as peer, Client() as client:
            with pytest.raises(HTTPClientError, match=r"^HTTP 404: Not Here$") as caught:
                await client.fetch(peer.url, header_callback=lines.append, streaming_callback=pieces.append)
            got: Any = caught.value.response
            assert (got.body, got.effective_url) == (b"", peer.url + "/there")
            assert (lines[0], pieces) == ("HTTP/1.1 404 Not Here\r\n", [b"here"])
            assert peer.connections == 1

    run(test())


def test_defaults_may_hold_callbacks(run):
    async def test():
        pieces: list[bytes] = []
        async with (
            Peer(ok(b"body")) as peer,
            Client(defaults={"streaming_callback": pieces.append}) as client,
        ):
            got = await client.fetch(peer.url)
            assert (pieces, got.body) == ([b"body"], b"")

    run(test())


def test_pieces_are_no_longer_than_tornados(run):
    async def test():
        sizes: list[int] = []
        packed = response(gzip.compress(bytes(300_000)), headers=[("Content-Encoding", "gzip")])
        async with Peer([packed]) as peer, Client() as client:
            await client.fetch(peer.url, streaming_callback=lambda piece: sizes.append(len(piece)))
        assert (sum(sizes), max(sizes)) == (300_000, CHUNK)

    run(test())


@pytest.mark.parametrize("kind", ["native", "gen"])
def test_coroutine_holds_up_the_peer(run, kind):
    size = 8 * 1024 * 1024

    async def test():
        go_on = asyncio.Event()
        got = 0

        async def native(piece: bytes) -> None:
            nonlocal got
            got += len(piece)
            await go_on.wait()

        @gen.coroutine
        def generator(piece):
            yield native(piece)

        async with Peer([response(bytes(size))]) as peer, Client() as client:
            fetch = client.fetch(peer.url, streaming_callback=native if kind == "native" else generator)
            await peer.until(lambda: bool(peer.requests))
            for _ in range(200):
                await asyncio.sleep(0)
            assert 0 < got <= CHUNK
            assert peer.conns[0].unsent > 0
            go_on.set()
            assert (await fetch).body == b""
            assert got == size

    run(test())


async def native_failure(piece: Any) -> None:
    raise RuntimeError("theirs")


async def cancelled_future(piece: Any) -> None:
    future: Future[None] = Future()
    future.cancel()
    await future


def failure(piece: Any) -> None:
    raise RuntimeError("theirs")


@pytest.mark.parametrize(
    "options",
    [
        {"streaming_callback": failure},
        {"streaming_callback": native_failure},
        {"streaming_callback": cancelled_future},
        {"header_callback": failure},
    ],
)
def test_failure_is_logged_once_and_closes_the_stream(run, logged, options):
    async def test():
        async with Peer(ok(b"body")) as peer, Client() as client:
            with pytest.raises(HTTPStreamClosedError) as caught:
                await client.fetch(peer.url, **options)
            assert isinstance(caught.value.__cause__, RuntimeError | asyncio.CancelledError)
            assert len(client) == 0
            assert (await client.fetch(peer.url)).body == b"body"

    run(test())
    (record,) = logged()
    assert (record.name, record.levelname, record.message) == (
        "tornado.application",
        "ERROR",
        "Uncaught exception",
    )
    assert record.exc_info is not None


def test_cancelling_while_a_callback_waits(run, logged):
    async def endless(conn: Conn) -> None:
        await conn.request()
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"piece")[:-5])
        await conn.closed()

    async def test():
        entered = asyncio.Event()
        left = asyncio.Event()

        async def callback(piece: bytes) -> None:
            entered.set()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                left.set()

        async with Peer(endless) as peer, Client() as client:
            fetch = client.fetch(peer.url, streaming_callback=callback)
            await entered.wait()
            assert len(client) == 1
            assert fetch.cancel()
            assert (len(client), client.stats()["connections"]["active"]) == (0, 0)
            assert not fetch.cancel()
            await left.wait()
            await peer.ended()
            with pytest.raises(asyncio.CancelledError):
                await fetch

    run(test())
    assert logged() == []


def test_callback_that_cancels_its_own_fetch(run, logged):
    async def test():
        fetch: Any = None
        async with Peer(ok(b"body")) as peer, Client() as client:
            fetch = client.fetch(peer.url, streaming_callback=lambda piece: fetch.cancel())
            with pytest.raises(asyncio.CancelledError):
                await fetch
            assert len(client) == 0

    run(test())
    assert logged() == []


def test_callback_that_cancels_its_own_fetch_and_fails(run, logged):
    async def test():
        fetch: Any = None

        def callback(piece: bytes) -> None:
            fetch.cancel()
            raise RuntimeError("theirs")

        async with Peer(ok(b"body")) as peer, Client() as client:
            fetch = client.fetch(peer.url, streaming_callback=callback)
            with pytest.raises(asyncio.CancelledError):
                await fetch
            assert len(client) == 0

    run(test())
    assert [record.message for record in logged()] == ["Uncaught exception"]


def test_task_cancelled_from_outside_cancels_the_fetch(run, logged):
    async def test():
        entered = asyncio.Event()

        async def callback(piece: bytes) -> None:
            entered.set()
            await asyncio.get_running_loop().create_future()

        async with Peer(ok(b"body")) as peer, Client() as client:
            fetch: Any = client.fetch(peer.url, streaming_callback=callback)
            await entered.wait()
            # As asyncio.run() does with all tasks when it ends.
            fetch.cancel.__self__.task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await fetch
            assert len(client) == 0

    run(test())
    assert logged() == []


# -- bodies


def sync_producer(write):
    write(b"1234")
    write(b"5678")


@gen.coroutine
def gen_producer(write):
    yield write(b"1234")
    yield gen.moment
    yield write(b"5678")


async def native_producer(write):
    await write(b"1234")
    await asyncio.sleep(0)
    await write(b"5678")


def future_producer(write):
    write(b"1234")
    return write(b"5678")


PRODUCERS = [sync_producer, gen_producer, native_producer, future_producer]


@pytest.mark.parametrize("producer", PRODUCERS)
@pytest.mark.parametrize("headers", [None, {"Content-Length": "8"}])
def test_body_producer(run, producer, headers):
    async def test():
        async with Peer(echo) as peer, Client() as client:
            for _ in range(2):
                got = await client.fetch(peer.url, method="POST", body_producer=producer, headers=headers)
                assert got.body == b"12345678"
            assert [sent.get("Content-Length") for sent in peer.requests] == ["8" if headers else ""] * 2
            assert peer.requests[0].chunk_sizes == ([] if headers else [4, 4])
            assert peer.connections == 1

    run(test())


def test_body_producer_is_called_again_for_a_redirect(run):
    @serving
    def script(conn: Conn, request: Request) -> bytes:
        if request.target == "/":
            return response(status=307, headers=[("Location", "/there")])
        return response(request.body)

    async def test():
        async with Peer(script) as peer, Client() as client:
            got = await client.fetch(peer.url, method="PUT", body_producer=gen_producer)
            assert got.body == b"12345678"

    run(test())


@pytest.mark.parametrize("body", [{"body": b"12345678"}, {"body_producer": native_producer}])
def test_expect_continue(run, body):
    async def test():
        async with Peer(echo) as peer, Client() as client:
            got = await client.fetch(peer.url, method="PUT", expect_100_continue=True, **body)
            assert (got.body, peer.requests[0].get("Expect")) == (b"12345678", "100-continue")

    run(test())


def test_failure_of_a_producer_is_the_fetchs(run, logged):
    async def failing(write):
        write(b"1234")
        raise RuntimeError("theirs")

    async def test():
        async with Peer(echo) as peer, Client() as client:
            with pytest.raises(RuntimeError, match=r"^theirs$"):
                await client.fetch(peer.url, method="POST", body_producer=failing)
            assert len(client) == 0

    run(test())
    assert logged() == []


@pytest.mark.parametrize("pieces", [[b"12345678", b"9"], [b"1234", "5678"]])
def test_write_that_fails_unseen_is_not_lost(run, logged, pieces):
    async def test():
        async with Peer(echo) as peer, Client() as client:
            with pytest.raises(InvalidRequest):
                await client.fetch(
                    peer.url,
                    method="POST",
                    body_producer=lambda write: [write(piece) for piece in pieces][:0] or None,
                    headers={"Content-Length": "8"},
                )

    run(test())
    assert logged() == []
