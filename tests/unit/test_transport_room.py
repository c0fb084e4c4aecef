"""A Transport has room for so many connections, of all origins together: who gets it, and in which order."""

from __future__ import annotations

import random
import resource
import sys

import pytest
from tests.conftest import Run
from tests.wires import CLOSE, Call, Rig, Wire

from async_keepalive_httpc._transport import transport as module
from async_keepalive_httpc.errors import ConnectError

A, B, C = "http://a.test", "http://b.test", "http://c.test"


async def land_all(rig: Rig) -> list[Wire]:
    """Land every dial that is under way."""
    await rig.turns()
    wires = [dial.land() for dial in rig.dials if dial.open]
    await rig.turns()
    return wires


def test_the_connection_that_was_idle_longest_makes_room_whatever_its_origin(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_connections=3)
        (a1, a2) = await rig.connected(2, origin=A)
        rig.time.move(1)
        (b1,) = await rig.connected(origin=B)
        rig.time.move(1)
        rig.send(origin=A)
        a2.answer()
        rig.send(origin=C)
        assert (a1.is_closing(), b1.is_closing(), a2.is_closing()) == (True, False, False)
        rig.send(origin=C)
        assert (b1.is_closing(), a2.is_closing()) == (True, False)
        assert rig.transport.size == 3
        assert rig.lane(A).closed == rig.lane(B).closed == {"evicted": 1}
        await rig.end()

    run(main())


def test_connections_make_room_in_the_order_in_which_they_came_to_rest(run: Run) -> None:
    async def main() -> None:
        origins = [f"http://{number}.test" for number in range(20)]
        rig = Rig(max_connections=len(origins))
        wires = {origin: (await rig.connected(origin=origin))[0] for origin in origins}
        order = random.Random(7).choices(origins, k=200)
        for origin in order:
            rig.time.move(0.001)
            rig.send(origin=origin)
            wires[origin].answer()
        for place, origin in enumerate(sorted(origins, key=lambda origin: wires[origin].connection.moved)):
            assert not wires[origin].is_closing()
            rig.send(origin=f"http://other-{place}.test")
            assert wires[origin].is_closing()
        assert not rig.transport.resting
        await rig.end()

    run(main())


def test_lanes_without_room_are_served_in_the_order_of_their_requests(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_connections=1)
        (wire,) = await rig.connected(origin=A)
        calls: list[Call] = []
        order = [A, B, A, C, B]
        for number, origin in enumerate(order):
            rig.time.move(0.001)
            calls.append(rig.send(f"/{number}", origin=origin))
        assert calls[0].sent
        for number, call in enumerate(calls):
            assert [one.sent for one in calls] == [one is call for one in calls], number
            wire.answer(CLOSE)
            wire, *_ = await land_all(rig) or [wire]
            assert rig.transport.size <= 1
        assert all(call.outcome.done() for call in calls)
        assert not rig.transport.pressed
        await rig.end()

    run(main())


def test_a_lane_that_is_always_busy_starves_no_other(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_connections=1)
        (wire,) = await rig.connected(origin=A)
        rig.send(origin=A)
        rig.time.move(1)
        other = rig.send(origin=B)
        rig.time.move(1)
        later = rig.send(origin=A)
        wire.answer()
        assert rig.lane(A).closed == {"evicted": 1}
        (wire,) = await land_all(rig)
        assert (other.sent, later.sent) == (True, False)
        wire.answer()
        (wire,) = await land_all(rig)
        assert later.sent
        await rig.end()

    run(main())


def test_an_older_request_of_the_same_lane_keeps_the_connection(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_connections=1)
        (wire,) = await rig.connected(origin=A)
        rig.send(origin=A)
        first = rig.send(origin=A)
        rig.time.move(1)
        rig.send(origin=B)
        wire.answer()
        assert first.sent
        wire.answer()
        assert rig.lane(A).closed == {"evicted": 1}
        assert rig.lane(B).dials == 1
        await rig.end()

    run(main())


def test_a_late_dial_makes_room_for_a_starved_lane(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_connections=1)
        gone = rig.send(origin=A)
        other = rig.send(origin=B)
        gone.cancel()
        await land_all(rig)
        assert rig.lane(A).closed == {"evicted": 1}
        await land_all(rig)
        assert other.sent
        assert not rig.transport.pressed
        await rig.end()

    run(main())


def test_a_cancelled_waiter_leaves_its_turn_to_the_next(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_connections=1)
        (wire,) = await rig.connected(origin=A)
        rig.send(origin=A)
        rig.time.move(1)
        gone = rig.send(origin=B)
        rig.time.move(1)
        other = rig.send(origin=C)
        gone.cancel()
        wire.answer()
        await land_all(rig)
        assert other.sent
        await rig.end()

    run(main())


def test_a_dial_that_fails_gives_its_room_to_the_next(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_connections=1)
        first = rig.send(origin=A)
        other = rig.send(origin=B)
        await rig.turns()
        rig.dials[0].fail(ConnectError("no"))
        await rig.turns()
        assert first.error is not None
        assert rig.lane(B).dials == 1
        await land_all(rig)
        assert other.sent
        await rig.end()

    run(main())


def test_the_limit_of_one_origin_holds_inside_the_limit_of_all(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_connections=3, max_per_host=2)
        calls = [rig.send(origin=A) for _ in range(4)]
        rig.time.move(1)
        calls += [rig.send(origin=B) for _ in range(3)]
        assert (rig.lane(A).dials, rig.lane(B).dials) == (2, 1)
        wires = await land_all(rig)
        assert [call.sent for call in calls] == [True, True, False, False, True, False, False]
        wires[0].answer(CLOSE)
        assert (rig.lane(A).dials, rig.lane(B).dials) == (1, 0)  # the third of A came before the second of B
        await rig.end()

    run(main())


def test_many_waiters_many_lanes_every_one_served_and_the_limit_kept(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_connections=5, max_per_host=3)
        calls = [rig.send(origin=f"http://h{number % 7}.test") for number in range(200)]
        for turn in range(2000):
            await land_all(rig)
            assert rig.transport.size <= 5
            assert all(lane.size <= 3 for lane in rig.transport.lanes.values())
            busy = [wire for wire in rig.wires if wire.busy]
            if not busy:
                break
            busy[turn % len(busy)].answer(CLOSE if turn % 3 == 0 else b"HTTP/1.1 204 No Content\r\n\r\n")
        assert all(call.outcome.done() and call.error is None for call in calls)
        assert (rig.transport.starved, rig.transport.pressed) == ([], False)
        await rig.end()

    run(main())


@pytest.mark.parametrize(("soft", "most"), [(64, 32), (1, 1), (10_000, 100), (resource.RLIM_INFINITY, 100)])
def test_half_of_the_files_is_the_most(run: Run, monkeypatch: pytest.MonkeyPatch, soft: int, most: int) -> None:
    async def main() -> None:
        monkeypatch.setattr(resource, "getrlimit", lambda kind: (soft, soft))
        assert Rig(max_connections=100).transport.most == most

    run(main())


def test_where_files_are_not_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    assert module._half_of_files() == float("inf")
