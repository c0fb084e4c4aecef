"""A client with a jar: what goes over the wire, across redirects, resends, streams, loops and other credentials."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.conftest import LoopFactory, Run
from tests.peers import Conn, Peer, Request, Script, answer, response, serving

from async_keepalive_httpc import Client, CookieJar, Digest, InvalidRequest, StreamedResponse, TooManyRedirects
from async_keepalive_httpc import Request as ClientRequest
from async_keepalive_httpc._policy.carrier import MAX_LINES
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient

HOSTS = dict.fromkeys(("a.example.com", "b.example.com", "example.org"), "127.0.0.1")


def setting(*lines: str, body: bytes = b"", location: str = "", status: int = 200) -> bytes:
    """An answer that sets cookies, and maybe leads elsewhere."""
    headers = [("Set-Cookie", line) for line in lines] + ([("Location", location)] if location else [])
    return response(body, status=302 if location else status, headers=headers)


def site(pages: dict[str, bytes]) -> Script:
    """A peer that has these pages; any other shows the Cookie field that it was sent."""

    def reply(conn: Conn, request: Request) -> bytes:
        assert len(request.get_all("Cookie")) <= 1
        return answer(request, pages.get(request.target, response(request.get("Cookie").encode("latin-1"))))

    return serving(reply)


def cookies_sent(peer: Peer) -> list[tuple[str, str]]:
    return [(request.target, request.get("Cookie")) for request in peer.requests]


def test_without_a_jar_there_are_no_cookies(run: Run) -> None:
    async def main() -> None:
        async with Peer(site({"/set": setting("a=1")})) as peer, Client() as client:
            assert client.cookies is None
            await client.get(f"{peer.url}/set")
            assert (await client.get(f"{peer.url}/")).body == b""
            async with SimpleKeepAliveHTTPClient() as simple:
                await simple.fetch(f"{peer.url}/set")
                assert (await simple.fetch(f"{peer.url}/")).body == b""

    run(main())


@pytest.mark.parametrize("wrong", [True, {"a": "b"}, "a=b"])
def test_what_is_no_jar(wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"cookies must be a CookieJar, not \w+: make one"):
        Client(cookies=wrong)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
def test_what_is_set_is_sent_back(run: Run, method: str) -> None:
    async def main() -> None:
        async with Peer(site({"/set": setting("a=1; Path=/", "b=\xe9")})) as peer:
            async with Client(cookies=CookieJar()) as client:
                for _ in range(2):  # the second time the URL is known
                    await client.request(method, f"{peer.url}/set")
                    assert (await client.get(f"{peer.url}/")).body == "a=1; b=\xe9".encode("latin-1")
                assert peer.connections == 1
                assert client.cookies is not None
                assert [cookie.name for cookie in client.cookies] == ["a", "b"]
        assert cookies_sent(peer) == [("/set", ""), ("/", "a=1; b=\xe9"), ("/set", "a=1; b=\xe9"), ("/", "a=1; b=\xe9")]

    run(main())


@pytest.mark.parametrize("status", [204, 304, 404, 500])
def test_any_answer_may_set_cookies(run: Run, status: int) -> None:
    raw = setting("a=1", status=status)
    raw = raw.replace(b"Content-Length: 0\r\n", b"") if status in (204, 304) else raw

    async def main() -> None:
        async with Peer(site({"/set": raw})) as peer, Client(cookies=CookieJar()) as client:
            assert (await client.get(f"{peer.url}/set")).status == status
            assert (await client.get(f"{peer.url}/")).body == b"a=1"

    run(main())


def test_interim_responses_and_trailers_set_none(run: Run) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nSet-Cookie: late=1\r\n\r\n"

    async def main() -> None:
        raw = b"HTTP/1.1 103 Early Hints\r\nSet-Cookie: early=1\r\n\r\n" + chunked
        async with Peer(site({"/set": raw})) as peer, Client(cookies=CookieJar()) as client:
            await client.get(f"{peer.url}/set")
            assert (await client.get(f"{peer.url}/")).body == b""

    run(main())


def test_of_one_answer_so_many_lines_are_read(run: Run) -> None:
    lines = [f"n{number}=1; Path=/{number}" for number in range(900)]

    async def main() -> None:
        async with Peer(site({"/set": setting(*lines)})) as peer, Client(cookies=CookieJar()) as client:
            await client.get(f"{peer.url}/set")
            assert client.cookies is not None
            assert [cookie.name for cookie in client.cookies] == [f"n{number}" for number in range(MAX_LINES)]

    run(main())


def test_a_stream(run: Run) -> None:
    async def main() -> None:
        pages = {"/set": setting("a=1", location="/"), "/body": setting("b=2", body=b"x" * 100_000)}
        async with Peer(site(pages)) as peer, Client(cookies=CookieJar()) as client:
            async with client.stream("GET", f"{peer.url}/set") as got:
                assert isinstance(got, StreamedResponse)
                assert await got.read() == b"a=1"
            async with client.stream("GET", f"{peer.url}/body") as got:
                # They are there with the head.
                assert client.cookies is not None
                assert client.cookies.field(peer.url) == "a=1; b=2"

    run(main())


# -- redirects


def across(peer: Peer, host: str, path: str) -> str:
    return f"http://{host}:{peer.port}{path}"


def test_each_hop_has_its_own_cookies(run: Run) -> None:
    pages: dict[str, bytes] = {}

    async def main() -> None:
        async with Peer(site(pages)) as peer, Client(cookies=CookieJar(), hostname_mapping=HOSTS) as client:
            pages["/1"] = setting("mine=1", "ours=1; Domain=example.com", location="/2")
            pages["/2"] = setting("path=1; Path=/deep", location=across(peer, "b.example.com", "/3"))
            pages["/3"] = setting("theirs=1", location=across(peer, "example.org", "/4"))
            pages["/4"] = setting("else=1", location=across(peer, "a.example.com", "/deep/5"))
            got = await client.get(across(peer, "a.example.com", "/1"))
            assert got.body == b"path=1; mine=1; ours=1"
            assert cookies_sent(peer) == [
                ("/1", ""),
                ("/2", "mine=1; ours=1"),
                ("/3", "ours=1"),
                ("/4", ""),
                ("/deep/5", "path=1; mine=1; ours=1"),
            ]

    run(main())


def test_from_https_to_http(run: Run) -> None:
    async def main() -> None:
        async with Peer(site({})) as plain:
            lines = ["s=1; Secure; Path=/", "p=1; Path=/"]
            location = f"http://localhost:{plain.port}/"
            async with Peer(site({"/set": setting(*lines, location=location)}), tls=True) as safe:
                async with Client(cookies=CookieJar(), verify=safe.ca_context()) as client:
                    assert (await client.get(f"https://localhost:{safe.port}/set")).body == b"p=1"
                    assert (await client.get(f"https://localhost:{safe.port}/")).body == b"s=1; p=1"
                    # The plain one cannot take over what the safe one has set.
                    assert client.cookies is not None
                    assert not client.cookies.store(location, "s=2; Path=/")

    run(main())


def test_a_redirect_too_many_still_sets(run: Run) -> None:
    async def main() -> None:
        page = setting("a=1", location="/set")
        async with Peer(site({"/set": page})) as peer, Client(cookies=CookieJar(), max_redirects=1) as client:
            with pytest.raises(TooManyRedirects):
                await client.get(f"{peer.url}/set")
            assert (await client.get(f"{peer.url}/")).body == b"a=1"
            got = await client.get(f"{peer.url}/set", max_redirects=0)
            assert got.status == 302

    run(main())


@pytest.mark.parametrize("name", ["Cookie", "cookie"])
def test_a_field_of_the_caller_stands(run: Run, name: str) -> None:
    pages: dict[str, bytes] = {}

    async def main() -> None:
        async with Peer(site(pages)) as peer, Client(cookies=CookieJar(), hostname_mapping=HOSTS) as client:
            pages["/1"] = setting("mine=1", "ours=1; Domain=example.com", location="/2")
            pages["/2"] = setting(location=across(peer, "b.example.com", "/3"))
            pages["/3"] = setting(location=across(peer, "a.example.com", "/4"))
            await client.get(across(peer, "a.example.com", "/1"), headers={name: "own=1"})
            assert cookies_sent(peer) == [
                ("/1", "own=1"),
                ("/2", "own=1"),
                ("/3", "ours=1"),  # the caller's was for another origin, and is not restored
                ("/4", "mine=1; ours=1"),
            ]
            own = Client(cookies=client.cookies, hostname_mapping=HOSTS, headers={name: "default=1"})
            async with own:
                assert (await own.get(across(peer, "a.example.com", "/"))).body == b"default=1"

    run(main())


def test_the_host_of_the_url_decides(run: Run) -> None:
    """curl CVE-2026-6276: not that of a Host field, neither for what is sent nor for what is stored."""

    async def main() -> None:
        async with Peer(site({"/set": setting("b=1")})) as peer, Client(cookies=CookieJar()) as client:
            assert client.cookies is not None
            client.cookies.store("http://bank.example/", "secret=1")
            client.cookies.store(peer.url, "a=1")
            headers = {"Host": "bank.example"}
            assert (await client.get(f"{peer.url}/", headers=headers)).body == b"a=1"
            await client.get(f"{peer.url}/set", headers=headers)
            assert client.cookies.field("http://bank.example/") == "secret=1"
            assert client.cookies.field(peer.url) == "a=1; b=1"

    run(main())


# -- sent again


@pytest.mark.parametrize("built", [True, False])
def test_a_resend_is_what_was_sent(run: Run, built: bool) -> None:
    async def script(conn: Conn) -> None:
        while (request := await conn.request()) is not None:
            if request.target == "/lost" and conn.number == 1:
                return
            conn.send(setting("a=1") if request.target == "/set" else response(request.get("Cookie").encode()))

    async def main() -> None:
        async with Peer(script) as peer, Client(cookies=CookieJar()) as client:
            await client.get(f"{peer.url}/set")
            if built:
                assert (await client.get(f"{peer.url}/lost")).body == b"a=1"
            else:
                await client.send(ClientRequest("GET", f"{peer.url}/lost"))
            sent = "a=1" if built else ""
            assert cookies_sent(peer) == [("/set", ""), ("/lost", sent), ("/lost", sent)]
            assert peer.connections == 2

    run(main())


def test_an_answer_that_is_lost_sets_nothing(run: Run) -> None:
    async def script(conn: Conn) -> None:
        await conn.request()
        conn.send(setting("a=1", body=b"whole")[:-1])

    async def main() -> None:
        async with Peer(script) as peer, Client(cookies=CookieJar()) as client:
            with pytest.raises(ConnectionError):
                await client.get(peer.url)
            assert client.cookies is not None
            assert len(client.cookies) == 0

    run(main())


def test_with_digest(run: Run) -> None:
    challenge = ("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')

    def reply(conn: Conn, request: Request) -> bytes:
        if not request.get("Authorization"):
            return response(status=401, headers=[challenge, ("Set-Cookie", "a=1")])
        return response(request.get("Cookie").encode())

    async def main() -> None:
        async with Peer(serving(reply)) as peer:
            async with Client(cookies=CookieJar(), auth=Digest("user", "secret")) as client:
                for _ in range(3):
                    assert (await client.get(peer.url)).body == b"a=1"
                assert [bool(request.get("Authorization")) for request in peer.requests] == [False, True, True, True]

    run(main())


def test_a_request_as_it_stands(run: Run) -> None:
    """`send` adds nothing to a Request, but its answer is heard."""

    async def main() -> None:
        async with Peer(site({"/set": setting("a=1")})) as peer, Client(cookies=CookieJar()) as client:
            await client.send(ClientRequest("GET", f"{peer.url}/set"))
            assert (await client.send(ClientRequest("GET", f"{peer.url}/"))).body == b""
            built = client.build("GET", f"{peer.url}/")
            assert (await client.send(built)).body == b"a=1"
            assert b"a=1" not in repr(built).encode()
            assert all(name.lower() != b"cookie" for name, _ in built.fields)

    run(main())


# -- proxies, loops


def test_a_proxy_sets_none(run: Run) -> None:
    gate = response(status=407, headers=[("Set-Cookie", "theirs=1")])

    async def main() -> None:
        async with Peer(serving(lambda conn, request: gate)) as hop:
            async with Client(cookies=CookieJar(), proxy=hop.url) as client:
                assert (await client.get("http://example.org/")).status == 407
                assert client.cookies is not None
                assert len(client.cookies) == 0

    run(main())


def test_through_a_proxy(run: Run) -> None:
    async def main() -> None:
        async with Peer(site({"http://example.org/set": setting("a=1")})) as hop:
            async with Client(cookies=CookieJar(), proxy=hop.url) as client:
                await client.get("http://example.org/set")
                assert (await client.get("http://example.org/")).body == b"a=1"
                assert (await client.get("http://www.example.org/")).body == b""

    run(main())


def test_a_jar_serves_several_clients_one_after_the_other(run: Run) -> None:
    jar = CookieJar()

    async def main(sent: bytes) -> None:
        async with Peer(site({"/set": setting("a=1; Path=/")})) as peer, Client(cookies=jar) as client:
            assert (await client.get(f"{peer.url}/")).body == sent
            await client.get(f"{peer.url}/set")

    run(main(b""))
    run(main(b"a=1"))


def test_two_loops_at_once(loop_factory: LoopFactory) -> None:
    client = Client(cookies=CookieJar())
    failures: list[BaseException] = []
    start = threading.Barrier(2)

    async def main(name: str) -> None:
        async with Peer(site({"/set": setting(f"{name}=1; Path=/{name}")})) as peer:
            start.wait()
            for _ in range(100):
                await client.get(f"{peer.url}/set")
                assert (await client.get(f"{peer.url}/{name}")).body == f"{name}=1".encode()

    def work(name: str) -> None:
        try:
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                runner.run(main(name))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    assert failures == []


@pytest.mark.parametrize("jar", [None, CookieJar])
def test_a_plain_request_is_remembered_only_without_a_jar(run: Run, jar: Callable[[], CookieJar] | None) -> None:
    async def main() -> None:
        async with Peer(site({})) as peer, Client(cookies=jar and jar()) as client:
            for _ in range(3):
                await client.get(peer.url)
            assert len(client._plain) == (jar is None)

    run(main())
