"""Lanes under any order of events: requests, cancellations, dials, answers, losses, time.

The law: a connection is in exactly one place; sizes are dials and members; limits hold; who waits is served in the
order of arrival; whoever waits has something that will serve him; and at the end nothing is left.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.wires import CLOSE, OK, Call, Dial, Rig, Wire

from async_keepalive_httpc._connection.pipelined import may_follow
from async_keepalive_httpc._message.limits import Timeout
from async_keepalive_httpc._transport.lane import Lane
from async_keepalive_httpc._transport.rest import SURE
from async_keepalive_httpc.errors import (
    UNSENT,
    ClientClosed,
    ConnectError,
    ConnectionLost,
    ProtocolError,
    TimeoutExpired,
)

ORIGINS = ("http://a.test", "http://b.test", "http://c.test")
MOST, PER_HOST = 4, 2
NO_TIME = OK.replace(b"\r\n\r\n", b"\r\nKeep-Alive: timeout=0\r\n\r\n")
PART = OK[:9]
which = st.integers(0, 100)


class Lanes(RuleBasedStateMachine):
    """Three origins, each with fewer connections than it would like."""

    pipelining = 1

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.rig = self.run(self._rig())
        self.calls: list[Call] = []
        self.waiting: dict[str, list[Call]] = {origin: [] for origin in ORIGINS}

    async def _rig(self) -> Rig:
        return Rig(self.pipelining, max_connections=MOST, max_per_host=PER_HOST, idle_timeout=20, max_age=100)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(coroutine)

    def do(self, action: Any, *arguments: Any) -> Any:
        """Something that happens inside one turn of the loop; and, unlike real time, time passes."""

        async def act() -> Any:
            return action(*arguments)

        self.rig.time.move(0.001)
        result = self.run(act())
        self.look()
        return result

    def look(self) -> None:
        """Nobody was served before somebody who came earlier and waits still."""
        for origin, queue in self.waiting.items():
            stay = []
            for call in queue:
                if isinstance(call.response._where, Lane):
                    stay.append(call)
                elif call.response._stage != UNSENT:
                    assert all(other.outcome.cancelled() for other in stay) or self.may_be_passed(origin)
            self.waiting[origin] = stay

    def may_be_passed(self, origin: str) -> bool:
        """Whether somebody may be sent before others: behind what is under way, if all who wait have a dial."""
        lane = self.rig.lane(origin)
        return self.pipelining > 1 and lane.dials >= lane.waiting

    def pick(self, things: list[Any], number: int) -> Any:
        return things[number % len(things)]

    @property
    def open_dials(self) -> list[Dial]:
        return [dial for dial in self.rig.dials if dial.open]

    @property
    def busy(self) -> list[Wire]:
        return [wire for wire in self.rig.wires if wire.busy]

    @property
    def living(self) -> list[Wire]:
        return [wire for wire in self.rig.wires if not wire.is_closing()]

    @property
    def unended(self) -> list[Call]:
        return [call for call in self.calls if not call.outcome.done()]

    @rule(origin=st.sampled_from(ORIGINS), method=st.sampled_from(["GET", "GET", "POST"]))
    def send(self, origin: str, method: str) -> None:
        def send() -> Call:
            return self.rig.send(origin=origin, method=method, timeout=Timeout(total=50, read=30, pool=40))

        rested = {connection: self.rig.time.now - connection.moved for connection in self.rig.transport.resting}
        call = self.do(send)
        self.calls.append(call)
        if not call.sent:
            self.waiting[origin].append(call)
        elif method == "POST":
            lane = self.rig.lane(origin)
            assert rested[call.response._where] <= max(SURE, lane.rest._proven)

    @rule(origin=st.sampled_from(ORIGINS))
    def send_fresh(self, origin: str) -> None:
        self.calls.append(self.do(lambda: self.rig.send_fresh(origin=origin)))
        assert not self.calls[-1].sent

    @precondition(lambda self: self.unended)
    @rule(number=which)
    def cancel(self, number: int) -> None:
        self.do(self.pick(self.unended, number).cancel)

    @precondition(lambda self: self.unended)
    @rule(number=which)
    def cancel_the_task_only(self, number: int) -> None:
        """As `task.cancel()` does at first: the future is done, the request not yet abandoned."""
        call = self.pick(self.unended, number)
        self.do(call.outcome.cancel)

    @rule()
    def wake_the_cancelled(self) -> None:
        for call in self.calls:
            if call.outcome.cancelled():
                self.do(call.response.abandon)

    @precondition(lambda self: self.open_dials)
    @rule(number=which, tls=st.booleans())
    def land(self, number: int, tls: bool) -> None:
        self.do(lambda: self.pick(self.open_dials, number).land(tls=tls))

    @precondition(lambda self: self.open_dials)
    @rule(number=which, how=st.sampled_from(["end", "speak", "answer"]))
    def land_unfit(self, number: int, how: str) -> None:
        self.do(lambda: getattr(self.pick(self.open_dials, number).land(), how)())

    @precondition(lambda self: self.open_dials)
    @rule(number=which)
    def fail(self, number: int) -> None:
        self.do(self.pick(self.open_dials, number).fail, ConnectError("refused"))

    @precondition(lambda self: self.busy)
    @rule(number=which, raw=st.sampled_from([OK, OK, OK, CLOSE, NO_TIME, OK + OK, PART]))
    def answer(self, number: int, raw: bytes) -> None:
        wire = self.pick(self.busy, number)
        self.do(wire.answer, raw if not wire.connection._fed else OK[len(PART) :])

    @precondition(lambda self: self.living)
    @rule(number=which, error=st.sampled_from([None, ConnectionResetError()]))
    def end(self, number: int, error: Exception | None) -> None:
        self.do(self.pick(self.living, number).end, error)

    @precondition(lambda self: self.living)
    @rule(number=which)
    def speak(self, number: int) -> None:
        self.do(self.pick(self.living, number).speak)

    @rule(seconds=st.sampled_from([0.04, 1.0, 5.0, 11.0, 60.0]))
    def pass_time(self, seconds: float) -> None:
        self.rig.time.move(seconds)
        self.do(self.rig.sweep)

    @rule(number=st.integers(0, 3))
    def turn(self, number: int) -> None:
        self.run(self.rig.turns(number))
        self.look()

    @rule(origin=st.sampled_from(ORIGINS), number=st.integers(1, 3))
    def preconnect(self, origin: str, number: int) -> None:
        async def begin() -> None:
            url = self.rig.call(origin=origin).response.url
            task = asyncio.ensure_future(self.rig.transport.preconnect(url, None, number, Timeout()))
            task.add_done_callback(lambda task: task.cancelled() or task.exception())
            await asyncio.sleep(0)

        self.run(begin())
        self.look()

    @invariant()
    def a_connection_is_in_one_place(self) -> None:
        transport = self.rig.transport
        lanes = list(transport.lanes.values())
        idle = [connection for lane in lanes for connection in lane.idle]
        members = [connection for lane in lanes for connection in lane.members]
        assert len(members) == len(set(members))
        assert set(idle) == set(transport.resting)
        assert set(idle) <= set(members)
        assert not set(members) & transport.lingering
        assert all(not connection.answering and connection.capacity >= 1 for connection in idle)
        for connection in set(members) - set(idle):
            assert len(connection.answering) in range(1, self.pipelining + 1)
        for call in self.calls:
            if call.sent:
                assert call.response._where in members

    @invariant()
    def sizes_are_what_they_say(self) -> None:
        transport = self.rig.transport
        for lane in transport.lanes.values():
            assert lane.size == lane.dials + len(lane.members) <= PER_HOST
            assert lane.dials >= 0
            stats = lane.stats()
            assert stats["active"] + stats["idle"] == len(lane.members)
            assert stats["opened"] == len(lane.members) + sum(stats["closed"].values())
        assert transport.size == sum(lane.size for lane in transport.lanes.values()) <= MOST
        assert len(transport._tasks) >= sum(lane.dials for lane in transport.lanes.values())

    @invariant()
    def whoever_waits_will_be_served(self) -> None:
        transport = self.rig.transport
        starved = {lane for _, _, lane in transport.starved}
        assert len(starved) == len(transport.starved)
        assert not (transport.resting and starved)
        assert transport.pressed or not starved
        for lane in transport.lanes.values():
            assert lane.starving is (lane in starved)
            if lane.dials < lane.waiting:
                # No dial for the last of them: the limit of the origin, or that of all, is used up.
                assert lane.size == PER_HOST or (lane in starved and transport.size == MOST)
            if lane.waiters:
                assert not lane.idle or lane.dials >= lane.waiting

    @invariant()
    def the_clock_knows_who_waits_and_the_sweep_who_is_answered(self) -> None:
        transport = self.rig.transport
        rows = [*transport.clock._rows.values(), *(row for _, _, row in transport.clock._heap)]
        watched = {id(item) for row in rows for item in row}
        answering = {
            id(response)
            for lane in transport.lanes.values()
            for connection in lane.members
            for response in connection.answering
        }
        under_way = [call.response for call in self.calls if call.response._where is not None]
        assert watched | answering == {id(response) for response in under_way}
        assert all(id(response) in watched for response in under_way if isinstance(response._where, Lane))
        assert transport.clock.wake < math.inf or not under_way

    @invariant()
    def what_was_learned_is_about_those_who_live(self) -> None:
        for lane in self.rig.transport.lanes.values():
            assert set(lane.rest._trials) <= lane.members
            assert lane.rest._proven <= lane.rest.limit <= lane.rest.ceiling
            assert all(connection.patience <= lane.rest.limit for connection in lane.idle)

    def teardown(self) -> None:
        """Everybody is served in the end, by a peer that does its work; then nothing is left."""
        try:
            for _ in range(10 * len(self.calls) + 10):
                self.run(self.rig.turns())
                for dial in self.open_dials:
                    self.do(dial.land)
                self.run(self.rig.turns())
                while self.busy:
                    self.answer(0, OK)
                self.wake_the_cancelled()
            assert not self.unended, self.rig.transport.stats()
            for call in self.calls:
                assert call.error is None or isinstance(
                    call.error, (ClientClosed, ConnectError, ConnectionLost, ProtocolError, TimeoutExpired)
                )
            self.run(self.rig.end())
        finally:
            for wire in self.rig.wires:
                wire.drop()
            self.loop.close()


class Pipelines(Lanes):
    """The same where up to three requests share a connection."""

    pipelining = 3

    @invariant()
    def none_waits_who_could_be_sent_behind_others(self) -> None:
        if any(call.outcome.cancelled() for call in self.calls):
            return  # whoever waited behind it is looked at with the next answer
        for lane in self.rig.transport.lanes.values():
            assert set(lane.roomy) <= lane.members
            wanted = [response for response in lane.waiters if response.wanted]
            fresh = lane.dials < len(lane.fresh)
            if wanted and may_follow(wanted[0]) and not fresh and not self.rig.transport.starved:
                for connection in lane.members:
                    assert not connection.capacity or connection.moved >= connection.retires


TestLanes = Lanes.TestCase
TestLanes.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestPipelines = Pipelines.TestCase
TestPipelines.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
