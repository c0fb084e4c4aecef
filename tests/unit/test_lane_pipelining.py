"""Lanes that pipeline: who is sent behind whom, who waits, who dials; and what a broken pipeline leaves."""

from __future__ import annotations

from typing import Any

from tests.looped import looped
from tests.wires import CLOSE, OK, Call, Rig, Wire

from async_keepalive_httpc._message.limits import Timeout
from async_keepalive_httpc._message.proxy import parse_proxy
from async_keepalive_httpc._message.reach import DIRECT
from async_keepalive_httpc.errors import ConnectionLost, TimeoutExpired


async def piping(number: int = 1, **limits: Any) -> tuple[Rig, list[Wire]]:
    """A Rig that pipelines three deep, with so many idle connections."""
    rig = Rig(3, **limits)
    return rig, await rig.connected(number)


def written(wire: Wire) -> list[str]:
    """The targets of the requests on a wire, in order."""
    return [line.split()[1] for line in wire.written.decode().split("\r\n") if line.endswith("HTTP/1.1")]


def stages(calls: list[Call]) -> list[str]:
    """What each was lost at."""
    errors = [call.error for call in calls]
    assert all(isinstance(error, ConnectionLost) for error in errors)
    return [error.stage for error in errors if isinstance(error, ConnectionLost)]


@looped
async def test_an_idle_connection_goes_first_then_a_pipeline_then_a_dial() -> None:
    rig, (one, two) = await piping(2)
    for place in range(7):
        rig.send(f"/{place}")
    await rig.turns()
    assert written(two)[1:] == ["/0", "/2", "/4"]
    assert written(one)[1:] == ["/1", "/3", "/5"]
    assert len(rig.dials) == 3  # for the seventh
    assert rig.lane().stats()["pipelined"] == 4
    await rig.end()


@looped
async def test_a_client_that_does_not_pipeline_dials() -> None:
    rig = Rig()
    (wire,) = await rig.connected()
    rig.send("/a")
    rig.send("/b")
    await rig.turns()
    assert written(wire)[1:] == ["/a"]
    assert len(rig.dials) == 2
    await rig.end()


@looped
async def test_nothing_goes_behind_the_first_request_of_a_connection() -> None:
    rig = Rig(3, max_per_host=1)
    calls = [rig.send(f"/{place}") for place in range(6)]
    await rig.turns()
    wire = rig.dials[0].land()
    await rig.turns()
    assert written(wire) == ["/0"]
    wire.answer()
    await rig.turns()
    assert written(wire) == ["/0", "/1", "/2", "/3"]
    wire.answer(OK + OK)
    await rig.turns()
    assert written(wire) == [f"/{place}" for place in range(6)]
    wire.answer(OK * 3)
    assert all(call.outcome.done() and call.error is None for call in calls)
    assert rig.lane().stats()["requests"] == 6
    await rig.end()


@looped
async def test_a_post_waits_for_an_empty_pipe_and_nobody_overtakes_it() -> None:
    rig, (wire,) = await piping(max_per_host=1)
    rig.send("/a")
    rig.send("/b")
    rig.send("/post", method="POST")
    rig.send("/c")
    await rig.turns()
    assert written(wire)[1:] == ["/a", "/b"]
    wire.answer()
    await rig.turns()
    assert written(wire)[1:] == ["/a", "/b"]
    wire.answer()
    await rig.turns()
    assert written(wire)[1:] == ["/a", "/b", "/post"]
    wire.answer()
    await rig.turns()
    assert written(wire)[1:] == ["/a", "/b", "/post", "/c"]
    wire.answer()
    await rig.end()


@looped
async def test_a_post_that_has_a_dial_of_its_own_holds_up_nobody() -> None:
    rig, (wire,) = await piping(max_per_host=2)
    rig.send("/a")
    rig.send("/post", method="POST")
    rig.send("/b")
    rig.send("/c")
    rig.send("/d")
    await rig.turns()
    assert written(wire)[1:] == ["/a", "/b", "/c"]
    new = rig.dials[-1].land()
    await rig.turns()
    assert written(new) == ["/post"]
    wire.answer()
    await rig.turns()
    assert written(wire)[1:] == ["/a", "/b", "/c", "/d"]
    await rig.end()


@looped
async def test_who_gave_up_waiting_is_passed_over() -> None:
    rig, (wire,) = await piping(max_per_host=1)
    calls = [rig.send(f"/{place}") for place in range(6)]
    calls[3].outcome.cancel()  # as a cancelled task does, before it could abandon it
    await rig.turns()
    wire.answer(OK * 2)
    await rig.turns()
    assert written(wire)[1:] == ["/0", "/1", "/2", "/4", "/5"]
    calls[3].cancel()
    wire.answer(OK * 3)
    await rig.end()


@looped
async def test_an_old_connection_takes_nothing_more() -> None:
    rig, (wire,) = await piping(max_per_host=1, max_age=10, idle_timeout=None)
    rig.send("/a")
    rig.time.move(20)
    rig.send("/b")
    await rig.turns()
    assert written(wire)[1:] == ["/a"]
    wire.answer()
    await rig.turns()
    assert rig.lane().stats()["closed"] == {"age": 1}
    assert [dial.open for dial in rig.dials] == [False, True]
    await rig.end()


@looped
async def test_what_waits_on_another_origin_gets_its_room() -> None:
    rig, (wire,) = await piping(max_connections=1)
    rig.send("/a")
    other = rig.send("/other", origin="http://other.test")
    rig.time.move(1)
    rig.send("/b")
    await rig.turns()
    assert written(wire)[1:] == ["/a"]
    wire.answer()
    await rig.turns()
    assert rig.lane().stats()["closed"] == {"evicted": 1}
    rig.dials[-1].land()
    await rig.turns()
    assert other.sent
    await rig.end()


@looped
async def test_when_it_breaks_each_of_the_rest_gets_a_new_connection() -> None:
    """Where there is room for one, they go one by one; what came later waits for them."""
    rig, (wire,) = await piping(max_per_host=1)
    calls = [rig.send(f"/{place}") for place in range(3)]
    await rig.turns()
    wire.end()
    assert stages(calls) == ["sent"] * 3
    again = [rig.send_fresh(f"/{place}") for place in range(3)]
    later = [rig.send("/3"), rig.send("/4")]
    for place in range(3):
        await rig.turns()
        new = rig.dials[-1].land()
        await rig.turns()
        assert written(new) == [f"/{place}"]
        new.answer()
    await rig.turns()
    assert written(new) == ["/2", "/3", "/4"]
    new.answer(OK * 2)
    assert all(call.error is None for call in [*again, *later])
    counts = rig.lane().stats()
    assert counts["closed"] == {"lost": 1, "evicted": 2}
    assert (counts["requests"], counts["resends"]) == (1 + 3 + 3 + 2, 3)
    await rig.end()


@looped
async def test_a_pipe_takes_nothing_more_while_the_rest_of_another_waits() -> None:
    rig, (one, two) = await piping(2, max_per_host=2)
    calls = [rig.send(f"/{place}") for place in range(4)]
    await rig.turns()
    two.end()
    assert stages([calls[0], calls[2]]) == ["sent"] * 2
    for place in (0, 2):
        rig.send_fresh(f"/{place}")
    rig.send("/later")
    await rig.turns()
    one.answer()
    await rig.turns()
    assert written(one)[1:] == ["/1", "/3"]
    one.answer()
    await rig.turns()
    assert rig.lane().stats()["closed"] == {"lost": 1, "evicted": 1}
    await rig.end()


@looped
async def test_the_next_connection_is_not_filled_beyond_where_the_last_one_ended() -> None:
    rig, (wire,) = await piping(max_per_host=1)
    calls = [rig.send(f"/{place}") for place in range(3)]
    await rig.turns()
    wire.answer(OK + CLOSE)
    assert stages(calls[2:]) == ["sent"]
    rig.send("/x")
    await rig.turns()
    new = rig.dials[-1].land()
    await rig.turns()
    new.answer()
    for place in range(3):
        rig.send(f"/{place}")
    await rig.turns()
    assert written(new) == ["/x", "/0", "/1"]  # it answered three
    new.answer(OK + CLOSE)
    await rig.turns()
    assert rig.lane().stats()["closed"] == {"server": 2}
    await rig.end()


@looped
async def test_each_expires_by_its_own_deadline() -> None:
    rig, (wire,) = await piping(max_per_host=1)
    short = rig.send("/short", timeout=Timeout(total=5))
    long = rig.send("/long", timeout=Timeout(total=50))
    await rig.turns()
    rig.time.move(6)
    rig.sweep()
    assert isinstance(short.error, TimeoutExpired)
    assert not long.outcome.done()
    wire.answer()
    assert not long.outcome.done()
    wire.answer()
    assert long.outcome.done()
    assert long.error is None
    await rig.end()


@looped
async def test_silence_counts_from_when_it_was_sent() -> None:
    rig, (wire,) = await piping(max_per_host=1)
    first = rig.send("/first", timeout=Timeout(read=10))
    rig.time.move(9)
    second = rig.send("/second", timeout=Timeout(read=10))
    await rig.turns()
    rig.time.move(2)
    rig.sweep()
    assert isinstance(first.error, TimeoutExpired)
    assert not second.outcome.done()
    assert rig.transport.clock.wake < rig.time.now + 2
    rig.time.move(9)
    rig.sweep()
    assert isinstance(second.error, TimeoutExpired)
    assert wire.aborted
    await rig.end()


@looped
async def test_the_clock_is_set_for_one_that_is_sent_behind_another() -> None:
    rig, _ = await piping(max_per_host=1)
    rig.send("/first")
    rig.send("/second", timeout=Timeout(total=0.5))
    assert rig.transport.clock.wake <= rig.time.now + 0.5
    await rig.end()


@looped
async def test_a_rest_is_not_proven_by_what_was_only_sent() -> None:
    rig, (wire,) = await piping(max_per_host=1)
    rig.time.move(10)
    rig.send("/a")
    await rig.turns()
    assert not rig.lane().rest.sure(9)
    wire.answer()
    assert rig.lane().rest.sure(9)
    await rig.end()


@looped
async def test_a_proxy_is_asked_one_thing_at_a_time() -> None:
    rig, (wire,) = await piping(max_per_host=1)
    assert type(wire.connection).__name__ == "PipelinedConnection"
    reach = DIRECT._replace(proxy=parse_proxy("http://proxy.test:3128"))
    rig.send("/a", reach=reach)
    await rig.turns()
    assert type(rig.dials[-1].land().connection).__name__ == "ForwardConnection"
    await rig.turns()
    await rig.end()
