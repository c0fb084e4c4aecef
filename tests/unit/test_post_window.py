"""Which idle connection may carry what, with a clock of the test: the window, proven ages, the learned limit."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conftest import Run
from tests.wires import OK, Call, Rig, Wire

from async_keepalive_httpc.errors import ConnectionLost

HINT = OK.replace(b"\r\n\r\n", b"\r\nKeep-Alive: timeout=15\r\n\r\n")


async def used(rig: Rig, method: str = "GET") -> Call:
    """A request that is answered, on whatever connection it finds or that is dialled for it."""
    call = rig.send(method=method)
    await rig.turns()
    for dial in rig.dials:
        if dial.open:
            dial.land()
    await rig.turns()
    answer(rig)
    assert call.outcome.done()
    assert call.error is None
    return call


def answer(rig: Rig, raw: bytes = OK) -> None:
    """Every busy connection answers, a moment later."""
    rig.time.move(0.001)
    for wire in rig.wires:
        if wire.busy:
            wire.answer(raw)


def on(call: Call, wire: Wire) -> bool:
    """Whether a request went out on this connection."""
    return call.response._where is wire.connection


@pytest.mark.parametrize(("rested", "taken"), [(0.01, True), (3.9, True), (4.1, False), (30.0, False)])
@pytest.mark.parametrize("method", ["POST", "PATCH", "LOCK"])
def test_a_post_takes_what_has_rested_a_little(run: Run, method: str, rested: float, taken: bool) -> None:
    async def main() -> None:
        rig = Rig()
        (wire,) = await rig.connected()
        rig.time.move(rested)
        call = rig.send(method=method)
        assert on(call, wire) is taken
        if not taken:
            # The idle one stays, for those who may be sent twice.
            get = rig.send()
            assert on(get, wire)
            await rig.turns()
            rig.dials[-1].land()
            await rig.turns()
            assert on(call, rig.wires[-1])
        await rig.end()

    run(main())


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "QUERY"])
def test_what_may_be_sent_twice_takes_any(run: Run, method: str) -> None:
    async def main() -> None:
        rig = Rig()
        (wire,) = await rig.connected()
        rig.time.move(50)
        assert on(rig.send(method=method), wire)
        await rig.end()

    run(main())


def test_the_one_connection_that_there_may_be_is_closed_for_it(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=1)
        (wire,) = await rig.connected()
        rig.time.move(5)
        call = rig.send(method="POST")
        assert wire.is_closing()
        assert rig.lane().closed == {"evicted": 1}
        await rig.turns()
        rig.dials[-1].land()
        await rig.turns()
        assert on(call, rig.wires[-1])
        await rig.end()

    run(main())


def test_where_all_are_used_up_the_one_idle_longest_makes_room(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_connections=2)
        first, second = await rig.connected(2)
        rig.time.move(5)
        rig.send(method="POST")
        assert (first.is_closing(), second.is_closing()) == (True, False)
        await rig.end()

    run(main())


def test_a_proven_age(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        (wire,) = await rig.connected()
        rig.time.move(20)
        get = rig.send()
        assert on(get, wire)
        answer(rig)
        rig.time.move(19)
        post = rig.send(method="POST")
        assert on(post, wire)
        answer(rig)
        rig.time.move(21)
        assert not on(rig.send(method="POST"), wire)
        await rig.end()

    run(main())


def test_an_age_that_is_not_proven_yet(run: Run) -> None:
    """The GET that would prove it has not been answered."""

    async def main() -> None:
        rig = Rig()
        first, second = await rig.connected(2)
        rig.time.move(20)
        assert on(rig.send(), second)
        assert not on(rig.send(method="POST"), first)
        await rig.end()

    run(main())


@pytest.mark.parametrize(("rested", "taken"), [(13.0, True), (14.0, False)])
def test_a_hint_proves_it(run: Run, rested: float, taken: bool) -> None:
    """15 s less 1.5 s."""

    async def main() -> None:
        rig = Rig()
        (wire,) = await rig.connected()
        rig.send()
        answer(rig, HINT)
        rig.time.move(rested)
        assert on(rig.send(method="POST"), wire) is taken
        await rig.end()

    run(main())


@pytest.mark.parametrize("rested", [0.01, 1.0])
def test_before_a_post_the_socket_is_always_looked_at(run: Run, rested: float) -> None:
    async def main() -> None:
        rig = Rig()
        (wire,) = await rig.connected()
        rig.time.move(rested)
        wire.speak()
        assert not on(rig.send(method="POST"), wire)
        assert rig.lane().closed == {"server": 1}
        await rig.end()

    run(main())


def test_one_that_is_too_old_is_closed_and_the_next_is_looked_at(run: Run) -> None:
    async def main() -> None:
        rig = Rig(idle_timeout=10)
        await rig.connected(2)
        rig.time.move(11)
        rig.send(method="POST")
        assert rig.lane().closed == {"idle": 2}
        await rig.end()

    run(main())


# -- what is learned


def test_a_server_that_ends_what_rests(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        await rig.connected(3)
        for rested, expected in ((10.0, 8.5), (6.0, 5.1)):
            rig.time.move(rested - (rig.time.now - rig.wires[0].connection.moved))
            rig.wires[0].end()
            assert rig.lane().rest.limit == pytest.approx(expected - 0.002)  # less two round trips
            assert all(
                wire.connection.patience == rig.lane().rest.limit for wire in rig.wires if wire.connection.capacity
            )
            rig.time.move(5)
            rig.sweep()
            rig.wires = []
            await rig.connected(3)
        await rig.end()

    run(main())


def test_the_others_go_when_they_have_rested_as_long(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        first, second = await rig.connected(2)
        rig.time.move(10)
        second.end()
        assert first.connection.patience == pytest.approx(8.498)
        assert not on(rig.send(), first)
        assert rig.lane().closed == {"server": 1, "idle": 1}
        await rig.end()

    run(main())


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_request_that_dies_on_one_that_rested(run: Run, method: str, error: Exception | None) -> None:
    async def main() -> None:
        rig = Rig()
        (wire,) = await rig.connected()
        rig.time.move(10)
        call = rig.send(method=method)
        rig.time.move(0.03)
        wire.end(error)
        assert isinstance(call.error, ConnectionLost)
        assert rig.lane().rest.limit == pytest.approx(8.498)
        await rig.end()

    run(main())


@pytest.mark.parametrize("how", ["a byte came", "it was its second request since", "cancelled", "closed by us"])
def test_ends_that_teach_nothing(run: Run, how: str) -> None:
    async def main() -> None:
        rig = Rig()
        (wire,) = await rig.connected()
        rig.time.move(10)
        call: Any = rig.send()
        rig.time.move(0.01)
        if how == "a byte came":
            wire.answer(OK[:5])
        elif how == "it was its second request since":
            wire.answer()
            rig.send()
        elif how == "cancelled":
            call.cancel()
        else:
            wire.connection.close("idle")
        wire.end()
        assert rig.lane().rest.limit == rig.transport.idle_limit
        await rig.end()

    run(main())


def test_found_dead_by_a_look(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        (wire,) = await rig.connected()
        rig.time.move(10)
        wire.speak()
        rig.send()
        assert rig.lane().rest.limit == pytest.approx(8.498)
        await rig.end()

    run(main())


def test_a_hint_does_not_outlive_what_was_learned(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        await rig.connected(2)
        for _ in range(2):
            rig.send()
        answer(rig, HINT)
        rig.time.move(5)
        rig.wires[0].end()
        assert rig.wires[1].connection.patience == pytest.approx(4.248)
        rig.time.move(-1)
        rig.send()
        answer(rig, HINT)
        assert rig.wires[1].connection.patience == pytest.approx(4.248)
        await rig.end()

    run(main())


def test_a_new_connection_knows_it_and_after_a_calm_time_less_so(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        (wire,) = await rig.connected()
        rig.time.move(10)
        wire.end()
        await rig.connected()
        assert rig.wires[-1].connection.patience == pytest.approx(8.498)
        rig.time.move(601)
        rig.sweep()
        await rig.connected()
        assert rig.wires[-1].connection.patience == pytest.approx(8.498 * 1.25)
        await rig.end()

    run(main())


def test_a_request_a_second_to_a_server_that_closes_after_one(run: Run) -> None:
    """Ten minutes of POSTs: the first meets the limit, and none is lost to it after that."""

    async def main() -> None:
        rig = Rig(max_per_host=1)
        lost = 0
        for _ in range(600):
            call = rig.send(method="POST")
            await rig.turns()
            for dial in rig.dials:
                if dial.open:
                    dial.land(rtt=0.04)
            await rig.turns()
            (wire,) = [wire for wire in rig.wires if wire.busy]
            if rig.time.now - wire.connection.made >= 0.99:  # used again after its server's second
                wire.end()
                lost += 1
            else:
                wire.answer()
            assert call.outcome.done()
            rig.time.move(1)
            rig.sweep()
        assert lost <= 3
        await rig.end()

    run(main())
