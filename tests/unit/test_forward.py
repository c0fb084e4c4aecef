"""Requests for http URLs through a proxy that forwards them: what is sent, what is shared, who is told what."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.conftest import Run
from tests.peers import Conn, Peer, Request, echo, response, serving
from tests.proxies import DigestGate, basic, challenged, proxy

from async_keepalive_httpc import Client, ConnectionLost, Limits, ProxyError, TimeoutExpired
from async_keepalive_httpc._connection.head import forward_head
from async_keepalive_httpc._message.request import Request as Asked
from async_keepalive_httpc._transport import transport as transports

A, B = "http://a.test/", "http://b.test:8080/b?c"


def client(peer: Peer, userinfo: str = "", **options: Any) -> Client:
    url = peer.url.replace("//", f"//{userinfo}@") if userinfo else peer.url
    return Client(proxy=options.pop("proxy", url), **options)


# -- what is sent


def test_the_whole_url_is_the_target() -> None:
    head = forward_head(Asked("GET", "http://u:p@A.test:81/b%20c?d=e#f", {"X-Y": "z"}), None)
    assert head == b"GET http://a.test:81/b%20c?d=e HTTP/1.1\r\nHost: a.test:81\r\nX-Y: z\r\n\r\n"


def test_the_credentials_come_last() -> None:
    head = forward_head(Asked("POST", "http://a.test", {"Host": "b.test"}, b"abc"), b"Basic x")
    assert head == (
        b"POST http://a.test/ HTTP/1.1\r\nHost: b.test\r\nContent-Length: 3\r\nProxy-Authorization: Basic x\r\n\r\n"
    )


def test_a_zone_is_ours_alone() -> None:
    head = forward_head(Asked("GET", "http://[fe80::1%25eth0]:81/"), None)
    assert head.startswith(b"GET http://[fe80::1]:81/ HTTP/1.1\r\nHost: [fe80::1]:81\r\n")


def test_what_the_direct_way_remembers_is_used() -> None:
    request = Asked("GET", "http://a.test/")
    request.wire = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
    assert forward_head(request, None) == b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n"


def test_bodies(run: Run) -> None:
    async def pieces() -> Any:
        yield b"x" * 10
        yield b"y"

    async def main() -> None:
        async with Peer(proxy()) as hop, client(hop) as http:
            assert (await http.post(A, body=b"abc")).body == b"abc"
            assert (await http.post(A, body=pieces())).body == b"x" * 10 + b"y"
            assert (await http.put(A, body=b"later", expect_continue=True)).body == b"later"
            assert (await http.head(A)).status == 200
            assert (await http.get(B)).body == B.encode()
            assert [request.target for request in hop.requests] == [A, A, A, A, B]
            assert hop.connections == 1

    run(main())


# -- what is shared


def test_all_origins_share_the_connections_of_the_proxy(run: Run) -> None:
    async def main() -> None:
        async with Peer(proxy()) as hop, client(hop, limits=Limits(max_per_host=2)) as http:
            await asyncio.gather(*(http.get(f"http://host{number}.test/") for number in range(10)))
            assert hop.connections <= 2
            stats = http.stats()
            assert list(stats["origins"]) == [f"http://* via {hop.url}"]
            assert stats["connections"]["requests"] == 10

    run(main())


def test_a_crawler_meets_more_origins_than_are_remembered(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transports, "KEYS_KEPT", 3)

    async def main() -> None:
        async with Peer(proxy()) as hop, client(hop) as http:
            for number in range(10):
                await http.get(f"http://host{number}.test/")
            transport = http._loops._all()[0]
            assert len(transport.known) <= 3
            assert len(transport.lanes) == hop.connections == 1

    run(main())


def test_tls_options_of_a_plain_origin_do_not_part_it(run: Run) -> None:
    async def main() -> None:
        async with Peer(proxy()) as hop, client(hop) as http:
            await http.get(A)
            reach = http._reach._replace(tls=http._reach.tls._replace(verify=False))
            await http.get(A, reach=reach)
            assert hop.connections == 1

    run(main())


def test_other_credentials_are_another_connection(run: Run) -> None:
    async def main() -> None:
        async with Peer(proxy()) as hop, client(hop) as http:
            for user in ("a", "b", "a"):
                await http.get(A, proxy=hop.url.replace("//", f"//{user}:p@"))
            await http.get(A)
            assert hop.connections == 3
            assert [bool(request.get("Proxy-Authorization")) for request in hop.requests] == [True, True, True, False]
            assert [request.connection for request in hop.requests] == [1, 2, 1, 3]

    run(main())


def test_no_credentials_go_to_an_origin(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo) as origin, Peer(proxy()) as hop, client(hop, "u:p") as http:
            await http.get(A)
            await http.get(origin.url, proxy=False)
            assert hop.requests[0].get("Proxy-Authorization")
            assert not origin.requests[0].get("Proxy-Authorization")

    run(main())


def test_the_callers_own_field_goes_to_the_proxy_alone(run: Run) -> None:
    own = {"Proxy-Authorization": "Custom token"}

    async def main() -> None:
        async with Peer(echo) as origin, Peer(proxy()) as hop, client(hop, "u:p") as http:
            await http.get(A, headers=own)
            await http.get(origin.url, proxy=False, headers=own)
            assert hop.requests[0].get_all("Proxy-Authorization") == ["Custom token"]
            assert not origin.requests[0].get("Proxy-Authorization")

    run(main())


def test_the_callers_own_field_stays_behind_at_a_redirect(run: Run) -> None:
    @serving
    def script(conn: Conn, request: Request) -> bytes:
        if request.target == A:
            return response(status=302, headers=[("Location", B)])
        return response(b"there")

    async def main() -> None:
        async with Peer(script) as hop, client(hop) as http:
            assert (await http.get(A, headers={"Proxy-Authorization": "Custom token"})).body == b"there"
            assert [request.get("Proxy-Authorization") for request in hop.requests] == ["Custom token", ""]

    run(main())


# -- 407


def test_basic_is_told_at_once(run: Run) -> None:
    async def main() -> None:
        async with Peer(proxy(gate=basic("u", "p:ä"))) as hop, client(hop, "u:p%3A%C3%A4") as http:
            assert (await http.get(A)).status == 200
            assert len(hop.requests) == 1

    run(main())


def test_wrong_credentials_are_told_once(run: Run) -> None:
    async def main() -> None:
        async with Peer(proxy(gate=basic("u", "p"))) as hop, client(hop, "u:wrong") as http:
            answer = await http.get(A)
            assert (answer.status, answer.body) == (407, b"<p>who are you?</p>")
            assert len(hop.requests) == 1

    run(main())


@pytest.mark.parametrize("mode", [None, "digest"])
def test_digest_on_the_same_connection_and_remembered(run: Run, mode: str | None) -> None:
    async def main() -> None:
        gate = DigestGate("u", "p")
        async with Peer(proxy(gate=gate)) as hop:
            async with client(hop, proxy=_digest(hop, mode=mode)) as http:
                for url in (A, B, A):
                    assert (await http.get(url)).status == 200
                assert (await http.post(A, body=b"abc")).body == b"abc"
            assert hop.connections == 1
            assert gate.refused == 1
            first = hop.requests[0].get("Proxy-Authorization")
            assert first == "" if mode else first.startswith("Basic ")

    run(main())


def _digest(hop: Peer, password: str = "p", mode: str | None = "digest") -> Any:
    from async_keepalive_httpc import Proxy

    return Proxy("http", hop.host, hop.port, "u", password, mode)


def test_digest_with_a_wrong_password(run: Run) -> None:
    async def main() -> None:
        gate = DigestGate("u", "p")
        async with Peer(proxy(gate=gate)) as hop, client(hop, proxy=_digest(hop, "wrong")) as http:
            for count in (2, 4):
                assert (await http.get(A)).status == 407
                assert len(hop.requests) == count

    run(main())


@pytest.mark.parametrize("stale", [True, False])
def test_a_nonce_that_ran_out(run: Run, stale: bool) -> None:
    async def main() -> None:
        gate = DigestGate("u", "p", uses=2, stale=stale)
        async with Peer(proxy(gate=gate)) as hop, client(hop, proxy=_digest(hop)) as http:
            for _ in range(5):
                assert (await http.get(A)).status == 200
            assert gate.refused == 3

    run(main())


def test_digest_where_each_407_ends_the_connection(run: Run) -> None:
    async def main() -> None:
        gate = DigestGate("u", "p", close=True)
        async with Peer(proxy(gate=gate)) as hop, client(hop, proxy=_digest(hop)) as http:
            assert (await http.get(A)).status == 200
            assert hop.connections == 2

    run(main())


@pytest.mark.parametrize(("uses", "most"), [(100, 1), (3, 1), (1, 1), (1, 10)])
def test_many_at_once_with_digest(run: Run, uses: int, most: int) -> None:
    async def main() -> None:
        gate = DigestGate("u", "p", uses=uses)
        limits = Limits(max_per_host=most)
        async with Peer(proxy(gate=gate)) as hop, client(hop, proxy=_digest(hop), limits=limits) as http:
            answers = await asyncio.gather(*(http.get(f"http://h{number}.test/") for number in range(20)))
            assert {answer.status for answer in answers} == {200}

    run(main())


def test_a_stream_is_answered_too(run: Run) -> None:
    async def main() -> None:
        async with Peer(proxy(gate=DigestGate("u", "p"))) as hop, client(hop, proxy=_digest(hop)) as http:
            async with http.stream("GET", A) as answer:
                assert (answer.status, await answer.read()) == (200, A.encode())
            assert hop.connections == 1

    run(main())


def test_a_body_that_can_be_sent_once_is_not_sent_again(run: Run) -> None:
    async def pieces() -> Any:
        yield b"x"

    async def main() -> None:
        async with Peer(proxy(gate=DigestGate("u", "p"))) as hop, client(hop, proxy=_digest(hop)) as http:
            assert (await http.post(A, body=pieces())).status == 407
            assert len(hop.requests) == 1

    run(main())


def test_nothing_is_told_to_who_is_no_proxy(run: Run) -> None:
    refusal = challenged('Basic realm="x"', 'Digest realm="x", nonce="n", qop="auth"')

    async def main() -> None:
        async with Peer([refusal]) as origin, client(origin, proxy="http://u:p@proxy.test") as http:
            assert (await http.get(origin.url, proxy=False)).status == 407
            assert not origin.requests[0].get("Proxy-Authorization")
        async with Peer([refusal]) as hop, client(hop) as http:
            assert (await http.get(A)).status == 407

    run(main())


def test_a_challenge_of_a_kind_we_do_not_know(run: Run) -> None:
    async def main() -> None:
        async with Peer([challenged("Negotiate")]) as hop, client(hop, "u:p") as http:
            assert (await http.get(A)).status == 407

    run(main())


def test_a_407_in_a_chain_of_redirects(run: Run) -> None:
    gate = DigestGate("u", "p", uses=1)

    @serving
    def script(conn: Conn, request: Request) -> bytes:
        refusal = gate(request)
        if refusal is not None:
            return refusal
        return response(status=302, headers=[("Location", B)]) if request.target == A else response(b"there")

    async def main() -> None:
        async with Peer(script) as hop, client(hop, proxy=_digest(hop)) as http:
            answer = await http.get(A)
            assert (answer.body, len(answer.history)) == (b"there", 1)
            assert [request.target for request in hop.requests] == [A, A, B, B]
            assert hop.connections == 1

    run(main())


# -- failures


def test_a_connection_that_died_is_replaced(run: Run) -> None:
    """RFC 9112 section 9.3.1 holds on the way to a proxy as well."""

    async def script(conn: Conn) -> None:
        await conn.request()
        conn.send(response(b"first"))
        if conn.number == 1:
            await conn.request()
            conn.reset()
        else:
            await proxy()(conn)

    async def main() -> None:
        async with Peer(script) as hop, client(hop) as http:
            await http.get(A)
            assert (await http.get(A)).body == b"first"
            assert hop.connections == 2
            assert http.stats()["connections"]["resends"] == 1
        async with Peer(script) as hop, client(hop) as http:
            await http.get(A)
            with pytest.raises(ConnectionLost):
                await http.post(A, body=b"x")

    run(main())


def test_nobody_is_there(run: Run) -> None:
    async def main() -> None:
        async with Peer(proxy()) as hop:
            url = hop.url
        async with Client(proxy=url.replace("//", "//user:secret@")) as http:
            with pytest.raises(ProxyError) as caught:
                await http.get(A)
        text = str(caught.value)
        assert url.removeprefix("http://") in text
        assert "cannot be reached" in text
        assert "secret" not in text
        assert "secret" not in repr(http)
        assert caught.value.status == 0

    run(main())


def test_the_name_of_the_proxy_is_resolved_within_the_connect_timeout(run: Run) -> None:
    async def resolve(host: str, port: int, family: int) -> Any:
        assert host == "proxy.test"
        await asyncio.get_running_loop().create_future()

    async def main() -> None:
        async with Client(proxy="http://proxy.test:3128", resolver=resolve, timeout=5) as http:
            from async_keepalive_httpc import Timeout

            with pytest.raises(TimeoutExpired) as caught:
                await http.get(A, timeout=Timeout(connect=0.02))
        error = caught.value
        assert (error.phase, error.step) == ("connect", "resolving")
        assert error.origin.host == "proxy.test"
        assert "http://* via http://proxy.test:3128" in str(error)

    run(main())
