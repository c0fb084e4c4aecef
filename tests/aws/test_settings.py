"""Settings of the environment and of profiles."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.configprovider import ConfiguredEndpointProvider
from botocore.session import Session

from async_keepalive_httpc.aws.settings import Settings, expanded, read
from async_keepalive_httpc.errors import InvalidRequest

CONFIG = """\
[default]
region = eu-west-1
endpoint_url = http://global.config
services = local
retry_mode = adaptive
max_attempts = 7
use_fips_endpoint = true

[profile bare]
use_dualstack_endpoint = TRUE
disable_clock_skew_correction = true
account_id_endpoint_mode = required
ca_bundle = /ca.pem

[profile ignoring]
endpoint_url = http://ignored
ignore_configured_endpoint_urls = true

[profile lost]
services = nowhere

[services local]
dynamodb =
    endpoint_url = http://dynamodb.config
dynamodb_streams =
    endpoint_url = http://streams.config
"""


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    aws = tmp_path / ".aws"
    aws.mkdir()
    (aws / "config").write_text(CONFIG)
    (aws / "credentials").write_text("[keys]\nregion = sa-east-1\n[default]\nmax_attempts = 8\n")
    return {"HOME": str(tmp_path)}


def test_nothing_said(tmp_path: Path) -> None:
    assert read({"HOME": str(tmp_path)}, "SQS") == Settings()
    # An import of botocore is what a file costs.
    code = (
        "import sys, async_keepalive_httpc.aws.settings as s; s.read({'HOME': '/nonexistent'}); "
        "print('botocore' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ))
    assert out.stdout == "False\n"


def test_environment(tmp_path: Path) -> None:
    said = {
        "HOME": str(tmp_path),
        "AWS_REGION": "eu-west-2",
        "AWS_ENDPOINT_URL": "http://all",
        "AWS_USE_FIPS_ENDPOINT": "True",
        "AWS_USE_DUALSTACK_ENDPOINT": "no",
        "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
        "AWS_RETRY_MODE": "adaptive",
        "AWS_MAX_ATTEMPTS": "5",
        "AWS_DISABLE_CLOCK_SKEW_CORRECTION": "true",
        "AWS_CA_BUNDLE": "/ca.pem",
    }
    assert read(said, "SQS") == Settings(
        "eu-west-2", "http://all", True, False, "disabled", "adaptive", "5", False, "/ca.pem"
    )
    assert read({**said, "AWS_DEFAULT_REGION": "eu-west-3"}).region == "eu-west-3"


def test_profiles(home: dict[str, str]) -> None:
    assert read(home) == Settings("eu-west-1", "http://global.config", True, None, None, "adaptive", "8", True, None)
    assert read(home, profile="bare") == Settings(None, None, None, True, "required", None, None, False, "/ca.pem")
    assert read({**home, "AWS_PROFILE": "keys"}).region == "sa-east-1"
    assert read({**home, "AWS_PROFILE": "keys", "AWS_DEFAULT_PROFILE": "default"}).region == "eu-west-1"
    assert read({**home, "AWS_PROFILE": "keys"}, profile="default").region == "eu-west-1"
    assert read({**home, "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1"})[:1] == ("us-east-1",)


@pytest.mark.parametrize(("file", "region"), [("config", "eu-west-1"), ("credentials", None)])
def test_one_of_the_two_files(home: dict[str, str], file: str, region: str | None) -> None:
    for path in Path(home["HOME"], ".aws").iterdir():
        if path.name != file:
            path.unlink()
    assert read(home).region == region
    assert read(home).max_attempts == ("8" if file == "credentials" else "7")


@pytest.mark.parametrize("service", ["sqs", "dynamodb", "dynamodbstreams", "kinesis"])
@pytest.mark.parametrize(
    "said",
    [
        {},
        {"AWS_ENDPOINT_URL": "http://all"},
        {"AWS_ENDPOINT_URL_SQS": "http://sqs", "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": "http://streams"},
        {"AWS_ENDPOINT_URL_DYNAMODB": "http://ddb", "AWS_ENDPOINT_URL": "http://all"},
        {"AWS_PROFILE": "bare"},
    ],
)
def test_endpoint_url_as_botocore_has_it(
    home: dict[str, str], service: str, said: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {**home, **said}
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{home['HOME']}/.aws/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{home['HOME']}/.aws/credentials")
    session = Session(profile=said.get("AWS_PROFILE"))
    theirs = ConfiguredEndpointProvider(session.full_config, session.get_scoped_config(), service, environ).provide()
    service_id = session.get_component("data_loader").load_service_model(service, "service-2")["metadata"]["serviceId"]
    assert read(environ, service_id).endpoint_url == theirs


def test_endpoint_urls_ignored(home: dict[str, str]) -> None:
    assert read(home, profile="ignoring").endpoint_url is None
    for said in ({"AWS_ENDPOINT_URL": "http://a"}, {}):
        assert read({**home, **said, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, "SQS").endpoint_url is None


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"profile": "nobody"}, "AWS profile 'nobody' is neither in ~/.aws/config nor in ~/.aws/credentials"),
        ({"profile": "lost"}, "services section 'nowhere'"),
    ],
)
def test_refusals(home: dict[str, str], given: dict[str, Any], what: str) -> None:
    with pytest.raises(InvalidRequest, match=what):
        read(home, **given)


def test_a_broken_file(home: dict[str, str]) -> None:
    Path(home["HOME"], ".aws/config").write_text("[default\n")
    with pytest.raises(InvalidRequest, match=r"AWS settings: .*\.aws/config"):
        read(home)


def test_expanded(tmp_path: Path) -> None:
    assert expanded({"HOME": "/h"}, "A", "~/x") == Path("/h/x")
    assert expanded({"HOME": "/h", "A": "/y"}, "A", "~/x") == Path("/y")
    assert expanded({}, "A", "~/x") == Path("~/x").expanduser()
