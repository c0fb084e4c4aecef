"""The endpoints of containers and instances that give out keys, against scripted answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.aws.scripted_keys import HOUR, NOW, Script, answer, keys
from tests.conftest import Run

from async_keepalive_httpc.aws.credentials import CredentialsError
from async_keepalive_httpc.aws.metadata import Container, Instance
from async_keepalive_httpc.errors import ConnectError, TimeoutExpired

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
