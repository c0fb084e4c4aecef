"""Names, from the client to the wire: mapped, remembered, international, with a zone; and what a timeout tells."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

import pytest
from tests.conftest import Run
from tests.peers import Conn, Peer, ok, server_context
from tornado.netutil import DefaultLoopResolver, OverrideResolver, Resolver

from async_keepalive_httpc import Client, ConnectError, DNSError, Timeout, TimeoutExpired
from async_keepalive_httpc._message.reach import TLS, Reach
from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient


class NameServer:
    """What the event loop's getaddrinfo asks for names: each is at `answer`; `gate` holds it up."""

    def __init__(self, answer: str = "127.0.0.1", gate: asyncio.Event | None = None) -> None:
        self.answer = answer
        self.gate = gate
        self.asked: list[str] = []
        loop = asyncio.get_running_loop()
        self._standard = loop.getaddrinfo
        loop.getaddrinfo = self.getaddrinfo  # type: ignore[method-assign]

    async def getaddrinfo(self, host: Any, port: Any, *, family: int = 0, type: int = 0, **more: Any) -> list[Any]:
        if not str(host).endswith(".test"):
            return await self._standard(host, port, family=family, type=type, **more)
        self.asked.append(host)
        if self.gate is not None:
            await self.gate.wait()
        return [(socket.AF_INET, type, 6, "", (self.answer, port))]


@pytest.mark.parametrize("form", ["host", "port", "family"])
@pytest.mark.parametrize("door", ["client", "tornado"])
def test_mapped_hosts(run: Run, form: str, door: str) -> None:
    """All three forms: dialled elsewhere, and Host is the URL's."""

    async def main() -> None:
        async with Peer(ok()) as peer:
            url = f"http://a.test:{peer.port}/" if form == "host" else "http://a.test/"
            forms: dict[str, dict[Any, Any]] = {
                "host": {"a.test": "127.0.0.1"},
                "port": {("a.test", 80): ("127.0.0.1", peer.port)},
                "family": {("a.test", 80, socket.AF_INET): ("127.0.0.1", peer.port)},
            }
            mapping = forms[form]
            if door == "client":
                async with Client(hostname_mapping=mapping, ipv6=False) as client:
                    assert (await client.get(url)).status == 200
            else:
                async with SimpleKeepAliveHTTPClient(hostname_mapping=mapping) as simple:
                    assert (await simple.fetch(url, allow_ipv6=False)).code == 200
            assert peer.requests[0].get("Host") == url.removeprefix("http://").removesuffix("/")

    run(main())


def test_tornados_resolvers(run: Run) -> None:
    async def main() -> None:
        async with Peer(ok()) as peer:
            resolver = OverrideResolver(DefaultLoopResolver(), {("a.test", 80): ("127.0.0.1", peer.port)})
            async with SimpleKeepAliveHTTPClient(resolver=resolver) as simple:
                assert (await simple.fetch("http://a.test/")).code == 200
            async with Client(resolver=resolver) as client:
                assert (await client.get("http://a.test/")).status == 200

    run(main())


def test_the_resolver_that_tornado_is_configured_with(run: Run) -> None:
    class Ours(DefaultLoopResolver):
        async def resolve(self, host: str, port: int, family: int = 0) -> Any:
            return [(socket.AF_INET, ("127.0.0.1", port))]

    async def main() -> None:
        async with Peer(ok()) as peer:
            Resolver.configure(Ours)
            try:
                async with SimpleKeepAliveHTTPClient() as simple:
                    assert (await simple.fetch(f"http://anything.invalid:{peer.port}/")).code == 200
            finally:
                Resolver.configure(DefaultLoopResolver)

    run(main())


def test_names_are_looked_up_once(run: Run) -> None:
    """Through the client, for many connections; behind a mapping too; not again for a fresh one."""

    async def main() -> None:
        names = NameServer()
        async with Peer(ok()) as peer:
            url = f"http://a.test:{peer.port}/"
            for mapped, looked_up in ((None, "a.test"), ("b.test", "b.test")):
                async with Client(hostname_mapping={"a.test": mapped} if mapped else None) as client:
                    for _ in range(2):
                        await asyncio.gather(*(client.get(url) for _ in range(10)))
                        await client.get(url, headers={"Connection": "close"})
                assert names.asked == [looked_up]
                names.asked.clear()
            async with Client(dns_ttl=0) as client:
                for _ in range(2):
                    await client.get(url, headers={"Connection": "close"})
                assert len(names.asked) == 2

    run(main())


def test_a_server_that_moved_is_found(run: Run) -> None:
    """No address answers: the name is looked up anew, long before its time is over."""

    async def main() -> None:
        now, names = [1000.0], NameServer("127.0.0.2")
        async with Peer(ok()) as peer, Client() as client:
            client._loops._dialer._names._now = lambda: now[0]
            url = f"http://a.test:{peer.port}/"
            with pytest.raises(ConnectError, match="127.0.0.2"):
                await client.get(url)
            names.answer = "127.0.0.1"
            now[0] += 1.0
            assert (await client.get(url)).status == 200

    run(main())


def test_the_family_that_answered_is_tried_first(run: Run) -> None:
    async def main() -> None:
        families: list[int] = []

        def make(info: Any) -> socket.socket:
            families.append(info[0])
            return socket.socket(*info[:3])

        async def resolve(host: str, port: int, family: int) -> list[Any]:
            return [(socket.AF_INET6, ("::1", port, 0, 0)), (socket.AF_INET, ("127.0.0.1", port))]

        async with Peer(ok()) as peer, Client(resolver=resolve, socket_factory=make) as client:
            for _ in range(2):
                await client.get(f"http://a.test:{peer.port}/", headers={"Connection": "close"})
            assert families == [socket.AF_INET6, socket.AF_INET, socket.AF_INET]

    run(main())


def test_an_ipv6_zone(run: Run) -> None:
    """It is dialled with, and not said in Host (RFC 6874)."""

    async def main() -> None:
        async with Peer(ok(), host="::1") as peer:
            for url in (f"http://[::1%25lo]:{peer.port}/", f"http://[::1%lo]:{peer.port}/"):
                async with Client() as client:
                    assert (await client.get(url)).status == 200
                async with SimpleKeepAliveHTTPClient() as simple:
                    assert (await simple.fetch(url)).code == 200
            assert {request.get("Host") for request in peer.requests} == {f"[::1]:{peer.port}"}
            async with Client() as client:
                with pytest.raises(DNSError, match="cannot resolve '::1%nowhere0'"):
                    await client.get(f"http://[::1%25nowhere0]:{peer.port}/")

    run(main())


def test_an_international_name(run: Run) -> None:
    """One name for the resolver, Host, SNI and the certificate."""

    async def main() -> None:
        asked: list[str] = []
        name = "xn--bcher-kva.example"
        context = server_context(name)
        names: list[Any] = []
        context.sni_callback = lambda _, given, __: names.append(given)

        async def resolve(host: str, port: int, family: int) -> list[Any]:
            asked.append(host)
            return [(socket.AF_INET, ("127.0.0.1", port))]

        async with Peer(ok(), tls=context) as peer:
            async with Client(resolver=resolve, verify=peer.ca_context()) as client:
                for spelled in ("b\u00fccher.example", "B\u00dcCHER.Example", name):
                    assert (await client.get(f"https://{spelled}:{peer.port}/")).status == 200
            assert peer.connections == 1
            assert (asked, names) == ([name], [name])
            assert {request.get("Host") for request in peer.requests} == {f"{name}:{peer.port}"}

    run(main())


def test_without_ipv6(run: Run) -> None:
    async def main() -> None:
        families: list[int] = []

        async def resolve(host: str, port: int, family: int) -> list[Any]:
            families.append(family)
            return [(socket.AF_INET6, ("::1", port, 0, 0)), (socket.AF_INET, ("127.0.0.1", port))]

        async with Peer(ok(), host="::1") as peer:
            async with Client(resolver=resolve, ipv6=False) as client:
                with pytest.raises(ConnectError, match=f"a.test:{peer.port}: 127.0.0.1:{peer.port}: Conn") as caught:
                    await client.get(f"http://a.test:{peer.port}/")
                assert "::1" not in str(caught.value)
            async with SimpleKeepAliveHTTPClient(resolver=resolve) as simple:
                with pytest.raises(ConnectionRefusedError):
                    await simple.fetch(f"http://a.test:{peer.port}/", allow_ipv6=False)
                assert (await simple.fetch(f"http://a.test:{peer.port}/")).code == 200
        assert families == [socket.AF_INET, socket.AF_INET, socket.AF_UNSPEC]

    run(main())


# -- timeouts


def test_a_timeout_while_resolving(run: Run) -> None:
    """It says so; the lookup goes on for the next try; the client's end is its end."""

    async def main() -> None:
        gate = asyncio.Event()
        names = NameServer(gate=gate)
        async with Peer(ok()) as peer:
            url = f"http://a.test:{peer.port}/"
            async with Client() as client:
                with pytest.raises(TimeoutExpired) as caught:
                    await client.get(url, timeout=Timeout(connect=0.02))
                assert str(caught.value) == (
                    f"connect timeout of 0.02 s while resolving a.test:{peer.port}; raise Timeout(connect=...) if that "
                    "is too soon"
                )
                assert (caught.value.phase, caught.value.step) == ("connect", "resolving")
                gate.set()
                assert (await client.get(url)).status == 200
                assert names.asked == ["a.test"]
                gate.clear()
                with pytest.raises(TimeoutExpired):
                    await client.get(url.replace("a.test", "b.test"), timeout=Timeout(connect=0.02))
            assert names.asked == ["a.test", "b.test"]

    run(main())


def test_a_timeout_while_connecting(run: Run) -> None:
    async def main() -> None:
        with socket.socket() as server:
            server.bind(("127.0.0.9", 0))
            server.listen(0)
            mute = server.getsockname()
            with socket.create_connection(mute):

                async def resolve(host: str, port: int, family: int) -> list[Any]:
                    return [(socket.AF_INET6, ("::1", port, 0, 0)), (socket.AF_INET, mute)]

                async with Client(resolver=resolve) as client:
                    with pytest.raises(TimeoutExpired) as caught:
                        await client.get(f"http://a.test:{mute[1]}/", timeout=Timeout(connect=0.05))
        text = str(caught.value)
        assert f"while connecting to a.test:{mute[1]} (resolving it: " in text
        assert f"[::1]:{mute[1]}: Connection refused (errno 111); 127.0.0.9:{mute[1]}: no answer yet)" in text
        assert caught.value.step == "connecting to"

    run(main())


def test_a_timeout_in_the_handshake(run: Run) -> None:
    async def main() -> None:
        async def silent(conn: Conn) -> None:
            await conn.closed()

        async with Peer(silent) as peer, Client() as client:
            context = ssl.create_default_context()
            with pytest.raises(TimeoutExpired) as caught:
                await client.get(
                    peer.url.replace("http:", "https:"),
                    timeout=Timeout(connect=0.05),
                    reach=Reach(TLS(context=context)),
                )
            text = str(caught.value)
            assert (
                f"while making a TLS handshake with 127.0.0.1:{peer.port} (loading the TLS certificates for it" in text
            )
            assert f"127.0.0.1:{peer.port}: connected)" in text

    run(main())


def test_loading_certificates_is_a_step_of_its_own(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async def never(tls: Any) -> Any:
            await asyncio.get_running_loop().create_future()

        monkeypatch.setattr("async_keepalive_httpc._dial.dialer.context_for", never)
        async with Client() as client:
            with pytest.raises(TimeoutExpired, match="while loading the TLS certificates for a.test:443; raise"):
                await client.get("https://a.test/", timeout=Timeout(connect=0.01))
        async with SimpleKeepAliveHTTPClient() as simple:
            with pytest.raises(Exception, match="Timeout during TLS handshake with a.test:443"):
                await simple.fetch("https://a.test/", connect_timeout=0.01)

    run(main())


def test_a_late_connection_serves_the_next(run: Run) -> None:
    """Its request was cancelled while the name was looked up: what lands afterwards rests, and is used."""

    async def main() -> None:
        gate = asyncio.Event()

        async def resolve(host: str, port: int, family: int) -> list[Any]:
            await gate.wait()
            return [(socket.AF_INET, ("127.0.0.1", port))]

        async with Peer(ok()) as peer, Client(resolver=resolve) as client:
            url = f"http://a.test:{peer.port}/"
            first = asyncio.ensure_future(client.get(url))
            await asyncio.sleep(0)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            gate.set()
            while not client.stats()["connections"]["idle"]:
                await asyncio.sleep(0)
            assert (await client.get(url)).status == 200
            assert (peer.connections, client.connect_times) == (1, 1)

    run(main())
