"""Adapter of AWS's own asyncio clients, aws-sdk-dynamodb and aws-sdk-sqs, which have a class for each shape.

Refuses PutRecord: there is no such client of Kinesis. Loaded by the worker; they want a Python of 3.12 or later.
Law: as in `clients`; but of the first answer too only a piece is compared.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from bench.aws.clients import KEYS, REGION, Target, expect
from bench.aws.work import ITEM, KEY, PAGE, TABLE, TEXT, WORKS, Work
from bench.worker import Load

Asked = tuple[Callable[[Any], Awaitable[Any]], Any, Callable[[Any], Any], object]
"""A method, its input, the piece of the answer that is looked at, and what that has to be."""


def attributes(models: Any, item: dict[str, Any]) -> dict[str, Any]:
    """An item with their classes in it."""
    return {
        name: getattr(models, f"AttributeValue{kind}")(value)
        for name, typed in item.items()
        for kind, value in typed.items()
    }


def ask_dynamodb(client: Any, models: Any, name: str) -> Asked:
    """A work of DynamoDB."""
    item, key = attributes(models, ITEM), attributes(models, KEY)
    if name == "get-item":
        return client.get_item, models.GetItemInput(table_name=TABLE, key=key), lambda answer: answer.item, item
    if name == "put-item":
        put = models.PutItemInput(table_name=TABLE, item=item)
        return client.put_item, put, lambda answer: answer.attributes, None
    query = models.QueryInput(
        table_name=TABLE, key_condition_expression="id = :id", expression_attribute_values={":id": key["id"]}
    )
    return client.query, query, lambda answer: (len(answer.items), answer.items[-1]), (PAGE, item)


def ask_sqs(client: Any, models: Any, name: str, url: str) -> Asked:
    """A work of SQS."""
    work = WORKS[name]
    assert isinstance(work, Work)
    if name == "send":
        send = models.SendMessageInput(queue_url=url, message_body=TEXT)
        return client.send_message, send, lambda answer: answer.message_id, work.answer["MessageId"]
    if name == "receive-10":
        receive = models.ReceiveMessageInput(queue_url=url, max_number_of_messages=10)
        expected = (10, work.answer["Messages"][-1]["Body"])
        return (
            client.receive_message,
            receive,
            lambda answer: (len(answer.messages), answer.messages[-1].body),
            expected,
        )
    entries = [models.SendMessageBatchRequestEntry(id=str(number), message_body=TEXT) for number in range(10)]
    batch = models.SendMessageBatchInput(queue_url=url, entries=entries)
    return client.send_message_batch, batch, lambda answer: len(answer.successful), 10


@asynccontextmanager
async def open_sdk(target: Target) -> AsyncIterator[Load]:
    """`AsyncDynamoDBClient` or `AsyncSQSClient`."""
    access, secret = KEYS
    said: dict[str, Any] = {"endpoint_uri": target.url, "region": REGION}
    said |= {"aws_access_key_id": access, "aws_secret_access_key": secret}
    name = target.work.name
    if target.work.service == "dynamodb":
        from aws_sdk_dynamodb import client as module
        from aws_sdk_dynamodb import config, models

        client = module.AsyncDynamoDBClient(config=await config.AsyncDynamoDBConfig.resolve(**said))
        call, given, look, expected = ask_dynamodb(client, models, name)
    else:
        from aws_sdk_sqs import client as module
        from aws_sdk_sqs import config, models

        client = module.AsyncSQSClient(config=await config.AsyncSQSConfig.resolve(**said))
        call, given, look, expected = ask_sqs(client, models, name, f"{target.url}/123456789012/orders")

    async def fetch() -> object:
        return look(await call(given))

    try:
        expect(expected, await fetch())
        yield Load(fetch, expected)
    finally:
        await client.close()
