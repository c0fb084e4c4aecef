"""What moto never answers: the same bytes to boto3 and to ours, read the same, value by value."""

from __future__ import annotations

import json
import zlib
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.aws.scripted import Script, respond
from tests.aws.steps import outcome
from tests.conftest import Run

from async_keepalive_httpc.aws import retry

KEY = {"id": {"S": "1"}, "b": {"B": "AP8="}}
BINARY = {"id": {"S": "1"}, "b": {"B": b"\x00\xff"}}
SENT = {"MessageId": "m", "MD5OfMessageBody": "0cc175b9c0f1b6a831c399e269772661"}


TRIES = 2


class Exchange(NamedTuple):
    """An answer, and the call that it is given to. body: JSON, or bytes as they are. headers: more of them."""

    service: str
    method: str
    parameters: dict[str, Any]
    body: Any
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


def refused(code: str, status: int = 400, **members: Any) -> dict[str, Any]:
    return {"body": {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", **members}, "status": status}


def dynamodb(method: str, parameters: dict[str, Any], body: Any = None, **more: Any) -> Exchange:
    return Exchange("dynamodb", method, parameters, **{"body": body, **more})


PUT = {"TableName": "t", "Item": BINARY}
EXCHANGES = [
    # a part that was not done
    dynamodb(
        "batch_write_item",
        {"RequestItems": {"t": [{"PutRequest": {"Item": BINARY}}]}},
        {
            "UnprocessedItems": {"t": [{"PutRequest": {"Item": KEY}}, {"DeleteRequest": {"Key": KEY}}]},
            "ItemCollectionMetrics": {"t": [{"ItemCollectionKey": KEY, "SizeEstimateRangeGB": [0.0, 1.0]}]},
            "ConsumedCapacity": [{"TableName": "t", "CapacityUnits": 2.5}],
        },
    ),
    dynamodb(
        "batch_get_item",
        {"RequestItems": {"t": {"Keys": [BINARY]}}},
        {
            "Responses": {"t": [KEY], "u": []},
            "UnprocessedKeys": {"t": {"Keys": [KEY, {"id": {"B": ""}}], "ConsistentRead": True}},
        },
    ),
    dynamodb(
        "batch_execute_statement",
        {"Statements": [{"Statement": "x"}]},
        {"Responses": [{"Error": {"Code": "ConditionalCheckFailed", "Message": "no", "Item": KEY}}, {"Item": KEY}]},
    ),
    Exchange(
        "kinesis",
        "put_records",
        {"StreamName": "s", "Records": [{"Data": b"\xff", "PartitionKey": "k"}] * 2},
        {
            "FailedRecordCount": 1,
            "Records": [
                {"SequenceNumber": "7", "ShardId": "shardId-0"},
                {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"},
            ],
        },
    ),
    Exchange(
        "sqs",
        "send_message_batch",
        {"QueueUrl": "u", "Entries": [{"Id": "0", "MessageBody": "a"}, {"Id": "1", "MessageBody": "a"}]},
        {
            "Successful": [{"Id": "0", **SENT}],
            "Failed": [{"Id": "1", "SenderFault": False, "Code": "InternalError", "Message": "\u00e9"}],
        },
    ),
    Exchange(
        "sqs",
        "receive_message",
        {"QueueUrl": "u"},
        {
            "Messages": [
                {
                    "Body": "a",
                    "MD5OfBody": SENT["MD5OfMessageBody"],
                    "ReceiptHandle": "h",
                    "MessageAttributes": {"b": {"DataType": "Binary", "BinaryValue": "AP8="}},
                }
            ]
        },
    ),
    Exchange("sqs", "start_message_move_task", {"SourceArn": "a"}, {"TaskHandle": "h"}),
    Exchange(
        "sqs",
        "list_message_move_tasks",
        {"SourceArn": "a"},
        {"Results": [{"Status": "RUNNING", "ApproximateNumberOfMessagesMoved": 3, "StartedTimestamp": 1795305600123}]},
    ),
    # nulls, nothing at all, and times
    dynamodb("get_item", {"TableName": "t", "Key": BINARY}, {"Item": None, "ConsumedCapacity": {"TableName": None}}),
    dynamodb("put_item", PUT, {}),
    Exchange("sqs", "delete_message", {"QueueUrl": "u", "ReceiptHandle": "h"}, b""),
    Exchange(
        "kinesis",
        "get_records",
        {"ShardIterator": "i"},
        {
            "Records": [
                {
                    "Data": "AP8=",
                    "PartitionKey": "k",
                    "SequenceNumber": "1",
                    "ApproximateArrivalTimestamp": 1795305600.123,
                }
            ],
            "MillisBehindLatest": 0,
            "ChildShards": [],
        },
    ),
    dynamodb(
        "describe_export",
        {"ExportArn": f"arn:aws:dynamodb:{'x' * 40}"},
        {"ExportDescription": {"ExportTime": 1795305600, "ItemCount": 0}},
    ),
    # errors with more than a code
    dynamodb(
        "transact_write_items",
        {"TransactItems": [{"Put": PUT}]},
        **refused(
            "TransactionCanceledException",
            Message="cancelled",
            CancellationReasons=[
                {"Code": "None"},
                {"Code": "ConditionalCheckFailed", "Item": KEY, "Message": "no"},
                {"Code": "ThrottlingError", "Message": "slow"},
            ],
        ),
    ),
    dynamodb("put_item", PUT, **refused("ConditionalCheckFailedException", message="no", Item=KEY)),
    dynamodb("put_item", PUT, **refused("ItemCollectionSizeLimitExceededException", message="10 GB")),
    dynamodb(
        "put_item",
        PUT,
        **refused(
            "ProvisionedThroughputExceededException",
            message="slow",
            ThrottlingReasons=[{"reason": "TableWriteProvisionedThroughputExceeded", "resource": "arn"}],
        ),
    ),
    dynamodb(
        "put_item",
        PUT,
        **refused("ThrottlingException", message="slow", throttlingReasons=[{"reason": "r", "resource": "a"}]),
    ),
    dynamodb("put_item", PUT, **refused("InternalServerError", 500, message="sorry")),
    dynamodb("put_item", PUT, **refused("ReplicatedWriteConflictException", 409, message="again")),
    dynamodb("put_item", PUT, **refused("NobodyKnowsThisException", message="new")),
    dynamodb("put_item", PUT, b"", status=413),
    dynamodb("put_item", PUT, b"<html><body>503</body></html>", status=503),
    dynamodb("put_item", PUT, b"", status=503),
    Exchange(
        "kinesis",
        "put_record",
        {"StreamName": "s", "Data": b"", "PartitionKey": "k"},
        **refused("KMSThrottlingException", Message="kms"),
    ),
    Exchange(
        "sqs",
        "send_message",
        {"QueueUrl": "u", "MessageBody": "a"},
        {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no queue"},
        400,
        (("x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender"),),
    ),
]


def whole(exchange: Exchange) -> tuple[bytes, dict[str, str]]:
    """Body and headers, with the CRC-32 that DynamoDB sends."""
    body = exchange.body if isinstance(exchange.body, bytes) else json.dumps(exchange.body).encode()
    headers = dict(exchange.headers)
    if exchange.service == "dynamodb":
        headers["x-amz-crc32"] = str(zlib.crc32(body))
    return body, headers


class Raw:
    """A body as botocore reads one."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> list[bytes]:
        return [self._body]


def by_boto3(exchange: Exchange) -> Any:
    client = boto3.client(
        exchange.service,
        region_name="eu-west-1",
        aws_access_key_id="AKID",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": TRIES, "mode": "standard"}),
    )
    body, headers = whole(exchange)

    def answer(request: Any, **_: Any) -> AWSResponse:
        return AWSResponse(request.url, exchange.status, {**headers, "x-amzn-RequestId": "REQUEST-1"}, Raw(body))

    client.meta.events.register("before-send", answer)
    try:
        return facts(getattr(client, exchange.method)(**exchange.parameters))
    except ClientError as error:
        return outcome(error)
    finally:
        client.close()


async def by_ours(exchange: Exchange) -> Any:
    body, headers = whole(exchange)
    script = Script(*[lambda request: respond(request, exchange.status, body, headers)] * TRIES)
    model = script.service(exchange.service).model
    call = script.call(
        model.operations[exchange.method], exchange.service, policy=retry.policy(exchange.service, attempts=TRIES)
    )
    try:
        return facts(await call(**exchange.parameters))
    except ClientError as error:
        return outcome(error)


def facts(result: dict[str, Any]) -> dict[str, Any]:
    found = dict(result["ResponseMetadata"])
    found["HTTPHeaders"] = {name: value for name, value in found["HTTPHeaders"].items() if name.startswith("x-")}
    return {**result, "ResponseMetadata": found}


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda one: f"{one.service}.{one.method}-{one.status}")
def test_the_same_bytes_are_read_the_same(run: Run, exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    assert run(by_ours(exchange)) == by_boto3(exchange)
