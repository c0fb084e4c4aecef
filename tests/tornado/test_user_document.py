"""The HTTP and pool examples of the user's document of 2013, changed only from Python 2 to 3.

Refuses: the network. The hosts of the examples are the peer of the test, through a Tornado Resolver.
Law: what stands between `fmt: off` and `fmt: on` is the document's own text.
"""

# ruff: noqa: E731, PT009

from __future__ import annotations

import asyncio
import gc
import socket
from typing import Any

import pytest
import uvloop
from tests.peers import Conn, Peer, Request, response, serving
from tornado import gen
from tornado.ioloop import IOLoop
from tornado.netutil import Resolver
from tornado.testing import AsyncTestCase, gen_test

from async_keepalive_httpc import keepalive_client
from async_keepalive_httpc.pool import ResourcePool

FILES = {"/a.txt": b"aaa", "/b.txt": b"bbb", "/c.txt": b"ccc", "/": b"google"}


@serving
def files(conn: Conn, request: Request) -> bytes:
    """The script of "a http server that supports connection keep-alive"."""
    return response(FILES[request.target])


class Mapped(Resolver):
    """A resolver for which every host is this peer, as `peer` in a hosts file would have it."""

    def initialize(self, peer: Peer) -> None:
        self._peer = peer

    async def resolve(self, host: str, port: int, family: Any = socket.AF_UNSPEC) -> Any:
        assert (host, port) in (("localhost", 80), ("www.google.com", 80))
        return [(socket.AF_INET, (self._peer.host, self._peer.port))]


class World:
    """Where the examples live: a peer, and the clients that they make, which they leave open."""

    peer: Peer
    clients: list[keepalive_client.SimpleKeepAliveHTTPClient]

    def begin(self) -> None:
        self.peer = Peer(files)
        self.clients = []

    def client(self, io_loop: IOLoop | None = None) -> keepalive_client.SimpleKeepAliveHTTPClient:
        client = keepalive_client.SimpleKeepAliveHTTPClient(io_loop, resolver=Mapped(peer=self.peer))
        self.clients.append(client)
        return client

    def end(self) -> None:
        for client in self.clients:
            client.close()


WORLD = World()
SimpleKeepAliveHTTPClient = WORLD.client


# Deprecated, but what Tornado offers in its place is the loop policy, which Python deprecates.
@pytest.mark.filterwarnings("ignore:get_new_ioloop is deprecated:DeprecationWarning")
class DocumentTestCase(AsyncTestCase):
    """A test of the document's examples in a Tornado test case, as their author wrote them."""

    loop_factory: Any

    def get_new_ioloop(self) -> IOLoop:
        return IOLoop(asyncio_loop=self.loop_factory(), make_current=False)

    def setUp(self) -> None:
        super().setUp()
        WORLD.begin()
        self.io_loop.run_sync(WORLD.peer.__aenter__)

    def tearDown(self) -> None:
        WORLD.end()
        self.io_loop.run_sync(lambda: WORLD.peer.__aexit__(None, None, None))
        super().tearDown()
        gc.collect()


class Examples:
    """What is run on both loops."""

    io_loop: IOLoop
    assertEqual: Any
    assertNotEqual: Any

    @gen_test
    def test_http(self):
        # fmt: off
        ska_client = SimpleKeepAliveHTTPClient(self.io_loop)

        # just assume that you have a http server that supports connection keep-alive and
        # it has a.txt which just has a simple text 'aaa'. Accordingly, b.txt has a simple text
        # 'bbb', so is 'ccc' in c.txt

        a, b, c = yield [
            ska_client.fetch('http://localhost/a.txt'),
            ska_client.fetch('http://localhost/b.txt'),
            ska_client.fetch('http://localhost/c.txt'),
        ]

        assert b'aaa' in a.body
        assert b'bbb' in b.body
        assert b'ccc' in c.body

        # The client should fetch them using just one connection,
        # rather than disconnect and connect reapeatly.
        assert ska_client.connection.connect_times == 1
        # fmt: on
        assert WORLD.peer.connections == 1
        assert [sent.target for sent in WORLD.peer.requests] == ["/a.txt", "/b.txt", "/c.txt"]
        assert {sent.get("Host") for sent in WORLD.peer.requests} == {"localhost"}
        assert len(ska_client) == 0

    @gen_test
    def test_http_one_by_one(self):
        ska_client = SimpleKeepAliveHTTPClient(self.io_loop)
        assert not ska_client.connection.is_connected()
        for name, text in (("a", b"aaa"), ("b", b"bbb"), ("c", b"ccc")):
            got = yield ska_client.fetch(f"http://localhost/{name}.txt")
            assert got.body == text
        assert ska_client.connection.is_connected()
        assert ska_client.connection.connect_times == 1

    @gen_test
    def test_http_in_a_dict(self):
        ska_client = SimpleKeepAliveHTTPClient(self.io_loop)
        got = yield {name: ska_client.fetch(f"http://localhost/{name}.txt") for name in "abc"}
        assert {name: answer.body for name, answer in got.items()} == {"a": b"aaa", "b": b"bbb", "c": b"ccc"}
        assert WORLD.peer.connections == 1

    @gen_test
    def test_queue(self):
        ska_client = SimpleKeepAliveHTTPClient(self.io_loop)
        fetches = [ska_client.fetch(f"http://localhost/{name}.txt") for name in "abc"]
        assert len(ska_client) == 3
        assert len(ska_client.queue) == 3
        yield fetches[0]
        assert len(ska_client) == 2
        assert len(ska_client.queue) == 1
        yield fetches
        assert (len(ska_client), len(ska_client.queue)) == (0, 0)

    @gen_test
    def test_with_timeout(self):
        ska_client = SimpleKeepAliveHTTPClient(self.io_loop)
        got = yield gen.with_timeout(self.io_loop.time() + 10, ska_client.fetch("http://localhost/a.txt"))
        assert got.body == b"aaa"

    @gen_test
    async def test_native_coroutine(self):
        ska_client = SimpleKeepAliveHTTPClient()
        got = await gen.multi([ska_client.fetch(f"http://localhost/{name}.txt") for name in "abc"])
        assert [answer.body for answer in got] == [b"aaa", b"bbb", b"ccc"]
        assert ska_client.connection.connect_times == 1

    def test_before_the_loop_runs(self):
        ska_client = SimpleKeepAliveHTTPClient()
        fetch = ska_client.fetch("http://localhost/a.txt")
        assert len(ska_client) == 1
        assert self.io_loop.run_sync(lambda: fetch).body == b"aaa"
        assert ska_client.connection.connect_times == 1

    # fmt: off
    @gen_test
    def test_basic(self):
        create_func = lambda: SimpleKeepAliveHTTPClient(self.io_loop)
        pool = ResourcePool(create_func, init_count=2, max_count=3)

        self.assertEqual(len(pool._pool), 2)
        ska_client1 = pool.get()
        ska_client1.fetch('http://www.google.com')
        ska_client2 = pool.get()

        self.assertNotEqual(ska_client1, ska_client2)

        ska_client2.fetch('http://www.google.com')

        ska_client3 = pool.get()

        ska_client3.fetch('http://www.google.com')

        self.assertNotEqual(ska_client1, ska_client3)
        self.assertNotEqual(ska_client2, ska_client3)

        ska_client2.fetch('http://www.google.com')
        ska_client3.fetch('http://www.google.com')

        ska_client4 = pool.get()
        self.assertEqual(ska_client1, ska_client4)
        # fmt: on
        assert [len(client) for client in pool] == [1, 2, 2]
        numbered: Any = pool
        assert [client.res_id for client in numbered] == [0, 1, 2]

    @gen_test
    def test_pool_is_balanced_over_the_wire(self):
        pool = ResourcePool(lambda: SimpleKeepAliveHTTPClient(self.io_loop), max_count=3)
        for _ in range(3):
            fetches = [pool.get().fetch("http://www.google.com") for _ in range(9)]
            assert [len(client) for client in pool] == [3, 3, 3]
            got = yield fetches
            assert {answer.body for answer in got} == {b"google"}
        assert [client.connection.connect_times for client in pool] == [1, 1, 1]
        assert WORLD.peer.connections == 3
        pool.close()


class AsyncioTest(Examples, DocumentTestCase):
    loop_factory = staticmethod(asyncio.new_event_loop)


class UvloopTest(Examples, DocumentTestCase):
    loop_factory = staticmethod(uvloop.new_event_loop)


def test_http_in_plain_asyncio(run):
    async def test():
        WORLD.begin()
        async with WORLD.peer:
            ska_client = SimpleKeepAliveHTTPClient()
            a, b, c = await asyncio.gather(
                ska_client.fetch("http://localhost/a.txt"),
                ska_client.fetch("http://localhost/b.txt"),
                ska_client.fetch("http://localhost/c.txt"),
            )
            assert (a.body, b.body, c.body) == (b"aaa", b"bbb", b"ccc")
            assert ska_client.connection.connect_times == 1
            assert (await ska_client.fetch("http://localhost/a.txt")).body == b"aaa"
            assert WORLD.peer.connections == 1
            WORLD.end()

    run(test())


def test_the_documents_import():
    # fmt: off
    from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient
    from async_keepalive_httpc.pool import ResourcePool
    # fmt: on

    assert isinstance(WORLD.client(), SimpleKeepAliveHTTPClient)
    assert ResourcePool.__name__ == "ResourcePool"
