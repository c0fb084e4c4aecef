"""A Lane: who gets which connection, when it dials, and why each connection was closed."""

from __future__ import annotations

import pytest

from async_keepalive_httpc._message.limits import Timeout
from async_keepalive_httpc._message.reach import DIRECT, TLS, Reach
from async_keepalive_httpc.errors import (
    UNSENT,
    ClientClosed,
    ConnectError,
    ConnectionLost,
    TimeoutExpired,
    TooManyWaiters,
)
from tests.conftest import Run
from tests.wires import CLOSE, OK, ORIGIN, Rig


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
            "resends": 0,
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
        assert not rig.transport.idle
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
        assert len(rig.transport.idle) == 2
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
            "resends": 0,
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
