"""KeepAliveAsyncHTTPClient: how it is chosen, cached, asked before its loop runs, and closed; its facts."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from tests.peers import Peer, Request, answer, echo, ok, response, serving
from tornado.httpclient import AsyncHTTPClient, HTTPClient, HTTPClientError, HTTPRequest
from tornado.ioloop import IOLoop
from tornado.simple_httpclient import HTTPStreamClosedError

from async_keepalive_httpc import InvalidRequest, KeepAliveAsyncHTTPClient, TooManyWaiters, WrongLoop

NAME = "async_keepalive_httpc.KeepAliveAsyncHTTPClient"


@pytest.fixture(autouse=True)
def configuration() -> Iterator[None]:
    saved = AsyncHTTPClient._save_configuration()
    yield
    AsyncHTTPClient._restore_configuration(saved)


def made(**arguments: Any) -> Any:
    return KeepAliveAsyncHTTPClient(force_instance=True, **arguments)


# -- how it is chosen


def test_it_is_configured_by_name(run):
    async def test():
        AsyncHTTPClient.configure(NAME, max_clients=12, idle_timeout=5)
        client: Any = AsyncHTTPClient()
        assert type(client) is KeepAliveAsyncHTTPClient
        assert client is AsyncHTTPClient()
        assert client is AsyncHTTPClient(max_clients=99)
        other: Any = AsyncHTTPClient(force_instance=True, max_clients=13)
        assert (client.max_clients, other.max_clients) == (12, 13)
        other.close()
        assert AsyncHTTPClient() is client
        client.close()
        client.close()
        assert AsyncHTTPClient() is not client
        AsyncHTTPClient().close()

    run(test())


def test_each_loop_has_its_own(loop_factory):
    async def make() -> Any:
        return KeepAliveAsyncHTTPClient()

    clients = []
    for _ in range(2):
        loop = loop_factory()
        clients.append(loop.run_until_complete(make()))
        clients[-1].close()
        loop.close()
    assert clients[0] is not clients[1]


def test_it_is_exported_and_brings_tornados_client_only_when_asked_for():
    import async_keepalive_httpc

    assert "KeepAliveAsyncHTTPClient" in async_keepalive_httpc.__all__
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        async_keepalive_httpc.Nothing  # noqa: B018
    script = "import sys, async_keepalive_httpc; print('tornado.simple_httpclient' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_clients": 0},
        {"max_clients": None},
        {"max_body_size": 0},
        {"max_buffer_size": "1"},
        {"max_header_size": -1},
        {"idle_timeout": -1},
        {"max_age": "1"},
        {"max_waiters": 0},
        {"max_connections": 0},
        {"max_per_host": 0},
        {"resolver": 5},
    ],
)
def test_arguments_that_make_no_sense(run, arguments):
    async def test():
        with pytest.raises(InvalidRequest):
            made(**arguments)

    run(test())


def test_attributes_of_tornados_client(run):
    async def test():
        client = made(max_header_size=2000, max_body_size=3000, max_buffer_size=4000, defaults={"user_agent": "me"})
        assert client.io_loop is IOLoop.current()
        assert (client.max_header_size, client.max_body_size, client.max_buffer_size) == (2000, 3000, 4000)
        assert client.defaults == {**HTTPRequest._DEFAULTS, "user_agent": "me"}
        assert (client.max_clients, client.queue, client.resolver, client.connect_times) == (10, [], None, 0)
        assert repr(client) == "<KeepAliveAsyncHTTPClient open active=0 connect_times=0>"
        client.close()
        assert repr(client) == "<KeepAliveAsyncHTTPClient closed active=0 connect_times=0>"

    run(test())


def test_max_clients_lifts_the_limits_of_connections(run):
    async def limits(**arguments: Any) -> tuple[int, int]:
        client = made(**arguments)
        given = client._door.client.limits
        client.close()
        return given.max_connections, given.max_per_host

    async def test():
        assert await limits() == (512, 100)
        assert await limits(max_clients=700) == (700, 700)
        assert await limits(max_clients=700, max_per_host=5, max_connections=6) == (6, 5)

    run(test())


# -- fetch


def test_connections_are_kept(run):
    async def test():
        async with Peer(echo) as peer:
            client = made()
            for _ in range(3):
                got = await client.fetch(peer.url + "/x")
                assert got.code == 200
            assert (peer.connections, client.connect_times) == (1, 1)
            assert client.stats()["connections"]["reused"] == 2
            client.close()

    run(test())


def test_fetch_before_the_loop_runs(loop_factory):
    loop = loop_factory()
    asyncio.set_event_loop(loop)
    try:
        peer = Peer(ok(b"yes"))
        loop.run_until_complete(peer.__aenter__())
        client = made()
        fetch = client.fetch(peer.url)
        assert loop.run_until_complete(fetch).body == b"yes"
        client.close()
        loop.run_until_complete(peer.__aexit__(None, None, None))
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def test_misuse_raises_at_once(run):
    async def test():
        client = made()
        with pytest.raises(ValueError, match="kwargs can't be used if request is an HTTPRequest object"):
            client.fetch(HTTPRequest("http://h/"), method="GET")
        client.close()
        with pytest.raises(RuntimeError, match=r"^fetch\(\) called on closed AsyncHTTPClient$"):
            client.fetch("http://h/")

    run(test())


def test_a_foreign_thread_is_refused(run):
    async def test():
        client = made()
        errors: list[BaseException] = []

        def misuse() -> None:
            try:
                client.fetch("http://127.0.0.1:1/")
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=misuse)
        thread.start()
        while thread.is_alive():
            await asyncio.sleep(0.001)
        assert isinstance(errors[0], WrongLoop)
        client.close()

    run(test())


def test_defaults_may_be_changed_at_any_time(run):
    async def test():
        async with Peer(echo) as peer:
            client = made()

            async def agent() -> str:
                await client.fetch(peer.url)
                return peer.requests[-1].get("User-Agent")

            assert (await agent()).startswith("Tornado/")
            client.defaults["user_agent"] = "first"
            assert await agent() == "first"
            client.defaults |= {"user_agent": "second"}
            assert await agent() == "second"
            client.defaults.update(user_agent="third")
            assert await agent() == "third"
            assert client.defaults.setdefault("user_agent", "other") == "third"
            assert client.defaults.pop("user_agent") == "third"
            assert client.defaults.pop("user_agent", None) is None
            assert (await agent()).startswith("Tornado/")
            client.defaults = {**client.defaults, "user_agent": "fourth"}
            assert await agent() == "fourth"
            del client.defaults["user_agent"]
            assert client.defaults.popitem()
            client.defaults.clear()
            assert (await agent()).startswith("Tornado/")
            client.defaults["network_interface"] = "not there either"
            with pytest.raises((ValueError, OSError)):
                await client.fetch(peer.url)
            client.close()

    run(test())


# -- the end


def test_close_with_the_loop_stopped_fails_what_is_under_way(loop_factory, caplog):
    caplog.set_level(logging.INFO)
    loop = loop_factory()
    complaints: list[Any] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))

    async def start(peer: Peer) -> Any:
        await peer.__aenter__()
        client = made(max_clients=2)
        fetches = [client.fetch(f"{peer.url}/{number}") for number in range(4)]
        while len(peer.requests) < 2:
            await asyncio.sleep(0)
        return client, fetches

    async def silent(conn: Any) -> None:
        await conn.request()
        await conn.closed()

    peer = Peer(silent)
    client, fetches = loop.run_until_complete(start(peer))
    client.close()
    for fetch in fetches:
        assert isinstance(fetch.exception(), HTTPStreamClosedError)
    del fetches, fetch
    loop.run_until_complete(peer.__aexit__(None, None, None))
    loop.close()
    gc.collect()
    assert complaints == []
    assert caplog.records == []


def test_nobody_need_look_at_what_close_failed(loop_factory):
    complaints: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with Peer([]) as peer:
            client = made(max_clients=1)
            client.fetch(peer.url)
            client.fetch(peer.url)
            client.close()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    gc.collect()
    assert complaints == []


def test_it_is_collectable_after_close(run):
    async def test():
        async with Peer(ok()) as peer:
            client = made()
            await client.fetch(peer.url)
            await client.fetch(peer.url, streaming_callback=lambda piece: None)
            client.close()
            reference = weakref.ref(client)
            del client
            gc.collect()
            assert reference() is None

    run(test())


def test_the_blocking_client(loop_factory):
    loop = loop_factory()
    started, ended = threading.Event(), asyncio.Event()
    ports: list[int] = []

    async def serve() -> None:
        async with Peer(serving(lambda conn, request: answer(request, pages(request)))) as peer:
            ports.append(peer.port)
            started.set()
            await ended.wait()
            ports.append(peer.connections)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    started.wait(30)
    client = HTTPClient(KeepAliveAsyncHTTPClient, max_clients=1)
    try:
        for _ in range(3):
            assert client.fetch(f"http://127.0.0.1:{ports[0]}/").body == b"yes"
        with pytest.raises(HTTPClientError, match="HTTP 404"):
            client.fetch(f"http://127.0.0.1:{ports[0]}/no")
    finally:
        client.close()
        loop.call_soon_threadsafe(ended.set)
        thread.join(30)
        loop.close()
    assert ports[1] == 1


def test_a_blocking_client_that_was_forgotten(loop_factory):
    """The garbage collector may close it while another loop runs; its sockets are closed all the same."""
    loop = loop_factory()
    peer = Peer(ok(b"yes"))

    def fetch() -> HTTPClient:
        client = HTTPClient(KeepAliveAsyncHTTPClient)
        assert client.fetch(peer.url).body == b"yes"
        return client

    async def main() -> None:
        async with peer:
            held = [await loop.run_in_executor(None, fetch)]
            held.clear()
            gc.collect()
            await peer.conns[0].closed()
            assert peer.connections == 1

    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    gc.collect()


def pages(request: Request) -> bytes:
    return response(b"yes") if request.target == "/" else response(b"", status=404, reason="Not Found")


# -- waiters


def test_max_waiters(run):
    async def test():
        async with Peer(ok()) as peer:
            client = made(max_clients=1, max_waiters=1)
            fetches = [client.fetch(peer.url) for _ in range(3)]
            outcomes = await asyncio.gather(*fetches, return_exceptions=True)
            assert [type(outcome).__name__ for outcome in outcomes] == [
                "KeepAliveResponse",
                "KeepAliveResponse",
                "TooManyWaiters",
            ]
            assert "raise max_waiters or max_clients" in str(outcomes[2])
            assert isinstance(outcomes[2], TooManyWaiters)
            client.close()

    run(test())
