"""Where many requests are under way, more are written when the turn of the loop is over; they are unsent till then."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.conftest import Run
from tests.peers import Peer, echo
from tests.wires import Call, Rig, Wire

from async_keepalive_httpc import Client, ClientClosed, ConnectionLost, Timeout, TimeoutExpired
from async_keepalive_httpc._connection.outbox import MANY
from async_keepalive_httpc._message.request import Request
from async_keepalive_httpc.errors import SENT, UNSENT


def connections(client: Client) -> list[Any]:
    """Those of the loop that runs."""
    transport: Any = client._loops.current
    return [connection for lane in transport.lanes.values() for connection in lane.members]


def text(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: origin.test\r\n\r\n".encode()


async def crowd(number: int, **limits: Any) -> tuple[Rig, list[Wire], list[Call]]:
    """As many requests as are written at once, and then so many that are held: their connections, and they."""
    rig = Rig(direct=True, **limits)
    wires = await rig.connected(MANY - 1 + number)
    wires.reverse()  # the newest is taken first
    for _ in range(MANY - 1):
        assert rig.send("/before").response._stage == SENT
    calls = [rig.send(f"/{each}") for each in range(number)]
    held = wires[MANY - 1 :]
    assert [(call.response._stage, call.response._where) for call in calls] == [
        (UNSENT, wire.connection) for wire in held
    ]
    assert {bytes(wire.written) for wire in wires[: MANY - 1]} == {text("/") + text("/before")}
    assert [(wire.sent, bytes(wire.written)) for wire in held] == [([], text("/"))] * number
    return rig, held, calls


async def answered(rig: Rig, wires: list[Wire], calls: list[Call]) -> None:
    for wire in wires:
        wire.answer()
    assert [call.outcome.done() for call in calls] == [True] * len(calls)
    await rig.end()


def test_few_are_written_at_once(run: Run) -> None:
    async def main() -> None:
        rig = Rig(direct=True)
        wires = await rig.connected(MANY)
        calls = [rig.send(f"/{each}") for each in range(MANY - 1)]
        assert {call.response._stage for call in calls} == {SENT}
        assert not any(wire.sent for wire in wires)
        await answered(rig, wires[1:], calls)

    run(main())


def test_many_are_written_when_the_turn_is_over(run: Run) -> None:
    async def main() -> None:
        rig, wires, calls = await crowd(4)
        await asyncio.sleep(0)
        assert [wire.sent for wire in wires] == [[text(f"/{each}")] for each in range(4)]
        assert {call.response._stage for call in calls} == {SENT}
        assert {call.response.reused for call in calls} == {True}
        assert [wire.connection.served for wire in wires] == [2] * 4
        await answered(rig, wires, calls)

    run(main())


def test_a_turn_after_a_turn(run: Run) -> None:
    async def main() -> None:
        rig, wires, _ = await crowd(2)
        for each in range(3):
            await asyncio.sleep(0)
            for wire in wires:
                wire.answer()
                wire.sent.clear()
            calls = [rig.send(f"/again/{each}") for _ in wires]
            assert {call.response._stage for call in calls} == {UNSENT}
            await asyncio.sleep(0)
            assert [wire.sent for wire in wires] == [[text(f"/again/{each}")]] * 2
        await answered(rig, wires, calls)

    run(main())


def test_what_comes_before_a_request_is_written_is_not_for_it(run: Run) -> None:
    async def main() -> None:
        rig, wires, calls = await crowd(3)
        wires[1].answer()
        assert isinstance(calls[1].error, ConnectionLost)
        assert (calls[1].error.stage, calls[1].error.reused) == (UNSENT, True)
        assert "GET http://origin.test/1" in str(calls[1].error)
        await asyncio.sleep(0)
        assert wires[1].sent == []
        assert rig.lane().closed == {"poisoned": 1}
        await answered(rig, [wires[0], wires[2]], calls)

    run(main())


@pytest.mark.parametrize("error", [None, ConnectionResetError("reset")])
def test_the_connection_ends_before_a_request_is_written(run: Run, error: Exception | None) -> None:
    async def main() -> None:
        rig, wires, calls = await crowd(3)
        served = rig.lane().stats()["requests"]
        wires[2].end(error)
        assert isinstance(calls[2].error, ConnectionLost)
        assert calls[2].error.stage == UNSENT
        await asyncio.sleep(0)
        assert wires[2].sent == []
        assert rig.lane().stats()["requests"] == served + 2  # /0 and /1, and not /2
        await answered(rig, wires[:2], calls)

    run(main())


def test_cancelled_before_it_is_written(run: Run) -> None:
    async def main() -> None:
        rig, wires, calls = await crowd(3)
        calls[1].cancel()
        await rig.turns()
        assert (wires[1].sent, wires[1].aborted) == ([], True)
        assert rig.lane().closed == {"abandoned": 1}
        await answered(rig, [wires[0], wires[2]], [calls[0], calls[2]])

    run(main())


def test_the_client_is_closed_before_it_is_written(run: Run) -> None:
    async def main() -> None:
        rig, wires, calls = await crowd(2)
        await rig.end()
        assert [type(call.error) for call in calls] == [ClientClosed, ClientClosed]
        await rig.turns()
        assert wires[1].sent == []

    run(main())


def test_it_expires_before_it_is_written(run: Run) -> None:
    """No turn of a loop takes so long; but a loop that was stopped may."""

    async def main() -> None:
        rig = Rig(direct=True)
        await rig.connected(MANY)
        for _ in range(MANY - 1):
            rig.send()
        call = rig.send("/late", timeout=Timeout(total=0.5))
        assert call.response._stage == UNSENT
        rig.time.move(0.5)
        rig.sweep()
        assert isinstance(call.error, TimeoutExpired)
        assert call.error.phase == "total"
        await rig.end()

    run(main())


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("takes", [0, 5, BlockingIOError(), BrokenPipeError()])
def test_what_the_socket_does_not_take_its_transport_gets(run: Run, takes: int | Exception, again: bool) -> None:
    async def main() -> None:
        rig, wires, calls = await crowd(2)
        for wire, call in zip(wires, calls, strict=True):
            wire.takes = takes
            wire.written.clear()
            call.request.wire = text(call.request.url.target.decode()) if again else None
        await asyncio.sleep(0)
        for wire, path in zip(wires, ("/0", "/1"), strict=True):
            assert b"".join(wire.sent) + wire.written == text(path)
        await answered(rig, wires, calls)

    run(main())


def test_requests_with_bodies(run: Run) -> None:
    async def pieces() -> Any:
        yield b"ab"
        yield b"c"

    async def main() -> None:
        rig, wires, calls = await crowd(2)
        for call, body in zip(calls, (b"abc", pieces()), strict=True):
            request = Request("POST", call.request.url, body=body)
            call.response._request = request
        for wire in wires:
            wire.written.clear()
        await rig.turns()
        assert wires[0].sent == [b"POST /0 HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 3\r\n\r\nabc"]
        assert wires[1].sent == []
        assert bytes(wires[1].written).endswith(b"\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
        await answered(rig, wires, calls)

    run(main())


def test_where_something_stands_between_the_transport_writes(run: Run) -> None:
    async def main() -> None:
        rig = Rig()
        wires = await rig.connected(MANY + 1)
        calls = [rig.send(f"/{each}") for each in range(MANY + 1)]
        assert {call.response._stage for call in calls} == {SENT}
        await answered(rig, wires, calls)

    run(main())


def test_a_crowd_over_real_sockets(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo) as peer, Client() as client:
            for _ in range(20):
                paths = [f"/{each}" for each in range(40)]
                answers = await asyncio.gather(*[client.request("GET", peer.url + path) for path in paths])
                assert [answer.text for answer in answers] == paths
            assert client.connect_times <= 40
            assert all(connection.put is not None for connection in connections(client))

    run(main())


def test_over_tls_nothing_is_held(run: Run) -> None:
    async def main() -> None:
        async with Peer(echo, tls=True) as peer, Client(verify=peer.ca_context()) as client:
            await client.get(peer.url)
            [connection] = connections(client)
            assert connection.put is None

    run(main())
