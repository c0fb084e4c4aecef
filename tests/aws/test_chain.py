"""Every link of the chain of credentials, and the order in which they are asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.aws.scripted_keys import NOW, Clock, Script, answer, keys
from tests.conftest import Run

from async_keepalive_httpc.aws.chain import Chain, Profiles, source
from async_keepalive_httpc.aws.credentials import Credentials, CredentialsError, moment
from async_keepalive_httpc.errors import ConnectError

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


def environ() -> dict[str, str]:
    import os

    return dict(os.environ)


def test_nothing_to_read_costs_no_import(run: Run, aws_home: Path) -> None:
    link = Profiles(environ())
    assert not link.configured()
    assert run(link()) is None
    for name in ("AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CREDENTIAL_FILE"):
        assert Profiles({**environ(), name: "x"}).configured()
    assert Profiles(environ(), "named").configured()
    (aws_home / ".boto").touch()
    assert link.configured()


def test_profile_with_keys(run: Run, aws_home: Path) -> None:
    (aws_home / "credentials").write_text(
        "[default]\naws_access_key_id = a\naws_secret_access_key = s\n"
        "[other]\naws_access_key_id = b\naws_secret_access_key = t\naws_session_token = u\naws_account_id = 7\n"
    )
    assert run(Profiles(environ())()) == Credentials("a", "s")
    assert run(Profiles(environ(), "other")()) == Credentials("b", "t", "u", None, "7")
    # A named profile passes the environment's keys over.
    given = {**environ(), "AWS_ACCESS_KEY_ID": "e", "AWS_SECRET_ACCESS_KEY": "e"}
    assert run(source(given, Script()).fetch()) == Credentials("e", "e")
    assert run(source(given, Script(), profile="other").fetch()).access_key == "b"


def test_profile_with_a_process(run: Run, aws_home: Path) -> None:
    document = {"Version": 1, "AccessKeyId": "p", "SecretAccessKey": "q", "SessionToken": "t"}
    (aws_home / "keys.json").write_text(json.dumps({**document, "Expiration": "2099-01-15T08:00:00Z"}))
    (aws_home / "config").write_text(f"[profile timed]\ncredential_process = cat {aws_home / 'keys.json'}\n")
    found = run(Profiles(environ(), "timed")())
    assert found == Credentials("p", "q", "t", moment("2099-01-15T08:00:00Z"))


def test_profile_failures(run: Run, aws_home: Path) -> None:
    with pytest.raises(CredentialsError, match="ProfileNotFound"):
        run(Profiles(environ(), "nowhere")())
    (aws_home / "config").write_text("[profile broken]\ncredential_process = false\n")
    with pytest.raises(CredentialsError, match="CredentialRetrievalError"):
        run(Profiles(environ(), "broken")())


def test_a_profile_without_keys_hands_on_to_the_container(run: Run, aws_home: Path) -> None:
    (aws_home / "config").write_text("[default]\nregion = eu-west-1\n")
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
