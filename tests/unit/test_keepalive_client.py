"""SimpleKeepAliveHTTPClient: one connection for each origin, who waits for it, loops, cancelling, closing."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from contextlib import suppress
from typing import Any

import pytest
from tests.peers import Conn, Peer, Request, chunked, echo, ok, response, serving
from tornado.httpclient import HTTPRequest
from tornado.ioloop import IOLoop
from tornado.simple_httpclient import HTTPStreamClosedError

from async_keepalive_httpc.errors import InvalidRequest, TooManyWaiters, WrongLoop
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient


async def holding(conn: Conn) -> None:
    """A script that takes one request, and answers nothing."""
    await conn.request()
    await conn.closed()


# -- one connection


def test_one_connection_answers_in_order(run):
    async def test():
        async with Peer(echo) as peer, SimpleKeepAliveHTTPClient() as client:
            fetches = [client.fetch(f"{peer.url}/n/{n}") for n in range(20)]
            ended: list[Any] = []
            for fetch in fetches:
                fetch.add_done_callback(ended.append)
            assert len(client) == 20
            responses = await asyncio.gather(*fetches)
            assert [int(got.body) for got in responses] == list(range(20))
            await asyncio.sleep(0)
            assert ended == fetches
            assert [sent.target for sent in peer.requests] == [f"/n/{n}" for n in range(20)]
            assert (peer.connections, client.connect_times, client.connection.connect_times) == (1, 1, 1)
            assert len(client) == 0

    run(test())


def test_one_connection_for_each_origin(run):
    async def test():
        async with Peer(echo) as one, Peer(echo) as other, SimpleKeepAliveHTTPClient() as client:
            await asyncio.gather(*[client.fetch(peer.url) for peer in (one, other) * 5])
            assert (one.connections, other.connections, one.peak, other.peak) == (1, 1, 1, 1)
            assert client.connect_times == 2
            assert set(client.stats()["origins"]) == {one.url, other.url}

    run(test())


def test_a_closed_connection_is_made_anew(run):
    @serving
    def script(conn: Conn, request: Request) -> bytes:
        return response(headers=[("Connection", "close")])

    async def test():
        async with Peer(script) as peer, SimpleKeepAliveHTTPClient() as client:
            for times in (1, 2):
                await client.fetch(peer.url)
                assert client.connection.connect_times == times
            assert (peer.connections, peer.peak) == (2, 1)

    run(test())


def test_callers_connection_close_counts(run):
    async def test():
        async with Peer(ok()) as peer, SimpleKeepAliveHTTPClient() as client:
            await client.fetch(peer.url, headers={"Connection": "close"})
            await peer.ended()
            assert not client.connection.is_connected()

    run(test())


def test_faces(run):
    async def test():
        client = SimpleKeepAliveHTTPClient()
        connection = client.connection
        assert (len(client), client.queue, client.connect_times) == (0, [], 0)
        assert bool(client)
        assert not connection.is_connected()
        assert repr(client) == "<SimpleKeepAliveHTTPClient active=0 <connection closed connect_times=0>>"
        async with Peer(holding) as peer:
            fetches = [client.fetch(f"{peer.url}/{name}") for name in "abc"]
            await peer.until(lambda: bool(peer.requests))
            assert connection.is_connected()
            assert len(client) == 3
            assert [waiting.url.target for waiting in client.queue] == [b"/b", b"/c"]
            assert repr(client) == "<SimpleKeepAliveHTTPClient active=3 <connection open connect_times=1>>"
            counts = client.stats()["connections"]
            assert (counts["active"], counts["waiting"], counts["opened"]) == (1, 2, 1)
            client.close()
            assert client.connection is connection
            assert not connection.is_connected()
            for fetch in fetches:
                with pytest.raises(HTTPStreamClosedError):
                    await fetch

    run(test())


def test_a_url_is_made_into_a_request_once(run):
    async def test():
        async with Peer(echo) as peer, SimpleKeepAliveHTTPClient() as client:
            for n in [*range(300), 1]:
                got = await client.fetch(f"{peer.url}/n/{n}")
                assert int(got.body) == n
            got = await client.fetch(f"{peer.url.replace('//', '//me:pw@')}/n/1")
            assert peer.requests[-1].get("Authorization").startswith("Basic ")
            assert len(client._door._requests) <= 256

    run(test())


def test_defaults_count_for_a_plain_url(run):
    async def test():
        defaults = {"user_agent": "mine", "auth_username": "me", "follow_redirects": False}
        async with Peer(ok()) as peer, SimpleKeepAliveHTTPClient(defaults=defaults) as client:
            await client.fetch(peer.url)
            (sent,) = peer.requests
            assert sent.get("User-Agent") == "mine"
            assert sent.get("Authorization").startswith("Basic ")

    run(test())


# -- arguments


def test_hostname_mapping_and_resolver(run):
    class Resolver:
        def __init__(self, port: int) -> None:
            self.port = port

        async def resolve(self, host: str, port: int, family: int) -> Any:
            return [(2, ("127.0.0.1", self.port))]

    async def test():
        async with Peer(ok()) as peer:
            mapping = {("a.example", 80): ("127.0.0.1", peer.port)}
            async with SimpleKeepAliveHTTPClient(hostname_mapping=mapping) as client:
                await client.fetch("http://a.example/")
            async with SimpleKeepAliveHTTPClient(resolver=Resolver(peer.port)) as client:
                await client.fetch("http://b.example/")
            assert [sent.get("Host") for sent in peer.requests] == ["a.example", "b.example"]

    run(test())


def test_max_waiters(run):
    async def test():
        async with Peer(holding) as peer, SimpleKeepAliveHTTPClient(max_waiters=1) as client:
            fetches = [client.fetch(peer.url)]
            await peer.until(lambda: bool(peer.requests))
            fetches.append(client.fetch(peer.url))
            with pytest.raises(TooManyWaiters):
                await client.fetch(peer.url)
            assert len(client) == 2
            for fetch in fetches:
                fetch.cancel()
            assert len(client) == 0

    run(test())


@pytest.mark.parametrize(
    "arguments",
    [
        {"io_loop": object()},
        {"io_loop": asyncio},
        {"max_buffer_size": 0},
        {"max_body_size": 0},
        {"max_body_size": "1"},
        {"max_header_size": -1},
        {"idle_timeout": -1},
        {"max_age": "1"},
        {"max_waiters": 0},
        {"resolver": 5},
        {"defaults": {"request_timeout": -1}},
        {"defaults": {"proxy_host": "h"}},
    ],
)
def test_arguments_that_make_no_sense(arguments):
    with pytest.raises(InvalidRequest):
        SimpleKeepAliveHTTPClient(**arguments)


# -- cancelling


def test_cancelling_what_waits(run):
    async def test():
        async with Peer(echo) as peer, SimpleKeepAliveHTTPClient() as client:
            first, second, third = [client.fetch(f"{peer.url}/n/{n}") for n in range(3)]
            assert second.cancel()
            assert len(client) == 2
            assert not second.cancel()
            assert [int((await fetch).body) for fetch in (first, third)] == [0, 2]
            assert second.cancelled()
            assert [sent.target for sent in peer.requests] == ["/n/0", "/n/2"]
            assert peer.connections == 1

    run(test())


def test_cancelling_what_is_on_the_wire(run):
    async def test():
        async with Peer(holding) as peer, SimpleKeepAliveHTTPClient() as client:
            first, second = client.fetch(peer.url), client.fetch(peer.url)
            await peer.until(lambda: bool(peer.requests))
            assert len(client) == 2
            assert first.cancel()
            assert (len(client), client.stats()["connections"]["closed"]) == (1, {"abandoned": 1})
            await peer.until(lambda: len(peer.requests) == 2)
            assert peer.connections == 2
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first

    run(test())


def test_cancelling_the_task_that_waits(run):
    async def test():
        async with Peer(holding) as peer, SimpleKeepAliveHTTPClient() as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await client.fetch(peer.url)
            assert len(client) == 0
            fetch = client.fetch(peer.url)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(fetch, 0.02)
            assert fetch.cancelled()
            assert len(client) == 0
            await peer.ended()

    run(test())


def test_cancelling_between_two_hops(run):
    async def script(conn: Conn) -> None:
        for _ in range(2):
            await conn.request()
            conn.send(response(status=302, headers=[("Location", "/again")]))
        await holding(conn)

    async def test():
        async with Peer(script) as peer, SimpleKeepAliveHTTPClient() as client:
            fetch = client.fetch(peer.url)
            await peer.until(lambda: len(peer.requests) == 3)
            assert fetch.cancel()
            assert len(client) == 0
            with pytest.raises(asyncio.CancelledError):
                await fetch
            await peer.ended()

    run(test())


# -- closing


def test_close_fails_what_is_under_way_and_logs_nothing(run, caplog):
    async def streaming(conn: Conn) -> None:
        await conn.request()
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"piece")[:-5])
        await conn.closed()

    async def test():
        async with Peer(streaming) as peer:
            client = SimpleKeepAliveHTTPClient()
            taken = asyncio.Event()
            fetches = [client.fetch(peer.url, streaming_callback=lambda piece: taken.set())]
            fetches += [client.fetch(peer.url) for _ in range(3)]
            await taken.wait()
            client.close()
            client.close()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert [type(fetch.exception()) for fetch in fetches[:2]] == [HTTPStreamClosedError] * 2
            assert len(client) == 0
            with pytest.raises(RuntimeError, match=r"^fetch\(\) called on closed SimpleKeepAliveHTTPClient"):
                client.fetch(peer.url)
            # The last two are dropped unseen.
            del fetches
            gc.collect()
            await peer.ended()

    run(test())
    assert caplog.records == []


def test_aclose_lets_the_rest_end(run):
    async def test():
        async with Peer(echo) as peer:
            client = SimpleKeepAliveHTTPClient()
            fetches = [client.fetch(f"{peer.url}/n/{n}") for n in range(3)]
            await client.aclose()
            assert [int((await fetch).body) for fetch in fetches] == [0, 1, 2]
            await peer.ended()
            with pytest.raises(RuntimeError):
                client.fetch(peer.url)

    run(test())


def test_leaving_by_an_exception_does_not_wait(run):
    async def test():
        async with Peer(holding) as peer:
            client = SimpleKeepAliveHTTPClient()
            with suppress(KeyError):
                async with client:
                    fetch = client.fetch(peer.url)
                    await peer.until(lambda: bool(peer.requests))
                    raise KeyError
            with pytest.raises(HTTPStreamClosedError):
                await fetch

    run(test())


# -- loops and threads


def test_made_and_used_before_the_loop_runs(loop_factory):
    loop = loop_factory()
    peer = Peer(echo)
    loop.run_until_complete(peer.__aenter__())
    asyncio.set_event_loop(loop)
    try:
        client = SimpleKeepAliveHTTPClient()
        fetch = client.fetch(f"{peer.url}/n/1")
        assert len(client) == 1
        assert loop.run_until_complete(fetch).body == b"1"
        assert loop.run_until_complete(client.fetch(HTTPRequest(f"{peer.url}/n/2"))).body == b"2"
        assert peer.connections == 1
        loop.run_until_complete(peer.__aexit__(None, None, None))
    finally:
        asyncio.set_event_loop(None)
        client.close()
        loop.close()
    gc.collect()


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("stage", ["idle", "dialling", "active", "queued", "streaming"])
def test_closed_with_the_loop_stopped(loop_factory, stage, tls, caplog):
    """As a Tornado test case does in tearDown: close(), then at once the loop's own close()."""
    loop = loop_factory()
    peer = Peer(echo if stage == "idle" else holding, tls=tls)
    loop.run_until_complete(peer.__aenter__())
    io_loop = IOLoop(asyncio_loop=loop, make_current=False)
    client = SimpleKeepAliveHTTPClient(io_loop, defaults={"validate_cert": False})
    options: Any = {"streaming_callback": bytearray().extend} if stage == "streaming" else {}
    fetches = [client.fetch(peer.url, **options) for _ in range(2 if stage == "queued" else 1)]
    if stage == "idle":
        loop.run_until_complete(fetches[0])
    elif stage != "dialling":
        loop.run_until_complete(peer.until(lambda: bool(peer.requests)))
    client.close()
    assert len(client) == 0
    if stage != "idle":
        assert [type(fetch.exception()) for fetch in fetches] == [HTTPStreamClosedError] * len(fetches)
    loop.run_until_complete(peer.__aexit__(None, None, None))
    io_loop.close(all_fds=True)
    del client, fetches
    gc.collect()
    assert caplog.records == []


def test_one_client_on_one_loop_after_the_other(loop_factory):
    client = SimpleKeepAliveHTTPClient()

    async def test():
        async with Peer(ok()) as peer:
            return (await client.fetch(peer.url)).body

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                assert runner.run(test()) == b"ok"
                client_loop = runner.get_loop()
        assert client_loop.is_closed()
    assert client.connect_times == 2
    client.close()


def foreign(call: Any) -> BaseException | None:
    """What `call` raises in a thread of its own."""
    raised: list[BaseException | None] = []

    def target() -> None:
        try:
            call()
        except Exception as error:
            raised.append(error)
        else:
            raised.append(None)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    return raised[0]


@pytest.mark.parametrize("named", [True, False], ids=["io_loop", "no io_loop"])
@pytest.mark.parametrize("with_a_loop", [True, False], ids=["running loop", "no loop"])
def test_foreign_thread(run, named, with_a_loop):
    async def test():
        io_loop = IOLoop.current() if named else None
        async with Peer(echo) as peer, SimpleKeepAliveHTTPClient(io_loop) as client:
            await client.fetch(peer.url)

            async def fetch_there() -> None:
                client.fetch(peer.url)

            error = foreign(lambda: asyncio.run(fetch_there()) if with_a_loop else client.fetch(peer.url))
            assert isinstance(error, WrongLoop)
            assert "io_loop.add_callback" in str(error)
            assert (len(client), len(peer.requests), peer.connections) == (0, 1, 1)

    run(test())


def test_no_loop_at_all():
    client = SimpleKeepAliveHTTPClient()
    assert isinstance(foreign(lambda: client.fetch("http://h.example/")), WrongLoop)


def test_foreign_loop_of_the_same_thread(run):
    io_loop = IOLoop(asyncio_loop=asyncio.new_event_loop(), make_current=False)
    client = SimpleKeepAliveHTTPClient(io_loop)

    async def test():
        with pytest.raises(WrongLoop):
            client.fetch("http://h.example/")

    run(test())
    io_loop.close()
    run(test())
    with pytest.raises(WrongLoop, match=r"that loop is closed"):
        client.fetch("http://h.example/")
    client.close()
