"""Which limit ends a response first, as it waits, writes and reads; and what the error then says."""

from __future__ import annotations

import math

import pytest
from tests.conftest import Run
from tests.wires import OK, Call, Rig

from async_keepalive_httpc._message.limits import Timeout
from async_keepalive_httpc._transport.deadline import deadline
from async_keepalive_httpc.errors import TimeoutExpired


def due(rig: Rig, call: Call) -> tuple[float, str]:
    """When, from now on, and by which limit."""
    found = deadline(call.response, rig.time.now)
    return found.when - rig.time.now, found.phase


def test_waiting_without_a_dial_is_the_pool_phase(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=1)
        rig.send()
        second = rig.send(timeout=Timeout(total=30, pool=5))
        rig.time.move(2)
        assert due(rig, second) == (3, "pool")
        await rig.end()

    run(main())


def test_waiting_for_a_dial_is_not(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=1)
        first = rig.send(timeout=Timeout(total=30, pool=5))
        rig.time.move(4)
        assert due(rig, first) == (5, "pool")  # looked at again: the dial may fail
        rig.time.move(24)
        assert due(rig, first) == (2, "total")
        await rig.end()

    run(main())


def test_waiting_for_a_fresh_connection(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=1)
        served = rig.send_fresh(timeout=Timeout(pool=5))
        waits = rig.send(timeout=Timeout(pool=5))
        rig.time.move(1)
        assert due(rig, served) == (5, "pool")
        assert due(rig, waits) == (4, "pool")
        await rig.end()

    run(main())


def test_a_total_that_starts_after_the_queue(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=1)
        (wire,) = await rig.connected()
        first = rig.send()
        second = rig.send(timeout=Timeout(total=30, read=None, from_queue=False))
        rig.time.move(20)
        assert due(rig, second) == (math.inf, "")
        wire.answer()
        assert first.outcome.done()
        assert second.sent
        assert due(rig, second) == (30, "total")
        await rig.end()

    run(main())


def test_reading_counts_silence(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        (wire,) = await rig.connected()
        call = rig.send(timeout=Timeout(total=300, read=10))
        rig.time.move(4)
        assert due(rig, call) == (6, "read")
        wire.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        assert due(rig, call) == (10, "read")
        rig.time.move(3)
        wire.answer(b"c")
        assert due(rig, call) == (10, "read")
        rig.time.move(9)
        assert due(rig, call) == (1, "read")
        await rig.end()

    run(main())


def test_a_caller_that_is_slow_itself_has_only_the_total(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        (wire,) = await rig.connected()
        call = rig.send(timeout=Timeout(total=300, read=10))
        wire.connection.pause()
        rig.time.move(200)
        assert due(rig, call) == (10, "read")
        rig.time.move(99)
        assert due(rig, call) == (1, "total")
        await rig.end()

    run(main())


@pytest.mark.parametrize(
    ("timeout", "expected"),
    [
        (Timeout(None, read=None), (math.inf, "")),
        (Timeout(7, read=None), (7, "total")),
        (Timeout(7, read=7), (7, "total")),
        (Timeout(None, read=3), (3, "read")),
    ],
)
def test_limits_that_are_not_there(run: Run, timeout: Timeout, expected: tuple[float, str]) -> None:
    async def main() -> None:
        rig = Rig()
        await rig.connected()
        assert due(rig, rig.send(timeout=timeout)) == expected
        await rig.end()

    run(main())


def expired(call: Call) -> TimeoutExpired:
    error = call.error
    assert isinstance(error, TimeoutExpired)
    return error


def test_expiry_is_never_early_and_says_which_phase(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=1)
        (wire,) = await rig.connected()
        reading = rig.send("/slow", timeout=Timeout(total=9, read=4, pool=2))
        pool = rig.send("/late", timeout=Timeout(total=9, read=4, pool=2))
        rig.time.move(1.999)
        rig.sweep()
        assert (pool.error, reading.error) == (None, None)
        rig.time.move(0.001)
        rig.sweep()
        error = expired(pool)
        assert error.phase == "pool"
        assert str(error) == (
            "GET http://origin.test/late: pool timeout of 2 s after 2.000 s, waiting for a connection to "
            "http://origin.test:80; raise Timeout(pool=...) if that is too soon"
        )
        assert rig.lane().waiting == 0
        rig.time.move(1.999)
        rig.sweep()
        assert reading.error is None
        rig.time.move(0.001)
        rig.sweep()
        assert expired(reading).phase == "read"
        assert "after 4.000 s, sent, silent for 4.000 s, on <H1Connection 1 busy 192.0.2.1:80 served=2>;" in str(
            reading.error
        )
        assert wire.aborted
        await rig.end()

    run(main())


def test_bytes_put_the_read_timeout_off_but_not_the_total(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        (wire,) = await rig.connected()
        call = rig.send(timeout=Timeout(total=10, read=4))
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
        for byte in head[:9]:
            rig.time.move(1)
            wire.answer(bytes([byte]))
            rig.sweep()
        assert call.error is None
        rig.time.move(0.999)
        rig.sweep()
        assert call.error is None
        rig.time.move(0.001)
        rig.sweep()
        assert expired(call).phase == "total"
        assert "after 10.000 s, sent, silent for 1.000 s, on " in str(call.error)
        await rig.end()

    run(main())


def test_what_a_dial_took_is_told(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        call = rig.send(timeout=Timeout(total=10))
        await rig.turns()
        rig.dials[-1].land()
        await rig.turns()
        rig.wires[-1].connection.marks = {"connecting to": 0.25, "making a TLS handshake with": 1.5}
        rig.time.move(10)
        rig.sweep()
        assert "after 10.000 s, connected in 1.500 s, sent, silent for 10.000 s, on " in str(expired(call))
        await rig.end()

    run(main())


def test_a_body_that_the_peer_does_not_take_is_the_write_phase(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        (wire,) = await rig.connected()
        call = rig.send(timeout=Timeout(total=None, read=1, write=5), method="PUT", body=bytes(1_000_000))
        wire.connection.pause_writing()
        await rig.turns()
        assert due(rig, call) == (5, "write")
        rig.time.move(4)
        wire.connection.resume_writing()
        wire.connection.pause_writing()
        rig.time.move(4.5)
        rig.sweep()
        assert call.error is None
        rig.time.move(0.5)
        rig.sweep()
        assert expired(call).phase == "write"
        await rig.end()

    run(main())


def test_the_total_goes_on_through_a_second_try(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        (wire,) = await rig.connected()
        began = rig.time.now
        rig.time.move(25)
        again = rig.call(timeout=Timeout(total=30, read=20))
        rig.transport.send_on(again.response, began)
        fresh = rig.send_fresh(timeout=Timeout(total=30, read=20), started=began)
        rig.time.move(4.999)
        rig.sweep()
        assert (again.error, fresh.error) == (None, None)
        rig.time.move(0.001)
        rig.sweep()
        assert expired(again).phase == expired(fresh).phase == "total"
        assert "after 30.000 s" in str(again.error)
        assert wire.aborted
        await rig.end()

    run(main())


def test_no_limit_is_never_watched(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        never = Timeout(0, 0, 0, 0, 0)
        call = rig.send(timeout=never)
        fresh = rig.send_fresh(timeout=never)
        assert rig.transport.clock._rows == {}
        assert (call.response._row, fresh.response._row) == (None, None)
        await rig.end()

    run(main())


def test_two_hundred_expire_at_once_and_leave_nothing(run: Run) -> None:
    async def main() -> None:
        rig = Rig(max_per_host=50)
        await rig.connected(50)
        calls = [rig.send(timeout=Timeout(total=5)) for _ in range(200)]
        rig.time.move(5)
        rig.sweep()
        assert {expired(call).phase for call in calls} == {"total"}
        await rig.turns()
        transport = rig.transport
        assert (transport.size, len(transport.resting), transport.lingering) == (0, 0, set())
        assert rig.lane().waiting == 0
        assert not any(transport.clock._rows.values())
        assert all(wire.ended for wire in rig.wires)
        assert all(OK not in wire.written for wire in rig.wires)
        await rig.end()

    run(main())
