"""SQSQueue, DynamoDB and Kinesis: their arguments, answers, callbacks, errors and limits, against a scripted server."""

from __future__ import annotations

import asyncio
import json
import zlib
from hashlib import md5
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Run
from tornado.ioloop import IOLoop

from async_keepalive_httpc.aws.auth import EasyV4Sign
from async_keepalive_httpc.aws.dynamodb import DynamoDB
from async_keepalive_httpc.aws.kinesis import Kinesis
from async_keepalive_httpc.aws.sqs import SQSQueue, place
from async_keepalive_httpc.errors import ConnectError
from async_keepalive_httpc.testing import Conn, Peer, Request, response, serving
from async_keepalive_httpc.testing.aws import Emulator

KEYS = {"access_key": "AKID", "secret_key": "secret"}
REGION = "eu-west-1"
NUMBERS: tuple[Any, ...] = (1, 2)
QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/q"


def target(request: Request) -> str:
    return request.get("X-Amz-Target").partition(".")[2]


def amazon(said: list[tuple[str, dict[str, Any]]], status: int = 200, /, **results: Any) -> Any:
    """A script that answers each operation with its result."""

    @serving
    def script(conn: Conn, request: Request) -> bytes:
        parameters = json.loads(request.body)
        said.append((target(request), parameters))
        result = results.get(target(request), {})
        if target(request) == "SendMessage" and status == 200:
            digest = md5(parameters["MessageBody"].encode()).hexdigest()
            result = {"MessageId": "m", "MD5OfMessageBody": digest} | result
        body = json.dumps(result).encode()
        headers = [("x-amz-crc32", str(zlib.crc32(body))), ("x-amzn-RequestId", "R1")]
        return response(body, status=status, reason="Reason", headers=headers)

    return script


# -- what is sent


def test_queue(run: Run) -> None:
    async def main() -> None:
        said: list[tuple[str, dict[str, Any]]] = []
        async with Peer(amazon(said)) as peer:
            url = f"{peer.url}/1/q"
            async with SQSQueue(None, url, **KEYS, region=REGION) as queue:
                answers = [await queue.send(text) for text in ("abc", "d\u00e9f", "ghi")]
                assert [answer.code for answer in answers] == [200] * 3
                assert answers[0].aws_result["MessageId"] == "m"
                assert answers[0].md5_ok
                assert answers[0].error is None
                assert json.loads(answers[0].body or b"")["MessageId"] == "m"
                assert answers[0].headers["x-amzn-requestid"] == "R1"
                assert (answers[0].reason, answers[0].effective_url) == ("Reason", f"{peer.url}/")
                assert answers[0].request_time >= 0
                answers[0].rethrow()
                await queue.send("delayed", DelaySeconds=3)
                await queue.send_batch(messages=["1", "2"])
                assert queue.client.connection.connect_times == queue.connect_times == 1
                assert queue.stats()["connections"]["requests"] == 5
                assert bool(queue)
                assert repr(queue).startswith(f"<SQSQueue {peer.url} <connection open")
            assert peer.connections == 1
        assert said[0] == ("SendMessage", {"QueueUrl": url, "MessageBody": "abc"})
        assert said[3] == ("SendMessage", {"QueueUrl": url, "MessageBody": "delayed", "DelaySeconds": 3})
        entries = [{"Id": "0", "MessageBody": "1"}, {"Id": "1", "MessageBody": "2"}]
        assert said[4] == ("SendMessageBatch", {"QueueUrl": url, "Entries": entries})

    run(main())


def test_dynamodb(run: Run) -> None:
    async def main() -> None:
        said: list[tuple[str, dict[str, Any]]] = []
        key = {"ID": {"S": "1"}}
        item: dict[str, dict[str, Any]] = {**key, "Blob": {"B": b"\x00\xff"}}
        results = {"GetItem": {"Item": {"Name": {"S": "x"}, "Blob": {"B": "AP8="}}}}
        async with Peer(amazon(said, **results)) as peer, DynamoDB(None, peer.url, **KEYS, endpoints=REGION) as db:
            got = await db.get_item("T", key, attributes_to_get=["Name", "Blob"], consistent_read=True)
            assert got.aws_result == {"Item": {"Name": {"S": "x"}, "Blob": {"B": b"\x00\xff"}}}
            plain = await db.get_item("T", key, object_hook=lambda found: found.get("S", found))
            assert plain.aws_result == {"Item": {"Name": "x", "Blob": {"B": "AP8="}}}
            await db.put_item("T", item, expected={"ID": {"Exists": False}}, return_values="ALL_OLD")
            await db.put_item("T", key)
            await db.batch_get_item({"T": {"Keys": [key]}})
            await db.query("T", KeyConditionExpression="ID = :i", ExpressionAttributeValues={":i": {"S": "1"}}, limit=2)
            conditions = {"ID": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "1"}]}}
            await db.query(
                "T",
                KeyConditions=conditions,
                attributes_to_get=["Name"],
                scan_index_forward=False,
                exclusive_start_key=key,
                consistent_read=True,
            )
            await db.call("DeleteItem", {"TableName": "T", "Key": key})
            assert db.client.connection.connect_times == 1
        names = {"#wanted0": "Name", "#wanted1": "Blob"}
        assert said == [
            (
                "GetItem",
                {
                    "TableName": "T",
                    "Key": key,
                    "ProjectionExpression": "#wanted0, #wanted1",
                    "ExpressionAttributeNames": names,
                    "ConsistentRead": True,
                },
            ),
            ("GetItem", {"TableName": "T", "Key": key}),
            (
                "PutItem",
                {
                    "TableName": "T",
                    "Item": {**key, "Blob": {"B": "AP8="}},
                    "Expected": {"ID": {"Exists": False}},
                    "ReturnValues": "ALL_OLD",
                },
            ),
            ("PutItem", {"TableName": "T", "Item": key}),
            ("BatchGetItem", {"RequestItems": {"T": {"Keys": [key]}}}),
            (
                "Query",
                {
                    "TableName": "T",
                    "Limit": 2,
                    "KeyConditionExpression": "ID = :i",
                    "ExpressionAttributeValues": {":i": {"S": "1"}},
                },
            ),
            (
                "Query",
                {
                    "TableName": "T",
                    "ConsistentRead": True,
                    "ExclusiveStartKey": key,
                    "KeyConditions": conditions,
                    "AttributesToGet": ["Name"],
                    "ScanIndexForward": False,
                },
            ),
            ("DeleteItem", {"TableName": "T", "Key": key}),
        ]

    run(main())


def test_kinesis(run: Run) -> None:
    async def main() -> None:
        said: list[tuple[str, dict[str, Any]]] = []
        result = {"ShardId": "s-0", "SequenceNumber": "7"}
        async with Peer(amazon(said, PutRecord=result)) as peer:
            async with Kinesis(None, **KEYS, region=REGION, endpoint_url=peer.url) as stream:
                got = await stream.put_record("s", "d\u00e9", 1)
                assert got.aws_result == result
                await stream.put_record("s", b"\x00", "p", explicit_hash_key=5, sequence_number_for_ordering=6)
                await stream.put_record("s", "AP8=", "p", b64_encode=False)
                assert stream.client.connection.connect_times == 1
        assert said == [
            ("PutRecord", {"StreamName": "s", "Data": "ZMOp", "PartitionKey": "1"}),
            (
                "PutRecord",
                {
                    "StreamName": "s",
                    "Data": "AA==",
                    "PartitionKey": "p",
                    "ExplicitHashKey": "5",
                    "SequenceNumberForOrdering": "6",
                },
            ),
            ("PutRecord", {"StreamName": "s", "Data": "AP8=", "PartitionKey": "p"}),
        ]

    run(main())


def test_fields_and_keys(run: Run) -> None:
    async def main() -> None:
        said: list[tuple[str, dict[str, Any]]] = []
        async with Peer(amazon(said)) as peer:
            signer = EasyV4Sign("AKID2", "secret", "sqs", "us-west-2", session_token="TOKEN")
            async with SQSQueue(None, f"{peer.url}/1/q", signer=signer) as queue:
                await queue.send("x", headers={"X-Trace": "t1"})
                await queue.send("x")
            async with SQSQueue(
                None, "AKID", "secret", f"{peer.url}/1/q", session_token="TOKEN3", endpoints=REGION
            ) as queue:
                await queue.send("x")
            first, second, third = peer.requests
            assert (first.get("X-Trace"), second.get("X-Trace")) == ("t1", "")
            assert "Credential=AKID2/" in first.get("Authorization")
            assert "/us-west-2/sqs/" in first.get("Authorization")
            assert first.get("X-Amz-Security-Token") == "TOKEN"
            assert "/eu-west-1/sqs/" in third.get("Authorization")
            assert third.get("X-Amz-Security-Token") == "TOKEN3"

    run(main())


@pytest.mark.parametrize("most", [1, 3])
def test_many_connections(run: Run, most: int) -> None:
    async def main() -> None:
        asked = 0
        all_are_busy = asyncio.Event()

        async def script(conn: Conn) -> None:
            nonlocal asked
            while (request := await conn.request()) is not None:
                asked += 1
                if asked == most:
                    all_are_busy.set()
                await all_are_busy.wait()
                digest = md5(json.loads(request.body)["MessageBody"].encode()).hexdigest()
                conn.send(response(json.dumps({"MessageId": "m", "MD5OfMessageBody": digest}).encode()))

        async with Peer(script) as peer:
            async with SQSQueue(None, f"{peer.url}/1/q", **KEYS, region=REGION, max_connections=most) as queue:
                sends = [queue.send(str(number)) for number in range(6)]
                assert len(queue) == 6
                await asyncio.gather(*sends)
                assert len(queue) == 0
                assert queue.client.connection.connect_times == peer.connections == most

    run(main())


# -- errors and callbacks

REFUSED = {"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "no table"}


def test_errors_are_raised(run: Run) -> None:
    async def main() -> None:
        async with Peer(amazon([], 400, GetItem=REFUSED)) as peer:
            async with DynamoDB(None, **KEYS, endpoints=peer.url, region=REGION) as db:
                with pytest.raises(db.exceptions.ResourceNotFoundException, match="no table") as caught:
                    await db.get_item("T", {"ID": {"S": "1"}})
                assert isinstance(caught.value, ClientError)

    run(main())


def test_callbacks(run: Run) -> None:
    async def main() -> None:
        told: list[tuple[Any, Any, Any]] = []

        def callback(data: Any, error: Any = None, response: Any = None) -> None:
            told.append((data, error, response))

        results = {"GetItem": {"Item": {"a": {"S": "b"}}}, "SendMessage": REFUSED}
        key = {"ID": {"S": "1"}}
        async with Peer(amazon([], **results)) as peer:
            async with DynamoDB(None, **KEYS, region=REGION, endpoint_url=peer.url) as db:
                got = await db.get_item("T", key, callback)
                assert told == [({"Item": {"a": {"S": "b"}}}, None, got)]
        told.clear()
        async with Peer(amazon([], 400, GetItem=REFUSED)) as peer:
            async with DynamoDB(None, **KEYS, region=REGION, endpoint_url=peer.url) as db:
                got = await db.get_item("T", key, callback=callback)
                data, error, answer = told[0]
                assert data["Error"]["Code"] == "ResourceNotFoundException"
                assert isinstance(error, db.exceptions.ResourceNotFoundException)
                assert answer is got
                assert (got.code, got.error) == (400, error)
                with pytest.raises(db.exceptions.ResourceNotFoundException):
                    got.rethrow()

    run(main())


def test_no_answer_at_all(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        told: list[Any] = []
        async with SQSQueue(None, "http://127.0.0.1:1/1/q", **KEYS, region=REGION) as queue:
            answer = await queue.send("x", callback=told.append)
            assert told == [answer]
            assert (answer.code, answer.body, answer.aws_result) == (599, None, None)
            assert (answer.reason, answer.effective_url, len(answer.headers)) == ("No answer", "", 0)
            assert isinstance(answer.error, ConnectError)
            assert repr(answer) == "<AWSResponse 599 None>"
            with pytest.raises(ConnectError):
                await queue.send("x")

    run(main())


# -- where it goes


@pytest.mark.parametrize(
    ("url", "region", "origin"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/1/q", "eu-west-1", None),
        ("https://SQS.eu-west-1.amazonaws.com./1/q", "eu-west-1", None),
        ("https://sqs.cn-north-1.amazonaws.com.cn/1/q", "cn-north-1", None),
        ("https://ap-southeast-2.queue.amazonaws.com/1/q", "ap-southeast-2", None),
        ("https://queue.amazonaws.com/1/q", "us-east-1", None),
        ("http://localhost:4566/000000000000/q", None, "http://localhost:4566"),
        ("http://[::1]:4566/0/q", None, "http://[::1]:4566"),
        (
            "https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com/1/q",
            None,
            "https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com",
        ),
    ],
)
def test_place(url: str, region: str | None, origin: str | None) -> None:
    assert place(url) == (region, origin)


def endpoint(made: Any) -> str:
    found: str = made._service.endpoints.of().url
    made.close()
    return found


def test_endpoints(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    old = "https://ap-southeast-2.queue.amazonaws.com/1/q"
    assert endpoint(SQSQueue(None, old, **KEYS)) == "https://sqs.ap-southeast-2.amazonaws.com"
    assert endpoint(SQSQueue(None, "AK", "SK", old, endpoints="ap-southeast-2")) == (
        "https://sqs.ap-southeast-2.amazonaws.com"
    )
    assert endpoint(SQSQueue(None, q_url=old, **KEYS, is_ssl=False)) == "http://sqs.ap-southeast-2.amazonaws.com"
    assert endpoint(DynamoDB(None, "AK", "SK", endpoint="eu-west-1")) == "https://dynamodb.eu-west-1.amazonaws.com"
    assert endpoint(DynamoDB(None, "AK", "SK", endpoints="http://h:1", region="eu-west-1")) == "http://h:1"
    assert endpoint(Kinesis(None, **KEYS, region="eu-west-1")) == "https://kinesis.eu-west-1.amazonaws.com"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "sa-east-1")
    assert endpoint(Kinesis(None, **KEYS)) == "https://kinesis.sa-east-1.amazonaws.com"
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://h:2")
    assert endpoint(SQSQueue(None, old, **KEYS)) == "http://h:2"
    assert endpoint(SQSQueue(None, old, **KEYS, endpoint_url="http://h:3")) == "http://h:3"


def test_on_an_io_loop() -> None:
    """Called before its loop runs, by a program of Tornado's."""
    io_loop = IOLoop(make_current=False)

    async def begin() -> Emulator:
        return await Emulator().__aenter__()

    aws = io_loop.run_sync(begin)
    db = DynamoDB(io_loop, "AKID", "secret", aws.url, endpoints="eu-west-1")
    listing = db.call("ListTables", {})
    assert io_loop.run_sync(lambda: listing).aws_result == {"TableNames": []}
    db.close()
    io_loop.run_sync(lambda: aws.__aexit__(None, None, None))
    io_loop.close()
