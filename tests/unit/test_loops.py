"""A client and its event loops: one after another, two at once, one that ends first; threads; and a fork."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from tests.conftest import LoopFactory, Run
from tests.peers import BadRequest, Conn, Peer, Script, ok, response

from async_keepalive_httpc import Client, ClientClosed, Limits, Response, WrongLoop
from async_keepalive_httpc._transport import loops


async def silent(conn: Conn) -> None:
    await conn.closed()


async def under_way(client: Client, peer: Peer, number: int = 1) -> list[asyncio.Task[Any]]:
    """So many requests that wait for an answer."""
    tasks = [asyncio.ensure_future(client.get(peer.url)) for _ in range(number)]
    await peer.until(lambda: len(peer.requests) == number)
    return tasks


async def reads(conn: Conn) -> None:
    """Read what comes, and never answer."""
    with suppress(BadRequest):
        while await conn.request() is not None:
            pass


@pytest.mark.parametrize("tls", [False, True])
def test_close_ends_what_is_under_way(run: Run, tls: bool) -> None:
    async def main() -> None:
        async with Peer(reads, tls=tls) as peer:
            client = Client(verify=peer.ca_context() if tls else True, limits=Limits(max_per_host=3))
            tasks = await under_way(client, peer, 3)
            waiting = asyncio.ensure_future(client.get(peer.url))
            await asyncio.sleep(0)
            assert len(client.waiting()) == 1
            client.close()
            for outcome in await asyncio.gather(*tasks, waiting, return_exceptions=True):
                assert isinstance(outcome, ClientClosed)
            await peer.ended()
            assert client.stats()["connections"]["closed"] == {"closed": 3}

    run(main())


def test_close_while_connecting(run: Run) -> None:
    async def main() -> None:
        async with Peer(silent) as peer:
            client = Client()
            task = asyncio.ensure_future(client.get(peer.url.replace("http:", "https:")))
            await peer.until(lambda: peer.connections == 1)
            client.close()
            with pytest.raises(ClientClosed):
                await task
            await peer.ended()

    run(main())


def test_aclose_lets_requests_end_but_takes_no_new_one(run: Run) -> None:
    async def main() -> None:
        async def script(conn: Conn) -> None:
            await conn.request()
            await go.wait()
            conn.send(response(b"slow"))

        go = asyncio.Event()
        async with Peer(script) as peer:
            client = Client()
            (task,) = await under_way(client, peer)
            closing = asyncio.ensure_future(client.aclose())
            await asyncio.sleep(0)
            with pytest.raises(ClientClosed):
                await client.get(peer.url)
            assert not closing.done()
            go.set()
            await closing
            assert (await task).body == b"slow"
            await peer.ended()

    run(main())


@pytest.mark.parametrize("timeout", [0, 0.02])
def test_aclose_has_a_limit(run: Run, timeout: float) -> None:
    async def main() -> None:
        async with Peer(reads) as peer:
            client = Client()
            (task,) = await under_way(client, peer)
            await client.aclose(timeout)
            with pytest.raises(ClientClosed):
                await task
            await peer.ended()

    run(main())


def test_an_error_inside_async_with_does_not_wait(run: Run) -> None:
    async def main() -> None:
        async with Peer(reads) as peer:
            with pytest.raises(KeyError):
                async with Client() as client:
                    (task,) = await under_way(client, peer)
                    raise KeyError
            with pytest.raises(ClientClosed):
                await task

    run(main())


def test_a_cancelled_aclose_closes_at_once(run: Run) -> None:
    async def main() -> None:
        async with Peer(reads) as peer:
            client = Client()
            (task,) = await under_way(client, peer)
            closing = asyncio.ensure_future(client.aclose())
            await asyncio.sleep(0)
            closing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await closing
            with pytest.raises(ClientClosed):
                await task
            await peer.ended()

    run(main())


def test_closing_inside_of_what_a_request_caused(run: Run) -> None:
    """A callback of the loop that closes the client, in the very turn in which an answer came."""

    async def main() -> None:
        async with Peer(ok()) as peer:
            client = Client()
            loop = asyncio.get_running_loop()
            waiter = loop.create_future()
            waiter.add_done_callback(lambda future: client.close())
            response = client.begin(client.build("GET", peer.url), waiter, loop, Response())
            assert await waiter is response
            assert response.status == 200
            with pytest.raises(ClientClosed):
                await client.get(peer.url)

    run(main())


def test_one_client_on_loops_one_after_another(loop_factory: LoopFactory) -> None:
    client = Client()

    async def main() -> None:
        async with Peer(ok()) as peer:
            assert (await client.get(peer.url)).status == 200
            assert (await client.get(peer.url)).reused

    for turn in range(1, 4):
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(main())
        gc.collect()
        connections = client.stats()["connections"]
        assert (client.connect_times, connections["requests"]) == (turn, 2 * turn)
        assert (connections["idle"], connections["active"]) == (0, 0)
        assert sum(connections["closed"].values()) == turn
        assert len(client.stats()["origins"]) == turn
    client.close()
    assert client.connect_times == 3


def with_peer(loop_factory: LoopFactory, script: Script, use: Callable[[Peer], None]) -> Peer:
    """Call `use` in a thread without a loop, while this thread runs the peer; until its last connection ended."""

    async def serve() -> Peer:
        async with Peer(script) as peer:
            await asyncio.to_thread(use, peer)
            await peer.ended()
            return peer

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(serve())


def dialling(client: Client, peer: Peer) -> asyncio.Task[Any]:
    """A request whose TLS handshake is never answered."""
    return asyncio.ensure_future(client.get(peer.url.replace("http:", "https:")))


def nothing(client: Client) -> bool:
    """Whether the client has nothing, nor waits for anything."""
    connections = client.stats()["connections"]
    return not any(connections[name] for name in ("dialling", "active", "idle", "waiting"))


def test_a_loop_that_ends_closes_its_sockets(loop_factory: LoopFactory) -> None:
    """asyncio.run() with a client that nobody closed: no ResourceWarning, no task, no socket is left."""
    client = Client()

    def use(peer: Peer) -> None:
        async def main() -> None:
            await client.preconnect(peer.url, 2)
            dialling(client, peer)
            await asyncio.sleep(0)

        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(main())

    with_peer(loop_factory, reads, use)
    gc.collect()
    assert client.stats()["connections"]["closed"] == {"closed": 2}
    assert nothing(client)


def test_a_loop_that_ends_with_requests_under_way(loop_factory: LoopFactory) -> None:
    complaints: list[Any] = []
    client = Client(limits=Limits(max_per_host=1))
    started: list[asyncio.Future[Any]] = []

    def use(peer: Peer) -> None:
        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
            for _ in range(3):
                started.append(asyncio.ensure_future(client.get(peer.url)))
                dialling(client, peer)
            while client.stats()["connections"]["active"] == 0:
                await asyncio.sleep(0.001)

        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(main())

    peer = with_peer(loop_factory, reads, use)
    gc.collect()
    assert complaints == []
    assert nothing(client)
    assert peer.connections <= 2


def test_a_client_that_is_dropped(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer:
            client = Client()
            await client.get(peer.url)
            gone = weakref.ref(client)
            del client
            gc.collect()
            assert gone() is None
            await peer.ended()

    run(main())


def test_a_client_that_is_dropped_after_it_was_closed(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer:
            client = Client()
            await client.get(peer.url)
            client.close()
            before = asyncio.all_tasks()
            del client
            gc.collect()
            await asyncio.sleep(0)
            assert asyncio.all_tasks() <= before

    run(main())


def test_close_on_a_loop_that_stands_still(loop_factory: LoopFactory) -> None:
    loop = loop_factory()
    client = Client()

    async def open_some() -> Peer:
        peer = await Peer(reads).__aenter__()
        await client.preconnect(peer.url, 2)
        dialling(client, peer).add_done_callback(lambda task: task.exception())
        await asyncio.sleep(0)
        return peer

    peer = loop.run_until_complete(open_some())
    client.close()
    transport = client._loops.on(loop)
    assert transport is not None
    assert (transport.size, transport.lingering, transport._tasks) == (0, set(), set())
    loop.run_until_complete(peer.__aexit__(None, None, None))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    client.close()
    gc.collect()


def test_begun_before_its_loop_runs(loop_factory: LoopFactory) -> None:
    """As the Tornado doors do it: `fetch()` first, the loop later."""
    loop = loop_factory()
    client = Client()
    peer = loop.run_until_complete(Peer(ok()).__aenter__())
    waiter = loop.create_future()
    client.begin(client.build("GET", peer.url), waiter, loop, Response())
    assert loop.run_until_complete(waiter).status == 200
    loop.run_until_complete(peer.__aexit__(None, None, None))
    loop.run_until_complete(loop.shutdown_asyncgens())
    assert client.stats()["connections"]["idle"] == 0
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def test_closed_before_its_loop_runs(loop_factory: LoopFactory) -> None:
    loop = loop_factory()
    client = Client()
    waiter = loop.create_future()
    client.begin(client.build("GET", "http://127.0.0.1:1/"), waiter, loop, Response())
    client.close()
    assert isinstance(waiter.result()._error, ClientClosed)
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    gc.collect()


def test_a_loop_closed_without_a_word(loop_factory: LoopFactory) -> None:
    """Nobody ended what was open: the next loop works, and nothing is raised; at most a ResourceWarning."""
    client = Client()

    async def use() -> None:
        async with Peer(ok()) as peer:
            await client.get(peer.url)
            transport = client._loops.current
            assert transport is not None
            for lane in transport.lanes.values():  # so that no socket is left, which would rightly warn
                for connection in list(lane.members):
                    connection.close("closed", at_once=True)
            await transport.ended()

    for turn in (1, 2):
        loop = loop_factory()
        loop.run_until_complete(use())
        loop.close()
        gc.collect()
        assert client.connect_times == turn
    client.close()
    gc.collect()


def test_two_loops_at_once(loop_factory: LoopFactory) -> None:
    client = Client()
    failures: list[BaseException] = []
    start = threading.Barrier(2)

    async def main() -> None:
        async with Peer(ok()) as peer:
            start.wait()
            for _ in range(200):
                assert (await client.get(peer.url)).status == 200
            assert peer.connections == 1

    def work() -> None:
        try:
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                runner.run(main())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert client.stats()["connections"]["requests"] == 400
    assert client.connect_times == 2
    client.close()


@pytest.mark.parametrize("how", ["close", "aclose"])
def test_closed_from_another_thread(run: Run, loop_factory: LoopFactory, how: str) -> None:
    async def main() -> None:
        def close() -> None:
            if how == "close":
                client.close()
            else:
                with asyncio.Runner(loop_factory=loop_factory) as runner:
                    runner.run(client.aclose())

        async with Peer(reads) as peer:
            client = Client()
            (task,) = await under_way(client, peer)
            await asyncio.to_thread(close)
            with pytest.raises(ClientClosed):
                await task
            await peer.ended()
            await asyncio.get_running_loop().shutdown_default_executor()

    run(main())


FORK = """
    import asyncio, os, socket, sys
    from async_keepalive_httpc import Client

    OK = b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n"
    server = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{server.getsockname()[1]}/"
    client = Client()

    async def ask(connections):
        loop = asyncio.get_running_loop()
        asking = loop.create_task(client.get(url))
        await asyncio.sleep(0.05)
        if len(connections) < 1 or own:
            connections.append(server.accept()[0])
        assert connections[-1].recv(65536).startswith(b"GET")
        connections[-1].sendall(OK)
        return await asking

    own = False
    connections = []
    loop = asyncio.new_event_loop()
    assert not loop.run_until_complete(ask(connections)).reused
    child = os.fork()
    if child == 0:
        own = True
        with asyncio.Runner() as runner:
            assert not runner.run(ask(connections)).reused
        assert client.connect_times == 1
        assert client.stats()["connections"]["closed"] == {"closed": 1}
        connections[0].setblocking(False)
        try:
            connections[0].recv(1)
        except BlockingIOError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert loop.run_until_complete(ask(connections)).reused
    assert client.connect_times == 1
    client.close()
    loop.close()
    for connection in connections:
        connection.close()
    server.close()
"""


def test_a_child_leaves_the_connections_to_its_parent() -> None:
    """In a process of its own, which has no other threads; the parent's connection works after the fork as before."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(FORK)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_a_child_forgets(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client() as client:
            await client.get(peer.url)
            loops._forked()
            assert (client.connect_times, client.waiting()) == (0, [])
            assert not (await client.get(peer.url)).reused
            assert peer.connections == peer.open == 2
            (inherited,) = client._loops._inherited
            for transport, ending in inherited.values():
                loops._end(transport, ending)
            await peer.until(lambda: peer.open == 1)

    run(main())


def test_a_request_goes_on_where_it_began(loop_factory: LoopFactory) -> None:
    """An answer that calls for more, a redirect here, is refused on another loop."""
    client = Client()

    async def begin() -> Response:
        async with Peer([response(status=302, headers=[("Location", "/next")])]) as peer:
            waiter = asyncio.get_running_loop().create_future()
            began = client.begin(client.build("GET", peer.url), waiter, asyncio.get_running_loop(), Response())
            await waiter
            return began

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        began = runner.run(begin())
    with asyncio.Runner(loop_factory=loop_factory) as runner, pytest.raises(WrongLoop, match="on another event loop"):
        runner.run(client.settle(began))
