"""What is sent twice, seen from the peer: at most what may be, and never more often."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.conftest import Run
from tests.peers import Conn, Peer, answer, ok, response

from async_keepalive_httpc import Client, ConnectionLost, StreamedResponse
from async_keepalive_httpc._dial.dialer import Dialer
from async_keepalive_httpc._policy.resend import UNSENT_TRIES

OLD = response(b"old")


def dying(how: str, *, times: int = 1) -> Any:
    """The first connections answer once, take the next request, and die; later ones answer."""

    async def script(conn: Conn) -> None:
        while (request := await conn.request()) is not None:
            if request.target == "/first":
                conn.send(OLD)
            elif conn.number <= times:
                if how == "reset":
                    conn.reset()
                elif how == "part":
                    conn.send(b"HTTP/1.1 2")
                elif how == "interim":
                    conn.send(b"HTTP/1.1 102 Processing\r\n\r\n")
                return
            else:
                conn.send(answer(request, response(b"new")))

    return script


def targets(peer: Peer) -> list[tuple[str, int]]:
    return [(request.method, request.connection) for request in peer.requests if request.target != "/first"]


@pytest.mark.parametrize("how", ["fin", "reset"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "DELETE", "PUT", "QUERY"])
def test_an_idempotent_request_goes_again_on_a_fresh_connection(run: Run, how: str, method: str) -> None:
    async def main() -> None:
        async with Peer(dying(how)) as peer, Client() as client:
            await client.get(f"{peer.url}/first")
            body = b"x" * 500_000 if method == "PUT" else None
            got = await client.request(method, f"{peer.url}/next", body=body)
            assert got.status == 200
            assert not got.reused
            assert targets(peer) == [(method, 1), (method, 2)]
            connections = client.stats()["connections"]
            assert (connections["resends"], connections["opened"], connections["closed"]) == (1, 2, {"lost": 1})

    run(main())


@pytest.mark.parametrize("how", ["fin", "reset"])
@pytest.mark.parametrize("method", ["POST", "PATCH", "M-SEARCH"])
def test_any_other_never_goes_twice(run: Run, how: str, method: str) -> None:
    async def main() -> None:
        async with Peer(dying(how)) as peer, Client() as client:
            await client.get(f"{peer.url}/first")
            with pytest.raises(ConnectionLost) as caught:
                await client.request(method, f"{peer.url}/next")
            assert (caught.value.stage, caught.value.reused) == ("sent", True)
            assert targets(peer) == [(method, 1)]
            assert method in str(caught.value)
            assert f"{peer.url}/next" in str(caught.value)

    run(main())


@pytest.mark.parametrize("options", [{"idempotent": True}, {"headers": {"Idempotency-Key": "1"}}])
def test_unless_its_caller_says_that_it_may(run: Run, options: dict[str, Any]) -> None:
    async def main() -> None:
        async with Peer(dying("fin")) as peer, Client() as client:
            await client.get(f"{peer.url}/first")
            assert (await client.post(f"{peer.url}/next", body=b"x", **options)).body == b"new"
            assert targets(peer) == [("POST", 1), ("POST", 2)]

    run(main())


def test_the_fresh_connection_is_not_one_of_the_stale(run: Run) -> None:
    """Three connections were idle and all are dead: the second try does not meet the second of them."""

    async def main() -> None:
        async with Peer(dying("fin", times=3)) as peer, Client() as client:
            await client.preconnect(peer.url, 3)
            await asyncio.gather(*(client.get(f"{peer.url}/first") for _ in range(3)))
            assert peer.connections == 3
            assert (await client.get(f"{peer.url}/next")).body == b"new"
            assert [connection for _, connection in targets(peer)][1:] == [4]

    run(main())


def test_a_second_loss_is_an_error(run: Run) -> None:
    async def main() -> None:
        async with Peer(dying("fin", times=9)) as peer, Client() as client:
            await client.get(f"{peer.url}/first")
            with pytest.raises(ConnectionLost) as caught:
                await client.get(f"{peer.url}/next")
            assert caught.value.reused is False
            assert len(targets(peer)) == 2

    run(main())


@pytest.mark.parametrize("how", ["fin", "reset"])
def test_a_fresh_connection_that_dies_is_an_error(run: Run, how: str) -> None:
    async def main() -> None:
        async with Peer(dying(how)) as peer, Client() as client:
            with pytest.raises(ConnectionLost) as caught:
                await client.get(f"{peer.url}/next")
            assert (caught.value.stage, caught.value.reused) == ("sent", False)
            assert len(targets(peer)) == 1

    run(main())


@pytest.mark.parametrize("how", ["part", "interim"])
def test_after_a_byte_of_the_answer_nothing_goes_again(run: Run, how: str) -> None:
    async def main() -> None:
        async with Peer(dying(how)) as peer, Client() as client:
            await client.get(f"{peer.url}/first")
            with pytest.raises(ConnectionLost) as caught:
                await client.get(f"{peer.url}/next")
            assert caught.value.stage == "responding"
            assert len(targets(peer)) == 1

    run(main())


def test_a_body_that_cannot_be_replayed(run: Run) -> None:
    async def main() -> None:
        async with Peer(dying("fin")) as peer, Client() as client:
            await client.get(f"{peer.url}/first")
            with pytest.raises(ConnectionLost):
                await client.put(f"{peer.url}/next", body=iter([b"once"]))
            assert len(targets(peer)) == 1

    run(main())


def test_a_file_goes_again_from_where_it_stood(run: Run, tmp_path: Any) -> None:
    async def main() -> None:
        path = tmp_path / "body"
        path.write_bytes(b"skip" + b"body" * 100)
        with path.open("rb") as file:
            file.seek(4)
            async with Peer(dying("fin")) as peer, Client() as client:
                await client.get(f"{peer.url}/first")
                assert (await client.put(f"{peer.url}/next", body=file)).body == b"new"
                assert peer.requests[-1].body == b"body" * 100

    run(main())


def test_a_stream_goes_again_too(run: Run) -> None:
    async def main() -> None:
        async with Peer(dying("fin")) as peer, Client() as client:
            await client.get(f"{peer.url}/first")
            async with client.stream("GET", f"{peer.url}/next") as got:
                assert isinstance(got, StreamedResponse)
                assert await got.read() == b"new"

    run(main())


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("greeting", [b"", b"220 smtp.test ESMTP\r\n"])
def test_a_server_that_ends_or_speaks_at_accept(run: Run, method: str, greeting: bytes) -> None:
    """Nothing was sent, so it is tried again; but not for ever."""

    async def main() -> None:
        async def script(conn: Conn) -> None:
            conn.send(greeting)

        async with Peer(script) as peer, Client() as client:
            with pytest.raises(ConnectionLost) as caught:
                await client.request(method, peer.url, body=b"x" if method == "POST" else None)
            assert 1 <= peer.connections <= UNSENT_TRIES
            assert peer.requests == []
            assert f"{method} {peer.url}" in str(caught.value)
            connections = client.stats()["connections"]
            assert (connections["dialling"], connections["active"], connections["waiting"]) == (0, 0, 0)

    run(main())


@pytest.mark.parametrize("body", [None, b"x", [b"once"]])
def test_what_was_not_sent_goes_again_whatever_it_is(run: Run, body: Any) -> None:
    """The first connections end before a byte of the request could be written: seen at their landing."""

    async def main() -> None:
        async with Peer(ok()) as peer, Client() as client:
            lane = await landing_dead(client, peer, UNSENT_TRIES - 1)
            got = await client.post(peer.url, body=body)
            assert got.status == 200
            assert len(peer.requests) == 1
            assert lane.opened == UNSENT_TRIES

    run(main())


def test_it_is_given_up_after_so_many_tries(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer, Client() as client:
            lane = await landing_dead(client, peer, 100)
            with pytest.raises(ConnectionLost) as caught:
                await client.get(peer.url)
            assert caught.value.stage == "unsent"
            assert lane.opened == UNSENT_TRIES
            assert lane.empty

    run(main())


async def landing_dead(client: Client, peer: Peer, times: int) -> Any:
    """Have the next connections of the client end in the moment they land."""
    transport = client._loops.enter(asyncio.get_running_loop())
    assert transport is not None
    left = times

    class Dying(Dialer):
        async def dial(self, *arguments: Any) -> Any:
            nonlocal left
            link = await super().dial(*arguments)
            if left:
                left -= 1
                link.connection.close("server")
            return link

    transport.dialer = Dying()
    request = client.build("GET", peer.url)
    return transport._lane(request.url, None)


@pytest.mark.parametrize(("method", "times"), [("GET", 2), ("POST", 1)])
def test_408_and_close_on_a_reused_connection(run: Run, method: str, times: int) -> None:
    async def script(conn: Conn) -> None:
        while (request := await conn.request()) is not None:
            if request.target != "/first" and conn.number == 1:
                conn.send(response(b"slow", status=408, headers=[("Connection", "close")]))
                return
            conn.send(response(b"new"))

    async def main() -> None:
        async with Peer(script) as peer, Client() as client:
            await client.get(f"{peer.url}/first")
            got = await client.request(method, f"{peer.url}/next")
            assert got.body == (b"new" if times == 2 else b"slow")
            assert len(targets(peer)) == times

    run(main())


@pytest.mark.parametrize("stream", [False, True])
def test_421_goes_once_to_a_fresh_connection(run: Run, stream: bool) -> None:
    async def main() -> None:
        async def script(conn: Conn) -> None:
            while (request := await conn.request()) is not None:
                wrong = conn.number == 1 or request.target == "/always"
                conn.send(response(b"body", status=421 if wrong else 200))

        async with Peer(script) as peer, Client() as client:
            for target, status in (("/", 200), ("/always", 421)):
                got = await client.send(client.build("POST", peer.url + target, body=b"x"), stream=stream)
                assert got.status == status
                if isinstance(got, StreamedResponse):
                    await got.read()
            assert [number for _, number in targets(peer)] == [1, 2, 2, 3]

    run(main())
