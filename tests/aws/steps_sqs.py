"""Steps with queues of SQS: attributes of messages and queues, batches, FIFO, dead letters, visibility, refusals.

Called by: `test_against_boto3`.
"""

from __future__ import annotations

import json
from typing import Any

from tests.aws.steps import Seen, Step

URL = "https://sqs.us-east-1.amazonaws.com/123456789012/"
ARN = "arn:aws:sqs:us-east-1:123456789012:"
ATTRIBUTES = {
    "text": {"DataType": "String", "StringValue": "\u00e9\u4e2d"},
    "number": {"DataType": "Number", "StringValue": "-1.5"},
    "binary": {"DataType": "Binary", "BinaryValue": bytes(range(256))},
    "labelled": {"DataType": "String.uuid", "StringValue": "x"},
    "picture": {"DataType": "Binary.png", "BinaryValue": b"\x89PNG"},
}
TRACE = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
ALL: dict[str, Any] = {
    "MaxNumberOfMessages": 10,
    "MessageAttributeNames": ["All"],
    "MessageSystemAttributeNames": ["All"],
}


def sqs(method: str, queue: str = "", /, keep: str = "", how: str = "call", **parameters: Any) -> Step:
    if queue:
        parameters["QueueUrl"] = URL + queue
    return Step("sqs", method, parameters, keep, how)


def of(kept: str, method: str, queue: str, **more: Any) -> Step:
    """A step with the handle of the first message that was received and kept."""

    def parameters(seen: Seen) -> dict[str, Any]:
        return {"QueueUrl": URL + queue, "ReceiptHandle": seen[kept]["Messages"][0]["ReceiptHandle"], **more}

    return Step("sqs", method, parameters)


def entries(kept: str, method: str, queue: str, **more: Any) -> Step:
    """A batch with the handles of what was received and kept, and one handle that is none."""

    def parameters(seen: Seen) -> dict[str, Any]:
        handles = [*(message["ReceiptHandle"] for message in seen[kept]["Messages"]), "none"]
        return {
            "QueueUrl": URL + queue,
            "Entries": [{"Id": str(n), "ReceiptHandle": handle, **more} for n, handle in enumerate(handles)],
        }

    return Step("sqs", method, parameters)


def batch(*bodies: str, **more: Any) -> list[dict[str, Any]]:
    return [{"Id": f"e{n}", "MessageBody": body, **more} for n, body in enumerate(bodies)]


MESSAGES: list[Step] = [
    sqs("create_queue", keep="q", QueueName="q"),
    sqs("create_queue", QueueName="q"),
    sqs("create_queue", QueueName="q", Attributes={"DelaySeconds": "5"}),
    sqs("create_queue", QueueName="no such name!"),
    sqs("get_queue_url", QueueName="q"),
    sqs("get_queue_url", QueueName="nowhere"),
    sqs("send_message", "q", MessageBody="h\u00e9llo \U0001f600 \"'\\ \t\n"),
    sqs("send_message", "q", MessageBody="attributes", MessageAttributes=ATTRIBUTES),
    sqs("send_message", "q", MessageBody="traced", MessageSystemAttributes=TRACE),
    sqs("send_message", "q", MessageBody="fair", MessageGroupId="tenant"),
    sqs("receive_message", "q", keep="first", **ALL),
    sqs("receive_message", "q"),
    entries("first", "change_message_visibility_batch", "q", VisibilityTimeout=0),
    sqs("receive_message", "q", keep="again", **{**ALL, "MessageAttributeNames": ["n.*", "b*", "text"]}),
    of("again", "change_message_visibility", "q", VisibilityTimeout=0),
    of("again", "change_message_visibility", "q", VisibilityTimeout=43_201),
    sqs("receive_message", "q", keep="one", AttributeNames=["ApproximateReceiveCount", "SentTimestamp"]),
    of("one", "delete_message", "q"),
    of("one", "delete_message", "q"),
    of("one", "change_message_visibility", "q", VisibilityTimeout=1),
    entries("again", "delete_message_batch", "q"),
    sqs("delete_message", "q", ReceiptHandle="none"),
    sqs("send_message", "q", MessageBody="later", DelaySeconds=900),
    sqs("get_queue_attributes", "q", AttributeNames=["All"]),
    sqs("purge_queue", "q"),
    # batches
    sqs("send_message_batch", "q", Entries=batch("a", "b", "c", MessageAttributes=ATTRIBUTES)),
    sqs("receive_message", "q", keep="batch", **ALL),
    entries("batch", "delete_message_batch", "q"),
    sqs("send_message_batch", "q", Entries=[]),
    sqs("send_message_batch", "q", Entries=batch(*"abcdefghijk")),
    sqs("send_message_batch", "q", Entries=batch("a") * 2),
    sqs("send_message_batch", "q", Entries=[{"Id": "no id!", "MessageBody": "x"}]),
    sqs("send_message_batch", "q", Entries=batch("x" * 700_000, "y" * 700_000)),
    sqs("send_message_batch", "q", Entries=batch("a", "b", DelaySeconds=901)),
    sqs("delete_message_batch", "q", Entries=[]),
    # refusals
    sqs("send_message", "q", MessageBody="x" * 1_048_577),
    sqs("send_message", "q", MessageBody=""),
    sqs("send_message", "q", MessageBody="a\x00b"),
    sqs("send_message", "q", MessageBody="x", DelaySeconds=901),
    sqs("send_message", "q", MessageBody="x", MessageAttributes={"a": {"DataType": "Wrong", "StringValue": "x"}}),
    sqs("send_message", "nowhere", MessageBody="x"),
    sqs("receive_message", "q", MaxNumberOfMessages=11),
    sqs("receive_message", "q", WaitTimeSeconds=21),
    sqs("receive_message", "q", AttributeNames=["Nothing"]),
    sqs("receive_message", "nowhere"),
    sqs("get_queue_attributes", "q", AttributeNames=["Nothing"]),
]

QUEUES: list[Step] = [
    sqs("set_queue_attributes", "q", Attributes={"VisibilityTimeout": "7", "MessageRetentionPeriod": "60"}),
    sqs("get_queue_attributes", "q", AttributeNames=["VisibilityTimeout", "MessageRetentionPeriod"]),
    sqs("set_queue_attributes", "q", Attributes={"Nothing": "1"}),
    sqs("tag_queue", "q", Tags={"team": "\u00e9", "stage": "test"}),
    sqs("list_queue_tags", "q"),
    sqs("untag_queue", "q", TagKeys=["team"]),
    sqs("list_queue_tags", "q"),
    sqs("tag_queue", "nowhere", Tags={"a": "b"}),
    sqs("add_permission", "q", Label="l", AWSAccountIds=["111111111111"], Actions=["SendMessage"]),
    sqs("get_queue_attributes", "q", AttributeNames=["Policy"]),
    sqs("remove_permission", "q", Label="l"),
    sqs("remove_permission", "q", Label="nothing"),
    *(sqs("create_queue", QueueName=f"page-{number}", tags={"n": str(number)}) for number in range(5)),
    sqs("list_queues", QueueNamePrefix="page-"),
    sqs("list_queues", QueueNamePrefix="nothing"),
    sqs("list_queues", how="pages", QueueNamePrefix="page-", PaginationConfig={"PageSize": 2}),
    sqs("list_queues", how="whole", PaginationConfig={"PageSize": 2}),
    sqs("list_queues", how="search", JMESPath="QueueUrls[]", PaginationConfig={"PageSize": 4}),
    sqs("delete_queue", "page-0"),
    sqs("delete_queue", "nowhere"),
    sqs("get_queue_attributes", "page-0"),
]

FIFO: list[Step] = [
    sqs("create_queue", QueueName="f.fifo", Attributes={"FifoQueue": "true"}),
    sqs("create_queue", QueueName="no-suffix", Attributes={"FifoQueue": "true"}),
    sqs("create_queue", QueueName="c.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}),
    sqs("send_message", "f.fifo", MessageBody="1", MessageGroupId="a", MessageDeduplicationId="1"),
    sqs("send_message", "f.fifo", MessageBody="changed", MessageGroupId="a", MessageDeduplicationId="1"),
    sqs("send_message", "f.fifo", MessageBody="2", MessageGroupId="a", MessageDeduplicationId="2"),
    sqs("send_message", "f.fifo", MessageBody="3", MessageGroupId="b", MessageDeduplicationId="3"),
    sqs("send_message", "f.fifo", MessageBody="x", MessageDeduplicationId="4"),
    sqs("send_message", "f.fifo", MessageBody="x", MessageGroupId="a"),
    sqs("send_message", "f.fifo", MessageBody="x", MessageGroupId="a", MessageDeduplicationId="5", DelaySeconds=1),
    sqs("receive_message", "f.fifo", keep="group", **{**ALL, "MaxNumberOfMessages": 1}),
    sqs("receive_message", "f.fifo", keep="other group", **ALL),
    of("group", "delete_message", "f.fifo"),
    sqs("receive_message", "f.fifo", **ALL),
    *(sqs("send_message", "c.fifo", MessageBody=body, MessageGroupId="g") for body in ("same", "same", "another")),
    sqs(
        "send_message_batch",
        "c.fifo",
        Entries=[{"Id": str(n), "MessageBody": f"m{n % 2}", "MessageGroupId": f"g{n}"} for n in range(4)],
    ),
    sqs("receive_message", "c.fifo", **ALL),
    sqs("receive_message", "c.fifo", ReceiveRequestAttemptId="again", **ALL),
]

DEAD: list[Step] = [
    sqs("create_queue", QueueName="dead"),
    sqs(
        "create_queue",
        QueueName="live",
        Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": f"{ARN}dead", "maxReceiveCount": 2})},
    ),
    sqs("send_message", "live", MessageBody="poison", MessageAttributes=ATTRIBUTES),
    *[sqs("receive_message", "live", **{**ALL, "VisibilityTimeout": 0})] * 3,
    sqs("receive_message", "dead", **ALL),
    sqs("list_dead_letter_source_queues", "dead"),
    sqs("list_dead_letter_source_queues", "dead", how="whole"),
    sqs("list_dead_letter_source_queues", "q"),
    sqs("get_queue_attributes", "live", AttributeNames=["RedrivePolicy"]),
    sqs(
        "set_queue_attributes",
        "live",
        Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": f"{ARN}nowhere", "maxReceiveCount": 2})},
    ),
]
