"""A socket for one of many addresses: the race, what it leaves behind, where it sets out, how it is set up."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Run
from tests.peers import Conn, Peer
from tests.turns import turns

from async_keepalive_httpc import ConnectError
from async_keepalive_httpc._dial import tcp as module
from async_keepalive_httpc._dial.course import Course
from async_keepalive_httpc._dial.tcp import connect
from async_keepalive_httpc._message.reach import DIRECT, Reach
from async_keepalive_httpc._message.sockets import ORDINARY, Sockets

REFUSED = f"Connection refused (errno {errno.ECONNREFUSED})"


def v4(host: str, port: int) -> Any:
    return (socket.AF_INET, (host, port))


def v6(host: str, port: int) -> Any:
    return (socket.AF_INET6, (host, port, 0, 0))


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.fixture
def mute() -> Iterator[Any]:
    """An address that does not answer: its queue of connections is full, so Linux drops what comes."""
    with socket.socket() as server:
        server.bind(("127.0.0.9", 0))
        server.listen(0)
        address = server.getsockname()
        with socket.create_connection(address):
            yield (socket.AF_INET, address)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def silent(conn: Conn) -> None:
    await conn.closed()


async def stop(dial: asyncio.Future[socket.socket], number: int) -> None:
    """Cancel it after so many turns of the loop; if it is through by then, put away what it connected."""
    await turns(number)
    if dial.done():
        dial.result().close()
    else:
        dial.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dial


async def reach(*found: Any, sockets: Sockets = ORDINARY, **options: Any) -> socket.socket:
    return await connect("a.test:80", list(found), Reach(**options), Course(), sockets)


# -- the race


def test_the_first_that_connects(run: Run) -> None:
    async def main() -> None:
        async with Peer(silent) as peer:
            closed = closed_port()
            course = Course()
            found = [v6("::1", closed), v4("127.0.0.2", closed), v4("127.0.0.1", peer.port)]
            with await connect("a.test:80", found, DIRECT, course) as sock:
                assert sock.getpeername() == ("127.0.0.1", peer.port)
                assert course.tried == {
                    f"[::1]:{closed}": REFUSED,
                    f"127.0.0.2:{closed}": REFUSED,
                    f"127.0.0.1:{peer.port}": "connected",
                }

    run(main())


def test_one_that_does_not_answer_is_not_waited_for(run: Run, mute: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ATTEMPT_DELAY", 0.01)

    async def main() -> None:
        async with Peer(silent) as peer:
            before = open_files()
            with await reach(mute, v4("127.0.0.1", peer.port)) as sock:
                assert sock.getpeername()[1] == peer.port
                assert open_files() == before + 2  # and the peer's own
            await peer.ended()

    run(main())


def link_local() -> tuple[str, int]:
    """An address that is one of this machine only together with its zone; loopback where there is none."""
    for line in Path("/proc/net/if_inet6").read_text().splitlines():
        digits, index, _, scope, *_ = line.split()
        if scope == "20":
            return socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits)), int(index, 16)
    return "::1", socket.if_nametoindex("lo")


def test_a_zone(run: Run) -> None:
    async def main() -> None:
        host, zone = link_local()
        with socket.socket(socket.AF_INET6) as server:
            server.bind((host, 0, 0, zone))
            server.listen()
            found = (socket.AF_INET6, server.getsockname())
            with await reach(found) as sock:
                assert sock.getpeername()[:2] == found[1][:2]
            with await reach(v4("127.0.0.1", closed_port()), found, source=f"{host}%{zone}") as sock:
                assert sock.getsockname()[0] == host

    run(main())


def test_families_in_turn(run: Run) -> None:
    async def main() -> None:
        port, course = closed_port(), Course()
        found = [v6("::1", port), v6("::ffff:127.0.0.1", port), v4("127.0.0.2", port), v4("127.0.0.3", port)]
        with pytest.raises(ConnectError):
            await connect("a.test:80", found, DIRECT, course)
        families = ["[" in address for address in course.tried]
        assert families == [True, False, True, False]

    run(main())


def test_so_many_addresses(run: Run) -> None:
    """None is left out, and each is tried once."""

    async def main() -> None:
        port, course, before = closed_port(), Course(), open_files()
        found = [v4(f"127.0.1.{number}", port) for number in range(1, 101)]
        with pytest.raises(ConnectError, match="127.0.1.1:.*; and 92 more; check that a server listens there"):
            await connect("a.test:80", found, DIRECT, course)
        assert list(course.tried) == [f"{address[0]}:{port}" for _, address in found]
        assert set(course.tried.values()) == {REFUSED}
        assert open_files() == before

    run(main())


def test_each_says_why(run: Run) -> None:
    async def main() -> None:
        port = closed_port()
        with pytest.raises(ConnectError) as caught:
            await reach(v4("127.0.0.1", port), v4("255.255.255.255", port))
        text = str(caught.value)
        assert text.startswith(f"cannot connect to a.test:80: 127.0.0.1:{port}: {REFUSED}; 255.255.255.255:{port}: ")
        assert text.endswith("; check the network, and that a server listens there")
        assert isinstance(caught.value.__cause__, OSError)

    run(main())


@pytest.mark.parametrize("count", [1, 2, 3])
def test_stopped_at_any_moment_nothing_is_left_open(run: Run, count: int) -> None:
    """Cancelled after k turns of the loop, losers and winner are closed; no cancellation is swallowed."""

    async def main() -> None:
        async with Peer(silent) as peer:
            found = [v4("127.0.0.1", peer.port), v6("::1", closed_port()), v4("127.0.0.1", peer.port)][:count]
            before = open_files()
            for number in range(25):
                dial = asyncio.ensure_future(reach(*found))
                await stop(dial, number)
                await peer.ended()
            assert open_files() == before

    run(main())


def test_a_cancellation_while_losers_are_put_away(run: Run, mute: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes exactly when the race is won: the turn after it, and the ones that follow."""
    monkeypatch.setattr(module, "ATTEMPT_DELAY", 0.001)

    async def main() -> None:
        async with Peer(silent) as peer:
            before = open_files()
            for number in range(8):
                won = asyncio.get_running_loop().create_future()
                dial = asyncio.ensure_future(connect("a.test:80", [mute, v4("127.0.0.1", peer.port)], DIRECT, Course()))

                class Noting(module._Noting):
                    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
                        await super().sock_connect(sock, address)
                        won.set_result(None)  # noqa: B023 - awaited before the next turn

                with monkeypatch.context() as patch:
                    patch.setattr(module, "_Noting", Noting)
                    await won
                await stop(dial, number)
                await peer.ended()
            assert open_files() == before

    run(main())


@pytest.mark.parametrize("number", range(4))
def test_an_address_alone_that_does_not_answer(run: Run, mute: Any, number: int) -> None:
    """Whoever waits for it may be cancelled."""

    async def main() -> None:
        before, course = open_files(), Course()
        dial = asyncio.ensure_future(connect("a.test:80", [mute], DIRECT, course))
        await stop(dial, number)
        assert dial.cancelled()
        assert course.tries() == (f"127.0.0.9:{mute[1][1]}: no answer yet" if number else "")
        assert open_files() == before

    run(main())


# -- where it sets out


def test_a_local_address(run: Run) -> None:
    async def main() -> None:
        async with Peer(silent) as peer:
            with await reach(v6("::1", 1), v4("127.0.0.1", peer.port), source="127.0.0.5") as sock:
                assert sock.getsockname()[0] == "127.0.0.5"
            await peer.ended()
        async with Peer(silent, host="::1") as peer:
            with await reach(v4("127.0.0.1", 1), v6("::1", peer.port), source="::1%lo") as sock:
                assert sock.getsockname()[0] == "::1"
            await peer.ended()

    run(main())


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (
            {"source": "198.51.100.1"},
            "127.0.0.1:1: local address 198.51.100.1: Cannot assign requested address (errno 99); check that "
            "local_address is an address of this machine",
        ),
        ({"source": "::1"}, "local_address ::1 is of another family than 127.0.0.1:1; give a local address"),
        ({"source": "x"}, "local_address 'x' is no IP address: give one of this machine"),
        ({"source": "fe80::1%nowhere0"}, "local_address 'fe80::1%nowhere0': .*check the zone"),
        ({"interface": "nowhere0"}, "interface nowhere0: No such device (errno 19); check the name of the interface"),
    ],
)
def test_where_it_cannot_set_out(run: Run, options: dict[str, Any], why: str) -> None:
    async def main() -> None:
        before = open_files()
        with pytest.raises(ConnectError) as caught:
            await reach(v4("127.0.0.1", 1), **options)
        head, _, tail = why.partition(".*")
        assert head in str(caught.value)
        assert tail in str(caught.value)
        assert open_files() == before

    run(main())


def test_an_interface(run: Run) -> None:
    async def main() -> None:
        async with Peer(silent) as peer:
            with await reach(v4("127.0.0.1", peer.port), interface="lo") as sock:
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16) == b"lo\0"
            await peer.ended()

    run(main())


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.EPERM, "an interface may need CAP_NET_RAW"), (errno.EACCES, "check the permissions")]
)
def test_an_interface_that_is_not_permitted(
    run: Run, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    class Barred(socket.socket):
        def setsockopt(self, level: int, name: int, value: Any) -> None:  # type: ignore[override]
            if name == socket.SO_BINDTODEVICE:
                raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket, "socket", Barred)
    with pytest.raises(ConnectError, match=f"interface lo: {os.strerror(number)} .errno {number}.; .*{advice}"):
        run(reach(v4("127.0.0.1", 1), interface="lo"))


def test_a_system_without_interfaces_by_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "SO_BINDTODEVICE")
    with pytest.raises(ConnectError, match="this system binds no socket to an interface by name; give local_address"):
        run(reach(v4("127.0.0.1", 1), interface="lo"))


# -- how it is set up


def options_of(sock: socket.socket) -> list[int]:
    return [
        bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)),
        bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)),
        sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
        sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
        sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
    ]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_tcp_asks_after_a_silent_peer(run: Run, host: str) -> None:
    async def main() -> None:
        async with Peer(silent, host=host) as peer:
            with await reach((v6 if ":" in host else v4)(host, peer.port)) as sock:
                assert options_of(sock) == [True, True, 30, 10, 3]
            await peer.ended()

    run(main())


def test_a_system_that_has_less(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the names, with macOS's, and where the system refuses."""
    standard = socket.socket

    class Refusing(standard):  # type: ignore[valid-type, misc]
        def setsockopt(self, level: int, name: int, value: Any) -> None:
            if name == socket.SO_KEEPALIVE and level == socket.SOL_SOCKET:
                raise OSError(errno.ENOPROTOOPT, "Protocol not available")
            super().setsockopt(level, name, value)

    async def main() -> None:
        async with Peer(silent) as peer:
            address = v4("127.0.0.1", peer.port)
            with monkeypatch.context() as patch:
                patch.setattr(socket, "TCP_KEEPALIVE", socket.TCP_KEEPIDLE, raising=False)
                patch.delattr(socket, "TCP_KEEPIDLE")
                patch.delattr(socket, "TCP_KEEPINTVL")
                sock = await reach(address)
            assert options_of(sock)[:3] == [True, True, 30]
            assert options_of(sock)[3] != 10
            sock.close()
            with monkeypatch.context() as patch:
                patch.setattr(socket, "socket", Refusing)
                sock = await reach(address)
            assert options_of(sock)[:2] == [True, False]
            sock.close()
            await peer.ended()

    run(main())


def test_options_of_the_callers(run: Run) -> None:
    async def main() -> None:
        async with Peer(silent) as peer:
            asked = Sockets(
                (
                    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0),
                    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 77),
                    (socket.SOL_SOCKET, socket.SO_RCVTIMEO, bytes(16)),
                )
            )
            with await reach(v4("127.0.0.1", peer.port), sockets=asked) as sock:
                assert options_of(sock)[:3] == [True, False, 77]
            await peer.ended()

    run(main())


def test_an_option_that_the_system_refuses(run: Run) -> None:
    async def main() -> None:
        before = open_files()
        asked = Sockets(((socket.SOL_SOCKET, 9999, 1),))
        with pytest.raises(ConnectError, match=r"127.0.0.1:1: socket option \(1, 9999, 1\): Protocol not available"):
            await reach(v4("127.0.0.1", 1), sockets=asked)
        assert open_files() == before

    run(main())


def test_a_factory_of_the_callers(run: Run) -> None:
    async def main() -> None:
        infos: list[Any] = []

        def make(info: Any) -> socket.socket:
            infos.append(info)
            sock = socket.socket(info[0], info[1])
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 55)
            return sock

        async with Peer(silent) as peer:
            asked = Sockets(((socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 66),), make)
            with await reach(v4("127.0.0.1", peer.port), sockets=asked, source="127.0.0.5") as sock:
                # Its keep-alive is its own business, the rest is done to it as to others.
                assert options_of(sock)[:4] == [True, False, 55, 66]
                assert sock.getsockname()[0] == "127.0.0.5"
                assert not sock.getblocking()
            assert infos == [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", peer.port))]
            await peer.ended()

    run(main())


def test_a_factory_that_refuses(run: Run) -> None:
    async def main() -> None:
        def make(info: Any) -> socket.socket:
            raise PermissionError(errno.EACCES, f"{info[4][0]} is not allowed")

        with pytest.raises(ConnectError, match=r"127.0.0.1:1: 127.0.0.1 is not allowed .*check the permissions"):
            await reach(v4("127.0.0.1", 1), sockets=Sockets(factory=make))

    run(main())


# -- unix sockets


@pytest.mark.parametrize("kind", ["str", "bytes", "abstract"])
def test_a_unix_socket(run: Run, tmp_path: Path, kind: str) -> None:
    path: Any = {"str": str(tmp_path / "a"), "bytes": os.fsencode(tmp_path / "b"), "abstract": f"\0{tmp_path}"}[kind]

    async def main() -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen()
            with await reach((socket.AF_UNIX, path)) as sock:
                assert sock.family == socket.AF_UNIX
                assert sock.getpeername() == (path.encode() if kind == "abstract" else os.fsdecode(path))

    run(main())


@pytest.mark.parametrize(
    ("name", "why"),
    [("none", "No such file or directory (errno 2); check the path"), ("x" * 200, "AF_UNIX path too long; check the")],
)
def test_no_unix_socket(run: Run, tmp_path: Path, name: str, why: str) -> None:
    async def main() -> None:
        path = str(tmp_path / name)
        with pytest.raises(ConnectError) as caught:
            await reach((socket.AF_UNIX, path))
        assert f"cannot connect to a.test:80: {path}: {why}" in str(caught.value)

    run(main())
