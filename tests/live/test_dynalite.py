"""DynamoDB against dynalite: items, conditions, pages, batches, over connections that stay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Run
from tests.live.node import KEYS, REGION, Emulator

from async_keepalive_httpc import aws
from async_keepalive_httpc.aws.dynamodb import DynamoDB

SOON = {"Delay": 0.01, "MaxAttempts": 500}
"""For waiters: a table is there after some turns of dynalite's loop, and DynamoDB's own pause is 20 s."""
TEXT = 'Grüße, 世界 \u2028 \\ " end'


@asynccontextmanager
async def opened(emulator: Emulator, tag: str, **more: Any) -> AsyncIterator[tuple[Any, str]]:
    """A client, and a new table of keys `id` and `at`."""
    async with aws.client("dynamodb", **emulator.arguments(), **more) as client:
        table = f"{tag}-table"
        names = (("id", "HASH", "S"), ("at", "RANGE", "N"))
        await client.create_table(
            TableName=table,
            KeySchema=[{"AttributeName": name, "KeyType": role} for name, role, _ in names],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, _, kind in names],
            BillingMode="PAY_PER_REQUEST",
        )
        await client.get_waiter("table_exists").wait(TableName=table, WaiterConfig=SOON)
        yield client, table
        await client.delete_table(TableName=table)
        await client.get_waiter("table_not_exists").wait(TableName=table, WaiterConfig=SOON)


def key(id: str, at: int = 1) -> dict[str, Any]:
    return {"id": {"S": id}, "at": {"N": str(at)}}


def test_an_item_comes_back_as_it_went(run: Run, dynalite: Emulator, tag: str) -> None:
    item = {
        **key("a"),
        "text": {"S": TEXT},
        "number": {"N": "123456789012345678901234567890.12345678"},
        "bytes": {"B": bytes(range(256))},
        "flag": {"BOOL": False},
        "nothing": {"NULL": True},
        "list": {"L": [{"S": ""}, {"M": {"deep": {"B": b"\0"}}}]},
        "names": {"SS": ["x", "y"]},
        "blobs": {"BS": [b"1", b"2"]},
    }

    async def main() -> None:
        before = dynalite.count_connections()
        async with opened(dynalite, tag) as (client, table):
            put = await client.put_item(TableName=table, Item=item)
            assert "x-amz-crc32" in put["ResponseMetadata"]["HTTPHeaders"]
            got = await client.get_item(TableName=table, Key=key("a"))
            assert got["Item"] == item
            assert "Item" not in await client.get_item(TableName=table, Key=key("nobody"))
            await client.delete_item(TableName=table, Key=key("a"))
            assert "Item" not in await client.get_item(TableName=table, Key=key("a"))
        assert dynalite.count_connections() - before == 1

    run(main())


def test_a_failed_condition(run: Run, dynalite: Emulator, tag: str) -> None:
    async def main() -> None:
        async with opened(dynalite, tag) as (client, table):
            arguments = {"TableName": table, "Item": key("a"), "ConditionExpression": "attribute_not_exists(id)"}
            await client.put_item(**arguments)
            # DynamoDB would send the old item with ALL_OLD; dynalite takes the word, and sends none.
            with pytest.raises(client.exceptions.ConditionalCheckFailedException) as caught:
                await client.put_item(**arguments, ReturnValuesOnConditionCheckFailure="ALL_OLD")
            assert isinstance(caught.value, ClientError)
            assert caught.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
            assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 0

    run(main())


def test_an_update_gives_what_it_was_asked_for(run: Run, dynalite: Emulator, tag: str) -> None:
    async def main() -> None:
        async with opened(dynalite, tag) as (client, table):
            for count in range(1, 4):
                answer = await client.update_item(
                    TableName=table,
                    Key=key("a"),
                    UpdateExpression="ADD hits :one",
                    ExpressionAttributeValues={":one": {"N": "1"}},
                    ReturnValues="UPDATED_NEW",
                )
                assert answer["Attributes"] == {"hits": {"N": str(count)}}

    run(main())


def test_pages(run: Run, dynalite: Emulator, tag: str) -> None:
    async def main() -> None:
        before = dynalite.count_connections()
        async with opened(dynalite, tag) as (client, table):
            requests = [{"PutRequest": {"Item": key("a", at)}} for at in range(25)]
            answer = await client.batch_write_item(RequestItems={table: requests})
            assert answer["UnprocessedItems"] == {}
            question = {
                "TableName": table,
                "KeyConditionExpression": "id = :id",
                "ExpressionAttributeValues": {":id": {"S": "a"}},
            }
            pages = [page["Items"] async for page in client.paginate("query", **question, Limit=10)]
            assert [len(page) for page in pages] == [10, 10, 5]
            assert [int(item["at"]["N"]) for page in pages for item in page] == list(range(25))
            whole = await client.get_paginator("scan").paginate(TableName=table, Limit=7).build_full_result()
            assert whole["Count"] == len(whole["Items"]) == 25
        assert dynalite.count_connections() - before == 1

    run(main())


def test_a_page_ends_at_a_megabyte(run: Run, dynalite: Emulator, tag: str) -> None:
    async def main() -> None:
        async with opened(dynalite, tag) as (client, table):
            for at in range(5):
                await client.put_item(TableName=table, Item={**key("a", at), "text": {"S": "x" * 300_000}})
            pages = [page["Items"] async for page in client.paginate("scan", TableName=table)]
            assert len(pages) > 1
            assert sum(len(page) for page in pages) == 5

    run(main())


def test_a_batch_is_read(run: Run, dynalite: Emulator, tag: str) -> None:
    async def main() -> None:
        async with opened(dynalite, tag) as (client, table):
            puts = [{"PutRequest": {"Item": key(f"{number}")}} for number in range(20)]
            await client.batch_write_item(RequestItems={table: puts})
            keys = [key(f"{number}") for number in range(0, 40, 2)]
            answer = await client.batch_get_item(RequestItems={table: {"Keys": keys}})
            found = sorted(int(item["id"]["S"]) for item in answer["Responses"][table])
            assert found == list(range(0, 20, 2))
            assert answer["UnprocessedKeys"] == {}

    run(main())


def test_what_it_refuses(run: Run, dynalite: Emulator, tag: str) -> None:
    async def main() -> None:
        async with opened(dynalite, tag) as (client, table):
            with pytest.raises(client.exceptions.ResourceNotFoundException):
                await client.get_item(TableName="no-such-table", Key=key("a"))
            with pytest.raises(ClientError) as caught:
                await client.put_item(TableName=table, Item={**key("a"), "text": {"S": "x" * 500_000}})
            assert caught.value.response["Error"]["Code"] == "ValidationException"
            # DynamoDB has transactions; dynalite says of them what it says of any name it does not know.
            with pytest.raises(ClientError) as caught:
                await client.transact_get_items(TransactItems=[{"Get": {"TableName": table, "Key": key("a")}}])
            assert caught.value.response["Error"]["Code"] == "UnknownOperationException"

    run(main())


def test_many_at_once_share_ten_connections(run: Run, dynalite: Emulator, tag: str) -> None:
    async def main() -> None:
        before = dynalite.count_connections()
        async with opened(dynalite, tag) as (client, table):
            await asyncio.gather(*(client.put_item(TableName=table, Item=key("a", at)) for at in range(200)))
            answers = await asyncio.gather(*(client.get_item(TableName=table, Key=key("a", at)) for at in range(200)))
            assert [answer["Item"] for answer in answers] == [key("a", at) for at in range(200)]
        assert dynalite.count_connections() - before == 10

    run(main())


def test_the_verbs(run: Run, dynalite: Emulator, tag: str) -> None:
    async def main() -> None:
        async with (
            opened(dynalite, tag) as (_, table),
            DynamoDB(None, *KEYS, region=REGION, endpoint_url=dynalite.url) as db,
        ):
            before = dynalite.count_connections()
            for at in range(3):
                response = await db.put_item(table, {**key("a", at), "Name": {"S": TEXT}})
                assert response.code == 200
            response = await db.get_item(table, key("a"), attributes_to_get=["Name"])
            assert response.aws_result == {"Item": {"Name": {"S": TEXT}}}
            response = await db.query(
                table, KeyConditionExpression="id = :id", ExpressionAttributeValues={":id": {"S": "a"}}, limit=2
            )
            assert response.aws_result["Count"] == 2
            assert response.aws_result["LastEvaluatedKey"] == key("a", 1)
            response = await db.batch_get_item({table: {"Keys": [key("a", 0), key("a", 2)]}})
            assert len(response.aws_result["Responses"][table]) == 2
            with pytest.raises(db.exceptions.ConditionalCheckFailedException):
                await db.call(
                    "PutItem",
                    {"TableName": table, "Item": key("a"), "ConditionExpression": "attribute_not_exists(id)"},
                )
            assert db.client.connection.connect_times == 1
            assert dynalite.count_connections() - before == 1

    run(main())
