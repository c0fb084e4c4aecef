"""What SQSQueue, DynamoDB and Kinesis refuse before anything is sent, and how they say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.conftest import Run

from async_keepalive_httpc.aws.credentials import CredentialsError
from async_keepalive_httpc.aws.dynamodb import DynamoDB, least_size
from async_keepalive_httpc.aws.kinesis import Kinesis
from async_keepalive_httpc.aws.sqs import MOST_BYTES, SQSQueue, attributes_size
from async_keepalive_httpc.errors import InvalidRequest

KEYS = {"access_key": "AKID", "secret_key": "secret"}
REGION = "eu-west-1"
NUMBERS: tuple[Any, ...] = (1, 2)
FULL = {"a": {"DataType": "Binary", "BinaryValue": b"x" * 1_048_572}}
QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/q"


@pytest.mark.parametrize(
    ("make", "error", "what"),
    [
        (lambda: SQSQueue(None, **KEYS), InvalidRequest, "needs the queue's URL"),
        (lambda: SQSQueue(None, "https://sqs.eu-west-1.amazonaws.com/", **KEYS), InvalidRequest, "no queue's URL"),
        (lambda: SQSQueue(None, "https://sqs.eu-west-1.amazonaws.com/1/q?a", **KEYS), InvalidRequest, "no queue's URL"),
        (lambda: SQSQueue(None, "sqs.eu-west-1.amazonaws.com/1/q", **KEYS), InvalidRequest, "scheme"),
        (lambda: SQSQueue(None, "AKID", "secret", "localhost:4566/1/q"), InvalidRequest, "scheme"),
        (lambda: SQSQueue(None, "ftp://sqs.eu-west-1.amazonaws.com/1/q", **KEYS), InvalidRequest, "scheme"),
        (lambda: SQSQueue(None, "https://sqs.eu-west-1.amazonaws.com:x/1/q", **KEYS), InvalidRequest, "port"),
        (lambda: SQSQueue(None, QUEUE, **KEYS, endpoint_url="h:1"), InvalidRequest, "scheme"),
        (lambda: SQSQueue(None, "http://h/1/q", **KEYS), InvalidRequest, "needs a region"),
        (lambda: SQSQueue(None, QUEUE, "AKID"), CredentialsError, "secret_key is missing"),
        (
            lambda: SQSQueue(None, QUEUE, **KEYS, region="us-east-1"),
            InvalidRequest,
            "is in eu-west-1, not in us",
        ),
        (lambda: SQSQueue(None, QUEUE, QUEUE), TypeError, "one of each"),
        (lambda: SQSQueue(None, QUEUE, "a", "b", "c"), TypeError, "one of each"),
        (lambda: SQSQueue(None, QUEUE, *NUMBERS), TypeError, "one of each"),
        (lambda: SQSQueue(None, QUEUE, "a", access_key="a"), TypeError, "access_key twice"),
        (lambda: SQSQueue(None, QUEUE, **KEYS, regoin="x"), TypeError, "regoin"),
        (lambda: SQSQueue(None, QUEUE, signer=object()), InvalidRequest, "signer is a object"),
        (lambda: SQSQueue(None, QUEUE, **KEYS, proxy_config={"proxy_host": "h"}), InvalidRequest, "lacks proxy_port"),
        (lambda: SQSQueue(None, QUEUE, **KEYS, max_connections=0), InvalidRequest, "max_per_host"),
        (lambda: DynamoDB(None, **KEYS), InvalidRequest, "needs a region"),
        (lambda: DynamoDB(None, **KEYS, endpoints="no region"), InvalidRequest, "no name of one"),
        (lambda: Kinesis("loop", **KEYS, region="eu-west-1"), InvalidRequest, "io_loop"),
    ],
)
def test_arguments_refused(make: Callable[[], Any], error: type[Exception], what: str) -> None:
    with pytest.raises(error, match=what) as caught:
        make()
    assert "'secret'" not in str(caught.value)


def test_credentials_missing(run: Run) -> None:
    async def main() -> None:
        async with SQSQueue(None, QUEUE) as queue:
            with pytest.raises(CredentialsError, match="No AWS credentials: looked in"):
                await queue.send("x")

    run(main())


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda sqs, db, k: sqs.send(""), "0 bytes: 1 to 1048576"),
        (lambda sqs, db, k: sqs.send("x" * (MOST_BYTES + 1)), "1048577 bytes"),
        (lambda sqs, db, k: sqs.send("\u00e9" * (MOST_BYTES // 2 + 1)), "1048578 bytes"),
        (lambda sqs, db, k: sqs.send(b"x"), "text, not a bytes"),
        (lambda sqs, db, k: sqs.send("x", MessageAttributes=FULL), "1048580 bytes: 1048576"),
        (lambda sqs, db, k: sqs.send("x", MessageAttributes={key: {} for key in "abcdefghijk"}), "11 attributes: 10"),
        (lambda sqs, db, k: sqs.send("x", headers={"X-Amz-Date": "1"}), "X-Amz-Date is signed or set here"),
        (lambda sqs, db, k: sqs.send("x", headers={"a\nb": "1"}), "no token"),
        (lambda sqs, db, k: sqs.send_batch(), "1 to 10 messages"),
        (lambda sqs, db, k: sqs.send_batch(["x"] * 11), "1 to 10 messages"),
        (lambda sqs, db, k: sqs.send_batch("abc"), "1 to 10 messages"),
        (lambda sqs, db, k: sqs.send_batch(["x" * 600_000] * 2), "1200000 bytes: 1048576"),
        (lambda sqs, db, k: db.get_item("T", {}), "key is {}"),
        (lambda sqs, db, k: db.get_item("T", "1"), "key is '1'"),
        (lambda sqs, db, k: db.get_item("", {"a": {"S": "x"}}), "table_name is ''"),
        (lambda sqs, db, k: db.get_item(None, {"a": {"S": "x"}}), "table_name is None"),
        (lambda sqs, db, k: db.get_item("T", {key: {"S": "x"} for key in "abc"}), "key has 3 attributes"),
        (
            lambda sqs, db, k: db.get_item("T", {"a": {"S": "x" * 2049}}),
            "'a' in key has 2049 bytes: Dyn.* 2048",
        ),
        (lambda sqs, db, k: db.query("T", limit=0), "limit is 0"),
        (lambda sqs, db, k: db.query("T", limit="1"), "limit is '1'"),
        (lambda sqs, db, k: db.query("", limit=1), "table_name"),
        (lambda sqs, db, k: db.put_item("", {"a": {"S": "x"}}), "table_name"),
        (lambda sqs, db, k: db.put_item("T", {"a": {"S": "x" * 409_600}}), "at least 409601 bytes"),
        (lambda sqs, db, k: db.batch_get_item({"T": {"Keys": []}}), "0 keys"),
        (lambda sqs, db, k: db.batch_get_item({"T": {"Keys": [{}] * 60}, "U": {"Keys": [{}] * 41}}), "101 keys"),
        (lambda sqs, db, k: k.put_record("", b"x", "p"), "stream_name is ''"),
        (lambda sqs, db, k: k.put_record("s", b"x" * (10 * 1024 * 1024 + 1), "p"), "10485761 bytes"),
        (lambda sqs, db, k: k.put_record("s", 5, "p"), "not a int"),
        (lambda sqs, db, k: k.put_record("s", b"x", ""), "0 characters"),
        (lambda sqs, db, k: k.put_record("s", b"x", "p" * 257), "257 characters"),
        (lambda sqs, db, k: k.put_record("s", "!", "p", b64_encode=False), "no base64"),
    ],
)
def test_calls_refused(run: Run, call: Callable[[Any, Any, Any], Any], what: str) -> None:
    async def main() -> None:
        queue = SQSQueue(None, QUEUE, **KEYS)
        db, stream = DynamoDB(None, **KEYS, region=REGION), Kinesis(None, **KEYS, region=REGION)
        with pytest.raises(InvalidRequest, match=what):
            call(queue, db, stream)
        assert (len(queue), len(db), len(stream)) == (0, 0, 0)
        for made in (queue, db, stream):
            assert made.client.connection.connect_times == 0
            made.close()

    run(main())


def test_the_query_of_2011() -> None:
    db = DynamoDB(None, **KEYS, region=REGION)
    for call in (
        lambda: db.query("T", {"S": "1"}),
        lambda: db.query("T", hash_key_value={"S": "1"}, callback=print),
        lambda: db.query("T", range_key_conditions={}),
    ):
        with pytest.raises(TypeError, match="interface of 2011"):
            call()
    db.close()


def test_curl_is_no_more() -> None:
    with pytest.warns(DeprecationWarning, match="use_curl changes nothing"):
        SQSQueue(None, QUEUE, **KEYS, use_curl=True).close()
    with pytest.warns(DeprecationWarning) as told:
        DynamoDB(None, **KEYS, region=REGION, use_curl=True).close()
    assert told[0].filename == __file__


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({"a": {"S": "bcd"}}, 4),
        ({"\u00e9": {"S": "\u00e9"}}, 4),
        ({"a": {"N": "12345"}, "b": {"BOOL": True}, "c": {"NULL": True}}, 3),
        ({"a": {"B": b"xyz"}, "b": {"BS": [b"x", b"yz"]}, "c": {"SS": ["x"]}}, 10),
        ({"a": {"L": [{"S": "x"}, {"M": {"k": {"S": "v"}}}]}}, 4),
        ({"a": "wrong"}, 1),
        ({"a": {"L": ["wrong"]}}, 1),
        ({"a": {"S": 5}}, 1),
    ],
)
def test_least_size(item: dict[str, Any], size: int) -> None:
    assert least_size(item) == size


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        (None, 0),
        ("wrong", 0),
        (
            {
                "\u00e9": {"DataType": "String", "StringValue": "\u00e9"},
                "b": {"DataType": "Binary", "BinaryValue": b"xy"},
            },
            19,
        ),
        ({"a": "wrong", "b": {"StringListValues": ["x"]}}, 2),
    ],
)
def test_size_of_attributes(attributes: Any, size: int) -> None:
    assert attributes_size(attributes) == size
