"""Works against servers that really store and queue: dynalite and fauxqs, which run on Node.

Refuses clients that are not boto3-shaped. Read by `work`; made by the adapters, once for each measurement.
Law: a measurement has a table or a queue of its own, so it finds nothing that another one left.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

IN_FLIGHT: Final = 32
TEXT: Final = "hello world, a message body of about sixty characters, no more"
KEY: Final = {"id": {"S": "user-1234"}}
ITEM: Final = {**KEY, "name": {"S": "Jane Doe"}, "age": {"N": "42"}, "tags": {"SS": ["early", "paid"]}}

Fetch = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Emulated:
    """What is done over and over, `concurrency` times at any moment.

    service: as botocore writes it. server: who answers. prepare: makes, with a client, what is done, and what it gives.
    """

    name: str
    title: str
    service: str
    server: str
    prepare: Callable[[Any], Awaitable[tuple[Fetch, object]]]
    concurrency: int = IN_FLIGHT


async def make_table(client: Any) -> str:
    """A table with one item."""
    table = f"bench-{uuid4()}"
    await client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    while (await client.describe_table(TableName=table))["Table"]["TableStatus"] != "ACTIVE":
        pass
    await client.put_item(TableName=table, Item=ITEM)
    return table


async def make_queue(client: Any) -> str:
    """The URL of a queue."""
    return str((await client.create_queue(QueueName=f"bench-{uuid4()}"))["QueueUrl"])


async def get_items(client: Any) -> tuple[Fetch, object]:
    """The item, read."""
    table = await make_table(client)

    async def fetch() -> object:
        return (await client.get_item(TableName=table, Key=KEY))["Item"]

    return fetch, ITEM


async def put_items(client: Any) -> tuple[Fetch, object]:
    """The item, written."""
    table = await make_table(client)

    async def fetch() -> object:
        return (await client.put_item(TableName=table, Item=ITEM))["ResponseMetadata"]["HTTPStatusCode"]

    return fetch, 200


async def send_messages(client: Any) -> tuple[Fetch, object]:
    """A message, sent; the queue grows."""
    url = await make_queue(client)

    async def fetch() -> object:
        return "MessageId" in await client.send_message(QueueUrl=url, MessageBody=TEXT)

    return fetch, True


async def move_messages(client: Any) -> tuple[Fetch, object]:
    """Ten messages sent, ten received, those deleted: three calls. Whoever receives has sent, so there are ten."""
    url = await make_queue(client)
    entries = [{"Id": str(number), "MessageBody": TEXT} for number in range(10)]

    async def fetch() -> object:
        await client.send_message_batch(QueueUrl=url, Entries=entries)
        messages = (await client.receive_message(QueueUrl=url, MaxNumberOfMessages=10))["Messages"]
        done = await client.delete_message_batch(
            QueueUrl=url,
            Entries=[
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages)
            ],
        )
        return len(messages), len(done["Successful"])

    return fetch, (10, 10)


EMULATED: Final = (
    Emulated("dynalite-get", "dynalite: GetItem", "dynamodb", "dynalite", get_items),
    Emulated("dynalite-put", "dynalite: PutItem", "dynamodb", "dynalite", put_items),
    Emulated("fauxqs-send", "fauxqs: SendMessage", "sqs", "fauxqs", send_messages),
    Emulated(
        "fauxqs-move", "fauxqs: 10 messages sent, received and deleted, in 3 calls", "sqs", "fauxqs", move_messages
    ),
)
