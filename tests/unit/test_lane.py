"""A Lane: which connection is taken, how long one rests, and why each was closed."""

from __future__ import annotations

import pytest
from tests.conftest import Run
from tests.wires import CLOSE, OK, ORIGIN, Rig

from async_keepalive_httpc._message.limits import Timeout
from async_keepalive_httpc._message.reach import DIRECT, TLS, Reach


def hint(value: str) -> bytes:
    return OK.replace(b"\r\n\r\n", f"\r\nKeep-Alive: {value}\r\n\r\n".encode())


# -- taking


def test_the_newest_idle_connection_is_used_first(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        wires = await rig.connected(3)
        for turn in range(3):
            call = rig.send(f"/{turn}")
            assert wires[2].busy
            wires[2].answer()
            assert call.outcome.result().reused
        assert rig.lane().stats() == {
            "dialling": 0,
            "active": 0,
            "idle": 3,
            "waiting": 0,
            "opened": 3,
            "requests": 6,
            "reused": 3,
            "pipelined": 0,
            "resends": 0,
            "handshakes": 0,
            "resumed": 0,
            "closed": {},
        }
        await rig.end()

    run(main())


@pytest.mark.parametrize(
    ("raw", "rtt", "allowed"),
    [
        (OK, 0.001, 60.0),
        (hint("timeout=1000"), 0.001, 60.0),
        (hint("timeout=5"), 0.001, 4.5),
        (hint("timeout=30"), 0.001, 27.0),
        (hint("timeout=5"), 1.0, 3.0),
        (hint("max=5"), 0.001, 60.0),
        (hint("timeout=soon"), 0.001, 60.0),
    ],
)
def test_how_long_a_connection_may_rest(run: Run, raw: bytes, rtt: float, allowed: float) -> None:
    async def main() -> None:
        rig = Rig()
        rig.send()
        await rig.turns()
        wire = rig.dials[0].land(rtt=rtt)
        await rig.turns()
        wire.answer(raw)
        rig.time.move(allowed - 0.001)
        rig.sweep()
        rig.send()
        assert wire.busy
        wire.answer(raw)
        rig.time.move(allowed)
        rig.send()
        await rig.turns()
        assert wire.ended
        assert len(rig.dials) == 2
        assert rig.lane().closed == {"idle": 1}
        await rig.end()

    run(main())


def test_the_clock_closes_what_has_been_idle_too_long(run: Run) -> None:
    async def main() -> None:
        rig = Rig(idle_timeout=10)
        first, second = await rig.connected(2)
        rig.time.move(6)
        rig.send()
        second.answer()
        rig.time.move(4)
        rig.sweep()
        await rig.turns()
        assert (first.ended, second.ended) == (True, False)
        assert not first.aborted
        rig.time.move(6)
        rig.sweep()
        await rig.turns()
        assert second.ended
        assert rig.lane().closed == {"idle": 2}
        await rig.end()

    run(main())


def test_no_idle_limit(run: Run) -> None:
    async def main() -> None:
        rig = Rig(idle_timeout=None, max_age=None)
        (wire,) = await rig.connected()
        rig.time.move(1e9)
        rig.sweep()
        rig.send()
        assert wire.busy
        await rig.end()

    run(main())


@pytest.mark.parametrize("value", ["timeout=0", "timeout=0, max=100"])
def test_a_hint_of_no_time_at_all(run: Run, value: str) -> None:
    async def main() -> None:
        rig = Rig()
        rig.send()
        await rig.turns()
        wire = rig.dials[0].land()
        await rig.turns()
        wire.answer(hint(value))
        assert rig.lane().closed == {"idle": 1}
        assert not rig.transport.resting
        await rig.end()

    run(main())


@pytest.mark.parametrize(("raw", "requests"), [(hint("max=1"), 2), (hint("max=0"), 1), (hint("timeout=9, max=2"), 3)])
def test_a_hint_of_how_many_requests_are_left(run: Run, raw: bytes, requests: int) -> None:
    async def main() -> None:
        rig = Rig()
        rig.send()
        await rig.turns()
        wire = rig.dials[0].land()
        await rig.turns()
        wire.answer(raw)
        for _ in range(requests - 1):
            rig.send()
            assert wire.busy
            wire.answer()
        assert rig.lane().closed == {"max requests": 1}
        assert rig.lane().stats()["requests"] == requests
        await rig.end()

    run(main())


def test_max_requests_per_connection(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_requests_per_connection=2)
        (wire,) = await rig.connected()
        rig.send()
        wire.answer()
        assert rig.lane().closed == {"max requests": 1}
        await rig.end()

    run(main())


def test_max_age_lets_the_request_under_way_end(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_age=100, idle_timeout=None)
        (wire,) = await rig.connected()
        assert 90 <= wire.connection.retires - rig.time.now <= 110
        call = rig.send(timeout=Timeout(read=None))
        rig.time.move(110)
        waits = [rig.send(), rig.send()]
        rig.sweep()
        assert wire.busy
        wire.answer()
        assert call.outcome.done()
        assert not waits[0].sent
        assert rig.lane().closed == {"age": 1}
        await rig.end()

    run(main())


def test_max_age_of_a_connection_at_rest(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_age=100, idle_timeout=None)
        await rig.connected(2)
        rig.time.move(89.9)
        rig.sweep()
        assert len(rig.transport.resting) == 2
        rig.time.move(20.1)
        rig.send()
        assert rig.lane().closed == {"age": 2}
        assert rig.lane().dials == 1
        await rig.end()

    run(main())


def test_ages_differ_so_that_connections_do_not_end_together(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_age=100)
        wires = await rig.connected(20)
        assert len({wire.connection.retires for wire in wires}) > 10
        await rig.end()

    run(main())


@pytest.mark.parametrize(("rest", "used"), [(0.04, True), (0.06, False)])
def test_a_connection_that_spoke_unheard_is_looked_at_after_a_rest(run: Run, rest: float, used: bool) -> None:
    async def main() -> None:
        rig = Rig()
        (wire,) = await rig.connected()
        wire.speak()
        rig.time.move(rest)
        call = rig.send()
        assert call.sent is used
        assert rig.lane().closed == ({} if used else {"server": 1})
        await rig.end()

    run(main())


def test_fin_and_bytes_while_idle_remove_a_connection(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        wires = await rig.connected(3)
        wires[0].end()
        wires[1].answer(b"HTTP/1.1 200 OK\r\n")
        wires[2].end(ConnectionResetError())
        assert rig.lane().closed == {"server": 2, "poisoned": 1}
        assert (rig.transport.size, len(rig.lane().members)) == (0, 0)
        await rig.end()

    run(main())


# -- facts


def test_every_reason_is_counted_once(run: Run) -> None:
    async def main() -> None:
        rig = Rig(idle_timeout=10)
        wires = await rig.connected(4)
        wires[0].end()
        wires[1].answer(b"!")
        rig.send()
        wires[3].answer(CLOSE)
        rig.send()
        wires[2].answer(OK + b"HTTP/1.1 200 OK\r\n")
        assert rig.lane().stats() == {
            "dialling": 0,
            "active": 0,
            "idle": 0,
            "waiting": 0,
            "opened": 4,
            "requests": 6,
            "reused": 2,
            "pipelined": 0,
            "resends": 0,
            "handshakes": 0,
            "resumed": 0,
            "closed": {"server": 2, "poisoned": 2},
        }
        await rig.end()

    run(main())


def test_a_connection_between_close_and_its_end_is_lingering(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        (wire,) = await rig.connected()
        rig.send()
        wire.answer(CLOSE)
        assert rig.transport.lingering == {wire.connection}
        assert (rig.transport.size, rig.lane().members) == (0, set())
        await rig.turns()
        assert rig.transport.lingering == set()
        await rig.end()

    run(main())


def test_what_may_share_a_socket(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        reaches = [
            None,
            DIRECT,
            Reach(),
            Reach(TLS(verify=False)),
            Reach(TLS(verify=False)),
            Reach(source="127.0.0.1"),
            Reach(ipv6=False),
            Reach(TLS(options=(("ciphers", "x"),))),
            Reach(TLS(options=(("ciphers", "x"),))),
        ]
        for reach in reaches:
            rig.send(origin="https://origin.test", reach=reach)
        assert sorted(lane.waiting for lane in rig.transport.lanes.values()) == [1, 1, 2, 2, 3]
        rig.send(origin="https://origin.test:444")
        rig.send(origin="http://origin.test:443")
        rig.send(origin="https://Origin.Test")
        assert sorted(lane.waiting for lane in rig.transport.lanes.values()) == [1, 1, 1, 1, 2, 2, 4]
        await rig.end()

    run(main())


@pytest.mark.parametrize(
    ("origin", "shown"), [(ORIGIN, "http://origin.test:80"), ("https://[::1]:8443", "https://[::1]:8443")]
)
def test_a_route_shows_where_it_goes(run: Run, origin: str, shown: str) -> None:
    async def main() -> None:
        rig = Rig()
        rig.send(origin=origin)
        assert str(rig.lane(origin).route) == shown
        await rig.end()

    run(main())
