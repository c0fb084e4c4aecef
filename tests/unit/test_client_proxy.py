"""Which proxy a request takes: the client's, the environment's, its own or none; at both kinds of door."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conftest import Run
from tests.peers import Conn, Peer, Request, echo, response, serving
from tests.proxies import DigestGate, Socks, basic, proxy
from tornado.httpclient import HTTPClientError, HTTPError, HTTPRequest

from async_keepalive_httpc import Client, InvalidRequest, Proxy
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient

VARIABLES = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


# -- Client


def test_the_environment_is_read_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with Peer(echo) as origin, Peer(proxy()) as hop:
            monkeypatch.setenv("http_proxy", hop.url)
            monkeypatch.setenv("NO_PROXY", "direct.test")
            mapping = {"direct.test": "127.0.0.1"}
            async with Client(hostname_mapping=mapping) as http:
                monkeypatch.setenv("http_proxy", "http://other.test")
                assert (await http.get("http://a.test/x")).body == b"http://a.test/x"
                assert (await http.get(f"http://direct.test:{origin.port}/n/1")).body == b"1"
                assert (await http.get(f"{origin.url}/n/2")).body == b"2"  # a loopback address
                assert sorted(http.stats()["origins"]) == [
                    f"http://* via {hop.url}",
                    f"http://127.0.0.1:{origin.port}",
                    f"http://direct.test:{origin.port}",
                ]
            assert len(hop.requests) == 1

    run(main())


def test_https_of_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with Peer(echo, tls=True) as origin, Peer(proxy(origin, gate=basic("u", "p"))) as hop:
            monkeypatch.setenv("HTTPS_PROXY", hop.url.replace("//", "//u:p@"))
            context = origin.ca_context()
            context.check_hostname = False
            async with Client(verify=context) as http:
                assert (await http.get("https://a.test/n/x")).body == b"x"
            assert hop.requests[0].target == "a.test:443"

    run(main())


def test_an_environment_that_is_not_trusted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://nobody.invalid")

    async def main() -> None:
        async with Peer(echo) as origin:
            mapping = {"a.test": "127.0.0.1"}
            untrusting: list[dict[str, Any]] = [{"trust_env": False}, {"proxy": False}]
            for options in untrusting:
                async with Client(hostname_mapping=mapping, **options) as http:
                    assert (await http.get(f"http://a.test:{origin.port}/n/x")).body == b"x"
            async with Client(hostname_mapping=mapping) as http:
                assert (await http.get(f"http://a.test:{origin.port}/n/x", proxy=False)).body == b"x"

    run(main())


def test_an_environment_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "ftp://user:secret@proxy.test")
    with pytest.raises(InvalidRequest, match="Environment variable all_proxy") as caught:
        Client()
    assert "secret" not in str(caught.value)


def test_what_a_call_says_goes_before_what_the_client_says(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with Peer(proxy()) as env, Peer(proxy()) as own, Peer(proxy()) as third:
            monkeypatch.setenv("http_proxy", env.url)
            monkeypatch.setenv("no_proxy", "*")
            async with Client(proxy=own.url) as http:
                await http.get("http://a.test/")
                await http.get("http://a.test/", proxy=third.url)
                await http.get("http://a.test/", proxy=Proxy("http", third.host, third.port))
                await http.get("http://a.test/", proxy=None)
                # A Reach says nothing of a proxy unless it names one.
                await http.get("http://a.test/", reach=http._reach._replace(proxy=None))
                async with http.stream("GET", "http://a.test/s", proxy=third.url) as answer:
                    assert await answer.read() == b"http://a.test/s"
            assert (len(env.requests), len(own.requests), len(third.requests)) == (0, 3, 3)
            assert (own.connections, third.connections) == (1, 1)

    run(main())


def test_a_redirect_takes_the_way_of_its_new_origin(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with Peer(echo) as origin:

            @serving
            def script(conn: Conn, request: Request) -> bytes:
                return response(status=302, headers=[("Location", f"{origin.url}/n/there")])

            async with Peer(script) as hop:
                monkeypatch.setenv("http_proxy", hop.url.replace("//", "//u:p@"))
                async with Client() as http:
                    answer = await http.get("http://a.test/")
                    assert answer.body == b"there"
                assert hop.requests[0].get("Proxy-Authorization") == "Basic dTpw"
                assert not origin.requests[0].get("Proxy-Authorization")

    run(main())


def test_preconnect(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo, tls=True) as origin, Peer(proxy(origin)) as hop:
            async with Client(proxy=hop.url, verify=origin.ca_context()) as http:
                assert await http.preconnect(f"https://localhost:{origin.port}", 2) == 2
                assert await http.preconnect("http://a.test", 1) == 1
                await http.get("http://b.test/")
                assert hop.connections == 3

    run(main())


@pytest.mark.parametrize(
    "wrong",
    ["", "ftp://a.test", "http://a.test/path", "http://:80", 7, True, Proxy("http", "", 80), Proxy("x", "a.test", 80)],
)
def test_no_proxy_at_all(wrong: Any) -> None:
    with pytest.raises(InvalidRequest):
        Client(proxy=wrong)
    with pytest.raises(InvalidRequest):
        Client(trust_env=False).build("GET", "http://a.test", proxy=wrong)


def test_credentials_are_shown_nowhere(run: Run) -> None:
    async def main() -> None:
        async with Peer(proxy()) as hop:
            async with Client(proxy=hop.url.replace("//", "//user:secret@")) as http:
                answer = await http.get("http://a.test/")
                request = http.build("GET", "http://a.test/", proxy="http://user:secret@b.test")
                routes = list(http._loops._all()[0].lanes)
                shown = [http, answer, request, request.reach, routes, http.stats()]
                assert "secret" not in "".join(map(repr, shown)) + "".join(map(str, shown))

    run(main())


# -- the Tornado door


def test_tornados_arguments(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo, tls=True) as origin, Peer(proxy(origin, gate=basic("u", "p"))) as hop:
            client = SimpleKeepAliveHTTPClient()
            options: dict[str, Any] = {
                "proxy_host": hop.host,
                "proxy_port": hop.port,
                "proxy_username": "u",
                "proxy_password": "p",
            }
            for url in ("http://a.test/", "http://b.test/"):
                assert (await client.fetch(url, **options)).body == url.encode()
            request = HTTPRequest(f"https://localhost:{origin.port}/n/x", validate_cert=False, **options)
            for _ in range(2):
                assert (await client.fetch(request)).body == b"x"
            assert hop.connections == client.connection.connect_times == 2
            await client.aclose()

    run(main())


def test_tornados_arguments_as_defaults_and_digest(run: Run) -> None:
    async def main() -> None:
        gate = DigestGate("u", "p")
        async with Peer(proxy(gate=gate)) as hop:
            defaults = {
                "proxy_host": f"http://{hop.host}",
                "proxy_port": hop.port,
                "proxy_username": "u",
                "proxy_password": "p",
                "proxy_auth_mode": "digest",
            }
            client = SimpleKeepAliveHTTPClient(defaults=defaults)
            for _ in range(2):
                assert (await client.fetch("http://a.test/x")).body == b"http://a.test/x"
            assert (hop.connections, gate.refused) == (1, 1)
            with pytest.raises(HTTPClientError) as caught:
                await client.fetch("http://a.test/", proxy_password="wrong")
            assert caught.value.code == 407
            await client.aclose()

    run(main())


def test_socks_at_the_tornado_door(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo) as origin, Peer(Socks(origin)) as hop:
            client = SimpleKeepAliveHTTPClient()
            for _ in range(2):
                answer = await client.fetch(
                    "http://a.test/n/x", proxy_host=f"socks5h://{hop.host}", proxy_port=hop.port
                )
                assert answer.body == b"x"
            assert hop.connections == 1
            await client.aclose()

    run(main())


def test_a_refused_tunnel_is_a_599(run: Run) -> None:
    async def main() -> None:
        async with Peer(proxy(gate=basic("u", "p"))) as hop:
            client = SimpleKeepAliveHTTPClient()
            with pytest.raises(HTTPError, match="HTTP 407") as caught:
                await client.fetch("https://a.test/", proxy_host=hop.host, proxy_port=hop.port)
            assert caught.value.code == 599
            await client.aclose()
        client = SimpleKeepAliveHTTPClient()
        with pytest.raises(HTTPError, match="cannot be reached") as caught:
            await client.fetch("http://a.test/", proxy_host=hop.host, proxy_port=hop.port)
        assert caught.value.code == 599
        await client.aclose()

    run(main())


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"proxy_host": "p.test"}, "proxy_port must be given"),
        ({"proxy_host": "p.test", "proxy_port": 0}, "from 1 to 65535"),
        ({"proxy_host": "p.test", "proxy_port": "80"}, "from 1 to 65535"),
        ({"proxy_host": "p.test:80", "proxy_port": 80}, "Bad port"),
        ({"proxy_host": "x://p.test", "proxy_port": 80}, "Unsupported proxy scheme"),
        ({"proxy_host": "p.test", "proxy_port": 80, "proxy_auth_mode": "ntlm"}, "unsupported proxy_auth_mode ntlm"),
        ({"proxy_host": "p.test", "proxy_port": 80, "proxy_username": "a:b"}, "colon"),
    ],
)
def test_tornados_arguments_that_make_no_sense(run: Run, options: dict[str, Any], part: str) -> None:
    async def main() -> None:
        client = SimpleKeepAliveHTTPClient()
        with pytest.raises(ValueError, match=part):
            await client.fetch("http://a.test/", **options)
        await client.aclose()

    run(main())


def test_without_a_host_the_other_arguments_count_for_nothing(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo) as origin:
            client = SimpleKeepAliveHTTPClient()
            answer = await client.fetch(f"{origin.url}/n/x", proxy_port=3128, proxy_username="u", proxy_password="p")
            assert answer.body == b"x"
            await client.aclose()

    run(main())


def test_the_tornado_door_looks_at_the_environment_only_when_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with Peer(echo) as origin, Peer(proxy()) as hop:
            monkeypatch.setenv("http_proxy", hop.url)
            for trust, expected in ((False, b"x"), (True, f"http://a.test:{origin.port}/n/x".encode())):
                client = SimpleKeepAliveHTTPClient(hostname_mapping={"a.test": "127.0.0.1"}, trust_env=trust)
                assert (await client.fetch(f"http://a.test:{origin.port}/n/x")).body == expected
                await client.aclose()

    run(main())
