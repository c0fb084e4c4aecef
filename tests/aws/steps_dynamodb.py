"""Steps with tables of DynamoDB and with their streams.

Called by: `test_against_boto3`, after the items' steps: their tables are there.
"""

from __future__ import annotations

from typing import Any

from tests.aws.steps import Seen, Step
from tests.aws.steps_items import TABLE, dynamodb

ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/"


def stream(method: str, parameters: Any = None, keep: str = "") -> Step:
    return Step("dynamodbstreams", method, parameters or {}, keep)


def of_orders(**more: Any) -> Any:
    return lambda seen: {"StreamArn": seen["orders"]["TableDescription"]["LatestStreamArn"], **more}


def iterator(seen: Seen) -> dict[str, Any]:
    shard = seen["stream"]["StreamDescription"]["Shards"][0]["ShardId"]
    return of_orders(ShardId=shard, ShardIteratorType="TRIM_HORIZON")(seen)


def backup(seen: Seen) -> dict[str, Any]:
    return {"BackupArn": seen["backup"]["BackupDetails"]["BackupArn"]}


TABLES: list[Step] = [
    *(dynamodb("create_table", **{**TABLE, "TableName": f"many-{number}"}) for number in range(5)),
    dynamodb("list_tables"),
    dynamodb("list_tables", Limit=2, ExclusiveStartTableName="many-1"),
    dynamodb("list_tables", how="pages", PaginationConfig={"PageSize": 3}),
    dynamodb("list_tables", how="whole", PaginationConfig={"PageSize": 3, "MaxItems": 5}),
    dynamodb("describe_table", TableName="orders"),
    dynamodb("describe_table", TableName=f"{ARN}orders"),
    dynamodb("describe_table", TableName="nowhere"),
    dynamodb("tag_resource", ResourceArn=f"{ARN}items", Tags=[{"Key": f"k{n}", "Value": "\u00e9"} for n in range(12)]),
    dynamodb("list_tags_of_resource", how="pages", ResourceArn=f"{ARN}items"),
    dynamodb("untag_resource", ResourceArn=f"{ARN}items", TagKeys=["k1"]),
    dynamodb("list_tags_of_resource", ResourceArn=f"{ARN}items"),
    dynamodb(
        "update_time_to_live", TableName="items", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    ),
    dynamodb("describe_time_to_live", TableName="items"),
    dynamodb("describe_continuous_backups", TableName="items"),
    dynamodb(
        "update_continuous_backups",
        TableName="items",
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    ),
    dynamodb("create_backup", keep="backup", TableName="items", BackupName="one"),
    Step("dynamodb", "describe_backup", backup),
    dynamodb("list_backups"),
    Step("dynamodb", "delete_backup", backup),
    dynamodb("describe_backup", BackupArn=f"{ARN}items/backup/01795385181155-55587158"),
    dynamodb(
        "update_table",
        TableName="many-1",
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 3, "WriteCapacityUnits": 4},
    ),
    dynamodb("update_table", TableName="nowhere", BillingMode="PAY_PER_REQUEST"),
    dynamodb("describe_endpoints"),
    dynamodb("delete_table", TableName="many-4"),
    dynamodb("get_waiter", how="wait", waiter_name="table_not_exists", TableName="many-4"),
    # streams
    stream("list_streams", {"TableName": "orders"}),
    stream("describe_stream", of_orders(), keep="stream"),
    stream("get_shard_iterator", iterator, keep="iterator"),
    stream("get_records", lambda seen: {"ShardIterator": seen["iterator"]["ShardIterator"], "Limit": 5}),
    stream("describe_stream", {"StreamArn": f"{ARN}nowhere/stream/2026-11-22T00:00:00.000"}),
]
