"""Our signatures at a server that checks them, with botocore's signer: whole ones pass, tampered ones do not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import closing
from typing import Any

import boto3
import pytest
from tests.conftest import Run

from async_keepalive_httpc import aws
from async_keepalive_httpc._message.body import body_of
from async_keepalive_httpc.aws.auth import EasyV4Sign
from async_keepalive_httpc.aws.errors import AWSError
from async_keepalive_httpc.aws.sqs import SQSQueue
from async_keepalive_httpc.testing.aws import Emulator

REGION = "eu-west-1"
SERVICES = {
    "sqs": "list_queues",
    "dynamodb": "list_tables",
    "dynamodbstreams": "list_streams",
    "kinesis": "list_streams",
}

Tamper = Callable[[Any], None]


def client(emulator: Emulator, service: str, **more: Any) -> Any:
    keys = {"aws_access_key_id": emulator.access_key, "aws_secret_access_key": emulator.secret_key}
    return aws.client(service, **{"region_name": REGION, "endpoint_url": emulator.url, **keys, **more})


def altered(old: bytes, new: bytes) -> Tamper:
    """Something on the way changes a field."""

    def tamper(request: Any) -> None:
        assert old in request.block
        request.block = request.block.replace(old, new, 1)

    return tamper


def other_body(request: Any) -> None:
    request.body = body_of(b'{"MessageBody":"another","QueueUrl":"u"}')
    request.length = 40


def other_signature(request: Any) -> None:
    head, mark, signature = request.block.partition(b"Signature=")
    request.block = head + mark + (b"0" if signature[:1] != b"0" else b"1") + signature[1:]


def through(tampering: Tamper, made: Any) -> Any:
    """A client whose requests are changed after they were signed."""
    send = made._service.send

    async def altering(request: Any) -> Any:
        tampering(request)
        return await send(request)

    made._service.send = altering
    return made


def test_whole_ones_pass(run: Run) -> None:
    async def main() -> None:
        async with Emulator(verify=True) as emulator:
            for service, call in SERVICES.items():
                async with client(emulator, service) as made:
                    for _ in range(3):
                        assert (await getattr(made, call)())["ResponseMetadata"]["HTTPStatusCode"] == 200
            async with client(emulator, "sqs") as sqs:
                url = (await sqs.create_queue(QueueName="a-b_c"))["QueueUrl"]
                for body in (" ", "a  b", "\u00e9\U0001f600", "x" * 300_000, '{"a": [1, null]}\n'):
                    await sqs.send_message(QueueUrl=url, MessageBody=body)
            assert emulator.connections == 5

    run(main())


@pytest.mark.parametrize(
    "tampering",
    [
        other_body,
        other_signature,
        altered(b"AmazonSQS.SendMessage", b"AmazonSQS.DeleteQueue"),
        altered(b"X-Amz-Date: 2", b"X-Amz-Date: 1"),
        altered(b"x-amzn-query-mode: true", b"x-amzn-query-mode: tru"),
        altered(b"x-amz-json-1.0", b"x-amz-json-1.1"),
        altered(b"/eu-west-1/", b"/eu-west-2/"),
        altered(b"SignedHeaders=content-type;", b"SignedHeaders="),
    ],
)
def test_tampered_ones_do_not(run: Run, tampering: Tamper) -> None:
    async def main() -> None:
        async with Emulator(verify=True) as emulator:
            async with client(emulator, "sqs") as plain:
                url = (await plain.create_queue(QueueName="q"))["QueueUrl"]
                async with through(tampering, client(emulator, "sqs")) as sqs:
                    with pytest.raises(AWSError) as caught:
                        await sqs.send_message(QueueUrl=url, MessageBody="as it was")
                assert caught.value.status == 403
                assert caught.value.code == "SignatureDoesNotMatch"
                assert "Messages" not in await plain.receive_message(QueueUrl=url)

    run(main())


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({"aws_secret_access_key": "wrong"}, "SignatureDoesNotMatch"),
        ({"aws_access_key_id": "AKIAUNKNOWN"}, "InvalidClientTokenId"),
        ({"aws_session_token": "of-nobody"}, "InvalidClientTokenId"),
    ],
)
def test_keys_of_nobody(run: Run, keys: dict[str, str], code: str) -> None:
    async def main() -> None:
        async with Emulator(verify=True) as emulator:
            for service, call in SERVICES.items():
                async with client(emulator, service, **keys) as made:
                    with pytest.raises(AWSError) as caught:
                        await getattr(made, call)()
                    assert (caught.value.status, caught.value.code) == (403, code)

    run(main())


def test_the_users_classes_and_signers(run: Run) -> None:
    async def main() -> None:
        async with Emulator(verify=True) as emulator:
            async with client(emulator, "sqs") as sqs:
                url = (await sqs.create_queue(QueueName="q"))["QueueUrl"]
            for secret, status in ((emulator.secret_key, 200), ("wrong", 403)):
                signer = EasyV4Sign(emulator.access_key, secret, "sqs", REGION)
                async with SQSQueue(None, url, signer=signer) as queue:
                    answer = await queue.send("a", callback=lambda answer: None)
                    assert answer.code == status

    run(main())


def test_keys_of_an_assumed_role(run: Run) -> None:
    """Their session token is signed, and checked."""

    async def main() -> None:
        async with Emulator(verify=True) as emulator:
            keys = await asyncio.to_thread(assumed, emulator)
            async with client(emulator, "kinesis", **keys) as kinesis:
                await kinesis.list_streams()
            async with client(emulator, "kinesis", **{**keys, "aws_session_token": "another"}) as kinesis:
                with pytest.raises(AWSError) as caught:
                    await kinesis.list_streams()
                assert caught.value.code == "InvalidClientTokenId"

    run(main())


def assumed(emulator: Emulator) -> dict[str, str]:
    """Keys of a role that may do everything."""
    keys = {"aws_access_key_id": emulator.access_key, "aws_secret_access_key": emulator.secret_key}
    statement = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    with (
        closing(boto3.client("iam", region_name=REGION, endpoint_url=emulator.url, **keys)) as iam,
        closing(boto3.client("sts", region_name=REGION, endpoint_url=emulator.url, **keys)) as sts,
    ):
        iam.create_role(RoleName="r", AssumeRolePolicyDocument=policy)
        iam.put_role_policy(RoleName="r", PolicyName="everything", PolicyDocument=policy)
        found = sts.assume_role(RoleArn="arn:aws:iam::123456789012:role/r", RoleSessionName="session")["Credentials"]
    return {
        "aws_access_key_id": found["AccessKeyId"],
        "aws_secret_access_key": found["SecretAccessKey"],
        "aws_session_token": found["SessionToken"],
    }
