"""The same script through boto3 and through ours, both against moto in this process: equal, value by value."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError
from moto import mock_aws
from tests.aws.scripted import respond

from async_keepalive_httpc import aws

OPTIONS: Any = {"region_name": "us-east-1", "aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}
URL = "https://sqs.us-east-1.amazonaws.com/123456789012/"

ITEM = {
    "id": {"S": "1"},
    "b": {"B": b"\x00\xff"},
    "bs": {"BS": [b"a", b"b"]},
    "n": {"N": "1.5"},
    "ns": {"NS": ["1", "2"]},
    "m": {"M": {"x": {"L": [{"B": b"z"}, {"NULL": True}, {"BOOL": False}, {"S": "é中\U0001f600"}]}}},
}
KEY = {"id": {"S": "1"}}
ATTRIBUTES = {
    "a": {"DataType": "String", "StringValue": "x"},
    "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
}
TABLE = {
    "TableName": "t",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
MISSING = {"TableName": "t", "Key": {"id": {"S": "no"}}, "ConditionExpression": "attribute_exists(id)"}

SCRIPT: list[tuple[str, str, Any]] = [
    ("dynamodb", "create_table", TABLE),
    ("dynamodb", "create_table", TABLE),
    ("dynamodb", "put_item", {"TableName": "t", "Item": ITEM}),
    ("dynamodb", "get_item", {"TableName": "t", "Key": KEY, "ConsistentRead": True}),
    ("dynamodb", "get_item", {"TableName": "t", "Key": {"id": {"S": "none"}}}),
    ("dynamodb", "get_item", {"TableName": "nope", "Key": KEY}),
    (
        "dynamodb",
        "put_item",
        {
            "TableName": "t",
            "Item": KEY,
            "ConditionExpression": "attribute_not_exists(id)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        },
    ),
    (
        "dynamodb",
        "update_item",
        {
            "TableName": "t",
            "Key": KEY,
            "UpdateExpression": "SET b = :b",
            "ExpressionAttributeValues": {":b": {"B": b"new"}},
            "ReturnValues": "ALL_NEW",
        },
    ),
    ("dynamodb", "transact_write_items", {"TransactItems": [{"ConditionCheck": MISSING}]}),
    ("dynamodb", "transact_write_items", {"TransactItems": [{"Put": {"TableName": "t", "Item": {"id": {"S": "2"}}}}]}),
    ("dynamodb", "batch_get_item", {"RequestItems": {"t": {"Keys": [KEY, {"id": {"S": "2"}}]}}}),
    ("dynamodb", "scan", {"TableName": "t", "Limit": 1}),
    ("dynamodb", "describe_table", {"TableName": "t"}),
    ("dynamodb", "list_tables", {}),
    ("sqs", "create_queue", {"QueueName": "q"}),
    ("sqs", "create_queue", {"QueueName": "q.fifo", "Attributes": {"FifoQueue": "true"}}),
    ("sqs", "send_message", {"QueueUrl": URL + "q", "MessageBody": "héllo", "MessageAttributes": ATTRIBUTES}),
    ("sqs", "send_message", {"QueueUrl": URL + "q.fifo", "MessageBody": "1", "MessageGroupId": "g"}),
    (
        "sqs",
        "send_message_batch",
        {"QueueUrl": URL + "q", "Entries": [{"Id": str(n), "MessageBody": f"m{n}"} for n in range(3)]},
    ),
    (
        "sqs",
        "receive_message",
        {
            "QueueUrl": URL + "q",
            "MaxNumberOfMessages": 10,
            "MessageAttributeNames": ["All"],
            "MessageSystemAttributeNames": ["All"],
        },
    ),
    ("sqs", "receive_message", {"QueueUrl": URL + "q"}),
    ("sqs", "get_queue_url", {"QueueName": "nope"}),
    ("sqs", "get_queue_attributes", {"QueueUrl": URL + "q", "AttributeNames": ["DelaySeconds", "VisibilityTimeout"]}),
    ("kinesis", "create_stream", {"StreamName": "s", "ShardCount": 1}),
    ("kinesis", "put_record", {"StreamName": "s", "Data": "text", "PartitionKey": "k"}),
    ("kinesis", "put_records", {"StreamName": "s", "Records": [{"Data": b"\xff", "PartitionKey": "k"}]}),
    (
        "kinesis",
        "get_shard_iterator",
        {"StreamName": "s", "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"},
    ),
    ("kinesis", "get_records", "the iterator before"),
    ("kinesis", "describe_stream_summary", {"StreamName": "s"}),
    ("kinesis", "describe_stream", {"StreamName": "nope"}),
]
CHANCE = {
    "MessageId",
    "ReceiptHandle",
    "SequenceNumber",
    "ShardIterator",
    "NextShardIterator",
    "TableId",
    "ResponseMetadata",
}
"""Members that moto makes up anew each time."""


def settled(value):
    """A result without what chance and the clock put into it."""
    if isinstance(value, dict):
        return {
            name: "" if name.endswith("Timestamp") else settled(member)
            for name, member in value.items()
            if name not in CHANCE
        }
    if isinstance(value, list):
        return [settled(member) for member in value]
    return datetime if isinstance(value, datetime) else value


def outcome(error):
    facts = error.response["ResponseMetadata"]
    # A code that no model knows has no class of its own: boto3's base there, ours here.
    name = type(error).__name__.replace("AWSError", "ClientError")
    return name, str(error), settled(error.response), facts["HTTPStatusCode"]


async def over_requests(request):
    """HTTP as moto sees it in this process."""
    fields = {name.decode(): value.decode() for name, value in request.fields}
    answer = await asyncio.to_thread(requests.post, str(request.url), data=request.body, headers=fields)
    return respond(request, answer.status_code, answer.content, answer.headers)


async def played(calls):
    """What each call of the script came to; `calls(service, method)` is the method, to be awaited."""
    outcomes, iterator = [], ""
    for service, method, parameters in SCRIPT:
        given = {"ShardIterator": iterator} if isinstance(parameters, str) else parameters
        try:
            result = await calls(service, method)(**given)
        except ClientError as error:
            outcomes.append(outcome(error))
        else:
            iterator = result.get("ShardIterator", iterator)
            assert result["ResponseMetadata"]["HTTPStatusCode"] == 200
            outcomes.append(settled(result))
    return outcomes


@pytest.fixture
def _moto(monkeypatch):
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("_moto")
@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_every_step_comes_to_the_same(run):
    async def theirs():
        clients = {name: boto3.client(name, **OPTIONS) for name in ("dynamodb", "sqs", "kinesis")}

        def calls(service, method):
            call = getattr(clients[service], method)
            return lambda **given: asyncio.to_thread(call, **given)

        return await played(calls)

    async def ours():
        clients = {name: aws.client(name, **OPTIONS) for name in ("dynamodb", "sqs", "kinesis")}
        for client in clients.values():
            client._service.send = over_requests
        try:
            return await played(lambda service, method: getattr(clients[service], method))
        finally:
            for client in clients.values():
                await client.aclose()

    with mock_aws():
        expected = run(theirs())
    with mock_aws():
        found = run(ours())
    for step, one, other in zip(SCRIPT, found, expected, strict=True):
        assert one == other, step[:2]
