"""Names that are remembered: how long, for whom, and what becomes of lookups that nobody waits for any more."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
from tests.conftest import Run
from tests.turns import turns

from async_keepalive_httpc import DNSError, InvalidRequest
from async_keepalive_httpc._dial import names as module
from async_keepalive_httpc._dial.dns import addresses
from async_keepalive_httpc._dial.names import KEPT, NEGATIVE_TTL, STALE, STALE_TTL, TTL, Names

NO_NAME = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
NO_SERVER = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def v4(number: int, port: int = 80) -> Any:
    return (socket.AF_INET, (f"192.0.2.{number}", port))


def v6(number: int, port: int = 80) -> Any:
    return (socket.AF_INET6, (f"2001:db8::{number}", port, 0, 0))


class Server:
    """What the event loop's getaddrinfo asks: `answer` is what it says, `gate` holds it up; a clock to turn."""

    def __init__(self, *answer: Any) -> None:
        self.answer: Any = list(answer)
        self.questions: list[str] = []
        self.gate: asyncio.Event | None = None
        self.time = 1000.0
        self.names = Names(now=lambda: self.time)
        self.take()

    def take(self) -> None:
        """Answer on the loop that runs here."""
        asyncio.get_running_loop().getaddrinfo = self.getaddrinfo  # type: ignore[method-assign, assignment]

    async def getaddrinfo(self, host: str, port: int, *, family: int, type: int) -> list[Any]:
        self.questions.append(host)
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return [(kind, type, 6, "", address) for kind, address in self.answer if family in (0, kind)]

    async def ask(self, host: str = "a.test", *, ipv6: bool = True) -> list[Any]:
        return await addresses(self.names.resolve, host, 80, ipv6=ipv6)

    @property
    def asked(self) -> int:
        """How often since the last look."""
        count = len(self.questions)
        self.questions.clear()
        return count


def test_remembered_for_its_time(run: Run) -> None:
    async def main() -> None:
        server = Server(v4(1))
        for passed, asks in ((0.0, 1), (0.0, 0), (TTL - 0.1, 0), (0.2, 1), (TTL - 0.1, 0)):
            server.time += passed
            assert await server.ask() == [v4(1)]
            assert server.asked == asks
        assert await server.ask("b.test") == [v4(1)]
        assert await server.ask(ipv6=False) == [v4(1)]
        assert server.questions == ["b.test", "a.test"]

    run(main())


def test_a_time_of_ones_own(run: Run) -> None:
    async def main() -> None:
        server = Server(v4(1))
        server.names = Names(5, now=lambda: server.time)
        await server.ask()
        server.time += 4.9
        await server.ask()
        assert server.asked == 1
        server.time += 0.1
        await server.ask()
        assert server.asked == 1

    run(main())


def test_nothing_is_remembered(run: Run) -> None:
    async def main() -> None:
        server = Server(v4(1))
        server.names = Names(0, now=lambda: server.time)
        for _ in range(2):
            await server.ask()
        assert server.asked == 2
        server.answer = NO_SERVER
        with pytest.raises(DNSError):
            await server.ask()

    run(main())


@pytest.mark.parametrize("ttl", [-1, float("nan"), "30", None, True])
def test_what_is_no_time(ttl: Any) -> None:
    with pytest.raises(InvalidRequest, match="dns_ttl must be zero or more seconds"):
        Names(ttl)


@pytest.mark.parametrize("answer", [NO_NAME, NO_SERVER, UnicodeError("label too long"), []])
def test_an_error_is_remembered_for_a_second(run: Run, answer: Any) -> None:
    async def main() -> None:
        server = Server()
        server.answer = answer
        errors = []
        for passed, asks in ((0.0, 1), (NEGATIVE_TTL - 0.1, 0), (0.1, 1)):
            server.time += passed
            with pytest.raises(DNSError) as caught:
                await server.ask()
            errors.append(caught.value)
            assert server.asked == asks
        assert len({str(error) for error in errors}) == 1
        # Each is its own, cause included: whoever gets it may add a note.
        assert len({id(error) for error in errors}) == 3
        if answer:
            assert len({id(error.__cause__) for error in errors}) == 3
            assert {type(error.__cause__) for error in errors} == {type(answer)}
        server.answer = [v4(1)]
        server.time += NEGATIVE_TTL
        assert await server.ask() == [v4(1)]

    run(main())


def test_one_lookup_for_all(run: Run) -> None:
    async def main() -> None:
        server = Server(v4(1))
        server.gate = asyncio.Event()
        dials = [asyncio.ensure_future(server.ask()) for _ in range(50)]
        await turns()
        server.gate.set()
        assert await asyncio.gather(*dials) == [[v4(1)]] * 50
        assert server.asked == 1

    run(main())


@pytest.mark.parametrize("first", [0, 1])
def test_who_leaves_does_not_end_it_for_others(run: Run, first: int) -> None:
    async def main() -> None:
        server = Server(v4(1))
        server.gate = asyncio.Event()
        dials = [asyncio.ensure_future(server.ask()) for _ in range(2)]
        await turns()
        dials[first].cancel()
        await turns()
        server.gate.set()
        assert await dials[1 - first] == [v4(1)]
        assert dials[first].cancelled()
        assert server.asked == 1

    run(main())


def test_what_nobody_waits_for_is_remembered(run: Run) -> None:
    """As after a connect timeout: the next try finds the answer there."""

    async def main() -> None:
        server = Server(v4(1))
        server.gate = asyncio.Event()
        dial = asyncio.ensure_future(server.ask())
        await turns()
        dial.cancel()
        server.gate.set()
        await turns()
        assert await server.ask() == [v4(1)]
        assert server.asked == 1
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


def test_leaving_the_loop_ends_lookups(run: Run) -> None:
    async def main() -> None:
        server = Server(v4(1))
        server.gate = asyncio.Event()
        dial = asyncio.ensure_future(server.ask())
        await turns()
        server.names.leave(asyncio.get_running_loop())
        with pytest.raises(asyncio.CancelledError):
            await dial
        assert asyncio.all_tasks() == {asyncio.current_task()}
        server.gate = None
        assert await server.ask() == [v4(1)]

    run(main())


def test_two_loops_share_what_is_known(run: Run, loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    servers = []

    async def first() -> None:
        servers.append(Server(v4(1)))
        await servers[0].ask()

    async def second() -> None:
        servers[0].take()
        assert await servers[0].ask() == [v4(1)]
        assert servers[0].asked == 1
        servers[0].gate = asyncio.Event()
        servers[0].time += TTL
        dial = asyncio.ensure_future(servers[0].ask("b.test"))
        await turns()
        # Another loop does not wait for this one's lookup, nor end it.
        other = loop_factory()
        servers[0].names.leave(other)
        other.close()
        assert [place[0] for place in servers[0].names._lookups] == [asyncio.get_running_loop()]
        servers[0].gate.set()
        await dial

    run(first())
    run(second())


def test_a_loop_that_was_closed_in_the_middle(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    loop = loop_factory()

    async def main() -> Names:
        server = Server(v4(1))
        server.gate = asyncio.Event()
        dial = asyncio.ensure_future(server.ask())
        await turns()
        dial.cancel()
        await turns()
        return server.names

    names = loop.run_until_complete(main())
    (lookup,) = names._lookups.values()
    lookup._log_destroy_pending = False  # type: ignore[attr-defined]  # nobody can end it any more
    loop.close()
    names.leave(loop)
    assert not names._lookups


def test_the_old_answer_where_no_server_answers(run: Run) -> None:
    async def main() -> None:
        server = Server(v4(1))
        await server.ask()
        server.answer = NO_SERVER
        server.time += TTL
        assert await server.ask() == [v4(1)]
        assert server.asked == 2
        server.time += STALE_TTL - 0.1
        assert await server.ask() == [v4(1)]
        assert server.asked == 0
        server.time += 0.1
        assert await server.ask() == [v4(1)]
        assert server.asked == 1
        server.time += STALE - STALE_TTL
        with pytest.raises(DNSError, match="no name server answered"):
            await server.ask()

    run(main())


def test_a_name_that_is_gone_is_gone(run: Run) -> None:
    async def main() -> None:
        server = Server(v4(1))
        await server.ask()
        server.answer = NO_NAME
        server.time += TTL
        with pytest.raises(DNSError, match="Name or service not known"):
            await server.ask()
        server.answer = NO_SERVER
        server.time += NEGATIVE_TTL
        with pytest.raises(DNSError, match="Temporary failure"):
            await server.ask()

    run(main())


def test_the_old_answer_where_the_new_one_takes_long(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALE_WAIT", 0.001)

    async def main() -> None:
        server = Server(v4(1))
        await server.ask()
        server.gate = asyncio.Event()
        server.answer = [v4(2)]
        server.time += TTL
        assert await server.ask() == [v4(1)]
        assert await server.ask() == [v4(1)]
        assert server.asked == 2
        server.gate.set()
        await turns()
        assert await server.ask() == [v4(2)]
        assert server.asked == 0

    run(main())


def test_addresses_take_turns(run: Run) -> None:
    async def main() -> None:
        server = Server(v6(1), v4(1), v6(2), v4(2), v4(3), v6(1))
        assert [await server.ask() for _ in range(4)] == [
            [v6(1), v6(2), v4(1), v4(2), v4(3)],
            [v6(2), v6(1), v4(2), v4(3), v4(1)],
            [v6(1), v6(2), v4(3), v4(1), v4(2)],
            [v6(2), v6(1), v4(1), v4(2), v4(3)],
        ]
        assert server.asked == 1

    run(main())


def test_an_answer_that_led_nowhere_is_asked_again(run: Run) -> None:
    async def main() -> None:
        server = Server(v4(1))
        for host in ("a.test", "unknown.test"):
            server.names.doubt(host, 80)
        await server.ask()
        await server.ask(ipv6=False)
        assert server.asked == 2
        server.names.doubt("a.test", 80)
        server.time += NEGATIVE_TTL - 0.1
        await server.ask()
        assert server.asked == 0
        server.time += 0.1
        server.answer = [v4(2)]
        assert await server.ask() == [v4(2)]
        assert await server.ask(ipv6=False) == [v4(2)]
        assert server.asked == 2

    run(main())


def test_so_many_names(run: Run) -> None:
    async def main() -> None:
        server = Server(v4(1))
        await server.ask("oldest.test")
        await server.ask("old.test")
        for number in range(KEPT - 2):
            await server.ask(f"{number}.test")
        await server.ask("oldest.test")
        assert server.asked == KEPT
        await server.ask("one-more.test")
        await server.ask("oldest.test")
        await server.ask("old.test")
        assert server.questions == ["one-more.test", "old.test"]
        assert len(server.names._known) <= KEPT

    run(main())


def test_a_resolver_that_breaks_is_not_remembered(run: Run) -> None:
    async def main() -> None:
        server = Server()
        server.answer = KeyError("no")
        for _ in range(2):
            with pytest.raises(KeyError):
                await server.ask()
        assert server.asked == 2

    run(main())


def test_the_family_that_answered_goes_first(run: Run) -> None:
    async def main() -> None:
        server = Server()
        names, found = server.names, [v6(1), v6(2), v4(1), v4(2)]
        assert names.prefer("a.test", found) == found
        names.reached("a.test", socket.AF_INET)
        assert names.prefer("a.test", found) == [v4(1), v4(2), v6(1), v6(2)]
        assert names.prefer("b.test", found) == found
        names.reached("a.test", socket.AF_INET6)
        assert names.prefer("a.test", found) == found
        names.reached("a.test", socket.AF_INET)
        server.time += module.GOOD_FAMILY
        assert names.prefer("a.test", found) == found

    run(main())
