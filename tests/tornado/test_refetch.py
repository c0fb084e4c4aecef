"""A URL that was fetched before: the answer itself ends the fetch, with everything that a first fetch has."""

from __future__ import annotations

import asyncio
import gc
import gzip
import weakref

import pytest
from tests.peers import Conn, Peer, Request, Script, answer, ok, response, serving
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError

from async_keepalive_httpc import KeepAliveAsyncHTTPClient
from async_keepalive_httpc._tornado.response import KeepAliveResponse
from async_keepalive_httpc.errors import WrongLoop


def made(**options) -> KeepAliveAsyncHTTPClient:
    return KeepAliveAsyncHTTPClient(force_instance=True, **options)


def at_once(fetch) -> bool:
    """Whether no Fetch stands between the request and this Future."""
    return type(fetch.cancel.__self__) is KeepAliveResponse


def then(*answers: bytes) -> Script:
    """The first request is answered by "first", those after it by these, the last of them for ever."""
    left = [response(b"first"), *answers]

    def next_answer(conn: Conn, request: Request) -> bytes:
        return answer(request, left.pop(0) if len(left) > 1 else left[0])

    return serving(next_answer)


async def refetched(peer: Peer, client: KeepAliveAsyncHTTPClient, path: str = "/a"):
    """The second fetch of a URL, on its way."""
    assert (await client.fetch(peer.url + path)).body == b"first"
    fetch = client.fetch(peer.url + path)
    assert at_once(fetch)
    assert client._door.active == 1
    return fetch


def test_it_has_all_that_a_first_one_has(run):
    async def test():
        async with Peer(ok(b"body", headers=[("X-A", "1")])) as peer:
            client = made()
            first = await client.fetch(peer.url)
            for _ in range(2):
                again = await client.fetch(peer.url)
                assert (again.code, again.reason, again.body) == (first.code, first.reason, first.body)
                assert again.headers == first.headers
                assert again.headers is not first.headers
                assert again.effective_url == again.request.url == peer.url
                assert again.request_time is not None
                assert again.error is None
            assert (client._door.active, client.connect_times) == (0, 1)
            client.close()

    run(test())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"headers": {"X-A": "1"}},
        {"method": "POST", "body": b"body"},
        {"request_timeout": 5, "follow_redirects": False},
    ],
)
@pytest.mark.parametrize("whole", [True, False], ids=["HTTPRequest", "arguments"])
def test_an_httprequest_needs_no_more_than_a_url(run, options, whole):
    async def test():
        async with Peer(ok(b"body")) as peer:
            client = made()
            for number in range(3):
                asked = HTTPRequest(peer.url, **options)
                fetch = client.fetch(asked) if whole else client.fetch(peer.url, **options)
                assert at_once(fetch) == (number > 0)  # the first one has a Transport made
                got = await fetch
                assert (got.code, got.body, got.request.method) == (200, b"body", options.get("method", "GET"))
                assert (got.request is asked) == whole
            assert client._door.active == 0
            assert [request.get("X-A") for request in peer.requests] == [options.get("headers", {}).get("X-A", "")] * 3
            assert [request.body for request in peer.requests] == [options.get("body", b"")] * 3
            client.close()

    run(test())


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (response(b"why", status=404), 404),
        (response(b"", status=302, headers=[("Location", "/b")]), b"first"),
        (response(gzip.compress(b"packed"), headers=[("Content-Encoding", "gzip")]), b"packed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", b"abc"),
    ],
    ids=["error", "redirect", "gzip", "chunked"],
)
def test_another_answer_than_before(run, raw, expected):
    async def test():
        async with Peer(then(raw, response(b"first"))) as peer:
            client = made()
            fetch = await refetched(peer, client)
            if expected == 404:
                with pytest.raises(HTTPClientError, match="404") as caught:
                    await fetch
                assert caught.value.response is not None
                assert caught.value.response.body == b"why"
            else:
                got = await fetch
                assert (got.body, got.request.url) == (expected, peer.url + "/a")
                assert got.effective_url == peer.url + ("/b" if expected == b"first" else "/a")
            assert client._door.active == 0
            client.close()

    run(test())


@pytest.mark.parametrize("how", ["future", "task", "wait_for"])
def test_cancelling_ends_the_request_and_frees_the_place(run, how):
    async def test():
        async with Peer(First()) as peer:
            client = made(max_clients=1)
            fetch = await refetched(peer, client)
            waiting = client.fetch(peer.url + "/b")
            if how == "future":
                assert fetch.cancel()
                assert not fetch.cancel()
            elif how == "task":
                task = asyncio.ensure_future(await_it(fetch))
                await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            else:
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(fetch, 0.01)
            assert fetch.cancelled()
            assert client._door.active == 1
            assert client.stats()["connections"]["closed"] == {"abandoned": 1}
            assert waiting.cancel()
            assert client._door.active == 0
            client.close()

    run(test())


async def await_it(fetch):
    return await fetch


class First:
    """A script that answers the first request of all, and no other."""

    def __init__(self) -> None:
        self.answered = False

    async def __call__(self, conn: Conn) -> None:
        while await conn.request() is not None:
            if not self.answered:
                self.answered = True
                conn.send(response(b"first"))


def test_it_waits_where_every_place_is_taken(run):
    async def test():
        async with Peer(then(response(b"second"))) as peer:
            client = made(max_clients=1)
            fetch = await refetched(peer, client)
            other = client.fetch(peer.url + "/a")
            assert not at_once(other)
            assert client.queue == [other]
            assert [(await one).body for one in (fetch, other)] == [b"second", b"second"]
            assert (client._door.active, client.connect_times) == (0, 1)
            client.close()

    run(test())


def test_after_the_end(run):
    async def test():
        async with Peer(then(response(b"second"))) as peer:
            client = made()
            fetch = await refetched(peer, client)
            client.close()
            with pytest.raises(HTTPStreamClosedError):
                await fetch
            with pytest.raises(RuntimeError, match="closed"):
                client.fetch(peer.url + "/a")
            assert client._door.active == 0

    run(test())


def test_in_another_thread(run):
    async def test():
        async with Peer(ok(b"first")) as peer:
            client = made()
            await client.fetch(peer.url)
            with pytest.raises(WrongLoop):
                await asyncio.to_thread(client.fetch, peer.url)
            assert client._door.active == 0
            client.close()

    run(test())


def test_time_runs_out(run):
    async def test():
        async with Peer(First()) as peer:
            client = made(defaults={"request_timeout": 0.05})
            fetch = await refetched(peer, client)
            with pytest.raises(HTTPTimeoutError):
                await fetch
            assert client._door.active == 0
            client.close()

    run(test())


def test_nothing_is_left_for_the_collector(run):
    async def test():
        async with Peer(ok(b"first")) as peer:
            client = made()
            await client.fetch(peer.url)
            gc.collect()
            gc.disable()
            try:
                fetch = client.fetch(peer.url)
                answered = weakref.ref(await fetch)
                ended = weakref.ref(fetch)
                del fetch
                await asyncio.sleep(0)
                assert (answered(), ended()) == (None, None)
            finally:
                gc.enable()
            client.close()

    run(test())


def test_a_future_that_somebody_else_has_set_frees_its_place(run):
    async def test():
        for raw in (response(b"first"), response(b"why", status=404)):
            async with Peer(then(raw)) as peer:
                client = made()
                fetch = await refetched(peer, client)
                fetch.set_result(None)
                while client._door.active:
                    await asyncio.sleep(0)
                assert fetch.result() is None
                client.close()

    run(test())
