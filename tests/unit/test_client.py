"""Client: what it sends for each way of asking, and what it hands over."""

from __future__ import annotations

import asyncio
import base64

import pytest
from tests.conftest import Run
from tests.peers import Conn, Peer, Request, answer, chunked, echo, ok, response, serving

from async_keepalive_httpc import Client, HTTPCError, InvalidRequest, StatusError, StreamedResponse, Timeout
from async_keepalive_httpc._message.url import parse
from async_keepalive_httpc._policy import decode
from async_keepalive_httpc.client import HEADED_KEPT
from async_keepalive_httpc.version import __version__


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "POST", "PUT", "PATCH"])
def test_verbs(run: Run, method: str) -> None:
    async def main() -> None:
        async with Peer(echo) as peer, Client() as client:
            call = getattr(client, method.lower())
            got = await call(f"{peer.url}/n/7")
            assert (got.status, got.reason, got.http_version, got.ok) == (200, "OK", "1.1", True)
            assert got.text == {"GET": "7", "DELETE": "7"}.get(method, "")
            assert got.request.method == peer.requests[0].method == method
            assert str(got.url) == f"{peer.url}/n/7"
            length = peer.requests[0].get("Content-Length")
            assert length == ("0" if method in ("POST", "PUT", "PATCH") else "")

    run(main())


def test_requests_with_header_fields_are_remembered_by_them(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client() as client:
            fields: dict[str, str | bytes] = {"X-A": "1", "Authorization": "Bearer one"}
            first = await client.request("GET", peer.url, headers=fields)
            again = await client.request("GET", peer.url, headers=dict(fields))
            assert again.request is first.request
            fields["X-A"] = "2"
            await client.request("GET", peer.url, headers=fields)
            await client.request("POST", peer.url, headers=fields)
            await client.request("GET", f"{peer.url}/other", headers=fields)
            await client.request("GET", peer.url, headers={"X-A": b"2"})
            await client.request("GET", peer.url, headers={})
            sent = [(request.method, request.target, request.get("X-A")) for request in peer.requests]
            assert sent == [
                ("GET", "/", "1"),
                ("GET", "/", "1"),
                ("GET", "/", "2"),
                ("POST", "/", "2"),
                ("GET", "/other", "2"),
                ("GET", "/", "2"),
                ("GET", "/", ""),
            ]
            assert peer.requests[-2].get("Authorization") == ""
            for number in range(HEADED_KEPT + 1):
                client._remember_headed("GET", peer.url, {"X-A": str(number)})
            assert len(client._headed) <= HEADED_KEPT
            for wrong in ({"X-A": ["list"]}, {"X-A": 1}, {"X-A": "line\n"}):
                with pytest.raises(InvalidRequest, match="header X-A"):
                    await client.request("GET", peer.url, headers=wrong)  # type: ignore[arg-type]

    run(main())


def test_other_methods(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client() as client:
            await client.request("OPTIONS", peer.url)
            await client.request("QUERY", peer.url, body=b"q")
            await client.request("M-SEARCH", parse(peer.url))
            assert [request.method for request in peer.requests] == ["OPTIONS", "QUERY", "M-SEARCH"]
            assert peer.connections == 1

    run(main())


def test_the_fields_of_every_request(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client() as client:
            await client.get(f"{peer.url}/a?b#c")
            assert peer.requests[0].target == "/a?b"
            assert peer.requests[0].headers == [
                ("Host", f"127.0.0.1:{peer.port}"),
                ("User-Agent", f"async_keepalive_httpc/{__version__}"),
                ("Accept", "*/*"),
                ("Accept-Encoding", decode.accepted()),
            ]

    run(main())


def test_fields_of_the_client_and_of_a_request(run: Run) -> None:
    async def main() -> None:
        client = Client(headers={"x-a": "1", "user-agent": "me", "X-Both": "client"}, decode=False)
        async with Peer(ok()) as peer, client:
            await client.get(peer.url)
            await client.get(peer.url, headers=[("X-Both", "mine"), ("ACCEPT", "text/plain"), ("x-a", "2")])
            assert peer.requests[0].headers[1:] == [
                ("x-a", "1"),
                ("user-agent", "me"),
                ("X-Both", "client"),
                ("Accept", "*/*"),
            ]
            assert peer.requests[1].headers[1:] == [
                ("X-Both", "mine"),
                ("ACCEPT", "text/plain"),
                ("x-a", "2"),
                ("user-agent", "me"),
            ]

    run(main())


@pytest.mark.parametrize(
    ("options", "content_type", "body"),
    [
        ({"json": {"a": [1, None, "é"]}}, "application/json", b'{"a":[1,null,"\\u00e9"]}'),
        ({"json": None}, "application/json", b"null"),
        ({"form": {"a": "1 2", "b": "ü"}}, "application/x-www-form-urlencoded", b"a=1+2&b=%C3%BC"),
        ({"form": [("a", "1"), ("a", "2")]}, "application/x-www-form-urlencoded", b"a=1&a=2"),
        ({"body": "é"}, "", "é".encode()),
        ({"body": bytearray(b"raw")}, "", b"raw"),
        ({"json": 1, "headers": {"content-type": "application/x-mine"}}, "application/x-mine", b"1"),
        ({"body": [b"a", b"", b"b"]}, "", b"ab"),
    ],
)
def test_bodies(run: Run, options: dict, content_type: str, body: bytes) -> None:
    async def main() -> None:
        async with Peer(echo) as peer, Client() as client:
            got = await client.post(peer.url, **options)
            assert got.body == peer.requests[0].body == body
            assert peer.requests[0].get("Content-Type") == content_type

    run(main())


def test_params(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client() as client:
            await client.get(f"{peer.url}/p?a=1", params={"b": "2 3", "c": 4})
            await client.get(parse(f"{peer.url}/p"), params=[("a", "1"), ("a", True)])
            assert [request.target for request in peer.requests] == ["/p?a=1&b=2%203&c=4", "/p?a=1&a=True"]

    run(main())


def test_credentials(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client(auth=("me", "client")) as client:
            with_user = peer.url.replace("//", "//u%40x:p%3Aw@")
            await client.get(peer.url)
            await client.get(peer.url, auth=("me", "request"))
            got = await client.get(with_user)
            await client.get(with_user, auth=("me", "request"))
            await client.get(peer.url.replace("//", "//only@"))
            await client.get(with_user, headers={"authorization": "Bearer x"})
            assert [request.get_all("Authorization") for request in peer.requests] == [
                [basic("me:client")],
                [basic("me:request")],
                [basic("u@x:p:w")],
                [basic("u@x:p:w")],
                [basic("only:")],
                ["Bearer x"],
            ]
            assert str(got.url) == f"{peer.url}/"
            assert all("@" not in request.head.decode() for request in peer.requests)

    run(main())


def test_a_built_request_can_be_sent_again(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo) as peer, Client() as client:
            request = client.build("PUT", peer.url, body=b"same", headers={"X-A": "1"})
            first, second = await client.send(request), await client.send(request)
            assert first.body == second.body == b"same"
            assert first.request is second.request is request
            assert (first.reused, second.reused) == (False, True)
            assert peer.requests[0].head == peer.requests[1].head

    run(main())


def test_a_status_is_no_error(run: Run) -> None:
    async def main() -> None:
        async with Peer([response(b"no", status=404, reason="Not Found"), response(status=600)]) as peer:
            async with Client() as client:
                got = await client.get(peer.url)
                assert (got.status, got.ok, got.body) == (404, False, b"no")
                with pytest.raises(StatusError, match="HTTP 404 Not Found"):
                    got.raise_for_status()
                assert (await client.get(peer.url)).status == 600

    run(main())


def test_stream(run: Run) -> None:
    async def main() -> None:
        raw = response(headers=[("Transfer-Encoding", "chunked")], length=False)
        raw += chunked(b"one", b"two", trailers=[("X-End", "1")])
        async with Peer(serving(lambda conn, request: raw)) as peer, Client() as client:
            async with client.stream("GET", peer.url) as got:
                assert isinstance(got, StreamedResponse)
                assert got.status == 200
                assert b"".join([piece async for piece in got]) == b"onetwo"
                assert got.trailers["x-end"] == "1"
            async with client.stream("POST", peer.url, json=[1]) as got:
                assert await got.read() == got.body == b"onetwo"
            assert peer.connections == 1
            assert peer.requests[1].body == b"[1]"

    run(main())


def test_what_becomes_of_a_stream_that_is_left(run: Run) -> None:
    async def script(conn: Conn) -> None:
        while (request := await conn.request()) is not None:
            raw = response(b"x" * 1000)
            conn.send(raw if request.target == "/whole" else raw[:-500])

    async def main() -> None:
        async with Peer(script) as peer, Client() as client:
            async with client.stream("GET", f"{peer.url}/whole"):
                pass
            with pytest.raises(KeyError):
                async with client.stream("GET", f"{peer.url}/whole"):
                    raise KeyError
            assert client.stats()["connections"]["closed"] == {}
            with pytest.raises(KeyError):
                async with client.stream("GET", f"{peer.url}/part"):
                    raise KeyError
            assert client.stats()["connections"]["closed"] == {"abandoned": 1}
            async with client.stream("GET", f"{peer.url}/part"):
                pass
            assert client.stats()["connections"]["closed"] == {"abandoned": 2}
            assert peer.connections == 2

    run(main())


def test_a_stream_that_never_begins(run: Run) -> None:
    async def main() -> None:
        async with Client() as client:
            manager = client.stream("GET", "http://127.0.0.1:1/", timeout=5)
            with pytest.raises(HTTPCError, match="127.0.0.1:1"):
                async with manager:
                    pytest.fail("it began")
            await manager.__aexit__(None, None, None)

    run(main())


@pytest.mark.parametrize("stream", [False, True])
def test_417_is_asked_again_without_the_expectation_once(run: Run, stream: bool) -> None:
    async def script(conn: Conn) -> None:
        while (request := await conn.head()) is not None:
            if request.get("Expect"):
                conn.send(response(b"no", status=417, reason="Expectation Failed", headers=[("Connection", "close")]))
                return
            await conn.body()
            conn.send(response(b"done", status=200 if request.target == "/" else 417))

    async def main() -> None:
        async with Peer(script) as peer, Client() as client:
            for path, status in (("/", 200), ("/never", 417)):
                request = client.build("PUT", peer.url + path, body=b"body", expect_continue=True)
                got = await client.send(request, stream=stream)
                assert got.status == status
                if isinstance(got, StreamedResponse):
                    assert await got.read() == b"done"
                assert got.history == ()
            assert [(request.get("Expect"), request.body) for request in peer.requests] == [
                ("100-continue", b""),
                ("", b"body"),
            ] * 2

    run(main())


def test_417_with_a_body_that_cannot_be_sent_again(run: Run) -> None:
    async def script(conn: Conn) -> None:
        await conn.head()
        conn.send(response(status=417, headers=[("Connection", "close")]))

    async def main() -> None:
        async with Peer(script) as peer, Client() as client:
            got = await client.put(peer.url, body=iter([b"once"]), expect_continue=True)
            assert got.status == 417
            assert peer.connections == 1

    run(main())


def test_limits_of_a_body_in_memory(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok(b"x" * 1001)) as peer, Client(max_body_size=1000) as client:
            with pytest.raises(HTTPCError, match="longer than 1000 bytes: raise max_body_size"):
                await client.get(peer.url)
            assert len((await client.get(peer.url, max_body_size=1001)).body) == 1001
            async with client.stream("GET", peer.url) as got:
                assert sum([len(piece) async for piece in got]) == 1001

    run(main())


def test_names_are_mapped(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer:
            mapping = {"a.test": "127.0.0.1", ("b.test", 80): ("127.0.0.1", peer.port)}
            async with Client(hostname_mapping=mapping) as client:
                await client.get(f"http://A.test.:{peer.port}/")
                await client.get("http://b.test/")
                hosts = [request.get("Host") for request in peer.requests]
                assert hosts == [f"a.test.:{peer.port}", "b.test"]

    run(main())


def test_no_answer_crosses(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo) as one, Peer(echo) as two, Peer(echo) as three, Client() as client:
            peers = [one, two, three]

            async def ask(number: int) -> None:
                for turn in range(4):
                    name = f"{number}-{turn}"
                    got = await client.get(f"{peers[(number + turn) % 3].url}/n/{name}")
                    assert got.text == name

            await asyncio.gather(*(ask(number) for number in range(50)))
            assert sum(len(peer.requests) for peer in peers) == 200

    run(main())


def test_its_face(run: Run) -> None:
    async def main() -> None:
        client = Client(timeout=Timeout(total=5))
        assert repr(client) == "<Client open connect_times=0>"
        assert client.stats() == {
            "connections": {
                "dialling": 0,
                "active": 0,
                "idle": 0,
                "waiting": 0,
                "opened": 0,
                "requests": 0,
                "reused": 0,
                "pipelined": 0,
                "resends": 0,
                "handshakes": 0,
                "resumed": 0,
                "closed": {},
            },
            "origins": {},
        }
        async with Peer(ok()) as peer, client:
            await client.get(peer.url)
            assert client.connect_times == 1
            assert client.waiting() == []
        assert client.closed
        assert repr(client) == "<Client closed connect_times=1>"

    run(main())


def test_json_that_is_none(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client() as client:
            with pytest.raises(ValueError, match="not JSON compliant"):
                await client.post(peer.url, json=float("nan"))
            with pytest.raises(InvalidRequest, match="json and body each give a body"):
                await client.post(peer.url, json={}, body=b"")
            assert peer.connections == 0

    run(main())


def test_a_reply_to_head_has_no_body(run: Run) -> None:
    def reply(conn: Conn, request: Request) -> bytes:
        return answer(request, response(b"not sent", headers=[("Content-Encoding", "gzip")]))

    async def main() -> None:
        async with Peer(serving(reply)) as peer, Client() as client:
            for _ in range(3):
                got = await client.head(peer.url)
                assert (got.body, got.headers["Content-Length"]) == (b"", "8")
            assert peer.connections == 1

    run(main())
