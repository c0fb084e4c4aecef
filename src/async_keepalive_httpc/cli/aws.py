"""The demo's AWS part: the user's examples of SQS and DynamoDB, and 200 messages sent one by one and by ten.

Refuses: the emulator's process (`emulator`).
Called by: `demo`, which imports it only where botocore is.
Law: every answer is checked, and connections are counted where they arrive: at the emulator. As in the contest, a run
has BOUND seconds to send in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from .. import aws
from ..aws.api import ServiceClient
from ..aws.dynamodb import DynamoDB
from ..aws.sqs import SQSQueue
from ..errors import HTTPCError
from .contest import Sample
from .display import Advance, Display
from .emulator import Emulator
from .failure import DemoFailed
from .table import find_percentile, write_milliseconds, write_table

REGION = "ap-southeast-2"
MESSAGES = 200
BATCH = 10
BOUND = 3.0
"""Seconds; two runs."""
HEADER = ("messages", "requests", "messages/s", "connections", "p50", "p99")

TABLE = "TEST_USER_DATA"
KEY = {"USER_ID": {"S": "EEB750F4-C589-4C0A-95C3-C1B572A0CC3E"}}
NAME = {"Name": {"S": "Tom Cruse"}}

Send = Callable[[SQSQueue, list[str]], Awaitable[Any]]


async def show_aws(display: Display, emulator: Emulator) -> None:
    """The part. Raises DemoFailed."""
    try:
        async with aws.client("sqs", **_place(emulator)) as sqs:
            await _show_queue(display, emulator, sqs)
            await _show_table(display, emulator)
            await _show_many(display, emulator, sqs)
    except HTTPCError as error:
        raise DemoFailed(f"the AWS emulator: {error}") from error


def _place(emulator: Emulator) -> dict[str, Any]:
    """Where `aws.client` finds the emulator, and with which keys."""
    return {
        "region_name": REGION,
        "endpoint_url": emulator.url,
        "aws_access_key_id": emulator.access_key,
        "aws_secret_access_key": emulator.secret_key,
    }


async def _open_queue(emulator: Emulator, sqs: ServiceClient, name: str) -> SQSQueue:
    url = (await sqs.create_queue(QueueName=name))["QueueUrl"]
    return SQSQueue(None, emulator.access_key, emulator.secret_key, url, endpoints=REGION)


async def _show_queue(display: Display, emulator: Emulator, sqs: ServiceClient) -> None:
    """Three messages, there and back."""
    sent = ["abc", "cde", "fgh"]
    async with await _open_queue(emulator, sqs, "first") as queue:
        for text in sent:
            await queue.send(text)
        answer = await queue.call("ReceiveMessage", {"QueueUrl": queue.url, "MaxNumberOfMessages": BATCH})
        times = queue.client.connection.connect_times
    received = sorted(message["Body"] for message in answer.aws_result.get("Messages", []))
    if received != sent:
        raise DemoFailed(f"the queue was sent {sent}, and gave {received}")
    if times != 1:
        raise DemoFailed(f"three sends and a receive took {times} connections; they should have shared one")
    display.say(f"   SQS: abc, cde and fgh sent and received; q.client.connection.connect_times == {times}")


async def _show_table(display: Display, emulator: Emulator) -> None:
    """An item, put there by `aws.client`, read as in the user's document."""
    async with aws.client("dynamodb", **_place(emulator)) as dynamodb:
        await dynamodb.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "USER_ID", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "USER_ID", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        await dynamodb.put_item(TableName=TABLE, Item={**KEY, **NAME, "Age": {"N": "51"}})
    keys = emulator.access_key, emulator.secret_key
    async with DynamoDB(None, *keys, endpoints=REGION, endpoint_url=emulator.url) as db:
        result = (await db.get_item(TABLE, KEY, attributes_to_get=["Name"])).aws_result
    if result != {"Item": NAME}:
        raise DemoFailed(f"get_item gave {result}; it should be {{'Item': {NAME}}}")
    display.say(f"   DynamoDB: get_item gave {result}")


async def _show_many(display: Display, emulator: Emulator, sqs: ServiceClient) -> None:
    """The same messages in two ways, as a table."""
    ways: tuple[tuple[str, int, Send], ...] = (
        ("one by one", 1, lambda queue, messages: queue.send(messages[0])),
        ("by ten", BATCH, lambda queue, messages: queue.send_batch(messages)),
    )
    rows, late = [], []
    for title, size, send in ways:
        async with await _open_queue(emulator, sqs, title.replace(" ", "-")) as queue:
            before = emulator.count()
            with display.progress(f"{MESSAGES} messages {title}", MESSAGES) as advance:
                sample = await _send_all(queue, send, size, advance)
            connections = emulator.count() - before
            await _check_depth(queue, sample.done * size)
        rows.append(_row(title, size, sample, connections))
        if sample.done < sample.asked:
            late.append(f"   {title}: {sample.done * size} messages, then the {BOUND:g} s were over")
    display.say(f"   {MESSAGES} messages into a queue each way; the rate is the emulator's, the client waits for it")
    display.say(write_table(HEADER, rows))
    for line in late:
        display.say(line)


async def _send_all(queue: SQSQueue, send: Send, size: int, advance: Advance) -> Sample:
    """Messages, `size` in a request, each request when the one before is answered."""
    latencies: list[float] = []
    end = began = perf_counter()
    for first in range(0, MESSAGES, size):
        if end - began > BOUND:
            break
        start = perf_counter()
        answer = await send(queue, [f"message {number}" for number in range(first, first + size)])
        end = perf_counter()
        if answer.aws_result.get("Failed"):
            raise DemoFailed(f"the queue refused a part of a batch: {answer.aws_result['Failed']}")
        latencies.append(end - start)
        advance(first + size)
    return Sample(MESSAGES // size, end - began, latencies)


async def _check_depth(queue: SQSQueue, expected: int) -> None:
    """What the queue says that it holds."""
    wanted = "ApproximateNumberOfMessages"
    answer = await queue.call("GetQueueAttributes", {"QueueUrl": queue.url, "AttributeNames": [wanted]})
    held = int(answer.aws_result["Attributes"][wanted])
    if held != expected:
        raise DemoFailed(f"the queue was sent {expected} messages, and holds {held}")


def _row(title: str, size: int, sample: Sample, connections: int) -> tuple[str, ...]:
    return (
        title,
        f"{sample.done}",
        f"{sample.rate * size:,.0f}",
        f"{connections}",
        write_milliseconds(find_percentile(sample.latencies, 50)),
        write_milliseconds(find_percentile(sample.latencies, 99)),
    )
