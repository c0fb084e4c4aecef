"""A Lane: who waits, when it dials, who gets what lands or is freed."""

from __future__ import annotations

import pytest
from tests.conftest import Run
from tests.wires import OK, Rig

from async_keepalive_httpc._message.limits import Timeout
from async_keepalive_httpc.errors import (
    UNSENT,
    ClientClosed,
    ConnectError,
    ConnectionLost,
    TimeoutExpired,
    TooManyWaiters,
)


def hint(value: str) -> bytes:
    return OK.replace(b"\r\n\r\n", f"\r\nKeep-Alive: {value}\r\n\r\n".encode())


# -- waiting and dialling


def test_waiters_are_served_in_the_order_they_came(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=1)
        calls = [rig.send(f"/{number}") for number in range(5)]
        await rig.turns()
        assert len(rig.dials) == 1
        wire = rig.dials[0].land()
        await rig.turns()
        for number, call in enumerate(calls):
            assert call.sent
            assert rig.lane().stats()["waiting"] == 4 - number
            wire.answer()
            assert call.outcome.done()
        targets = [line.split()[1] for line in wire.written.splitlines() if line.startswith(b"GET")]
        assert targets == [b"/0", b"/1", b"/2", b"/3", b"/4"]
        await rig.end()

    run(main())


def test_one_dial_for_each_waiter_up_to_the_limit(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=3)
        for number in range(5):
            rig.send()
            assert rig.lane().dials == min(number + 1, 3)
        assert rig.lane().stats()["dialling"] == 3
        await rig.end()

    run(main())


def test_a_dial_has_the_connect_timeout_of_the_waiter_it_is_for(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        for seconds in (1, 2, 3):
            rig.send(timeout=Timeout(connect=seconds))
        await rig.turns()
        assert [dial.timeout for dial in rig.dials] == [1, 2, 3]
        assert rig.dials[0].route is rig.lane().route
        await rig.end()

    run(main())


def test_late_binding(run: Run) -> None:
    """A waiter that started a dial takes a freed connection; the late dial rests, newest on top."""

    async def main() -> None:
        rig = Rig()
        (wire,) = await rig.connected()
        rig.send("/a")
        waiter = rig.send("/b")
        await rig.turns()
        assert len(rig.dials) == 2
        wire.answer()
        assert waiter.sent
        assert wire.busy
        late = rig.dials[1].land()
        await rig.turns()
        assert rig.lane().stats()["idle"] == 1
        rig.send("/c")
        assert late.busy
        await rig.end()

    run(main())


def test_who_lands_first_serves_the_first_waiter(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        first, second = rig.send("/1"), rig.send("/2")
        await rig.turns()
        rig.dials[1].land()
        await rig.turns()
        assert (first.sent, second.sent) == (True, False)
        rig.dials[0].land()
        await rig.turns()
        assert second.sent
        await rig.end()

    run(main())


def test_a_failed_dial_fails_the_first_waiter_and_no_other(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=1)
        first, second = rig.send("/1"), rig.send("/2")
        await rig.turns()
        rig.dials[0].fail(ConnectError("refused"))
        await rig.turns()
        assert str(first.error) == "refused"
        assert second.error is None
        assert len(rig.dials) == 2
        rig.dials[1].land()
        await rig.turns()
        assert second.sent
        await rig.end()

    run(main())


def test_a_failed_dial_that_nobody_waits_for(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        call = rig.send()
        await rig.turns()
        call.cancel()
        rig.dials[0].fail(TimeoutExpired("too long", "connect"))
        await rig.turns()
        assert rig.lane().empty
        assert rig.transport.size == 0
        await rig.end()

    run(main())


def test_a_cancelled_waiter_leaves_and_its_dial_goes_on(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=2)
        calls = [rig.send(f"/{number}") for number in range(4)]
        await rig.turns()
        for number in (0, 2):
            calls[number].cancel()
            assert isinstance(calls[number].error, ClientClosed)
        assert rig.lane().stats()["waiting"] == 2
        assert [dial.open for dial in rig.dials] == [True, True]
        for dial in rig.dials:
            dial.land()
        await rig.turns()
        assert [call.sent for call in calls] == [False, True, False, True]
        await rig.end()

    run(main())


def test_a_waiter_whose_future_is_cancelled_is_passed_over(run: Run) -> None:
    """A task that is cancelled as a connection is freed: the connection goes on to the next."""

    async def main() -> None:
        rig = Rig(max_per_host=1)
        (wire,) = await rig.connected()
        rig.send("/under-way")
        first, second = rig.send("/1"), rig.send("/2")
        first.outcome.cancel()
        wire.answer()
        assert (first.sent, second.sent) == (False, True)
        first.response.abandon()
        wire.answer()
        assert second.outcome.done()
        assert rig.lane().stats()["idle"] == 1
        assert not any(rig.transport.clock._rows.values())
        await rig.end()

    run(main())


def test_a_group_that_is_cancelled_at_once_starts_no_dial(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=1)
        await rig.connected()
        calls = [rig.send() for _ in range(10)] + [rig.send_fresh() for _ in range(2)]
        for call in calls:
            call.outcome.cancel()
        for call in calls:
            call.response.abandon()
        await rig.turns()
        assert len(rig.dials) == 1
        assert rig.lane().empty
        await rig.end()

    run(main())


def test_an_abandoned_request_closes_its_connection_and_makes_room(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=1)
        (wire,) = await rig.connected()
        first, second = rig.send(), rig.send()
        first.cancel()
        await rig.turns()
        assert wire.aborted
        assert rig.lane().closed == {"abandoned": 1}
        rig.dials[1].land()
        await rig.turns()
        assert second.sent
        await rig.end()

    run(main())


def test_a_connection_lost_under_a_request_makes_room(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=1)
        (wire,) = await rig.connected()
        first = rig.send()
        rig.send()
        wire.end()
        assert isinstance(first.error, ConnectionLost)
        assert rig.lane().dials == 1
        assert rig.lane().closed == {"lost": 1}
        await rig.end()

    run(main())


def test_too_many_waiters(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=2, max_waiters=3)
        calls = [rig.send() for _ in range(5)]
        refused = rig.send("/last")
        assert isinstance(refused.error, TooManyWaiters)
        assert str(refused.error) == (
            "GET http://origin.test/last: 3 requests already wait for a connection to http://origin.test:80: send "
            "fewer at once, or raise max_waiters or max_per_host"
        )
        assert refused.outcome.done()
        assert refused.response._row is None
        assert all(call.error is None for call in calls)
        await rig.turns()
        for dial in rig.dials:
            dial.land()
        await rig.turns()
        assert rig.lane().waiting == 3
        assert isinstance(rig.send().error, TooManyWaiters)
        rig.send_fresh()  # what is sent again was let in before
        assert rig.lane().waiting == 4
        await rig.end()

    run(main())


def test_waiters_that_a_dial_serves_do_not_count(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=50, max_waiters=1)
        calls = [rig.send() for _ in range(51)]
        assert all(call.error is None for call in calls)
        assert isinstance(rig.send().error, TooManyWaiters)
        await rig.end()

    run(main())


def test_too_many_waiters_for_the_limit_of_all_origins(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_connections=1, max_waiters=1)
        rig.send(origin="http://other.test")
        assert rig.send().error is None
        assert isinstance(rig.send().error, TooManyWaiters)
        await rig.end()

    run(main())


# -- fresh connections


def test_a_fresh_waiter_takes_no_connection_that_was_used(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        wires = await rig.connected(2)
        call = rig.send_fresh()
        await rig.turns()
        assert not any(wire.busy for wire in wires)
        rig.send()
        wires[1].answer()
        assert not call.sent
        new = rig.dials[2].land()
        await rig.turns()
        assert new.busy
        assert rig.lane().stats()["resends"] == 1
        await rig.end()

    run(main())


def test_a_fresh_waiter_goes_first(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=1)
        plain = rig.send()
        fresh = rig.send_fresh()
        await rig.turns()
        wire = rig.dials[0].land()
        await rig.turns()
        assert (plain.sent, fresh.sent) == (False, True)
        wire.answer()
        assert plain.sent
        await rig.end()

    run(main())


def test_at_the_limit_an_idle_connection_makes_room_for_a_fresh_one(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=2)
        oldest, _ = await rig.connected(2)
        rig.send_fresh()
        assert rig.lane().closed == {"evicted": 1}
        assert oldest.is_closing()
        assert rig.lane().dials == 1
        await rig.end()

    run(main())


def test_at_the_limit_of_all_origins_an_idle_connection_makes_room_for_a_fresh_one(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_connections=1)
        await rig.connected()
        fresh = rig.send_fresh()
        assert rig.lane().closed == {"evicted": 1}
        assert (rig.lane().dials, rig.transport.starved) == (1, [])
        await rig.turns()
        rig.dials[1].land()
        await rig.turns()
        assert fresh.sent
        await rig.end()

    run(main())


def test_at_the_limit_a_freed_connection_makes_room_for_a_fresh_one(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=1)
        (wire,) = await rig.connected()
        rig.send()
        fresh, plain = rig.send_fresh(), rig.send()
        wire.answer()
        assert rig.lane().closed == {"evicted": 1}
        await rig.turns()
        rig.dials[1].land()
        await rig.turns()
        assert (fresh.sent, plain.sent) == (True, False)
        await rig.end()

    run(main())


# -- landing


@pytest.mark.parametrize("how", ["ended", "spoke", "unheard"])
def test_a_connection_that_lands_ended_or_not_silent(run: Run, how: str) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=1)
        first, second = rig.send("/1"), rig.send("/2")
        await rig.turns()
        wire = rig.dials[0].land()
        if how == "ended":
            wire.end()
        elif how == "spoke":
            wire.answer(b"220 smtp.test ready\r\n")
        else:
            wire.speak()
        await rig.turns()
        error = first.error
        assert isinstance(error, ConnectionLost)
        assert (error.stage, error.reused) == (UNSENT, False)
        assert "GET http://origin.test/1: http://origin.test:80 ended the connection, or spoke" in str(error)
        assert wire.written == b""
        assert second.error is None
        assert len(rig.dials) == 2
        assert rig.lane().closed == {"server": 1}
        await rig.end()

    run(main())


def test_over_tls_only_a_close_counts_at_landing(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        call = rig.send()
        await rig.turns()
        rig.dials[0].land(tls=True).speak()
        await rig.turns()
        assert call.sent
        await rig.end()

    run(main())


def test_a_server_that_closes_at_accept_with_nobody_waiting(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        call = rig.send()
        await rig.turns()
        call.cancel()
        rig.dials[0].land().end()
        await rig.turns()
        assert len(rig.dials) == 1
        assert rig.lane().empty
        await rig.end()

    run(main())


def test_a_dial_that_lands_although_the_client_was_closed(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        rig.send()
        await rig.turns()
        rig.transport.closed = True  # as a resolver that swallows its cancellation would have it
        wire = rig.dials[0].land()
        await rig.turns()
        assert wire.aborted
        assert wire.written == b""
        assert rig.transport.size == 0
        await rig.end()

    run(main())


@pytest.mark.parametrize("started", [True, False], ids=["under way", "not begun"])
def test_a_dial_that_is_cancelled_from_outside(run: Run, started: bool) -> None:
    """As at the end of a loop: nobody waits on, nothing new begins, and the Lane is as good as new."""

    async def main() -> None:
        rig = Rig(max_per_host=1)
        calls = [rig.send("/1"), rig.send("/2"), rig.send_fresh("/3")]
        if started:
            await rig.turns()
        for task in list(rig.transport._tasks):
            task.cancel()
        await rig.turns()
        for call in calls:
            assert isinstance(call.error, ClientClosed)
            assert "was cancelled from outside" in str(call.error)
        assert len(rig.dials) == started
        assert (rig.lane().empty, rig.transport.size) == (True, 0)
        again = rig.send()
        await rig.turns()
        rig.dials[-1].land()
        await rig.turns()
        assert again.sent
        await rig.end()

    run(main())
