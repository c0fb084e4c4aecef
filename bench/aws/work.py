"""The works: a call of AWS, with the answer that the canned server gives to it, as plain values; and those of
`emulated`.

Refuses to know who calls. Read by the server (what to answer), the adapters, the schedule and the report.
Law: a work fixes the whole answer, and what of each one is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import md5
from typing import Any, Final

from bench.aws.emulated import EMULATED, Emulated

IN_FLIGHT: Final = 50
TABLE: Final = "orders"
STREAM: Final = "clicks"
TEXT: Final = "hello world, a message body of about sixty characters, no more"
BODY: Final = "0123456789" * 20
KEY: Final = {"id": {"S": "user-1234"}}
ITEM: Final = {
    **KEY,
    "name": {"S": "Jane Doe"},
    "age": {"N": "42"},
    "member": {"BOOL": True},
    "tags": {"SS": ["early", "paid"]},
}
"""As DynamoDB writes it."""
NATIVE: Final = {"id": "user-1234", "name": "Jane Doe", "age": 42, "member": True, "tags": {"early", "paid"}}
"""The same, for clients with values of their own."""
PAGE: Final = 100


def digest(text: str) -> str:
    """What SQS calls the MD5 of a body."""
    return md5(text.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Work:
    """One call, `concurrency` of them in flight at any moment.

    service, operation: as botocore and AWS write them. parameters, answer: as boto3 has them; a queue's URL is added.
    look: the piece of each answer that is compared.
    """

    name: str
    title: str
    service: str
    operation: str
    parameters: dict[str, Any]
    answer: dict[str, Any]
    look: Callable[[Any], Any]
    concurrency: int = IN_FLIGHT
    server: str = "canned"
    """Who answers."""


def _look_at_page(answer: Any) -> Any:
    return answer["Count"], len(answer["Items"]), answer["Items"][-1]


def _look_at_messages(answer: Any) -> Any:
    return len(answer["Messages"]), answer["Messages"][-1]["Body"]


CANNED: Final = (
    Work(
        "get-item",
        "GetItem, 5 attributes",
        "dynamodb",
        "GetItem",
        {"TableName": TABLE, "Key": KEY},
        {"Item": ITEM},
        lambda answer: answer["Item"],
    ),
    Work(
        "put-item",
        "PutItem, 5 attributes",
        "dynamodb",
        "PutItem",
        {"TableName": TABLE, "Item": ITEM},
        {},
        lambda answer: answer["ResponseMetadata"]["HTTPStatusCode"],
    ),
    Work(
        "query-100",
        "Query, a page of 100 items",
        "dynamodb",
        "Query",
        {
            "TableName": TABLE,
            "KeyConditionExpression": "id = :id",
            "ExpressionAttributeValues": {":id": KEY["id"]},
        },
        {"Items": [ITEM] * PAGE, "Count": PAGE, "ScannedCount": PAGE},
        _look_at_page,
    ),
    Work(
        "send",
        "SendMessage, 62 characters",
        "sqs",
        "SendMessage",
        {"MessageBody": TEXT},
        {"MD5OfMessageBody": digest(TEXT), "MessageId": "a" * 36},
        lambda answer: answer["MessageId"],
    ),
    Work(
        "receive-10",
        "ReceiveMessage, 10 messages of 200 characters",
        "sqs",
        "ReceiveMessage",
        {"MaxNumberOfMessages": 10},
        {
            "Messages": [
                {"MessageId": f"{n:036}", "ReceiptHandle": "r" * 100, "MD5OfBody": digest(BODY), "Body": BODY}
                for n in range(10)
            ]
        },
        _look_at_messages,
    ),
    Work(
        "send-batch-10",
        "SendMessageBatch, 10 messages of 62 characters",
        "sqs",
        "SendMessageBatch",
        {"Entries": [{"Id": str(n), "MessageBody": TEXT} for n in range(10)]},
        {"Successful": [{"Id": str(n), "MessageId": f"{n:036}", "MD5OfMessageBody": digest(TEXT)} for n in range(10)]},
        lambda answer: len(answer["Successful"]),
    ),
    Work(
        "put-record",
        "PutRecord, 100 bytes",
        "kinesis",
        "PutRecord",
        {"StreamName": STREAM, "Data": b"x" * 100, "PartitionKey": "key"},
        {"ShardId": "shardId-000000000000", "SequenceNumber": "4" * 56},
        lambda answer: answer["SequenceNumber"],
    ),
)
WORKS: Final[dict[str, Work | Emulated]] = {work.name: work for work in (*CANNED, *EMULATED)}
