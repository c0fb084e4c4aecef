"""Credentials: kept ahead of their end, and every link of the chain, against scripted answers and a clock of ours."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Run

from async_keepalive_httpc._message.limits import Timeout
from async_keepalive_httpc._message.request import Request
from async_keepalive_httpc._message.response import Response
from async_keepalive_httpc.aws import credentials as keeping
from async_keepalive_httpc.aws.chain import Chain, Profiles, environment, pair, source
from async_keepalive_httpc.aws.credentials import Credentials, CredentialsError, Refreshing, Static, moment
from async_keepalive_httpc.aws.metadata import Container, Instance
from async_keepalive_httpc.errors import ConnectError, TimeoutExpired

NOW = 1_800_000_000.0
HOUR = 3600.0


class Clock:
    """Seconds since the epoch, moved by hand."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Nobody:
    def done(self) -> bool:
        return True

    def set_result(self, result: Any, /) -> None: ...


class Script:
    """HTTP as one callable: answers in order, and what was asked."""

    def __init__(self, *answers: tuple[int, str | dict] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        response = Response(request, Nobody(), Timeout(), 1000)
        response.begin(status, "Reason", "1.1", [], 0)
        response.feed((body if isinstance(body, str) else json.dumps(body)).encode())
        response.finish()
        return response

    @property
    def lines(self) -> list[str]:
        return [f"{request.method} {request.url}" for request in self.asked]

    def header(self, index: int, name: bytes) -> bytes | None:
        return dict(self.asked[index].fields).get(name)


def iso(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def answer(number: int = 1, expires: float | None = NOW + 6 * HOUR) -> tuple[int, dict]:
    """A set of keys as both endpoints send it."""
    keys = {"AccessKeyId": f"AKID{number}", "SecretAccessKey": f"secret{number}", "Token": f"token{number}"}
    return 200, keys | {"Code": "Success"} | ({"Expiration": iso(expires)} if expires is not None else {})


def keys(number: int = 1, expires: float | None = NOW + 6 * HOUR) -> Credentials:
    return Credentials(f"AKID{number}", f"secret{number}", f"token{number}", expires)


class Load:
    """A function that hands out credentials, one set after the other, when it is let."""

    def __init__(self, *answers: Credentials | Exception) -> None:
        self.answers = list(answers)
        self.calls = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> Credentials:
        self.calls += 1
        await self.gate.wait()
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


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


# -- the container's endpoint


async def no_sleep(seconds: float) -> None:
    assert seconds == 1.0


def container(script: Script, **environ: str) -> Container:
    names = {"relative": "CREDENTIALS_RELATIVE_URI", "full": "CREDENTIALS_FULL_URI"}
    names |= {"token": "AUTHORIZATION_TOKEN", "file": "AUTHORIZATION_TOKEN_FILE"}
    found = {f"AWS_CONTAINER_{names[name]}": value for name, value in environ.items()}
    return Container(found, script, sleep=no_sleep)


def test_container_of_ecs(run: Run) -> None:
    script = Script((200, {**answer()[1], "AccountId": "123"}))
    assert run(container(script, relative="/v2/credentials/x?y=1")()) == keys()._replace(account_id="123")
    assert script.lines == ["GET http://169.254.170.2/v2/credentials/x?y=1"]
    assert script.header(0, b"Accept") == b"application/json"
    assert script.header(0, b"Authorization") is None
    timeout = script.asked[0].timeout
    assert timeout is not None
    assert timeout.total == 2.0


def test_container_of_eks(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("fresh-token")
    script = Script(answer(1), answer(2))
    link = container(script, full="http://169.254.170.23/v1/credentials", file=str(file), token="stale")
    assert run(link()) == keys(1)
    file.write_text("fresher-token")
    assert run(link()) == keys(2)
    sent = [script.header(0, b"Authorization"), script.header(1, b"Authorization")]
    assert sent == [b"fresh-token", b"fresher-token"]


def test_container_token_of_the_environment(run: Run) -> None:
    script = Script(answer())
    assert run(container(script, full="https://creds.example/x", token="Basic abc")()) == keys()
    assert script.header(0, b"Authorization") == b"Basic abc"


def test_container_is_tried_three_times(run: Run) -> None:
    script = Script(ConnectError("refused"), (500, "hidden"), answer())
    assert run(container(script, relative="/x")()) == keys()
    script = Script(ConnectError("refused"), TimeoutExpired("late"), (500, "hidden"))
    with pytest.raises(CredentialsError, match="GET http://169.254.170.2/x answered 500 Reason, not cred") as caught:
        run(container(script, relative="/x")())
    assert "hidden" not in str(caught.value)
    assert len(script.asked) == 3


def test_no_container(run: Run) -> None:
    assert run(container(Script())()) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1234/x",
        "http://127.9.9.9/x",
        "http://[::1]/x",
        "http://localhost/x",
        "http://169.254.170.2/x",
        "http://[fd00:ec2::23]/x",
        "https://anywhere.example/x",
    ],
)
def test_container_hosts(run: Run, url: str) -> None:
    assert run(container(Script(answer()), full=url)()) == keys()


@pytest.mark.parametrize(
    ("environ", "what"),
    [
        ({"full": "http://evil.example/x"}, "names evil.example: without TLS"),
        ({"full": "http://10.0.0.1/x"}, "names 10.0.0.1"),
        ({"full": "/relative"}, "is no URL"),
        ({"relative": "/x", "token": "hidden\r\nX: y"}, "holds a line end"),
        ({"relative": "/x", "file": "/nonexistent/token"}, "TOKEN_FILE: /nonexistent/token cannot be read"),
    ],
)
def test_container_refusals(run: Run, environ: dict[str, str], what: str) -> None:
    script = Script()
    with pytest.raises(CredentialsError, match=what) as caught:
        run(container(script, **environ)())
    assert script.asked == []
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("", "no set of credentials in JSON"),
        ("[]", "no set of credentials in JSON"),
        ("hidden", "no set of credentials in JSON"),
        ({"AccessKeyId": "a", "SecretAccessKey": "hidden", "Expiration": "soon"}, "no set of credentials in JSON"),
        ({"AccessKeyId": "a", "Token": "hidden"}, "answered without SecretAccessKey$"),
        (
            {"Code": "AssumeRoleUnauthorizedAccess", "Message": "no trust"},
            r"\(AssumeRoleUnauthorizedAccess: no trust\)",
        ),
    ],
)
def test_answers_that_are_no_keys(run: Run, body: str | dict, what: str) -> None:
    script = Script((200, body), (200, body), (200, body))
    with pytest.raises(CredentialsError, match=what) as caught:
        run(container(script, relative="/x")())
    assert "hidden" not in str(caught.value)


# -- the instance's endpoint

BASE = "http://169.254.169.254"
ROLES = "/latest/meta-data/iam/security-credentials/"


def instance(
    script: Script, clock: Callable[[], float] = lambda: NOW, role: str | None = None, **environ: str
) -> Instance:
    return Instance(
        {f"AWS_{name}": value for name, value in environ.items()}, script, role=role, clock=clock, chance=lambda: 0.5
    )


def test_instance(run: Run) -> None:
    script = Script((200, "session-token"), (200, "my-role\n"), answer())
    assert run(instance(script)()) == keys()
    assert script.lines == [f"PUT {BASE}/latest/api/token", f"GET {BASE}{ROLES}", f"GET {BASE}{ROLES}my-role"]
    assert script.header(0, b"X-aws-ec2-metadata-token-ttl-seconds") == b"21600"
    assert script.header(1, b"X-aws-ec2-metadata-token") == b"session-token"
    assert script.header(2, b"X-aws-ec2-metadata-token") == b"session-token"
    for request in script.asked:
        assert request.timeout is not None
        assert (request.timeout.total, request.max_redirects) == (1.0, 0)


def test_instance_as_the_environment_has_it(run: Run) -> None:
    script = Script((200, "t"), answer())
    link = instance(
        script,
        role="a role/x",
        EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:1338/",
        METADATA_SERVICE_TIMEOUT="2.5",
        EC2_METADATA_SERVICE_ENDPOINT_MODE="IPv6",
    )
    assert run(link()) == keys()
    assert script.lines[1] == f"GET http://127.0.0.1:1338{ROLES}a%20role%2Fx"
    timeout = script.asked[0].timeout
    assert timeout is not None
    assert timeout.total == 2.5
    assert instance(script, EC2_METADATA_SERVICE_ENDPOINT_MODE="IPv6").url() == "http://[fd00:ec2::254]"


def test_instance_switched_off(run: Run) -> None:
    script = Script()
    assert run(instance(script, EC2_METADATA_DISABLED="True")()) is None
    assert script.asked == []


@pytest.mark.parametrize(
    ("answers", "what"),
    [
        ([TimeoutExpired("late")], f"PUT {BASE}/latest/api/token failed: late"),
        ([(403, "")], "answered 403 Reason; an instance"),
        ([(200, "t"), (404, "")], f"GET {BASE}{ROLES} answered 404 Reason; an instance needs a role"),
        ([(200, "t"), (200, " \n")], "with an empty body"),
        ([(200, "t"), (200, "r"), (500, "")], "answered 500 Reason, not credentials"),
    ],
)
def test_instance_failures(run: Run, answers: list[Any], what: str) -> None:
    with pytest.raises(CredentialsError, match=what):
        run(instance(Script(*answers))())


def test_instance_tries_as_often_as_told(run: Run) -> None:
    script = Script(TimeoutExpired("late"), (200, "t"), (200, "r"), answer())
    assert run(instance(script, METADATA_SERVICE_NUM_ATTEMPTS="2")()) == keys()


@pytest.mark.parametrize("text", ["x", "0", "-1", "nan", "inf"])
def test_instance_refuses_numbers(run: Run, text: str) -> None:
    with pytest.raises(CredentialsError, match="AWS_METADATA_SERVICE_TIMEOUT is .* a number above 0"):
        run(instance(Script(), METADATA_SERVICE_TIMEOUT=text)())


def test_instance_keys_that_could_not_be_renewed_are_used_on(run: Run) -> None:
    for left in (-HOUR, 0.0, 599.0):
        script = Script((200, "t"), (200, "r"), answer(1, NOW + left))
        assert run(instance(script)()) == keys(1, NOW + 600 + 120 + 240)
    script = Script((200, "t"), (200, "r"), answer(1, NOW + 600))
    assert run(instance(script)()) == keys(1, NOW + 600)
    script = Script((200, "t"), (200, "r"), answer(1, None))
    assert run(instance(script)()) == keys(1, None)


# -- the chain


def test_the_first_that_has_some_is_asked_ever_after(run: Run) -> None:
    async def main() -> None:
        asked = []

        def link(name: str, *found: Credentials | None) -> Any:
            answers = list(found)

            async def load() -> Credentials | None:
                asked.append(name)
                return answers.pop(0)

            return load

        chain = Chain({"a": link("a", None), "b": link("b", keys(1), keys(2), None), "c": link("c")})
        assert [await chain.load(), await chain.load()] == [keys(1), keys(2)]
        assert asked == ["a", "b", "b"]
        with pytest.raises(CredentialsError, match="looked in b"):
            await chain.load()

    run(main())


def test_no_credentials_anywhere(run: Run, tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    held = source(environ, Script())
    assert held.current(NOW) is None
    with pytest.raises(CredentialsError, match=r"No AWS credentials: looked in the environment .*, the profiles, the"):
        run(held.fetch())
    held = source({"HOME": str(tmp_path)}, Script(ConnectError("no route")))
    with pytest.raises(CredentialsError, match="No AWS credentials: the instance metadata service: PUT .* no route"):
        run(held.fetch())


def test_the_whole_chain(run: Run, tmp_path: Path) -> None:
    """Environment before container before instance; a profile asked for passes the environment over."""
    environ = {"HOME": str(tmp_path), "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"}
    script = Script(answer())
    assert run(source(environ, script, clock=Clock()).fetch()) == keys()
    assert script.lines == ["GET http://169.254.170.2/x"]
    environ |= {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}
    assert run(source(environ, Script()).fetch()) == Credentials("a", "s")
    del environ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"], environ["AWS_ACCESS_KEY_ID"]
    script = Script((200, "t"), (200, "r"), answer())
    assert run(source(environ, script, clock=Clock()).fetch()) == keys()


# -- profiles, through botocore


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """botocore reads the environment itself: here it finds these files, and nothing else."""
    import os

    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


def environ() -> dict[str, str]:
    import os

    return dict(os.environ)


def test_nothing_to_read_costs_no_import(run: Run, home: Path) -> None:
    link = Profiles(environ())
    assert not link.configured()
    assert run(link()) is None
    for name in ("AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CREDENTIAL_FILE"):
        assert Profiles({**environ(), name: "x"}).configured()
    assert Profiles(environ(), "named").configured()
    (home / ".boto").touch()
    assert link.configured()


def test_profile_with_keys(run: Run, home: Path) -> None:
    (home / "credentials").write_text(
        "[default]\naws_access_key_id = a\naws_secret_access_key = s\n"
        "[other]\naws_access_key_id = b\naws_secret_access_key = t\naws_session_token = u\naws_account_id = 7\n"
    )
    assert run(Profiles(environ())()) == Credentials("a", "s")
    assert run(Profiles(environ(), "other")()) == Credentials("b", "t", "u", None, "7")
    # A named profile passes the environment's keys over.
    given = {**environ(), "AWS_ACCESS_KEY_ID": "e", "AWS_SECRET_ACCESS_KEY": "e"}
    assert run(source(given, Script()).fetch()) == Credentials("e", "e")
    assert run(source(given, Script(), profile="other").fetch()).access_key == "b"


def test_profile_with_a_process(run: Run, home: Path) -> None:
    document = {"Version": 1, "AccessKeyId": "p", "SecretAccessKey": "q", "SessionToken": "t"}
    (home / "keys.json").write_text(json.dumps({**document, "Expiration": "2099-01-15T08:00:00Z"}))
    (home / "config").write_text(f"[profile timed]\ncredential_process = cat {home / 'keys.json'}\n")
    found = run(Profiles(environ(), "timed")())
    assert found == Credentials("p", "q", "t", moment("2099-01-15T08:00:00Z"))


def test_profile_failures(run: Run, home: Path) -> None:
    with pytest.raises(CredentialsError, match="ProfileNotFound"):
        run(Profiles(environ(), "nowhere")())
    (home / "config").write_text("[profile broken]\ncredential_process = false\n")
    with pytest.raises(CredentialsError, match="CredentialRetrievalError"):
        run(Profiles(environ(), "broken")())


def test_a_profile_without_keys_hands_on_to_the_container(run: Run, home: Path) -> None:
    (home / "config").write_text("[default]\nregion = eu-west-1\n")
    given = {**environ(), "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"}
    assert run(source(given, Script(answer()), clock=Clock()).fetch()) == keys()


def test_keys_that_end_at_an_unknown_time_are_looked_at_again() -> None:
    from async_keepalive_httpc.aws import chain

    class Frozen:
        access_key, secret_key, token = "a", "s", "t"

    class Found:
        refresh_needed = True

        def get_frozen_credentials(self) -> Frozen:
            return Frozen()

    found = chain._frozen(Found())
    assert found.expires is not None
    assert found[:3] == ("a", "s", "t")
    assert found.account_id is None
