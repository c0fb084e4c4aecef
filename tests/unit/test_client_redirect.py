"""Redirects followed: history, limits, connections, credentials on the wire, one time for the whole chain."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from tests.conftest import Run
from tests.peers import Conn, Peer, Request, Script, chunked, ok, response, serving

from async_keepalive_httpc import (
    Client,
    ClientClosed,
    DecodeError,
    InvalidRequest,
    Response,
    StreamedResponse,
    TimeoutExpired,
    TooManyRedirects,
)
from async_keepalive_httpc._message.url import URL


def to(location: str, status: int = 302, body: bytes = b"", **options: Any) -> bytes:
    return response(body, status=status, headers=[("Location", location), *options.pop("headers", [])], **options)


def following(**targets: str) -> Script:
    """A peer whose /a leads to targets["a"], and so on; anything else is a 200."""

    def reply(conn: Conn, request: Request) -> bytes:
        target = targets.get(request.target.strip("/").partition("?")[0])
        return response(request.target.encode()) if target is None else to(target)

    return serving(reply)


@pytest.mark.parametrize("stream", [False, True])
def test_a_chain_within_an_origin_takes_one_connection(run: Run, stream: bool) -> None:
    async def main() -> None:
        async with Peer(following(a="/b", b="c?x", c="/end#part")) as peer, Client() as client:
            got = await client.send(client.build("GET", f"{peer.url}/a"), stream=stream)
            if isinstance(got, StreamedResponse):
                await got.read()
            assert (got.status, got.body) == (200, b"/end")
            assert [past.status for past in got.history] == [302, 302, 302]
            assert [past.url.target for past in got.history] == [b"/a", b"/b", b"/c?x"]
            assert str(got.url) == f"{peer.url}/end#part"
            assert peer.connections == 1

    run(main())


@pytest.mark.parametrize("most", [1, 3, 10])
def test_too_many(run: Run, most: int) -> None:
    async def main() -> None:
        async with Peer(following(loop="/loop?again")) as peer, Client(max_redirects=most) as client:
            with pytest.raises(TooManyRedirects) as caught:
                await client.get(f"{peer.url}/loop")
            assert f"more than {most} redirects, the next one to '/loop?again'" in str(caught.value)
            assert caught.value.response.status == 302
            assert len(peer.requests) == most + 1
            async with Client() as other:
                manager = other.stream("GET", f"{peer.url}/loop", max_redirects=2)
                with pytest.raises(TooManyRedirects, match="more than 2"):
                    await manager.__aenter__()
                assert other.stats()["connections"]["active"] == 0

    run(main())


def test_none_are_followed_when_none_may_be(run: Run) -> None:
    async def main() -> None:
        async with Peer(following(a="/b")) as peer, Client(max_redirects=0) as client:
            got = await client.get(f"{peer.url}/a")
            assert (got.status, got.headers["Location"], got.history) == (302, "/b", ())
            got = await client.get(f"{peer.url}/a", max_redirects=1)
            assert got.body == b"/b"

    run(main())


@pytest.mark.parametrize(("most", "requests"), [(0, 1), (2, 3)])
def test_a_door_may_ask_for_the_redirect_beyond_the_limit(run: Run, most: int, requests: int) -> None:
    async def main() -> None:
        async with Peer(following(loop="/loop")) as peer, Client(max_redirects=most) as client:
            loop = asyncio.get_running_loop()
            waiter = loop.create_future()
            response = client.begin(client.build("GET", f"{peer.url}/loop"), waiter, loop, Response())
            await waiter
            got = await client.settle(response, surplus=True)
            assert (got.status, len(got.history)) == (302, most)
            assert len(peer.requests) == requests

    run(main())


def test_a_location_on_another_status_and_a_redirect_without_one(run: Run) -> None:
    async def main() -> None:
        raws = [to("/x", 200), to("/x", 304), response(status=302), to("/x", 201)]
        async with Peer(raws) as peer, Client() as client:
            statuses = [(await client.get(peer.url)).status for _ in raws]
            assert statuses == [200, 304, 302, 201]

    run(main())


def test_post_becomes_get_and_307_keeps_the_body(run: Run) -> None:
    def reply(conn: Conn, request: Request) -> bytes:
        status = int(request.target[1:])
        return response(b"end") if status == 200 else to("/200", status)

    async def main() -> None:
        async with Peer(serving(reply)) as peer, Client() as client:
            for status in (302, 303, 307, 308):
                got = await client.post(f"{peer.url}/{status}", json={"a": 1})
                assert got.body == b"end"
            last = peer.requests[1::2]
            assert [request.method for request in last] == ["GET", "GET", "POST", "POST"]
            assert [request.body for request in last] == [b"", b"", b'{"a":1}', b'{"a":1}']
            assert [request.get("Content-Type") for request in last] == ["", "", *["application/json"] * 2]
            assert [request.get("Content-Length") for request in last] == ["", "", "7", "7"]

    run(main())


def test_a_body_that_can_be_sent_only_once(run: Run) -> None:
    async def main() -> None:
        async with Peer([to("/next", 307)]) as peer, Client() as client:
            with pytest.raises(InvalidRequest, match="its body can be sent only once"):
                await client.post(f"{peer.url}/", body=iter([b"x"]))
            assert len(peer.requests) == 1

    run(main())


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/", "http://bad host/", "javascript:1", "//[::1"])
@pytest.mark.parametrize("stream", [False, True])
def test_where_it_may_not_lead(run: Run, location: str, stream: bool) -> None:
    async def script(conn: Conn) -> None:
        while await conn.request() is not None:
            conn.send(to(location, body=b"x" * 100)[:-1])  # a stream of it would hold its connection
            if not stream:
                conn.send(b"x")

    async def main() -> None:
        async with Peer(script) as peer, Client() as client:
            with pytest.raises(InvalidRequest, match=r"GET http://.*/ was redirected \(HTTP 302\): "):
                await client.send(client.build("GET", peer.url), stream=stream)
            connections = client.stats()["connections"]
            assert connections["active"] == 0
            assert connections["idle"] == (0 if stream else 1)

    run(main())


@pytest.mark.parametrize("stream", [False, True])
def test_a_filter_says_where_it_may_lead(run: Run, stream: bool) -> None:
    asked: list[tuple[int, str]] = []

    def allows(response: Response, url: URL) -> bool:
        asked.append((response.status, str(url)))
        return url.target != b"/inner"

    async def main() -> None:
        async with Peer([to("/there"), to("/inner", 307)]) as peer, Client(redirect_filter=allows) as client:
            last = await client.send(client.build("GET", peer.url), stream=stream)
            assert (last.status, last.headers["Location"], len(last.history)) == (307, "/inner", 1)
            assert asked == [(302, f"{peer.url}/there"), (307, f"{peer.url}/inner")]
            assert len(peer.requests) == 2
            if isinstance(last, StreamedResponse):
                await last.aclose()
            assert client.stats()["connections"]["active"] == 0

    run(main())


def test_what_a_filter_raises_is_the_callers(run: Run) -> None:
    def allows(response: Response, url: URL) -> bool:
        raise LookupError(url.origin.host)

    async def main() -> None:
        async with Peer([to("/there"), response()]) as peer, Client(redirect_filter=allows) as client:
            with pytest.raises(LookupError, match=r"127\.0\.0\.1"):
                await client.get(peer.url)
            assert (await client.get(peer.url)).status == 200

    run(main())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("way", ["nowhere", "damaged", "loop"])
def test_an_error_on_a_later_hop_leaves_no_connection_busy(run: Run, way: str, stream: bool) -> None:
    """The response under way then is not the first one."""

    async def script(conn: Conn) -> None:
        while (request := await conn.request()) is not None:
            body = b"x" * 1000
            if request.target == "/":
                conn.send(to("/second"))
            elif way == "nowhere":
                conn.send(to("ftp://a.test/", body=body)[:-500])
            elif way == "loop":
                conn.send(to("/second", body=body)[:-500])
            else:
                conn.send(response(body, headers=[("Content-Encoding", ", ".join(["gzip"] * 9))])[:-500])
            if request.target != "/" and not stream:
                conn.send(b"x" * 500)

    async def main() -> None:
        async with Peer(script) as peer, Client(max_redirects=2) as client:
            with pytest.raises((InvalidRequest, DecodeError, TooManyRedirects)):
                await client.send(client.build("GET", peer.url), stream=stream)
            connections = client.stats()["connections"]
            assert (connections["active"], connections["waiting"]) == (0, 0)

    run(main())


def test_credentials_stay_with_their_origin(run: Run) -> None:
    """a -> b -> a: what was dropped at b is not brought back."""

    async def main() -> None:
        hop: dict[str, str] = {}

        def reply(conn: Conn, request: Request) -> bytes:
            return to(hop[request.target]) if request.target in hop else response(b"end")

        async with Peer(serving(reply)) as a, Peer(serving(reply)) as b:
            hop.update({"/1": f"{a.url}/2", "/2": f"{b.url}/3", "/3": f"{a.url}/4"})
            headers = [("Cookie", "1"), ("COOKIE", "2"), ("X-API-KEY", "3"), ("X-Mine", "4"), ("Host", "x.test")]
            async with Client(auth=("me", "secret"), sensitive_headers=["x-mine"]) as client:
                got = await client.get(f"{a.url}/1", headers=headers)
                assert (got.body, len(got.history)) == (b"end", 3)
            secret = ("Cookie", "X-Api-Key", "X-Mine", "Authorization")
            for request in a.requests[:2]:
                assert all(request.get(name) for name in secret)
                assert request.get("Host") == "x.test"
            for request in (b.requests[0], a.requests[2]):
                assert not any(request.get(name) for name in secret)
            assert b.requests[0].get("Host") == f"127.0.0.1:{b.port}"
            assert a.requests[2].get("Host") == f"127.0.0.1:{a.port}"
            assert "Referer" not in b.requests[0].head.decode()

    run(main())


def test_userinfo_of_a_location_is_not_used(run: Run) -> None:
    async def main() -> None:
        async with Peer(serving(lambda conn, request: response(b"end"))) as b:
            location = b.url.replace("//", "//eve:secret@")
            async with Peer([to(location)]) as a, Client() as client:
                got = await client.get(a.url.replace("//", "//me:mine@"))
                assert "@" not in str(got.url)
                assert a.requests[0].get("Authorization")
                assert b.requests[0].get("Authorization") == ""

    run(main())


@pytest.mark.parametrize("size", [60_000, 70_000])
def test_the_body_of_a_redirect(run: Run, size: int) -> None:
    """It is read, whole: never is a connection used with a part of it still to come."""

    async def main() -> None:
        async with Peer([to("/next", body=b"x" * size), response(b"end")]) as peer, Client() as client:
            got = await client.get(peer.url)
            assert got.body == b"end"
            assert peer.connections == 1

    run(main())


def test_the_long_body_of_a_streamed_redirect_costs_its_connection(run: Run) -> None:
    async def main() -> None:
        raws = [to("/next", body=b"x" * 1_000_000), response(b"end")]
        async with Peer(raws) as peer, Client() as client, client.stream("GET", peer.url) as got:
            assert await got.read() == b"end"
            assert peer.connections == 2

    run(main())


def test_cancelled_while_the_body_of_a_streamed_redirect_is_read(run: Run) -> None:
    async def main() -> None:
        async def script(conn: Conn) -> None:
            await conn.request()
            conn.send(to("/next", body=b"x" * 100)[:-1])
            await conn.closed()

        async with Peer(script) as peer, Client() as client:
            task = asyncio.ensure_future(client.send(client.build("GET", peer.url), stream=True))
            await peer.until(lambda: bool(peer.requests))
            for _ in range(6):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert client.stats()["connections"]["closed"] == {"abandoned": 1}
            await peer.ended()

    run(main())


def test_a_redirect_that_closes(run: Run) -> None:
    async def main() -> None:
        raws = [to("/next", headers=[("Connection", "close")]), response(b"end")]
        async with Peer(raws) as peer, Client() as client:
            assert (await client.get(peer.url)).body == b"end"
            assert peer.connections == 2

    run(main())


def test_chunked_redirect_with_trailers(run: Run) -> None:
    async def main() -> None:
        raw = to("/next", length=False, headers=[("Transfer-Encoding", "chunked")])
        raw += chunked(b"body", trailers=[("Location", "/evil")])
        async with Peer([raw, response(b"end")]) as peer, Client() as client:
            await client.get(peer.url)
            assert peer.requests[1].target == "/next"

    run(main())


def test_one_total_for_the_whole_chain(run: Run) -> None:
    async def main() -> None:
        async def script(conn: Conn) -> None:
            while (await conn.request()) is not None:
                await asyncio.sleep(0.02)
                conn.send(to("/again"))

        async with Peer(script) as peer, Client(max_redirects=1000) as client:
            began = time.monotonic()
            with pytest.raises(TimeoutExpired) as caught:
                await client.get(peer.url, timeout=0.2)
            assert caught.value.phase == "total"
            assert time.monotonic() - began >= 0.2
            assert "total timeout of 0.2 s after 0.2" in str(caught.value)
            assert 1 < len(peer.requests) < 20

    run(main())


def test_a_redirect_while_the_client_drains_is_followed(run: Run) -> None:
    async def main() -> None:
        async def script(conn: Conn) -> None:
            await conn.request()
            conn.send(to("/next"))
            await conn.request()
            conn.send(response(b"end"))
            await conn.closed()

        async with Peer(script) as peer:
            client = Client()
            task = asyncio.ensure_future(client.get(peer.url))
            await peer.until(lambda: bool(peer.requests))
            await client.aclose()
            assert (await task).body == b"end"
            assert peer.connections == 1
            with pytest.raises(ClientClosed):
                await client.get(peer.url)

    run(main())


def test_a_redirect_after_the_client_was_closed_is_not(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as elsewhere, Peer([to(elsewhere.url)]) as peer:
            client = Client()
            loop = asyncio.get_running_loop()
            waiter = loop.create_future()
            response = client.begin(client.build("GET", peer.url), waiter, loop, Response())
            await waiter
            client.close()
            with pytest.raises(ClientClosed, match=elsewhere.url):
                await client.settle(response)
            assert elsewhere.connections == 0

    run(main())
