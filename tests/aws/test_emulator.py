"""The AWS emulator: what boto3 gets from it, its signatures, its connections, and the command that starts it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.request
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.conftest import Run
from werkzeug.exceptions import NotFound

from async_keepalive_httpc import aws
from async_keepalive_httpc.aws.errors import AWSError
from async_keepalive_httpc.client import Client
from async_keepalive_httpc.testing import aws as emulated
from async_keepalive_httpc.testing.aws import Emulator
from async_keepalive_httpc.testing.threaded import Threaded

pytest_plugins = ["async_keepalive_httpc.testing.aws_fixtures"]


@pytest.fixture(autouse=True)
def _no_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def client(aws: Emulator, service: str, **keys: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=aws.url,
        region_name="eu-west-1",
        aws_access_key_id=keys.get("access_key", aws.access_key),
        aws_secret_access_key=keys.get("secret_key", aws.secret_key),
        config=Config(retries={"max_attempts": 0}),
    )


def use(aws: Emulator) -> None:
    """A call or two of each service."""
    sqs = client(aws, "sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    assert url == f"{aws.url}/123456789012/q"
    sqs.send_message(QueueUrl=url, MessageBody="body")
    assert [message["Body"] for message in sqs.receive_message(QueueUrl=url)["Messages"]] == ["body"]
    dynamodb = client(aws, "dynamodb")
    dynamodb.create_table(
        TableName="T",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    dynamodb.put_item(TableName="T", Item={"id": {"S": "1"}})
    answer = dynamodb.get_item(TableName="T", Key={"id": {"S": "1"}})
    assert answer["Item"] == {"id": {"S": "1"}}
    assert "x-amz-crc32" in answer["ResponseMetadata"]["HTTPHeaders"]
    assert len(client(aws, "dynamodbstreams").list_streams()["Streams"]) == 1
    kinesis = client(aws, "kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    assert kinesis.put_record(StreamName="s", Data=b"x", PartitionKey="p")["ShardId"] == "shardId-000000000000"
    assert client(aws, "sts").get_caller_identity()["Account"] == "123456789012"


def test_any_signature(aws_emulator: Emulator) -> None:
    use(aws_emulator)
    assert client(aws_emulator, "sqs", secret_key="wrong").list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_right_signatures_only(aws_verifying_emulator: Emulator) -> None:
    aws = aws_verifying_emulator
    use(aws)
    for service, call in (("sqs", "list_queues"), ("dynamodb", "list_tables"), ("kinesis", "list_streams")):
        for keys, code in (
            ({"secret_key": "wrong"}, "SignatureDoesNotMatch"),
            ({"access_key": "AKIAUNKNOWN"}, "InvalidClientTokenId"),
        ):
            with pytest.raises(ClientError) as caught:
                getattr(client(aws, service, **keys), call)()
            assert caught.value.response["Error"]["Code"] == code
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_connections_are_kept_and_counted(aws_emulator: Emulator) -> None:
    sqs = client(aws_emulator, "sqs")
    for _ in range(5):
        sqs.list_queues()
    assert (aws_emulator.connections, aws_emulator.requests) == (1, 5)


def test_two_emulators_in_a_row_share_nothing() -> None:
    for _ in range(2):
        with Threaded(Emulator()) as aws:
            assert "QueueUrls" not in client(aws, "sqs").list_queues()
            client(aws, "sqs").create_queue(QueueName="q")
    with Threaded(Emulator(fresh=False)) as aws:
        assert len(client(aws, "sqs").list_queues()["QueueUrls"]) == 1


def test_many_long_polls_at_a_time(run: Run) -> None:
    async def main() -> None:
        async with Emulator() as aws:
            sqs = client(aws, "sqs")
            url = (await asyncio.to_thread(sqs.create_queue, QueueName="q"))["QueueUrl"]
            polls = [
                asyncio.to_thread(client(aws, "sqs").receive_message, QueueUrl=url, WaitTimeSeconds=5) for _ in range(3)
            ]
            waiting = [asyncio.ensure_future(poll) for poll in polls]
            while aws.requests < 4:
                await asyncio.sleep(0.01)
            for _ in range(3):
                await asyncio.to_thread(sqs.send_message, QueueUrl=url, MessageBody="x")
            assert [len(answer["Messages"]) for answer in await asyncio.gather(*waiting)] == [1, 1, 1]

    run(main())


@pytest.mark.parametrize(
    ("path", "authorization", "status", "code"),
    [
        ("/", None, 403, "MissingAuthenticationTokenException"),
        (
            "/",
            "AWS4-HMAC-SHA256 Credential=A/20260101/eu-west-1/nothing/aws4_request,",
            404,
            "UnknownOperationException",
        ),
        ("/no/such/path", "AWS4-HMAC-SHA256 Credential=A/20260101/eu-west-1/kinesis/aws4_request,", 404, "Unknown"),
    ],
)
def test_refusals(run: Run, path: str, authorization: str | None, status: int, code: str) -> None:
    async def main() -> None:
        async with Emulator() as aws, Client() as http:
            headers = {} if authorization is None else {"Authorization": authorization}
            response = await http.post(aws.url + path, headers=headers, body=b"{}")
            assert response.status == status
            assert code in response.json()["__type"]
            assert "Date" in response.headers

    run(main())


def test_what_moto_cannot_is_answered(run: Run) -> None:
    """And at once: without an answer a client would wait out its time."""

    async def main() -> None:
        async with Emulator() as emulator:
            keys: Any = {"region_name": "eu-west-1", "endpoint_url": emulator.url, "config": Config(read_timeout=20)}
            keys |= {"aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}
            async with aws.client("sqs", **keys) as sqs, aws.client("dynamodb", **keys) as dynamodb:
                with pytest.raises(AWSError, match="moto has it not: The start_message_move_task action") as caught:
                    await sqs.start_message_move_task(SourceArn="arn:aws:sqs:eu-west-1:123456789012:q")
                assert (caught.value.status, caught.value.code) == (501, "UnknownOperationException")
                with pytest.raises(AWSError, match="reached max retries: 3.: moto failed: AttributeError") as caught:
                    await dynamodb.put_item(TableName="T", Item={"a": 5})
                assert (caught.value.status, caught.value.code) == (500, "InternalFailure")

    run(main())


def test_what_moto_refuses_by_raising(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def method(*given: Any) -> Any:
        raise NotFound("no such thing")

    async def main() -> None:
        monkeypatch.setattr(emulated, "verb", lambda url: method)
        async with Emulator() as emulator, Client() as http:
            headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=A/20260101/eu-west-1/sqs/aws4_request,"}
            response = await http.post(emulator.url, headers=headers, body=b"{}")
            assert response.status == 404
            assert b"no such thing" in response.body

    run(main())


def test_motos_own_interface(run: Run) -> None:
    async def main() -> None:
        async with Emulator() as aws, Client() as http:
            response = await http.post(f"{aws.url}/moto-api/reset-auth", body=b"inf")
            assert "PREVIOUS_INITIAL_NO_AUTH_ACTION_COUNT" in response.json()

    run(main())


def test_the_command() -> None:
    command = [sys.executable, "-m", "async_keepalive_httpc.testing.aws", "--port", "0", "--verify"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ})
    assert process.stdout is not None
    try:
        told = dict(word.split("=", 1) for word in process.stdout.readline().split())
        assert set(told) == {"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
        aws = Emulator()
        aws.url, aws.access_key, aws.secret_key = told.values()
        use(aws)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(aws.url)
        with caught.value as refused:
            assert json.load(refused)["message"] == "Request is missing Authentication Token"
    finally:
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=30)
    assert rest.endswith("connections\n")
    assert process.returncode == 0
