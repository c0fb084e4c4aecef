"""SOCKS 4, 4a, 5 and 5h: what the proxy is told, what it may answer, and that it all is one dial."""

from __future__ import annotations

import asyncio
import importlib
import socket
from typing import Any

import pytest
from tests.conftest import Run
from tests.peers import Conn, Peer, echo
from tests.proxies import Socks
from tests.turns import begun, cancelled_after

from async_keepalive_httpc import Client, ConnectError, DNSError, ProxyError, Timeout, TimeoutExpired
from async_keepalive_httpc._dial import socks
from async_keepalive_httpc._message.proxy import parse_proxy


def url(scheme: str, hop: Peer, userinfo: str = "") -> str:
    return f"{scheme}://{userinfo}{hop.host}:{hop.port}"


async def resolve(host: str, port: int, family: int) -> list[tuple[int, Any]]:
    if host == "missing.test":
        raise socket.gaierror(socket.EAI_NONAME, "unknown")
    if host == "six.test":
        return [(socket.AF_INET6, ("2001:db8::7", port, 0, 0))]
    known: dict[str, list[tuple[int, Any]]] = {}
    known["origin.test"] = [(socket.AF_INET6, ("2001:db8::1", port, 0, 0)), (socket.AF_INET, ("192.0.2.9", port))]
    return known.get(host) or [(socket.AF_INET, (host, port))]


@pytest.mark.parametrize(
    ("scheme", "asked"),
    [
        ("socks4", (4, "192.0.2.9", 80, "")),
        ("socks4a", (4, "origin.test", 80, "")),
        ("socks5", (5, "192.0.2.9", 80, "")),
        ("socks5h", (5, "origin.test", 80, "")),
    ],
)
def test_who_resolves_the_name(run: Run, scheme: str, asked: tuple[Any, ...]) -> None:
    async def main() -> None:
        async with Peer(echo) as origin:
            proxy = Socks(origin)
            async with Peer(proxy) as hop, Client(proxy=url(scheme, hop), resolver=resolve) as http:
                for number in range(3):
                    assert (await http.get(f"http://origin.test/n/{number}")).body == b"%d" % number
                assert proxy.asked == [asked]
                assert (hop.connections, origin.connections) == (1, 1)
                assert origin.requests[0].target == "/n/0"
                assert list(http.stats()["origins"]) == [f"http://origin.test:80 via {url(scheme, hop)}"]

    run(main())


@pytest.mark.parametrize("scheme", ["socks4a", "socks5h"])
def test_https_through_socks(run: Run, scheme: str) -> None:
    async def main() -> None:
        async with Peer(echo, tls=True) as origin:
            proxy = Socks(origin)
            async with Peer(proxy) as hop, Client(proxy=url(scheme, hop), verify=origin.ca_context()) as http:
                for _ in range(2):
                    assert (await http.get(f"https://localhost:{origin.port}/n/x")).body == b"x"
                assert [(host, port) for _, host, port, _ in proxy.asked] == [("localhost", origin.port)]
                assert origin.server_names == ["localhost"]

    run(main())


def test_each_origin_has_a_connection_of_its_own(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo) as origin:
            proxy = Socks(origin)
            async with Peer(proxy) as hop, Client(proxy=url("socks5h", hop)) as http:
                for host in ("a.test", "b.test", "a.test"):
                    await http.get(f"http://{host}/")
                assert [host for _, host, _, _ in proxy.asked] == ["a.test", "b.test"]

    run(main())


def test_ipv6_literals(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo) as origin:
            proxy = Socks(origin)
            async with Peer(proxy) as hop:
                for scheme in ("socks5", "socks5h"):
                    async with Client(proxy=url(scheme, hop)) as http:
                        await http.get("http://[2001:db8::1]:81/")
            expected = "2001:0db8:0000:0000:0000:0000:0000:0001"
            assert [(host, port) for _, host, port, _ in proxy.asked] == [(expected, 81)] * 2

    run(main())


# -- users


def test_user_and_password(run: Run) -> None:
    long = "x" * 255

    async def main() -> None:
        async with Peer(echo) as origin:
            proxy = Socks(origin, user="user", password=long)
            async with Peer(proxy) as hop:
                async with Client(proxy=url("socks5h", hop, f"user:{long}@")) as http:
                    await http.get("http://a.test/")
                assert proxy.asked == [(5, "a.test", 80, "user")]
                assert "user" not in "".join(name for name, _ in origin.requests[0].headers)
            old = Socks(origin)
            async with Peer(old) as hop, Client(proxy=url("socks4a", hop, "me@")) as http:
                await http.get("http://a.test/")
                assert old.asked == [(4, "a.test", 80, "me")]

    run(main())


def test_other_users_are_other_connections(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo) as origin, Peer(Socks(origin)) as hop, Client() as http:
            for user in ("a", "b", "a"):
                await http.get("http://a.test/", proxy=url("socks4a", hop, f"{user}@"))
            assert hop.connections == 2

    run(main())


# -- refusals


@pytest.mark.parametrize(
    ("scheme", "userinfo", "options", "part"),
    [
        ("socks5h", "", {"reply": 5}, "Connection refused by destination host (code 5)"),
        ("socks5h", "", {"reply": 2}, "not allowed by ruleset (code 2)"),
        ("socks5h", "", {"reply": 99}, "reply code"),
        ("socks5h", "", {"user": "u", "password": "p"}, "authentication"),
        ("socks5h", "u:secret@", {"user": "u", "password": "p"}, "user and password"),
        ("socks5h", "u:s%C3%A4cret@", {"user": "u", "password": "p"}, "did not connect"),
        ("socks4a", "", {"reply": 91}, "(code 91)"),
    ],
)
def test_refused(run: Run, scheme: str, userinfo: str, options: dict[str, Any], part: str) -> None:
    async def main() -> None:
        async with Peer(echo) as origin, Peer(Socks(origin, **options)) as hop:
            async with Client(proxy=url(scheme, hop, userinfo)) as http:
                with pytest.raises(ProxyError) as caught:
                    await http.get("http://origin.test/")
                text = str(caught.value)
                assert part in text
                assert "origin.test:80" in text
                assert str(hop.port) in text
                assert "cret" not in text
                await hop.ended()
            assert origin.connections == 0

    run(main())


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\x05", b"\x05\x00\x05"])
def test_garbage(run: Run, answer: bytes) -> None:
    async def script(conn: Conn) -> None:
        await conn.read(3)
        conn.send(answer)

    async def main() -> None:
        async with Peer(script) as hop, Client(proxy=url("socks5h", hop)) as http:
            with pytest.raises(ProxyError, match="did not connect to origin.test:80"):
                await http.get("http://origin.test/")

    run(main())


def test_nobody_is_there(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo) as origin:
            where = url("socks5h", origin)
        async with Client(proxy=where) as http:
            with pytest.raises(ProxyError) as caught:
                await http.get("http://origin.test/")
        assert isinstance(caught.value.__cause__, ConnectError)
        assert where in str(caught.value)

    run(main())


def test_a_name_without_an_address(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo) as origin, Peer(Socks(origin)) as hop:
            async with Client(proxy=url("socks5", hop), resolver=resolve) as http:
                with pytest.raises(DNSError, match="missing.test"):
                    await http.get("http://missing.test/")
            async with Client(proxy=url("socks4", hop), resolver=resolve) as http:
                with pytest.raises(ConnectError, match="use socks5"):
                    await http.get("http://six.test/")
            assert hop.connections == 0

    run(main())


def test_a_proxy_that_is_too_slow(run: Run) -> None:
    async def silent(conn: Conn) -> None:
        await conn.closed()

    async def main() -> None:
        async with Peer(silent) as hop:
            async with Client(proxy=url("socks5h", hop), timeout=Timeout(connect=0.05)) as http:
                with pytest.raises(TimeoutExpired) as caught:
                    await http.get("http://origin.test/")
            error = caught.value
            assert (error.phase, error.step) == ("connect", "waiting for the SOCKS proxy to connect to")
            assert f"http://origin.test:80 via {url('socks5h', hop)}" in str(error)
            await hop.ended()

    run(main())


@pytest.mark.parametrize("turns", range(0, 30, 3))
def test_cancelled_at_any_moment(run: Run, turns: int) -> None:
    async def main() -> None:
        async with Peer(echo) as origin, Peer(Socks(origin)) as hop:
            async with Client(proxy=url("socks5h", hop)) as http:
                await cancelled_after(turns, http.get("http://a.test/"))
                assert (await http.get("http://a.test/n/x")).body == b"x"
            await hop.ended()
            await origin.ended()

    run(main())


@pytest.mark.parametrize("turns", range(0, 30, 3))
def test_closed_at_any_moment(run: Run, turns: int) -> None:
    async def main() -> None:
        async with Peer(echo) as origin, Peer(Socks(origin)) as hop:
            async with Client(proxy=url("socks5h", hop)) as http:
                call = await begun(turns, http.get("http://a.test/"))
                http.close()
                await asyncio.wait([call])
            call.exception()
            del call
            await hop.ended()

    run(main())


def test_without_the_extra(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)

    async def main() -> None:
        async with Client(proxy="socks5://127.0.0.1:9") as http:
            with pytest.raises(ProxyError, match=r"pip install 'async_keepalive_httpc\[socks\]'"):
                await http.get("http://origin.test/")

    run(main())


def test_what_the_proxy_is_told() -> None:
    four, six = (socket.AF_INET, ("192.0.2.1", 80)), (socket.AF_INET6, ("2001:db8::1", 80, 0, 0))
    assert socks.chosen(parse_proxy("socks5://p"), [six, four]) == "192.0.2.1"
    assert socks.chosen(parse_proxy("socks5://p"), [six]) == "2001:db8::1"
