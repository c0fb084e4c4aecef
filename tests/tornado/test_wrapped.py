"""Those who wrap Tornado's client: OpenTelemetry's instrumentor, vcrpy, and whoever overrides `fetch_impl`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
import vcr
from opentelemetry.instrumentation.tornado import TornadoInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.peers import Peer, Request, answer, echo, response, serving
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from tornado.simple_httpclient import HTTPTimeoutError
from vcr.stubs.tornado_stubs import vcr_fetch_impl

from async_keepalive_httpc import KeepAliveAsyncHTTPClient


def made(**arguments: Any) -> Any:
    return KeepAliveAsyncHTTPClient(force_instance=True, **arguments)


@serving
def site(conn: Any, request: Request) -> bytes:
    if request.target == "/moved":
        return answer(request, response(status=302, headers=[("Location", "/")]))
    if request.target == "/":
        return answer(request, response(b"yes", headers=[("X-A", "1"), ("X-A", "2")]))
    return answer(request, response(b"no", status=404, reason="Not Found"))


class Passing(KeepAliveAsyncHTTPClient):
    """Takes note of each call of Tornado's inner interface."""

    def initialize(self, **arguments: Any) -> None:  # type: ignore[override]
        super().initialize(**arguments)
        self.seen: list[tuple[str, HTTPResponse]] = []

    def fetch_impl(self, request: Any, callback: Any) -> None:
        def note(answered: HTTPResponse) -> None:
            self.seen.append((request.url, answered))
            callback(answered)

        super().fetch_impl(request, note)


def test_an_overridden_fetch_impl_sees_every_call(run):
    async def test():
        async with Peer(site) as peer:
            client: Any = Passing(force_instance=True, max_clients=1)
            got = await client.fetch(peer.url + "/moved")
            assert (got.code, got.body, got.effective_url) == (200, b"yes", peer.url + "/")
            assert got.request.url == peer.url + "/moved"
            with pytest.raises(HTTPClientError, match="HTTP 404: Not Found"):
                await client.fetch(peer.url + "/no")
            assert (await client.fetch(peer.url + "/no", raise_error=False)).body == b"no"
            assert [url for url, _ in client.seen] == [peer.url + path for path in ("/moved", "/no", "/no")]
            assert peer.connections == 1
            client.close()

    run(test())


def test_fetch_impl_gives_failures_as_responses(run):
    async def test():
        client: Any = Passing(force_instance=True)
        with pytest.raises(ConnectionRefusedError):
            await client.fetch("http://127.0.0.1:1/")
        failed = client.seen[0][1]
        assert (failed.code, type(failed.error)) == (599, ConnectionRefusedError)
        assert failed.start_time is not None
        assert 0 <= failed.request_time < 5
        client.close()

    run(test())


def test_no_start_time_after_a_timeout_in_the_queue(run):
    async def test():
        async def silent(conn: Any) -> None:
            await conn.request()
            await conn.closed()

        async with Peer(silent) as peer:
            client: Any = Passing(force_instance=True, max_clients=1)
            first = client.fetch(peer.url)
            with pytest.raises(HTTPTimeoutError, match="Timeout in request queue"):
                await client.fetch(peer.url, request_timeout=0.01)
            assert client.seen[0][1].start_time is None
            first.cancel()
            client.close()

    run(test())


def test_fetch_impl_takes_a_plain_request_too(run):
    async def test():
        async with Peer(echo) as peer:
            client = made()
            answered: asyncio.Future[HTTPResponse] = asyncio.get_running_loop().create_future()
            client.fetch_impl(HTTPRequest(peer.url), answered.set_result)
            assert (await answered).code == 200
            client.close()

    run(test())


def test_what_is_cancelled_from_outside_is_not_called_back(run):
    """As all tasks are at the end of a loop."""

    async def test():
        async with Peer(site) as peer:
            client: Any = Passing(force_instance=True)
            stuck = asyncio.Event()
            future = client.fetch(peer.url + "/", streaming_callback=lambda piece: stuck.wait())
            while not peer.requests:
                await asyncio.sleep(0)
            tasks: list[Any] = []
            while not tasks:
                await asyncio.sleep(0)
                tasks = [task for task in asyncio.all_tasks() if "Fetch._finish" in repr(task)]
            tasks[0].cancel()
            await asyncio.wait(tasks)
            assert not future.done()
            assert (client.seen, client._door.active) == ([], 0)
            client.close()

    run(test())


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    TornadoInstrumentor().instrument(tracer_provider=provider)
    try:
        yield exporter
    finally:
        TornadoInstrumentor().uninstrument()
        provider.shutdown()


def test_opentelemetry(run, spans):
    async def test():
        async with Peer(site) as peer:
            client = made()
            assert (await client.fetch(peer.url + "/moved")).body == b"yes"
            with pytest.raises(HTTPClientError):
                await client.fetch(peer.url + "/no")
            assert peer.requests[0].get("traceparent")
            assert peer.connections == 1
            client.close()

    run(test())
    one, other = spans.get_finished_spans()
    assert (one.name, one.attributes["http.status_code"]) == ("GET", 200)
    assert other.attributes["http.status_code"] == 404


def test_the_fast_way_is_back_when_nobody_wraps(run, spans):
    TornadoInstrumentor().uninstrument()

    async def test():
        async with Peer(site) as peer:
            client = made()
            fetch = client.fetch(peer.url)
            # A `cancel` of its own: it is the request's Future, and no task of Tornado's stands between.
            assert type(fetch.cancel.__self__).__module__ == "async_keepalive_httpc._tornado.fetch"
            await fetch
            client.close()

    run(test())
    assert spans.get_finished_spans() == ()
    TornadoInstrumentor().instrument()


def test_vcrpy(run, tmp_path):
    """Recorded once, played back with the server gone."""
    cassette_file = str(tmp_path / "cassette.yaml")

    async def fetch(url: str) -> tuple[int, bytes, list[str]]:
        client = made()
        recorder = vcr.VCR()
        with recorder.use_cassette(cassette_file) as cassette:
            recording = vcr_fetch_impl(cassette, KeepAliveAsyncHTTPClient.fetch_impl)
            with mock.patch.object(KeepAliveAsyncHTTPClient, "fetch_impl", recording):
                got = await client.fetch(url)
        client.close()
        return got.code, got.body, got.headers.get_list("X-A")

    async def test():
        async with Peer(site) as peer:
            url = peer.url + "/"
            recorded = await fetch(url)
            assert len(peer.requests) == 1
        assert recorded == (200, b"yes", ["1", "2"])
        assert await fetch(url) == recorded

    run(test())


def test_a_wrapped_fetch_of_the_base_is_used(run):
    async def test():
        async with Peer(site) as peer:
            client = made()
            with mock.patch.object(AsyncHTTPClient, "fetch", autospec=True, side_effect=AsyncHTTPClient.fetch) as fetch:
                assert (await client.fetch(peer.url + "/")).body == b"yes"
                fetch.assert_called_once()
            client.close()

    run(test())
