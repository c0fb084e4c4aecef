"""Credentials: kept ahead of their end, given as arguments, and found in the environment."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from tests.aws.scripted_keys import HOUR, NOW, Clock, Load, Script, keys, turns
from tests.conftest import LoopFactory, Run

from async_keepalive_httpc.aws import credentials as keeping
from async_keepalive_httpc.aws.chain import environment, pair, source
from async_keepalive_httpc.aws.credentials import Credentials, CredentialsError, Refreshing, Static, moment

# -- values


def test_secrets_are_not_shown() -> None:
    shown = [
        repr(keys()),
        str(keys()),
        f"{keys()}",
        repr(Static(keys())),
        repr(Credentials("AKIDEXAMPLE", "secret1")),
    ]
    assert shown == [
        "<Credentials AKID*** with a session token>",
        "<Credentials AKID*** with a session token>",
        "<Credentials AKID*** with a session token>",
        "<Static <Credentials AKID*** with a session token>>",
        "<Credentials AKID***>",
    ]


def test_static(run: Run) -> None:
    async def main() -> None:
        held = Static(keys())
        assert held.current(NOW) == await held.fetch() == await held.refresh(keys()) == keys()
        held.close()

    run(main())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2027-01-15T08:00:00Z", NOW),
        ("2027-01-15T08:00:00+00:00", NOW),
        ("2027-01-15T09:00:00+01:00 ", NOW),
        ("2027-01-15T08:00:00", NOW),
        ("2027-01-15T08:00:00.500Z", NOW + 0.5),
    ],
)
def test_moment(text: str, seconds: float) -> None:
    assert moment(text) == seconds


# -- keeping them fresh


def test_first_fetch_is_shared(run: Run) -> None:
    async def main() -> None:
        load = Load(keys())
        held = Refreshing(load, clock=Clock())
        assert held.current(NOW) is None
        found = await asyncio.gather(*(held.fetch() for _ in range(5)))
        assert set(found) == {keys()}
        assert load.calls == 1
        assert held.current(NOW) == keys()
        assert await held.fetch() == keys()
        assert repr(held) == "<Refreshing <Credentials AKID*** with a session token>>"

    run(main())


def test_refreshed_behind_the_requests(run: Run) -> None:
    async def main() -> None:
        clock = Clock()
        load = Load(keys(1, NOW + HOUR), keys(2, NOW + 2 * HOUR))
        held = Refreshing(load, clock=clock)
        await held.fetch()
        clock.now = NOW + HOUR - keeping.AHEAD - 1
        assert held.current(clock.now) == keys(1, NOW + HOUR)
        await turns()
        assert load.calls == 1
        clock.now += 1
        load.gate.clear()
        # While one fetch is under way, everybody goes on with the old keys, up to their end.
        for ahead in (0.0, 100.0, keeping.AHEAD - keeping.MARGIN - 1):
            assert held.current(clock.now + ahead) == keys(1, NOW + HOUR)
            assert await held.fetch() == keys(1, NOW + HOUR)
            await turns()
        assert load.calls == 2
        load.gate.set()
        await turns()
        assert held.current(clock.now) == keys(2, NOW + 2 * HOUR)

    run(main())


def test_after_their_end_one_waits(run: Run) -> None:
    async def main() -> None:
        clock = Clock()
        load = Load(keys(1, NOW + HOUR), keys(2, NOW + 3 * HOUR))
        held = Refreshing(load, clock=clock)
        await held.fetch()
        clock.now = NOW + HOUR - keeping.MARGIN
        assert held.current(clock.now) is None
        assert await held.fetch() == keys(2, NOW + 3 * HOUR)
        assert load.calls == 2

    run(main())


def test_a_failure_behind_the_requests_is_tried_again(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        clock = Clock()
        load = Load(keys(1, NOW + HOUR), CredentialsError("down"), CredentialsError("down"), keys(2, NOW + 3 * HOUR))
        held = Refreshing(load, clock=clock, pause=40.0)
        await held.fetch()
        clock.now = NOW + HOUR - 600
        for calls in (2, 3):
            assert held.current(clock.now) == keys(1, NOW + HOUR)
            await turns()
            assert load.calls == calls
            clock.now += 39
            assert held.current(clock.now) == keys(1, NOW + HOUR)
            await turns()
            assert load.calls == calls
            clock.now += 1
        held.current(clock.now)
        await turns()
        assert held.current(clock.now) == keys(2, NOW + 3 * HOUR)

    with caplog.at_level(logging.DEBUG, "async_keepalive_httpc"):
        run(main())
    assert {record.levelname for record in caplog.records if record.name.startswith("async_keepalive")} == {"DEBUG"}


def test_a_failure_near_the_end_does_not_outlive_the_keys(run: Run) -> None:
    async def main() -> None:
        clock = Clock()
        load = Load(keys(1, NOW + HOUR), CredentialsError("down"), CredentialsError("still down"))
        held = Refreshing(load, clock=clock)
        await held.fetch()
        clock.now = NOW + HOUR - keeping.MARGIN - 1
        held.current(clock.now)
        await turns()
        clock.now += 1
        assert held.current(clock.now) is None
        with pytest.raises(CredentialsError, match="still down"):
            await held.fetch()
        assert held.current(clock.now) is None

    run(main())


def test_short_lives_and_clocks_that_are_ahead(run: Run) -> None:
    async def main() -> None:
        clock = Clock()
        # Ten minutes: fetched again in their middle, not at once.
        load = Load(keys(1, NOW + 600), keys(2, NOW + 1200))
        held = Refreshing(load, clock=clock)
        await held.fetch()
        held.current(NOW + 280)
        await turns()
        assert load.calls == 1
        held.current(NOW + 290)
        await turns()
        assert load.calls == 2
        # Ended already, as it seems: used for a while.
        load = Load(keys(1, NOW - 600), keys(2, NOW + HOUR))
        held = Refreshing(load, clock=clock)
        assert await held.fetch() == keys(1, NOW - 600)
        assert held.current(NOW) == keys(1, NOW - 600)
        assert held.current(NOW + keeping.PAUSE) is None

    run(main())


def test_keys_without_an_end_are_fetched_once(run: Run) -> None:
    async def main() -> None:
        load = Load(keys(1, None))
        held = Refreshing(load, clock=Clock())
        await held.fetch()
        assert held.current(NOW + 1e9) == keys(1, None)
        assert load.calls == 1

    run(main())


def test_forced_refresh(run: Run) -> None:
    async def main() -> None:
        load = Load(keys(1), keys(2), CredentialsError("down"))
        held = Refreshing(load, clock=Clock())
        first = await held.fetch()
        assert set(await asyncio.gather(*(held.refresh(first) for _ in range(3)))) == {keys(2)}
        # Somebody who comes late with the old ones gets the new ones without a fetch.
        assert await held.refresh(first) == keys(2)
        assert load.calls == 2
        with pytest.raises(CredentialsError, match="down"):
            await held.refresh(keys(2))
        assert held.current(NOW) == keys(2)

    run(main())


def test_who_leaves_does_not_end_the_fetch_for_others(run: Run) -> None:
    async def main() -> None:
        load = Load(keys())
        load.gate.clear()
        held = Refreshing(load, clock=Clock())
        leaving, staying = asyncio.create_task(held.fetch()), asyncio.create_task(held.fetch())
        await turns()
        leaving.cancel()
        await turns()
        assert leaving.cancelled()
        load.gate.set()
        assert await staying == keys()
        assert load.calls == 1

    run(main())


def test_close_ends_a_fetch(run: Run) -> None:
    async def main() -> None:
        load = Load(keys())
        load.gate.clear()
        held = Refreshing(load, clock=Clock())
        waiting = asyncio.create_task(held.fetch())
        await turns()
        held.close()
        with pytest.raises(CredentialsError, match="ended by close"):
            await waiting
        held.close()
        load.gate.set()
        assert await held.fetch() == keys()

    run(main())


def test_another_loop_has_its_own_fetch(run: Run) -> None:
    load = Load(keys(1), keys(2))
    held = Refreshing(load, clock=Clock())

    async def begin() -> None:
        load.gate.clear()
        task = asyncio.create_task(held.fetch())
        await turns()
        task.cancel()
        held.close()
        await turns()

    async def end() -> None:
        load.gate = asyncio.Event()
        load.gate.set()
        assert await held.fetch() == keys(1)

    run(begin())
    held.close()
    run(end())


def test_a_fetch_of_another_loop_may_land_late(loop_factory: LoopFactory) -> None:
    load = Load(keys(1), keys(2))
    held = Refreshing(load, clock=Clock())
    first, second = loop_factory(), loop_factory()
    late = load.gate
    late.clear()
    waiting = first.create_task(held.fetch())
    first.run_until_complete(turns())
    load.gate = asyncio.Event()
    load.gate.set()
    assert second.run_until_complete(held.fetch()) == keys(1)
    late.set()
    assert first.run_until_complete(waiting) == keys(2)
    assert held.current(NOW) == keys(2)
    for loop in (first, second):
        loop.close()


# -- arguments and environment


def test_arguments() -> None:
    assert pair("AKID", "secret") == Credentials("AKID", "secret")
    assert pair("AKID", "secret", "token") == Credentials("AKID", "secret", "token")
    assert source({}, Script(), access_key="AKID", secret_key="secret").current(NOW) == Credentials("AKID", "secret")


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (("AKID", None), "secret_key is missing"),
        ((None, "hidden"), "access_key is missing"),
        ((None, None, "hidden"), "access_key is missing"),
        (("AKID", "hidden\n"), "secret_key holds a space, a line end"),
        (("AKID", "hidden", "hidden token"), "session token holds a space"),
    ],
)
def test_arguments_refused(given: tuple[Any, ...], what: str) -> None:
    with pytest.raises(CredentialsError, match=what) as caught:
        pair(*given)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, None),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "s"}, None),
        ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}, Credentials("a", "s")),
        (
            {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t", "AWS_ACCOUNT_ID": "1"},
            Credentials("a", "s", "t", None, "1"),
        ),
        (
            {
                "AWS_ACCESS_KEY_ID": "a",
                "AWS_SECRET_ACCESS_KEY": "s",
                "AWS_SECURITY_TOKEN": "t",
                "AWS_SESSION_TOKEN": "u",
            },
            Credentials("a", "s", "t"),
        ),
        (
            {
                "AWS_ACCESS_KEY_ID": "a",
                "AWS_SECRET_ACCESS_KEY": "s",
                "AWS_CREDENTIAL_EXPIRATION": "2027-01-15T08:00:00Z",
            },
            Credentials("a", "s", None, NOW),
        ),
    ],
)
def test_environment(run: Run, environ: dict[str, str], found: Credentials | None) -> None:
    assert run(environment(environ)) == found


@pytest.mark.parametrize(
    ("environ", "what"),
    [
        ({"AWS_ACCESS_KEY_ID": "a"}, "but not AWS_SECRET_ACCESS_KEY"),
        (
            {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "hidden", "AWS_CREDENTIAL_EXPIRATION": "soon"},
            "AWS_CREDENTIAL_EXPIRATION is 'soon'",
        ),
    ],
)
def test_environment_refused(run: Run, environ: dict[str, str], what: str) -> None:
    with pytest.raises(CredentialsError, match=what) as caught:
        run(environment(environ))
    assert "hidden" not in str(caught.value)
