"""Every link of the chain against a scripted server and a virtual clock: found, refreshed ahead, refreshed by force."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import SSOProvider
from botocore.tokens import SSOTokenProvider
from tests.aws.links import LIFE, LINKS, START, Giver, Place
from tests.aws.scripted import Script as Service
from tests.aws.scripted import fault
from tests.aws.scripted_keys import Clock
from tests.conftest import Run

from async_keepalive_httpc import Client
from async_keepalive_httpc.aws.chain import source
from async_keepalive_httpc.aws.credentials import AHEAD, MARGIN, Credentials, CredentialsError, Source
from async_keepalive_httpc.testing import Conn, Peer, Request, response, serving


@pytest.fixture(autouse=True)
def _tokens(aws_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore looks for SSO's tokens where HOME was when it was imported."""
    for provider in (SSOProvider, SSOTokenProvider):
        monkeypatch.setattr(provider, "_SSO_TOKEN_CACHE_DIR", str(aws_home))


def keys(number: int) -> Credentials:
    return Credentials(f"AKID{number}", f"secret{number}", f"token{number}", START + number * LIFE)


async def turned(condition: Any) -> None:
    """Turns of the loop until it is so; `run` bounds them."""
    while not condition():
        await asyncio.sleep(0.001)


class World:
    """A link's source, on a virtual clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, link: str, aws_home: Path) -> None:
        self.giver = Giver()
        self.clock = Clock(START)
        self._link = link
        self._home = aws_home
        self._patch = monkeypatch

    async def __aenter__(self) -> World:
        self.peer = await Peer(self.giver.script()).__aenter__()
        set_up, self.asks = LINKS[self._link]
        given = set_up(Place(self._home, self.peer.url, self.giver))
        environ: Mapping[str, str] = given
        if self._link != "environment":
            for name, value in {"AWS_EC2_METADATA_DISABLED": "true", **given}.items():
                self._patch.setenv(name, value)
            environ = os.environ
        self.client = Client(trust_env=False)
        self.source: Source = source(environ, self.client.send, clock=self.clock)
        return self

    async def __aexit__(self, *error: Any) -> None:
        self.source.close()
        await self.client.aclose()
        await self.peer.__aexit__(*error)


@pytest.mark.parametrize("link", LINKS)
def test_each_link_is_refreshed_ahead_of_its_end(
    run: Run, aws_home: Path, monkeypatch: pytest.MonkeyPatch, link: str
) -> None:
    async def main() -> None:
        async with World(monkeypatch, link, aws_home) as world:
            held, clock, giver = world.source, world.clock, world.giver
            assert held.current(clock.now) is None
            found = await asyncio.gather(*(held.fetch() for _ in range(5)))
            assert {one[:4] for one in found} == {keys(1)[:4]}
            assert giver.asked == world.asks
            # While they live nobody is asked.
            clock.now = START + LIFE - AHEAD - 1
            assert held.current(clock.now) == found[0]
            assert giver.given == 1
            # Ahead of their end they serve on, behind one fetch.
            clock.now += 2
            assert [held.current(clock.now) for _ in range(5)] == [found[0]] * 5
            await turned(lambda: held.current(clock.now) != found[0])
            fresh = held.current(clock.now)
            assert fresh is not None
            assert fresh[:4] == keys(2)[:4]
            assert giver.asked == world.asks * 2
            # After their end one waits.
            clock.now = START + 2 * LIFE - MARGIN
            assert held.current(clock.now) is None
            assert (await held.fetch())[:4] == keys(3)[:4]
            # AWS says that they have ended: they are fetched at once.
            assert (await held.refresh(await held.fetch()))[:4] == keys(4)[:4]
            assert giver.given == 4

    run(main())


def test_what_the_links_say_to_those_who_keep_the_keys(
    run: Run, aws_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def said(link: str) -> list[Request]:
        (aws_home / "config").unlink(missing_ok=True)
        with monkeypatch.context() as patch:
            async with World(patch, link, aws_home) as world:
                await world.source.fetch()
                return world.giver.seen

    (request,) = run(said("container"))
    assert request.get("Authorization") == "agent-token"
    (request,) = run(said("web identity"))
    assert b"WebIdentityToken=identity-token" in request.body
    assert request.get("Authorization") == ""
    (request,) = run(said("sso"))
    assert request.get("x-amz-sso_bearer_token") == "portal-token"
    (request,) = run(said("assumed role"))
    assert "Credential=a/" in request.get("Authorization")
    assert b"RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fr" in request.body
    _, names, role = run(said("instance"))
    assert names.get("X-aws-ec2-metadata-token") == role.get("X-aws-ec2-metadata-token") == "metadata-token"


def test_requests_go_on_with_the_old_keys_while_new_ones_are_fetched(run: Run, aws_home: Path) -> None:
    """An agent that does not answer holds up nobody, as long as the keys live."""

    async def main() -> None:
        giver, free, asked = Giver(), asyncio.Event(), asyncio.Event()
        free.set()

        async def agent(conn: Conn) -> None:
            while (request := await conn.request()) is not None:
                asked.set()
                await free.wait()
                conn.send(giver.answer(conn, request))

        async with Peer(agent) as peer, Client(trust_env=False) as client:
            clock = Clock(START)
            environ = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{peer.url}/v1/credentials", "HOME": str(aws_home)}
            held = source(environ, client.send, clock=clock)
            service = Service(*[{}] * 12)
            service.clock = clock  # type: ignore[method-assign]
            call = service.call("GetItem", credentials=held)
            await call(TableName="T")
            clock.now = START + LIFE - AHEAD + 1
            free.clear()
            asked.clear()
            for _ in range(9):
                await call(TableName="T")
            await asked.wait()
            await call(TableName="T")
            free.set()
            await turned(lambda: held.current(clock.now) == keys(2))
            await call(TableName="T")
            signed = [dict(request.fields)[b"X-Amz-Security-Token"] for request in service.requests]
            assert signed == [b"token1"] * 11 + [b"token2"]
            assert giver.given == 2
            held.close()

    run(main())


@pytest.mark.parametrize("link", ["process", "container", "instance", "sso"])
def test_expired_keys_are_fetched_anew_and_the_call_is_sent_again(
    run: Run, aws_home: Path, monkeypatch: pytest.MonkeyPatch, link: str
) -> None:
    async def main() -> None:
        async with World(monkeypatch, link, aws_home) as world:
            service = Service(fault("ExpiredTokenException"), {}, fault("ExpiredTokenException"), {})
            service.clock = world.clock  # type: ignore[method-assign]
            call = service.call("GetItem", credentials=world.source)
            assert (await call(TableName="T"))["ResponseMetadata"]["RetryAttempts"] == 1
            await asyncio.gather(call(TableName="T"))
            tokens = [dict(request.fields)[b"X-Amz-Security-Token"] for request in service.requests]
            assert tokens == [b"token1", b"token2", b"token2", b"token3"]
            assert service.slept == []

    run(main())


def test_a_metadata_service_past_its_hops(run: Run, aws_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token's answer has a hop limit of one: in a container of a bridge network it never arrives. IMDSv1, which
    would arrive, is not asked."""

    async def main() -> None:
        async def silent(conn: Conn) -> None:
            while await conn.request() is not None:
                pass

        async with Peer(silent) as peer, Client(trust_env=False) as client:
            environ = {
                "HOME": str(aws_home),
                "AWS_EC2_METADATA_SERVICE_ENDPOINT": peer.url,
                "AWS_METADATA_SERVICE_TIMEOUT": "0.02",
                "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "2",
            }
            with pytest.raises(CredentialsError, match="the instance metadata service: PUT .*/latest/api/token failed"):
                await source(environ, client.send).fetch()
            assert [request.method for request in peer.requests] == ["PUT", "PUT"]

    run(main())


@pytest.mark.parametrize(
    ("status", "target", "what"),
    [
        (403, "/latest/api/token", "PUT .*/latest/api/token answered 403"),
        (401, "/latest/meta-data/iam/security-credentials/", "security-credentials/ answered 401"),
        (404, "/latest/meta-data/iam/security-credentials/", "an instance needs a role"),
        (500, "/latest/meta-data/iam/security-credentials/my-role", "my-role answered 500"),
    ],
)
def test_a_metadata_service_that_fails_at_a_step(run: Run, aws_home: Path, status: int, target: str, what: str) -> None:
    async def main() -> None:
        giver = Giver()

        @serving
        def script(conn: Conn, request: Request) -> bytes:
            plain = giver.answer(conn, request)
            return response(b"no", status=status) if request.target == target else plain

        async with Peer(script) as peer, Client(trust_env=False) as client:
            environ = {"HOME": str(aws_home), "AWS_EC2_METADATA_SERVICE_ENDPOINT": peer.url}
            with pytest.raises(CredentialsError, match=what):
                await source(environ, client.send).fetch()

    run(main())


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ("[default]\nlogin_session = s\n", "No AWS credentials: the profiles: "),
        ("[default]\nrole_arn = r\nsource_profile = nobody\n", "the profiles: InvalidConfigError: "),
        ("[default]\nsso_session = nobody\nsso_account_id = 1\nsso_role_name = r\n", "sso-session does not exist"),
    ],
)
def test_profiles_that_lead_nowhere(run: Run, aws_home: Path, config: str, what: str) -> None:
    (aws_home / "config").write_text(config)
    with pytest.raises(CredentialsError, match=what):
        run(source(dict(os.environ), None).fetch())  # type: ignore[arg-type]


def test_an_sso_login_that_has_ended(run: Run, aws_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with World(monkeypatch, "sso", aws_home) as world:
            for file in aws_home.glob("*.json"):
                file.unlink()
            with pytest.raises(CredentialsError, match="No AWS credentials: the profiles: "):
                await world.source.fetch()
            assert world.giver.asked == []

    run(main())
