"""A Transport: preconnect; the end; what is remembered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.conftest import Run
from tests.wires import CLOSE, ORIGIN, Call, Rig, Wire

from async_keepalive_httpc._message.limits import Timeout
from async_keepalive_httpc._message.reach import TLS, Reach
from async_keepalive_httpc._message.response import Response
from async_keepalive_httpc._message.url import parse
from async_keepalive_httpc._transport import transport as module
from async_keepalive_httpc.errors import ClientClosed, ConnectError

A, B, C = "http://a.test", "http://b.test", "http://c.test"


def preconnect(rig: Rig, number: int, origin: str = ORIGIN) -> asyncio.Task[int]:
    return asyncio.ensure_future(rig.transport.preconnect(parse(origin), None, number, Timeout(connect=7)))


async def land_all(rig: Rig) -> list[Wire]:
    """Land every dial that is under way."""
    await rig.turns()
    wires = [dial.land() for dial in rig.dials if dial.open]
    await rig.turns()
    return wires


# -- preconnect


def test_preconnect_dials_what_is_missing(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        await rig.connected(1)
        task = preconnect(rig, 3)
        await rig.turns()
        assert [dial.timeout for dial in rig.dials if dial.open] == [7, 7]
        await land_all(rig)
        assert await task == 3
        assert await preconnect(rig, 2) == 3
        assert rig.transport.opened == 3
        await rig.end()

    run(main())


def test_preconnect_keeps_to_the_limits(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=4, max_connections=6)
        (old,) = await rig.connected(1, origin=A)
        busy = await rig.connected(3, origin=B)
        for _ in busy:
            rig.send(origin=B)
        task = preconnect(rig, 100, C)
        await land_all(rig)
        assert await task == 3
        assert old.is_closing()
        assert rig.transport.size == 6
        task = preconnect(rig, 100, B)
        await land_all(rig)
        assert await task == 1
        assert rig.transport.starved == []
        await rig.end()

    run(main())


def test_preconnect_does_not_replace_what_it_has(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_connections=2)
        wires = await rig.connected(2)
        assert await preconnect(rig, 5) == 2
        assert not any(wire.is_closing() for wire in wires)
        await rig.end()

    run(main())


def test_preconnect_raises_what_a_dial_met_and_a_waiter_hears_it_too(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=2)
        task = preconnect(rig, 2)
        await rig.turns()
        call = rig.send()
        rig.dials[1].fail(ConnectError("refused"))
        await rig.turns()
        assert str(call.error) == "refused"
        assert not task.done()
        rig.dials[0].land()
        with pytest.raises(ConnectError, match="refused"):
            await task
        assert rig.lane().stats()["idle"] == 1
        await rig.end()

    run(main())


def test_cancelling_preconnect_leaves_its_dials_to_others(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=1)
        task = preconnect(rig, 1)
        await rig.turns()
        call = rig.send()
        task.cancel()
        await rig.turns()
        assert task.cancelled()
        await land_all(rig)
        assert call.sent
        await rig.end()

    run(main())


def test_preconnect_ends_with_the_client(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        task = preconnect(rig, 2)
        await rig.turns()
        rig.transport.close()
        with pytest.raises(ClientClosed, match=r"preconnect to http://origin\.test:80"):
            await task
        await rig.end()

    run(main())


# -- the end


def test_close_ends_everything_at_once(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=2)
        wires = await rig.connected(2)
        calls = [rig.send(f"/{number}") for number in range(4)]
        other = rig.send(origin=B)
        rig.transport.close()
        for call in [*calls, other]:
            assert isinstance(call.error, ClientClosed)
            assert call.outcome.done()
        assert len({id(call.error) for call in calls}) == 4
        assert "GET http://origin.test/3: the client was closed" in str(calls[3].error)
        await rig.turns()
        assert all(wire.aborted and wire.ended for wire in wires)
        assert rig.lane().closed == {"closed": 2}
        assert isinstance(rig.send().error, ClientClosed)
        assert isinstance(rig.send_fresh().error, ClientClosed)
        rig.transport.close()
        await rig.end()

    run(main())


def test_aclose_lets_requests_end(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=2)
        busy, idle = await rig.connected(2)
        idle, busy = busy, idle
        first, second, third = rig.send(), rig.send(), rig.send()
        closing = asyncio.ensure_future(rig.transport.aclose(None))
        await rig.turns()
        assert not closing.done()
        busy.answer()
        idle.answer(CLOSE)
        assert third.sent
        await land_all(rig)
        assert not closing.done()
        busy.answer()
        await closing
        assert all(call.error is None for call in (first, second, third))
        assert rig.lane().closed == {"server": 1, "closed": 1}
        assert not busy.aborted
        await rig.end()

    run(main())


def test_aclose_with_nothing_under_way(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        (wire,) = await rig.connected()
        await rig.transport.aclose(None)
        assert wire.ended
        assert not wire.aborted
        await rig.transport.aclose(None)
        await rig.end()

    run(main())


def test_aclose_waits_for_a_dial_and_those_who_wait_for_it(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        gone, stays = rig.send(), rig.send()
        closing = asyncio.ensure_future(rig.transport.aclose(None))
        await rig.turns()
        gone.cancel()
        rig.dials[0].fail(ConnectError("no"))
        await rig.turns()
        assert stays.error is not None
        assert not closing.done()
        rig.dials[1].land()
        await closing
        await rig.end()

    run(main())


@pytest.mark.parametrize("timeout", [0, 0.01])
def test_aclose_waits_no_longer_than_it_may(run: Run, timeout: float) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=1)
        await rig.connected()
        calls = [rig.send(), rig.send()]
        await rig.transport.aclose(timeout)
        assert all(isinstance(call.error, ClientClosed) for call in calls)
        await rig.end()

    run(main())


def test_aclose_twice_at_once(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        (wire,) = await rig.connected()
        call = rig.send()
        closings = [asyncio.ensure_future(rig.transport.aclose(None)) for _ in range(2)]
        await rig.turns()
        cancelled = asyncio.ensure_future(rig.transport.aclose(None))
        await rig.turns()
        cancelled.cancel()
        await rig.turns()
        assert not any(closing.done() for closing in closings)
        wire.answer()
        await asyncio.gather(*closings)
        assert call.error is None
        await rig.end()

    run(main())


def test_aclose_waits_for_what_follows_a_request(run: Run) -> None:
    """A redirect sets out in the same turn of the loop in which the last answer came."""

    async def main() -> None:
        rig = Rig()
        (wire,) = await rig.connected()
        call = rig.send("/1")

        async def walk() -> Call:
            await call.outcome
            again = rig.send("/2")
            await again.outcome
            return again

        walking = asyncio.ensure_future(walk())
        await rig.turns()
        closing = asyncio.ensure_future(rig.transport.aclose(None))
        await rig.turns()
        wire.answer()
        await rig.turns()
        assert not closing.done()
        wire.answer()
        await closing
        assert (await walking).error is None
        await rig.end()

    run(main())


def test_a_socket_that_takes_its_time_is_waited_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        rig = Rig()
        wires = await rig.connected(2)
        monkeypatch.setattr(Wire, "close", lambda wire: None)
        closings = [asyncio.ensure_future(rig.transport.aclose(None)) for _ in range(2)]
        await rig.turns()
        assert len(rig.transport.lingering) == 2
        wires[0].end()
        await rig.turns()
        assert not any(closing.done() for closing in closings)
        wires[1].end()
        await asyncio.gather(*closings)
        await rig.end()

    run(main())


# -- what is remembered


def names(rig: Rig) -> list[str]:
    return [lane.route.origin.host for lane in rig.transport.lanes.values()]


def test_lanes_in_which_nothing_lives_are_forgotten_but_counted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr(module, "LANES_KEPT", 10)
        rig = Rig()
        await rig.connected(origin=A)
        for number in range(100):
            origin = f"http://h{number}.test"
            (wire,) = await rig.connected(origin=origin)
            wire.end()
            assert len(rig.transport.lanes) <= 15
        assert names(rig)[0] == "a.test"
        assert names(rig)[-1] == "h99.test"
        total = rig.transport.stats()["connections"]
        assert (total["opened"], total["requests"], total["idle"]) == (101, 101, 1)
        assert total["closed"] == {"server": 100}
        await rig.end()

    run(main())


def test_a_request_may_outlive_the_lane_it_remembers(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr(module, "LANES_KEPT", 1)
        rig, other = Rig(), Rig()
        call = rig.send(origin=A)
        await rig.turns()
        rig.dials[-1].land().end()
        remembered = call.request.lane
        for number in range(3):
            (wire,) = await rig.connected(origin=f"http://h{number}.test")
            wire.end()
        assert remembered not in rig.transport.lanes.values()
        for where in (rig, other):
            outcome: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
            where.transport.send(Response(), call.request, outcome, Timeout(), 1000)
            assert call.request.lane is where.lane(A)
            await where.turns()
            wire = where.dials[-1].land()
            await where.turns()
            wire.answer()
            assert (await outcome).status == 200
        await rig.end()
        await other.end()

    run(main())


def test_lanes_in_which_something_lives_are_all_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr(module, "LANES_KEPT", 10)
        rig = Rig(max_connections=1)
        scans = 0
        forget = module.Transport._forget_lanes

        def counted(transport: Any) -> None:
            nonlocal scans
            scans += 1
            forget(transport)

        monkeypatch.setattr(module.Transport, "_forget_lanes", counted)
        calls = [rig.send(origin=f"http://h{number}.test") for number in range(200)]
        assert len(rig.transport.lanes) == 200
        assert scans < 50
        for call in calls:
            call.cancel()
        await rig.end()

    run(main())


def test_stats_add_the_lanes_of_one_origin(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        secure = "https://origin.test"
        await rig.connected(2, origin=secure)
        rig.send(origin=secure, reach=Reach(TLS(verify=False)))
        rig.send(origin=B)
        stats = rig.transport.stats()
        assert list(stats["origins"]) == ["https://origin.test:443", "http://b.test:80"]
        assert stats["origins"]["https://origin.test:443"]["idle"] == 2
        assert stats["origins"]["https://origin.test:443"]["dialling"] == 1
        assert stats["connections"]["dialling"] == stats["connections"]["waiting"] == 2
        await rig.end()

    run(main())


def test_stats_of_nothing(run: Run) -> None:
    async def main() -> None:
        stats = Rig().transport.stats()
        assert stats["origins"] == {}
        assert stats["connections"].pop("closed") == {}
        assert set(stats["connections"].values()) == {0}

    run(main())
