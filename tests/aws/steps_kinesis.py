"""Steps with streams of Kinesis: shards, records, iterators, consumers, tags, refusals.

Called by: `test_against_boto3`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.aws.steps import Seen, Step

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/"
SHARD = "shardId-000000000000"


def kinesis(method: str, /, keep: str = "", how: str = "call", **parameters: Any) -> Step:
    return Step("kinesis", method, parameters, keep, how)


def iterator(kind: str, /, **more: Any) -> Step:
    return kinesis(
        "get_shard_iterator",
        keep="iterator",
        **{"StreamName": "s", "ShardId": SHARD, "ShardIteratorType": kind, **more},
    )


def at_number(kind: str) -> Step:
    """An iterator at the record that was put and kept."""

    def parameters(seen: Seen) -> dict[str, Any]:
        return {
            "StreamName": "s",
            "ShardId": seen["put"]["ShardId"],
            "ShardIteratorType": kind,
            "StartingSequenceNumber": seen["put"]["SequenceNumber"],
        }

    return Step("kinesis", "get_shard_iterator", parameters, "iterator")


def records(keep: str = "", /, kept: str = "iterator", **more: Any) -> Step:
    def parameters(seen: Seen) -> dict[str, Any]:
        found = seen[kept]
        return {"ShardIterator": found.get("ShardIterator") or found["NextShardIterator"], **more}

    return Step("kinesis", "get_records", parameters, keep)


def consumer(seen: Seen) -> dict[str, Any]:
    return {"ConsumerARN": seen["consumer"]["Consumer"]["ConsumerARN"]}


STREAMS: list[Step] = [
    kinesis("create_stream", StreamName="s", ShardCount=2),
    kinesis("create_stream", StreamName="s", ShardCount=2),
    kinesis("get_waiter", how="wait", waiter_name="stream_exists", StreamName="s"),
    kinesis("describe_stream", StreamName="s"),
    kinesis("describe_stream", StreamARN=f"{ARN}s"),
    kinesis("describe_stream_summary", StreamName="s"),
    kinesis("list_shards", StreamName="s"),
    # records
    kinesis("put_record", keep="put", StreamName="s", Data="text \u00e9", PartitionKey="k"),
    kinesis("put_record", StreamName="s", Data=bytes(range(256)), PartitionKey="k", ExplicitHashKey="0"),
    kinesis("put_record", StreamName="s", Data=b"", PartitionKey="k", ExplicitHashKey="0"),
    kinesis("put_record", StreamARN=f"{ARN}s", Data=bytearray(b"by ARN"), PartitionKey="k", ExplicitHashKey="0"),
    kinesis(
        "put_records",
        StreamName="s",
        Records=[{"Data": bytes([n, 255 - n]), "PartitionKey": f"k{n}"} for n in range(12)],
    ),
    iterator("TRIM_HORIZON"),
    records("page", Limit=2),
    records(kept="page"),
    iterator("LATEST"),
    records(),
    iterator("AT_TIMESTAMP", Timestamp=datetime(2020, 1, 1, tzinfo=UTC)),
    records(Limit=1),
    iterator("AT_TIMESTAMP", Timestamp=1577836800.5),
    records(),
    at_number("AT_SEQUENCE_NUMBER"),
    records(),
    at_number("AFTER_SEQUENCE_NUMBER"),
    records(),
    # shards
    kinesis("split_shard", StreamName="s", ShardToSplit=SHARD, NewStartingHashKey="10"),
    kinesis("list_shards", StreamName="s"),
    kinesis(
        "merge_shards", StreamName="s", ShardToMerge="shardId-000000000002", AdjacentShardToMerge="shardId-000000000003"
    ),
    kinesis("list_shards", StreamName="s", ShardFilter={"Type": "AT_LATEST"}),
    # moto's token wants StreamName beside it, which Kinesis refuses: one page.
    kinesis("list_shards", how="pages", StreamName="s", PaginationConfig={"PageSize": 100}),
    kinesis("list_shards", how="whole", StreamName="s"),
    kinesis("describe_stream", how="whole", StreamName="s"),
    kinesis("update_shard_count", StreamName="s", TargetShardCount=4, ScalingType="UNIFORM_SCALING"),
    # about streams
    kinesis("add_tags_to_stream", StreamName="s", Tags={"a": "1", "b": "\u00e9"}),
    kinesis("list_tags_for_stream", StreamName="s"),
    kinesis("remove_tags_from_stream", StreamName="s", TagKeys=["a"]),
    kinesis("list_tags_for_stream", StreamName="s"),
    kinesis("increase_stream_retention_period", StreamName="s", RetentionPeriodHours=48),
    kinesis("increase_stream_retention_period", StreamName="s", RetentionPeriodHours=1),
    kinesis("decrease_stream_retention_period", StreamName="s", RetentionPeriodHours=24),
    kinesis("enable_enhanced_monitoring", StreamName="s", ShardLevelMetrics=["ALL"]),
    kinesis("disable_enhanced_monitoring", StreamName="s", ShardLevelMetrics=["ALL"]),
    kinesis("start_stream_encryption", StreamName="s", EncryptionType="KMS", KeyId="k"),
    kinesis("stop_stream_encryption", StreamName="s", EncryptionType="KMS", KeyId="k"),
    kinesis("update_stream_mode", StreamARN=f"{ARN}s", StreamModeDetails={"StreamMode": "ON_DEMAND"}),
    kinesis("register_stream_consumer", keep="consumer", StreamARN=f"{ARN}s", ConsumerName="c"),
    Step("kinesis", "describe_stream_consumer", consumer),
    kinesis("list_stream_consumers", how="whole", StreamARN=f"{ARN}s"),
    Step("kinesis", "deregister_stream_consumer", consumer),
    *(
        kinesis("create_stream", StreamName=f"many-{n}", StreamModeDetails={"StreamMode": "ON_DEMAND"})
        for n in range(5)
    ),
    kinesis("list_streams"),
    kinesis("list_streams", how="pages", PaginationConfig={"PageSize": 2}),
    kinesis("list_streams", how="whole", PaginationConfig={"PageSize": 2, "MaxItems": 4}),
    kinesis("list_streams", how="search", JMESPath="length(StreamNames)", PaginationConfig={"PageSize": 2}),
    # refusals
    kinesis("describe_stream", StreamName="nowhere"),
    kinesis("put_record", StreamName="nowhere", Data=b"x", PartitionKey="k"),
    kinesis("put_record", StreamName="s", Data=b"x" * 11_000_000, PartitionKey="k"),
    kinesis("put_records", StreamName="s", Records=[{"Data": b"x", "PartitionKey": "k"}] * 501),
    kinesis("get_shard_iterator", StreamName="s", ShardId="shardId-000000000099", ShardIteratorType="LATEST"),
    kinesis("get_shard_iterator", StreamName="nowhere", ShardId=SHARD, ShardIteratorType="LATEST"),
    kinesis("create_stream", StreamName="t", ShardCount=100_000),
    kinesis("delete_stream", StreamName="nowhere"),
    kinesis("delete_stream", StreamName="many-0"),
    kinesis("get_waiter", how="wait", waiter_name="stream_not_exists", StreamName="many-0"),
]
