"""Cases 146-150 over sockets: which cookies a client with a jar takes, and to whom it sends them."""

from __future__ import annotations

import pytest
from tests.cases.exchange import case
from tests.conftest import Run

from async_keepalive_httpc import Client, CookieJar
from async_keepalive_httpc._policy.suffixes import is_likely_suffix
from async_keepalive_httpc.testing import Conn, Peer, Request, response, serving

HOST = "www.example.com"
HOSTS = [HOST, "example.com", "a.www.example.com", "evilexample.com", "com", "other.example.org", "www.example.co.uk"]


def site(lines: list[str]) -> Peer:
    """Its /set sets cookies, its /to?URL leads elsewhere, any other page shows the Cookie field that it was sent."""

    def reply(conn: Conn, request: Request) -> bytes:
        path, _, query = request.target.partition("?")
        if path.endswith("/set"):
            return response(headers=[("Set-Cookie", line) for line in lines])
        if path == "/to":
            return response(status=302, headers=[("Location", query)])
        return response(request.get("Cookie").encode("latin-1"))

    return Peer(serving(reply))


async def shown(lines: list[str], asked: str, *, set_at: str = "/set", host: str = HOST) -> str:
    """What is sent for `asked`, a URL without scheme, after a server at `host` has set `lines`.

    A peer has one port, so each URL here has it.
    """
    jar = CookieJar(is_public_suffix=is_likely_suffix)
    mapping = dict.fromkeys(HOSTS, "127.0.0.1")
    async with site(lines) as peer, Client(cookies=jar, hostname_mapping=mapping) as client:
        await client.get(f"http://{host}:{peer.port}{set_at}")
        name, _, path = asked.partition("/")
        return (await client.get(f"http://{name}:{peer.port}/{path}")).text


@pytest.mark.parametrize(
    ("line", "asked", "sent"),
    [
        case(146, "host only", "a=1", HOST, True),
        case(146, "host only above", "a=1", "example.com", False),
        case(146, "host only below", "a=1", "a.www.example.com", False),
        case(146, "domain", "a=1; Domain=example.com", "example.com", True),
        case(146, "domain below", "a=1; Domain=.example.com", "a.www.example.com", True),
        case(146, "tail match", "a=1; Domain=example.com", "evilexample.com", False),
        case(146, "a domain of others", "a=1; Domain=other.example.org", "other.example.org", False),
        case(146, "a domain below", "a=1; Domain=a.www.example.com", "a.www.example.com", False),
    ],
)
def test_case_146_domains(run: Run, line: str, asked: str, sent: bool) -> None:
    assert run(shown([line], asked)) == ("a=1" if sent else "")


@pytest.mark.parametrize("line", ["a=1; Domain=0.0.1", "a=1; Domain=1", "a=1; Domain=.0.0.1"])
def test_case_146_an_address_is_no_domain(run: Run, line: str) -> None:
    async def main() -> None:
        async with site([line, "b=1; Domain=127.0.0.1"]) as peer, Client(cookies=CookieJar()) as client:
            await client.get(f"{peer.url}/set")
            assert (await client.get(peer.url)).text == "b=1"

    run(main())


def test_case_146_ports_share_cookies(run: Run) -> None:
    async def main() -> None:
        async with site(["a=1"]) as one, site([]) as other, Client(cookies=CookieJar()) as client:
            await client.get(f"{one.url}/set")
            assert (await client.get(other.url)).text == "a=1"

    run(main())


@pytest.mark.parametrize("domain", ["com", "COM", ".com", "com.", "co.uk", "Co.UK", "example.com.", "."])
@pytest.mark.parametrize("host", [HOST, "www.example.co.uk", "com"])
def test_case_147_public_suffixes(run: Run, host: str, domain: str) -> None:
    async def main() -> None:
        jar = CookieJar(is_public_suffix=is_likely_suffix)
        mapping = dict.fromkeys(HOSTS, "127.0.0.1")
        async with site([f"a=1; Domain={domain}"]) as peer, Client(cookies=jar, hostname_mapping=mapping) as client:
            await client.get(f"http://{host}:{peer.port}/set")
            assert all(cookie.host_only for cookie in jar)
            for other in {*HOSTS} - {host}:
                assert (await client.get(f"http://{other}:{peer.port}/")).text == ""

    run(main())


def test_case_147_a_trailing_dot_in_the_url(run: Run) -> None:
    assert run(shown(["a=1", "b=1; Domain=example.com"], f"{HOST}./")) == "a=1; b=1"
    assert run(shown(["a=1", "b=1; Domain=example.com"], HOST, host=f"{HOST}.")) == "a=1; b=1"


@pytest.mark.parametrize(
    "line",
    [
        case(148, "Secure over http", "a=1; Secure"),
        case(148, "__Secure- without Secure", "__Secure-a=1"),
        case(148, "__Host- without Secure", "__Host-a=1; Path=/"),
        case(148, "a prefix in a nameless value", "=__Secure-a=1"),
    ],
)
def test_case_148_promises_that_are_not_kept(run: Run, line: str) -> None:
    assert run(shown([line], HOST)) == ""


@pytest.mark.parametrize(
    ("set_at", "line", "asked", "sent"),
    [
        case(148, "/a to /ab", "/set", "a=1; Path=/a", f"{HOST}/ab", False),
        case(148, "/a to /a", "/set", "a=1; Path=/a", f"{HOST}/a", True),
        case(148, "/a to /a/b", "/set", "a=1; Path=/a", f"{HOST}/a/b", True),
        case(148, "/a to a query", "/set", "a=1; Path=/a", f"{HOST}/?/a", False),
        case(148, "default path", "/x/set", "a=1", f"{HOST}/x/y", True),
        case(148, "default path above", "/x/set", "a=1", f"{HOST}/", False),
    ],
)
def test_case_148_paths(run: Run, set_at: str, line: str, asked: str, sent: bool) -> None:
    assert run(shown([line], asked, set_at=set_at)) == ("a=1" if sent else "")


def test_case_148_secure(run: Run) -> None:
    good = ["a=1; Secure", "__Secure-b=1; Secure", "__Host-c=1; Secure; Path=/"]
    bad = ["__Host-d=1; Secure; Path=/; Domain=localhost", "__Host-e=1; Secure; Path=/set", "__Secure-f=1"]

    async def main() -> None:
        # A Domain that is the host's own is kept as such, where it is no public suffix.
        jar = CookieJar(is_public_suffix=lambda domain: False)
        async with Peer(site(good + bad)._script, tls=True) as safe, site(["a=2"]) as plain:
            async with Client(cookies=jar, verify=safe.ca_context()) as client:
                await client.get(f"https://localhost:{safe.port}/set")
                await client.get(f"http://localhost:{plain.port}/set")
                assert (await client.get(f"http://localhost:{plain.port}/")).text == ""
                assert (await client.get(f"https://localhost:{safe.port}/")).text == "a=1; __Secure-b=1; __Host-c=1"

    run(main())


def test_case_149_limits(run: Run) -> None:
    lines = [
        "tab=\t1",
        f"long={'x' * 4100}",
        f"just={'x' * 4092}",
        *[f"n{number:02}={'y' * 200}" for number in range(48)],
        "past=1",
    ]

    async def main() -> None:
        async with site(lines) as peer, Client(cookies=CookieJar()) as client:
            for _ in range(3):
                await client.get(f"{peer.url}/set")
            assert client.cookies is not None
            assert len(client.cookies) == 49
            sent = (await client.get(peer.url)).text
            assert len(sent) <= 8192
            assert sent.startswith(f"tab=1; just={'x' * 4092}; n00=")
            assert "long=" not in sent

    run(main())


def test_case_149_ten_thousand_cookies(run: Run) -> None:
    numbers = iter(range(10**9))

    def reply(conn: Conn, request: Request) -> bytes:
        return response(headers=[("Set-Cookie", f"n{next(numbers)}=1") for _ in range(50)])

    async def main() -> None:
        async with Peer(serving(reply)) as peer, Client(cookies=CookieJar()) as client:
            for _ in range(200):
                await client.get(peer.url)
            assert next(numbers) == 10_000
            assert client.cookies is not None
            assert [cookie.name for cookie in client.cookies] == [f"n{number}" for number in range(9950, 10_000)]

    run(main())


def test_case_150_a_field_of_the_caller_and_a_redirect(run: Run) -> None:
    async def main() -> None:
        async with site(["mine=1"]) as peer, site([]) as other, Client(cookies=CookieJar()) as client:
            await client.get(f"{peer.url}/set")
            headers = {"Cookie": "own=1"}
            assert (await client.get(f"{peer.url}/to?/", headers=headers)).text == "own=1"
            # Another port is another origin for the caller's field, and the same host for cookies.
            assert (await client.get(f"{peer.url}/to?{other.url}/", headers=headers)).text == "mine=1"
            mapped = other.url.replace("127.0.0.1", "localhost")
            assert (await client.get(f"{peer.url}/to?{mapped}/", headers=headers)).text == ""

    run(main())
