"""Tunnels: CONNECT, what a proxy may answer, and TLS with the origin inside."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from tests.conftest import Run
from tests.peers import Conn, Peer, echo, response
from tests.proxies import ESTABLISHED, DigestGate, basic, challenged, proxy
from tests.turns import begun, cancelled_after

from async_keepalive_httpc import (
    Client,
    ConnectError,
    ConnectionLost,
    InvalidRequest,
    Proxy,
    ProxyError,
    Timeout,
    TimeoutExpired,
    TLSError,
)
from async_keepalive_httpc._message.url import Origin
from async_keepalive_httpc._transport.tunnel import authority

SHORT = Timeout(connect=0.05)


def client(hop: Peer, userinfo: str = "", **options: Any) -> Client:
    url = hop.url.replace("//", f"//{userinfo}@") if userinfo else hop.url
    return Client(**{"proxy": url, "verify": hop.ca_context(), **options})


def digest(hop: Peer, password: str = "p") -> Proxy:
    return Proxy("http", hop.host, hop.port, "u", password, "digest")


# -- a tunnel that stands


def test_a_tunnel_is_kept(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo, tls=True) as origin, Peer(proxy(origin)) as hop, client(hop) as http:
            for number in range(3):
                answer = await http.get(f"https://localhost:{origin.port}/n/{number}")
                assert answer.body == b"%d" % number
            assert (await http.post(f"https://localhost:{origin.port}/", body=b"abc")).body == b"abc"
            assert (hop.connections, origin.connections) == (1, 1)
            assert [request.head for request in hop.requests] == [
                b"CONNECT localhost:%d HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % (origin.port, origin.port)
            ]
            assert origin.requests[0].target == "/n/0"
            assert list(http.stats()["origins"]) == [f"https://localhost:{origin.port} via {hop.url}"]

    run(main())


def test_each_origin_has_a_tunnel_of_its_own(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo, tls=True) as origin, Peer(proxy(origin)) as hop, client(hop) as http:
            for host in ("localhost", "127.0.0.1", "localhost"):
                await http.get(f"https://{host}/")
            assert [request.target for request in hop.requests] == ["localhost:443", "127.0.0.1:443"]

    run(main())


def test_tunnels_do_not_cross_credentials_or_tls_options(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo, tls=True) as origin, Peer(proxy(origin)) as hop, client(hop, "a:p") as http:
            url = f"https://localhost:{origin.port}/"
            other = http._reach._replace(tls=http._reach.tls._replace(context=hop.ca_context()))
            await http.get(url)
            await http.get(url, proxy=hop.url.replace("//", "//b:p@"))
            await http.get(url, reach=other)
            await http.get(url)
            assert hop.connections == 3
            assert len({request.get("Proxy-Authorization") for request in hop.requests}) == 2
            assert not any(request.get("Proxy-Authorization") for request in origin.requests)

    run(main())


def test_nothing_meant_for_the_proxy_goes_inside(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo, tls=True) as origin, Peer(proxy(origin)) as hop, client(hop, "u:p") as http:
            url = f"https://localhost:{origin.port}/"
            await http.get(url, headers={"Proxy-Authorization": "Custom token", "Authorization": "Bearer x"})
            assert hop.requests[0].get("Proxy-Authorization") == "Basic dTpw"
            assert not hop.requests[0].get("Authorization")
            assert origin.requests[0].get("Authorization") == "Bearer x"
            assert not origin.requests[0].get("Proxy-Authorization")

    run(main())


def test_fields_for_the_proxy_alone(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo, tls=True) as origin, Peer(proxy(origin)) as hop:
            async with client(hop, "u:p", proxy_headers={"User-Agent": "x", "X-Site": "y"}) as http:
                await http.get(f"https://localhost:{origin.port}/")
                await http.get("http://a.test/")
            assert hop.requests[0].headers[1:] == [
                ("User-Agent", "x"),
                ("X-Site", "y"),
                ("Proxy-Authorization", "Basic dTpw"),
            ]
            assert not origin.requests[0].get("X-Site")
            # What is forwarded reaches the origin: it is the request's own fields that go there.
            assert not hop.requests[1].get("X-Site")

    run(main())


@pytest.mark.parametrize("name", ["Host", "Proxy-Authorization", "Content-Length", "Bad name"])
def test_fields_that_a_proxy_is_not_sent(name: str) -> None:
    with pytest.raises(InvalidRequest):
        Client(proxy_headers={name: "x"})


@pytest.mark.parametrize(
    "established",
    [
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + ESTABLISHED,
        b"HTTP/1.1 200 \r\n\r\n",
    ],
)
def test_a_success_ends_at_its_head(run: Run, established: bytes) -> None:
    async def main() -> None:
        async with Peer(echo, tls=True) as origin:
            async with Peer(proxy(origin, established=established)) as hop, client(hop) as http:
                assert (await http.get(f"https://localhost:{origin.port}/n/x")).body == b"x"

    run(main())


def test_a_success_in_pieces(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo, tls=True) as origin:

            async def script(conn: Conn) -> None:
                await conn.request()
                await conn.send_split(ESTABLISHED[:-1], [1] * (len(ESTABLISHED) - 2))
                from tests.proxies import relay

                conn.send(ESTABLISHED[-1:])
                await relay(conn, origin)

            async with Peer(script) as hop, client(hop) as http:
                assert (await http.get(f"https://localhost:{origin.port}/n/x")).body == b"x"

    run(main())


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (Origin("https", "a.test", 443), b"a.test:443"),
        (Origin("https", "2001:db8::1", 8443), b"[2001:db8::1]:8443"),
        (Origin("https", "fe80::1%eth0", 443), b"[fe80::1]:443"),
    ],
)
def test_the_target_of_connect(origin: Origin, expected: bytes) -> None:
    assert authority(origin) == expected


def test_a_tunnel_that_dies_is_opened_again(run: Run) -> None:
    async def script(conn: Conn) -> None:
        await conn.request()
        conn.send(response(b"one"))
        if conn.number == 1:
            await conn.request()
            conn.reset()
        else:
            await echo(conn)

    async def main() -> None:
        async with Peer(script, tls=True) as origin, Peer(proxy(origin)) as hop, client(hop) as http:
            url = f"https://localhost:{origin.port}/"
            await http.get(url)
            assert (await http.get(url)).body == b"one"
            assert hop.connections == 2
        async with Peer(script, tls=True) as origin, Peer(proxy(origin)) as hop, client(hop) as http:
            url = f"https://localhost:{origin.port}/"
            await http.get(url)
            with pytest.raises(ConnectionLost):
                await http.post(url, body=b"x")
            assert hop.connections == 1

    run(main())


# -- 407


def test_basic_is_told_at_once(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo, tls=True) as origin:
            async with Peer(proxy(origin, gate=basic("u", "p"))) as hop, client(hop, "u:p") as http:
                await http.get(f"https://localhost:{origin.port}/")
                assert len(hop.requests) == 1

    run(main())


@pytest.mark.parametrize(("close", "connections"), [(False, 3), (True, 4)])
def test_digest_and_then_its_nonce_again(run: Run, close: bool, connections: int) -> None:
    async def main() -> None:
        gate = DigestGate("u", "p", close=close)
        async with Peer(echo, tls=True) as origin, Peer(proxy(origin, gate=gate)) as hop:
            async with client(hop, proxy=digest(hop)) as http:
                for host in ("localhost", "127.0.0.1"):
                    await http.get(f"https://{host}:{origin.port}/")
                await http.get("http://a.test/")
                assert gate.refused == 1
                assert len(hop.requests) == 4
                assert hop.connections == connections

    run(main())


def test_wrong_credentials(run: Run) -> None:
    async def main() -> None:
        for gate, given in ((basic("u", "p"), "basic"), (DigestGate("u", "p"), "digest")):
            async with Peer(proxy(gate=gate)) as hop:
                async with client(hop, proxy=Proxy("http", hop.host, hop.port, "u", "secret", given)) as http:
                    with pytest.raises(ProxyError) as caught:
                        await http.get("https://localhost/")
                error = caught.value
                assert error.status == 407
                assert error.headers.get_list("Proxy-Authenticate")
                assert "HTTP 407 Proxy Authentication Required" in str(error)
                assert "realm" in str(error)
                assert "secret" not in str(error)
                assert len(hop.requests) == (1 if given == "basic" else 2)

    run(main())


def test_a_challenge_that_is_cut_off(run: Run) -> None:
    """What came of its body is told, where it is not the first."""

    async def script(conn: Conn) -> None:
        await conn.request()
        conn.send(challenged('Digest realm="x", nonce="1", qop="auth"'))
        await conn.request()
        conn.send(b'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 20\r\n\r\nnot you')

    async def main() -> None:
        async with Peer(script) as hop, client(hop, proxy=digest(hop)) as http:
            with pytest.raises(ProxyError) as caught:
                await http.get("https://origin.test/")
            assert caught.value.status == 407
            assert "'not you'" in str(caught.value)

    run(main())


# -- refusals


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        (challenged('Basic realm="x"'), ["HTTP 407", 'Basic realm="x"', "who are you?", "user and password"]),
        (response(b"go away", status=403, reason="Forbidden"), ["HTTP 403 Forbidden", "'go away'", "rules"]),
        (response(status=502, reason="Bad Gateway"), ["HTTP 502 Bad Gateway", "could not reach"]),
        (response(status=302, headers=[("Location", "http://b.test/")]), ["HTTP 302", "allows CONNECT"]),
        (b"HTTP/1.1 500 No\r\n\r\n" + b"x" * 3_000_000, ["HTTP 500 No"]),
        (response(b"no", status=403, reason="Forbidden") + b"more", ["HTTP 403 Forbidden", "'no'"]),
        (b"garbage\r\n\r\n", ["gave no answer", "does not speak HTTP"]),
        (b"HTTP/1.1 101 Switching\r\n\r\n", ["gave no answer", "101"]),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000, ["gave no answer", "header"]),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n", ["gave no answer", "header"]),
        (b"", ["gave no answer", "ended the connection"]),
        (b"HTTP/1.1 2", ["gave no answer", "ended the connection"]),
        (ESTABLISHED + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", ["bytes before TLS began"]),
    ],
)
def test_an_answer_that_opens_nothing(run: Run, answer: bytes, parts: list[str]) -> None:
    async def script(conn: Conn) -> None:
        await conn.request()
        conn.send(answer)
        if answer.startswith(ESTABLISHED):
            await conn.closed()

    async def main() -> None:
        async with Peer(script) as hop, client(hop) as http:
            with pytest.raises(ProxyError) as caught:
                await http.get("https://origin.test/")
            text = str(caught.value)
            for part in [hop.url, "origin.test:443", *parts]:
                assert part in text
            assert hop.connections == 1
            await hop.ended()
            assert http.stats()["connections"]["opened"] == 0

    run(main())


@pytest.mark.parametrize("status", [403, 407])
@pytest.mark.parametrize("body", [b"", b"go"], ids=["head", "more"])
def test_a_refusal_that_does_not_end_is_one_at_once(run: Run, status: int, body: bytes) -> None:
    async def script(conn: Conn) -> None:
        await conn.request()
        conn.send(b"HTTP/1.1 %d No\r\nContent-Length: 20\r\n\r\n%b" % (status, body))
        await conn.closed()

    async def main() -> None:
        async with Peer(script) as hop, client(hop) as http:
            with pytest.raises(ProxyError) as caught:
                await http.get("https://origin.test/")
            assert caught.value.status == status
            assert ("'go'" in str(caught.value)) == bool(body)
            await hop.ended()

    run(main())


def test_bytes_behind_the_answer_in_a_segment_of_their_own(run: Run) -> None:
    async def script(conn: Conn) -> None:
        await conn.request()
        conn.send(ESTABLISHED)
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await conn.closed()

    async def main() -> None:
        async with Peer(script) as hop, client(hop) as http:
            with pytest.raises(ConnectError):
                await http.get("https://origin.test/")

    run(main())


def test_a_tunnel_that_ends_at_once(run: Run) -> None:
    async def script(conn: Conn) -> None:
        await conn.request()
        conn.send(ESTABLISHED)

    async def main() -> None:
        async with Peer(script) as hop, client(hop) as http:
            with pytest.raises(ConnectError) as caught:
                await http.get("https://origin.test/")
            assert "TLS handshake" in str(caught.value)

    run(main())


@pytest.mark.parametrize(
    ("script", "step", "whom"),
    [
        (b"", "waiting for the proxy to open a tunnel to", "origin.test"),
        (b"HTTP/1.1 407 No\r\nContent-Length: 10\r\n\r\n", "waiting for the proxy to open a tunnel to", "origin.test"),
        (ESTABLISHED, "making a TLS handshake with", "origin.test"),
    ],
)
def test_a_proxy_that_is_too_slow(run: Run, script: bytes, step: str, whom: str) -> None:
    async def slow(conn: Conn) -> None:
        await conn.request()
        conn.send(script)
        await conn.closed()

    async def main() -> None:
        async with Peer(slow) as hop, client(hop, "u:p", timeout=SHORT) as http:
            with pytest.raises(TimeoutExpired) as caught:
                await http.get("https://origin.test/")
            error = caught.value
            assert (error.phase, error.step, error.origin.host) == ("connect", step, whom)
            assert f"https://origin.test:443 via {hop.url.replace('//', '//***@')}" in str(error)
            await hop.ended()

    run(main())


@pytest.mark.parametrize("turns", range(0, 40, 3))
def test_cancelled_at_any_moment(run: Run, turns: int) -> None:
    async def main() -> None:
        async with Peer(echo, tls=True) as origin, Peer(proxy(origin)) as hop:
            async with client(hop) as http:
                await cancelled_after(turns, http.get(f"https://localhost:{origin.port}/"))
                assert (await http.get(f"https://localhost:{origin.port}/n/x")).body == b"x"
            await hop.ended()
            await origin.ended()

    run(main())


@pytest.mark.parametrize("turns", range(0, 40, 3))
def test_closed_at_any_moment(run: Run, turns: int) -> None:
    async def main() -> None:
        async with Peer(echo, tls=True) as origin, Peer(proxy(origin)) as hop:
            async with client(hop) as http:
                call = await begun(turns, http.get(f"https://localhost:{origin.port}/"))
                http.close()
                await asyncio.wait([call])
            call.exception()
            del call
            await hop.ended()
            gc.collect()

    run(main())


# -- certificates, and TLS in TLS


def test_the_origins_certificate_is_verified_through_a_tunnel(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo, tls=True) as origin, Peer(proxy(origin)) as hop, client(hop) as http:
            with pytest.raises(TLSError) as caught:
                await http.get("https://other.test/")
            assert "other.test:443" in str(caught.value)
            assert not origin.requests
            await hop.ended()

    run(main())


def test_a_proxy_over_tls(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo, tls=True) as origin, Peer(proxy(origin), tls=True) as hop:
            async with client(hop, "u:p") as http:
                for number in range(3):
                    assert (await http.get(f"https://localhost:{origin.port}/n/{number}")).body == b"%d" % number
                    assert (await http.get("http://a.test/")).status == 200
                large = bytes(300_000)
                assert (await http.post(f"https://localhost:{origin.port}/", body=large)).body == large
                assert (hop.connections, origin.connections) == (2, 1)
            await origin.ended()
            await hop.ended()
            assert hop.handshake_errors == origin.handshake_errors == []

    run(main())


def test_a_proxy_over_tls_is_verified_by_the_clients_options(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo, tls=True) as origin, Peer(proxy(origin), tls=True) as hop:
            trusting = hop.ca_context()
            async with Client(proxy=hop.url) as http:
                reach = http._reach._replace(tls=http._reach.tls._replace(context=trusting))
                for url in ("http://a.test/", f"https://localhost:{origin.port}/"):
                    with pytest.raises(ProxyError) as caught:
                        await http.get(url, reach=reach)
                    assert isinstance(caught.value.__cause__, TLSError)
                    assert "cannot be reached" in str(caught.value)
            async with Client(proxy=hop.url, verify=trusting) as http:
                unverified = http._reach.tls._replace(context=None)
                with pytest.raises(TLSError):
                    await http.get(f"https://localhost:{origin.port}/", reach=http._reach._replace(tls=unverified))

    run(main())


def test_a_slow_handshake_with_a_proxy(run: Run) -> None:
    async def silent(conn: Conn) -> None:
        await conn.closed()

    async def main() -> None:
        async with Peer(silent) as hop:
            url = f"https://127.0.0.1:{hop.port}"
            async with Client(proxy=url, timeout=SHORT) as http:
                for target in ("https://origin.test/", "http://origin.test/"):
                    with pytest.raises(TimeoutExpired) as caught:
                        await http.get(target)
                    error = caught.value
                    assert (error.step, error.origin.port) == ("making a TLS handshake with", hop.port)
                    assert f"via {url}" in str(error)

    run(main())
