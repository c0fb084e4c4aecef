"""A step of the script that boto3 and ours both play, and what it came to, without what chance and the clock put there.

Refuses: the steps themselves (`steps_dynamodb`, `steps_items`, `steps_sqs`, `steps_kinesis`).
Called by: `test_against_boto3`. Law: a step says what is done by boto3's names alone, so it is played by both as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

Seen = dict[str, Any]
"""Results of earlier steps, by the names they were kept under."""
Parameters = Mapping[str, Any] | Callable[[Seen], Mapping[str, Any]]
NONE: Final[Mapping[str, Any]] = {}


class Step(NamedTuple):
    """One step.

    service: as boto3 names it. method: of its client. parameters: the call's, or made from earlier results. keep: the
    name its result is kept under. how: "call"; "pages" and "whole" of a paginator, "search" of one; "wait".
    """

    service: str
    method: str
    parameters: Parameters = NONE
    keep: str = ""
    how: str = "call"

    def given(self, seen: Seen) -> dict[str, Any]:
        """The parameters, as a new dict."""
        return dict(self.parameters(seen) if callable(self.parameters) else self.parameters)


CHANCE = frozenset(
    {
        "BackupArn",
        "ConsumerCreationTimestamp",
        "LatestStreamArn",
        "LatestStreamLabel",
        "MessageId",
        "MillisBehindLatest",
        "NextShardIterator",
        "NextToken",
        "ReceiptHandle",
        "ResponseMetadata",
        "SenderId",
        "SequenceNumber",
        "ShardIterator",
        "SizeBytes",
        "StreamArn",
        "StreamLabel",
        "TableId",
        "eventID",
    }
)
"""Members that moto makes up anew each time."""
_MOMENTS = ("Timestamp", "DateTime")


def settled(value: Any) -> Any:
    """A result without what chance and the clock put into it; of times, that they are aware ones."""
    if isinstance(value, Mapping):
        return {
            name: type(member).__name__ if name in CHANCE or name.endswith(_MOMENTS) else settled(member)
            for name, member in value.items()
            if name != "ResponseMetadata"
        }
    if isinstance(value, list):
        return [settled(member) for member in value]
    if isinstance(value, datetime):
        assert value.tzinfo is not None
        return datetime
    return value


def outcome(error: Any) -> tuple[str, str, Any, int]:
    """What an error is, for comparison."""
    facts = error.response["ResponseMetadata"]
    # A code that no model knows has no class of its own: boto3's base there, ours here.
    name = type(error).__name__.replace("AWSError", "ClientError")
    return name, str(error), settled(error.response), facts["HTTPStatusCode"]
