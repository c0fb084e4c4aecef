"""max_clients: how many fetches are under way, and who is next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.peers import Conn, Peer, Request, answer, ok, response, serving
from tornado.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError

from async_keepalive_httpc import KeepAliveAsyncHTTPClient


def made(**arguments: Any) -> Any:
    return KeepAliveAsyncHTTPClient(force_instance=True, **arguments)


class Gate:
    """A script that answers a request when it is told to, with its target."""

    def __init__(self) -> None:
        self.open: dict[str, asyncio.Event] = {}

    async def __call__(self, conn: Conn) -> None:
        while (request := await conn.request()) is not None:
            event = self.open.setdefault(request.target, asyncio.Event())
            await event.wait()
            conn.send(answer(request, response(request.target.encode())))

    def let(self, *targets: str) -> None:
        for target in targets:
            self.open.setdefault(target, asyncio.Event()).set()


@asynccontextmanager
async def crowd(number: int, most: int = 1) -> AsyncIterator[tuple[Gate, Peer, Any, list[Any]]]:
    """So many fetches for `most` places: the gate, the peer behind it, the client and its fetches, of /0, /1, ..."""
    gate = Gate()
    async with Peer(gate) as peer:
        client = made(max_clients=most)
        yield gate, peer, client, [client.fetch(f"{peer.url}/{each}") for each in range(number)]
        client.close()


@asynccontextmanager
async def redirected(gate: Gate) -> AsyncIterator[tuple[Peer, Any, Any, Any]]:
    """A fetch whose redirect waits for the one place: its peer, the client, it, and the one that has the place."""
    async with Peer(countdown) as peer, Peer(gate) as other:
        client = made(max_clients=1)
        moved, slow = client.fetch(peer.url + "/1"), client.fetch(other.url + "/slow")
        while not other.requests:
            await asyncio.sleep(0)
        yield peer, client, moved, slow
        client.close()


async def seen(peer: Peer, *targets: str) -> None:
    """Wait until the peer has these requests, and see that it has no other."""
    while len(peer.requests) < len(targets):
        await asyncio.sleep(0)
    for _ in range(5):
        await asyncio.sleep(0)
    assert [request.target for request in peer.requests] == list(targets)


def test_first_come_first_served(run):
    async def test():
        async with crowd(5, 2) as (gate, peer, client, fetches):
            assert len(client.queue) == 3
            await seen(peer, "/0", "/1")
            gate.let("/1")
            await fetches[1]
            await seen(peer, "/0", "/1", "/2")
            gate.let("/0", "/2", "/3", "/4")
            outcomes = await asyncio.gather(*fetches)
            assert [outcome.body for outcome in outcomes] == [b"/0", b"/1", b"/2", b"/3", b"/4"]
            assert (peer.peak, client.queue, client._door.active) == (2, [], 0)

    run(test())


def test_it_counts_requests_of_all_origins(run):
    async def test():
        gates = Gate(), Gate()
        async with Peer(gates[0]) as one, Peer(gates[1]) as other:
            client = made(max_clients=1)
            fetches = [client.fetch(one.url + "/a"), client.fetch(other.url + "/b")]
            await seen(one, "/a")
            assert other.requests == []
            gates[0].let("/a")
            gates[1].let("/b")
            await asyncio.gather(*fetches)
            client.close()

    run(test())


def test_cancelling_frees_the_place(run):
    async def test():
        async with crowd(4) as (gate, peer, client, fetches):
            await seen(peer, "/0")
            assert fetches[1].cancel()
            assert not fetches[1].cancel()
            assert len(client.queue) == 2
            assert fetches[0].cancel()
            await seen(peer, "/0", "/2")
            gate.let("/2", "/3")
            assert (await fetches[3]).body == b"/3"
            assert client._door.active == 0

    run(test())


def test_a_failure_frees_the_place(run):
    async def test():
        async with Peer([b"nonsense", response(b"yes")]) as peer:
            client = made(max_clients=1)
            fetches = [client.fetch(peer.url), client.fetch("ftp://h/"), client.fetch(peer.url, method="X")]
            fetches.append(client.fetch(peer.url))
            errors = await asyncio.gather(*fetches, return_exceptions=True)
            for error, kind in zip(errors, (HTTPStreamClosedError, ValueError, KeyError), strict=False):
                assert isinstance(error, kind)
            got: Any = errors[3]
            assert got.body == b"yes"
            assert client._door.active == 0
            client.close()

    run(test())


def test_it_may_be_raised(run):
    async def test():
        async with crowd(3) as (gate, peer, client, fetches):
            client.max_clients = 2
            await seen(peer, "/0", "/1")
            gate.let("/0", "/1", "/2")
            await asyncio.gather(*fetches)

    run(test())


def test_callbacks_wait_as_well(run):
    async def test():
        async with Peer(ok(b"yes")) as peer:
            client = made(max_clients=1)
            pieces: list[bytes] = []
            await asyncio.gather(*(client.fetch(peer.url, streaming_callback=pieces.append) for _ in range(3)))
            assert pieces == [b"yes"] * 3
            client.close()

    run(test())


# -- time


@pytest.mark.parametrize(
    "options", [{"connect_timeout": 0.05}, {"connect_timeout": 0, "request_timeout": 0.05}, {"request_timeout": 0.05}]
)
def test_timeout_in_the_queue(run, options):
    async def test():
        gate = Gate()
        async with Peer(gate) as peer:
            client = made(max_clients=1)
            first = client.fetch(peer.url + "/0", request_timeout=0, connect_timeout=0)
            patient = client.fetch(peer.url + "/1", request_timeout=0, connect_timeout=0)
            with pytest.raises(HTTPTimeoutError) as caught:
                await client.fetch(peer.url + "/2", **options)
            assert (str(caught.value), caught.value.code) == ("Timeout in request queue", 599)
            gate.let("/0", "/1")
            await first
            await patient
            assert client._door.queue._alarm is None
            client.close()

    run(test())


def test_an_earlier_deadline_is_seen_to_first(run):
    async def test():
        async with Peer(Gate()) as peer:
            client = made(max_clients=1)
            client.fetch(peer.url + "/0")
            late = client.fetch(peer.url + "/1", request_timeout=60)
            with pytest.raises(HTTPTimeoutError):
                await client.fetch(peer.url + "/2", request_timeout=0.01)
            assert not late.done()
            client.close()

    run(test())


def test_the_queue_does_not_count_against_the_request(run):
    """Both timeouts begin when the request does, and so does `request_time`."""

    async def test():
        gate = Gate()
        async with Peer(gate) as peer:
            client = made(max_clients=1)
            first, second = client.fetch(peer.url + "/0"), client.fetch(peer.url + "/1")
            await seen(peer, "/0")
            await asyncio.sleep(0.05)
            gate.let("/0", "/1")
            await first
            got = await second
            assert got.time_info["queue"] >= 0.05
            assert got.time_info["total"] == got.request_time
            client.close()

    run(test())


# -- redirects


@serving
def countdown(conn: Conn, request: Request) -> bytes:
    number = int(request.target[1:])
    if not number:
        return answer(request, response(b"zero"))
    return answer(request, response(status=302, headers=[("Location", f"/{number - 1}")]))


@pytest.mark.parametrize("callback", [None, "streaming_callback"])
def test_redirects_go_through_one_place(run, callback):
    async def test():
        async with Peer(countdown) as peer:
            client = made(max_clients=1)
            options: Any = {callback: bytearray().extend} if callback else {}
            outcomes = await asyncio.gather(*(client.fetch(f"{peer.url}/3", **options) for _ in range(3)))
            assert [outcome.code for outcome in outcomes] == [200] * 3
            # Each redirect has stood in the queue again: they go round.
            assert [request.target for request in peer.requests] == [f"/{n}" for n in (3, 2, 1, 0) for _ in range(3)]
            assert client._door.active == 0
            client.close()

    run(test())


def test_a_redirect_may_time_out_in_the_queue(run):
    async def test():
        gate = Gate()

        async def script(conn: Conn) -> None:
            request = await conn.request()
            assert request is not None
            if request.target == "/moved":
                conn.send(response(status=302, headers=[("Location", "/there")]))
            else:
                await gate.open.setdefault(request.target, asyncio.Event()).wait()

        async with Peer(script) as peer:
            client = made(max_clients=1)
            moved = client.fetch(peer.url + "/moved", request_timeout=0.05)
            slow = client.fetch(peer.url + "/slow")
            with pytest.raises(HTTPTimeoutError, match="Timeout in request queue"):
                await moved
            assert client._door.active == 1
            slow.cancel()
            gate.let("/slow")
            client.close()

    run(test())


def test_a_redirect_may_be_cancelled_in_the_queue(run):
    async def test():
        gate = Gate()
        async with redirected(gate) as (peer, client, moved, slow):
            assert len(client.queue) == 1
            moved.cancel()
            assert (client.queue, client._door.active) == ([], 1)
            gate.let("/slow")
            assert (await slow).code == 200
            assert [request.target for request in peer.requests] == ["/1"]

    run(test())


def test_a_redirect_waiting_at_close(run):
    async def test():
        async with redirected(Gate()) as (_, client, moved, slow):
            client.close()
            for fetch in (moved, slow):
                with pytest.raises(HTTPStreamClosedError):
                    await fetch

    run(test())
