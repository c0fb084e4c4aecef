"""`aws.client`: what it is made of, and its face."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any, cast

import pytest
from botocore import UNSIGNED
from botocore import exceptions as botocore
from botocore.config import Config
from tests.aws.scripted import respond

from async_keepalive_httpc import aws, errors
from async_keepalive_httpc.aws.credentials import CredentialsError
from async_keepalive_httpc.aws.options import HARMLESS, HEEDED
from async_keepalive_httpc.aws.service import USER_AGENT

KEYS: Any = {"aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}


class Stage:
    """A client whose HTTP is a list of answers."""

    def __init__(self, client, *answers):
        self.client = client
        self.answers = list(answers)
        self.requests = []
        client._service.send = self.send

    async def send(self, request):
        self.requests.append(request)
        return respond(request, **self.answers.pop(0))


def dynamodb(**options):
    return aws.client("dynamodb", **{"region_name": "eu-west-1", **KEYS, **options})


# -- the face


def test_methods_are_those_of_boto3(run):
    async def calls():
        async with dynamodb() as client:
            stage = Stage(client, {"body": {"Item": {}}}, {})
            assert (await client.get_item(TableName="T"))["Item"] == {}
            await client.get_item(TableName="T")
            assert client.get_item is client.get_item
            assert "transact_write_items" in dir(client)
            assert repr(client) == "<ServiceClient dynamodb https://dynamodb.eu-west-1.amazonaws.com>"
            return stage.requests

    assert len(run(calls())) == 2


def test_facts(run):
    async def look():
        async with dynamodb() as client:
            assert client.meta.region_name == "eu-west-1"
            assert client.meta.endpoint_url == "https://dynamodb.eu-west-1.amazonaws.com"
            assert client.meta.service_model.service_name == "dynamodb"
            assert client.meta.method_to_api_mapping["get_item"] == "GetItem"
            assert client.exceptions.ResourceNotFoundException.__name__ == "ResourceNotFoundException"

    run(look())


def test_what_there_is_not_is_said(run):
    async def look():
        async with dynamodb() as client, aws.client("kinesis", region_name="eu-west-1", **KEYS) as kinesis:
            with pytest.raises(AttributeError, match="dynamodb has no operation 'get_itme'"):
                _ = client.get_itme
            with pytest.raises(errors.InvalidRequest, match="event stream"):
                _ = kinesis.subscribe_to_shard
            with pytest.raises(TypeError, match="positional"):
                await client.get_item("T")
            with pytest.raises(ValueError, match="Waiter does not exist: nothing; dynamodb has contributor"):
                client.get_waiter("nothing")
            with pytest.raises(botocore.OperationNotPageableError):
                client.get_paginator("get_item")
            with pytest.raises(botocore.OperationNotPageableError):
                client.get_paginator("nothing")

    run(look())


def test_pages_and_waits(run):
    async def calls():
        async with dynamodb() as client:
            assert client.can_paginate("query")
            assert not client.can_paginate("get_item")
            assert "table_exists" in client.waiter_names
            key = {"id": {"S": "1"}}
            stage = Stage(
                client,
                {"body": {"Items": [key], "LastEvaluatedKey": key}},
                {"body": {"Items": [key]}},
                {"body": {"Table": {"TableStatus": "ACTIVE"}}},
            )
            pages = [page async for page in client.paginate("query", TableName="T")]
            assert [len(page["Items"]) for page in pages] == [1, 1]
            assert json.loads(stage.requests[1].body)["ExclusiveStartKey"] == key
            await client.get_waiter("table_exists").wait(TableName="T")
            assert len(stage.requests) == 3

    run(calls())


def test_a_closed_client_says_so(run):
    async def calls():
        client = dynamodb()
        await client.aclose()
        with pytest.raises(errors.ClientClosed):
            await client.get_item(TableName="T")
        try:
            async with dynamodb() as broken:
                raise ZeroDivisionError
        except ZeroDivisionError:
            with pytest.raises(errors.ClientClosed):
                await broken.get_item(TableName="T")

    run(calls())


def test_over_a_kept_connection(run):
    """Through the engine: three calls, one connection."""
    connections = []
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\nDate: Sun, 22 Nov 2026 00:00:00 GMT\r\n\r\n" + b'{"QueueUrl":1}'

    async def serve(reader, writer):
        connections.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def calls():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        async with aws.client("sqs", region_name="eu-west-1", endpoint_url=url, **KEYS) as client:
            for _ in range(3):
                result = await client.get_queue_url(QueueName="q" * 300_000)
                assert result["QueueUrl"] == 1
                assert result["ResponseMetadata"]["HTTPHeaders"]["content-length"] == "14"
            assert client.connect_times == 1
            assert client.stats()["connections"]["requests"] == 3
        server.close()
        await server.wait_closed()

    run(calls())
    assert len(connections) == 1


# -- what it is made of


def made(run, name="dynamodb", **options):
    """The Service and the engine's Client of a client."""

    async def make():
        async with aws.client(name, **{"region_name": "eu-west-1", **KEYS, **options}) as client:
            service = client._service
            return client, service, cast(Any, service.send).__self__

    return run(make())


def test_defaults(run):
    _, service, http = made(run)
    assert (service.timeout.connect, service.timeout.read, service.timeout.total) == (3.0, 30.0, None)
    assert (http.limits.max_per_host, http.limits.idle_timeout) == (10, 20.0)
    assert service.retry.attempts == 4
    assert service.skew is not None
    assert (b"User-Agent", USER_AGENT.encode()) in service.unsigned
    assert made(run, "sqs")[1].retry.attempts == 3


def test_a_config_is_heeded(run):
    config = Config(
        connect_timeout=1,
        read_timeout=2,
        max_pool_connections=3,
        retries={"max_attempts": 5, "mode": "adaptive"},
        user_agent_extra="mine/1",
        region_name="us-east-2",
        inject_host_prefix=False,
        parameter_validation=False,
        use_fips_endpoint=True,
    )
    client, service, http = made(run, config=config, region_name=None)
    assert (service.timeout.connect, service.timeout.read, service.timeout.write) == (1.0, 2.0, 2.0)
    assert http.limits.max_per_host == 3
    assert service.retry.attempts == 6
    assert service.retry.rate is not None
    assert (b"User-Agent", f"{USER_AGENT} mine/1".encode()) in service.unsigned
    assert client.meta.region_name == "us-east-2"
    assert client.meta.endpoint_url == "https://dynamodb-fips.us-east-2.amazonaws.com"
    assert not service.prefixed
    assert made(run, config=Config(retries={"total_max_attempts": 2}))[1].retry.attempts == 2
    assert not made(run, config=Config(signature_version=UNSIGNED))[1].signed
    assert made(run, config=Config(read_timeout=None))[1].timeout.read is None


def test_more_of_a_config_is_heeded(run):
    config = Config(
        use_dualstack_endpoint=True,
        account_id_endpoint_mode="required",
        user_agent="mine/2",
        client_cert=("cert.pem", "key.pem"),
        retries={"max_attempts": 0},
        read_timeout=70,
        region_name="us-east-1",
    )
    client, service, http = made(run, config=config, aws_account_id="123456789012")
    assert client.meta.endpoint_url == "https://123456789012.ddb.eu-west-1.api.aws"
    assert (b"User-Agent", b"mine/2") in service.unsigned
    assert (http._reach.tls.cert, http._reach.tls.key) == ("cert.pem", "key.pem")
    assert service.retry.attempts == 1
    assert service.timeout.read == 70.0
    # The argument goes before the Config, and what changes nothing here is no error.
    harmless = Config(tcp_keepalive=True, s3={"addressing_style": "path"}, parameter_validation=False)
    assert made(run, config=harmless)[0].meta.region_name == "eu-west-1"
    assert made(run, use_ssl=False)[0].meta.endpoint_url == "http://dynamodb.eu-west-1.amazonaws.com"


REFUSED = {
    "auth_scheme_preference": "sigv4",
    "client_context_params": {"a": 1},
    "endpoint_discovery_enabled": True,
    "proxies_config": {"proxy_ca_bundle": "ca.pem"},
    "sigv4a_signing_region_set": "*",
}


def test_every_option_of_a_config_is_heeded_or_harmless_or_refused():
    assert set(Config.OPTION_DEFAULTS) == HEEDED | set(HARMLESS) | set(REFUSED)
    for option, value in REFUSED.items():
        with pytest.raises(errors.InvalidRequest, match=rf"Config\({option}=.* has no meaning here: leave it out"):
            dynamodb(config=Config(**{option: value}))


def test_the_environment_is_heeded(run, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-2")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")
    monkeypatch.setenv("AWS_DISABLE_CLOCK_SKEW_CORRECTION", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    none = {"region_name": None, "aws_access_key_id": None, "aws_secret_access_key": None}
    client, service, _ = made(run, "sqs", **none)
    assert client.meta == (
        "ap-southeast-2",
        "http://127.0.0.1:1",
        client.meta.service_model,
        client.meta.method_to_api_mapping,
    )
    assert service.retry.attempts == 7
    assert service.skew is None
    assert run(service.credentials.fetch()).access_key == "ENV"
    config = Config(ignore_configured_endpoint_urls=True)
    assert made(run, "sqs", **none, config=config)[0].meta.endpoint_url == "https://sqs.ap-southeast-2.amazonaws.com"


def test_proxies_and_certificates(run):
    config = Config(proxies={"https": "http://127.0.0.1:3128"})
    assert "127.0.0.1" in repr(made(run, config=config)[2]._reach.proxy)
    assert "127.0.0.1" not in repr(made(run, config=Config(proxies={"http": "http://127.0.0.1:3128"}))[2]._reach.proxy)
    assert made(run, verify="ca.pem")[2]._reach.tls.ca_certs == "ca.pem"
    assert made(run, verify=False)[2]._reach.tls.verify is False


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"config": Config(signature_version="v2")}, "signature_version='v2'"),
        ({"config": Config(max_pool_connections=0)}, "max_per_host"),
        ({"config": Config(read_timeout=-1)}, "read"),
        ({"region_name": None}, "needs a region"),
        ({"region_name": "a b"}, "region 'a b'"),
        ({"endpoint_url": "dynamodb.local"}, "scheme"),
        ({"endpoint_url": "http://h/?q"}, "query"),
    ],
)
def test_what_makes_no_sense_is_refused(options, text):
    with pytest.raises(errors.InvalidRequest, match=text):
        dynamodb(**options)


def test_half_a_pair_of_keys_is_refused():
    with pytest.raises(CredentialsError):
        dynamodb(aws_secret_access_key=None)


def test_services_that_there_are_not():
    with pytest.raises(botocore.UnknownServiceError):
        aws.client("sqz", region_name="eu-west-1")
    with pytest.raises(errors.InvalidRequest, match="'ec2' speaks ec2"):
        aws.client("ec2", region_name="eu-west-1")


def test_without_botocore_the_extra_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("botocore", "async_keepalive_httpc.aws."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "botocore", None)
    with pytest.raises(ImportError, match=r"pip install 'async_keepalive_httpc\[aws\]'"):
        aws.client("sqs")


def test_another_import_error_is_passed_on(monkeypatch):
    monkeypatch.delitem(sys.modules, "async_keepalive_httpc.aws.options")
    monkeypatch.setitem(sys.modules, "async_keepalive_httpc.aws.settings", None)
    monkeypatch.delattr("async_keepalive_httpc.aws.settings", raising=False)
    with pytest.raises(ImportError, match="settings"):
        aws.client("sqs")


def test_the_door_alone_imports_no_botocore():
    code = "import sys, async_keepalive_httpc.aws; sys.exit('botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
