"""SQS against fauxqs: messages, batches, long polls, FIFO queues, over connections that stay."""

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
from async_keepalive_httpc.aws.sqs import SQSQueue

TEXT = 'Grüße, 世界 & <b>"quoted"</b> 100 % + 1'


@asynccontextmanager
async def opened(emulator: Emulator, tag: str, **attributes: str) -> AsyncIterator[tuple[Any, str]]:
    """A client, and the URL of a new queue."""
    async with aws.client("sqs", **emulator.arguments()) as client:
        name = f"{tag}.fifo" if "FifoQueue" in attributes else tag
        url = (await client.create_queue(QueueName=name, Attributes=attributes))["QueueUrl"]
        yield client, url
        await client.delete_queue(QueueUrl=url)


def test_a_message_comes_back_as_it_went(run: Run, fauxqs: Emulator, tag: str) -> None:
    attributes = {
        "who": {"DataType": "String", "StringValue": TEXT},
        "size": {"DataType": "Number", "StringValue": "7"},
        "raw": {"DataType": "Binary.png", "BinaryValue": bytes(range(256))},
    }

    async def main() -> None:
        before = fauxqs.count_connections()
        async with opened(fauxqs, tag) as (client, url):
            sent = await client.send_message(QueueUrl=url, MessageBody=TEXT, MessageAttributes=attributes)
            assert "MD5OfMessageAttributes" in sent
            answer = await client.receive_message(QueueUrl=url, MessageAttributeNames=["All"])
            (message,) = answer["Messages"]
            assert message["Body"] == TEXT
            assert message["MessageAttributes"] == attributes
            assert message["MessageId"] == sent["MessageId"]
            await client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            assert not (await client.receive_message(QueueUrl=url)).get("Messages")
        assert fauxqs.count_connections() - before == 1

    run(main())


def test_a_batch_is_sent_received_and_deleted(run: Run, fauxqs: Emulator, tag: str) -> None:
    async def main() -> None:
        async with opened(fauxqs, tag) as (client, url):
            entries = [{"Id": str(number), "MessageBody": f"{number} {TEXT}"} for number in range(10)]
            sent = await client.send_message_batch(QueueUrl=url, Entries=entries)
            assert [entry["Id"] for entry in sent["Successful"]] == [str(number) for number in range(10)]
            messages = (await client.receive_message(QueueUrl=url, MaxNumberOfMessages=10))["Messages"]
            assert sorted(message["Body"] for message in messages) == [entry["MessageBody"] for entry in entries]
            done = await client.delete_message_batch(
                QueueUrl=url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(messages)
                ],
            )
            assert len(done["Successful"]) == 10
            told = await client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
            assert told["Attributes"]["ApproximateNumberOfMessages"] == "0"
            assert told["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "0"

    run(main())


def test_a_long_poll_ends_with_the_message_that_comes(run: Run, fauxqs: Emulator, tag: str) -> None:
    async def main() -> None:
        before = fauxqs.count_connections()
        async with opened(fauxqs, tag) as (client, url):
            poll = asyncio.ensure_future(client.receive_message(QueueUrl=url, WaitTimeSeconds=20))
            # The poll is on its way before the message, which takes a connection of its own.
            await asyncio.sleep(0)
            await client.send_message(QueueUrl=url, MessageBody=TEXT)
            (message,) = (await poll)["Messages"]
            assert message["Body"] == TEXT
        assert fauxqs.count_connections() - before == 2

    run(main())


def test_a_message_that_is_given_back_comes_again(run: Run, fauxqs: Emulator, tag: str) -> None:
    async def main() -> None:
        async with opened(fauxqs, tag) as (client, url):
            await client.send_message(QueueUrl=url, MessageBody=TEXT)
            for count in ("1", "2"):
                answer = await client.receive_message(QueueUrl=url, AttributeNames=["All"], WaitTimeSeconds=5)
                (message,) = answer["Messages"]
                assert message["Attributes"]["ApproximateReceiveCount"] == count
                await client.change_message_visibility(
                    QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                )

    run(main())


def test_a_fifo_queue_keeps_the_order(run: Run, fauxqs: Emulator, tag: str) -> None:
    async def main() -> None:
        async with opened(fauxqs, tag, FifoQueue="true") as (client, url):
            for body in ("1", "2", "3", "1"):
                # The second "1" is taken for the first one, sent twice.
                await client.send_message(
                    QueueUrl=url, MessageBody=body, MessageGroupId="group", MessageDeduplicationId=body
                )
            bodies = []
            while True:
                answer = await client.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
                messages = answer.get("Messages", [])
                if not messages:
                    break
                # SQS would give all three at once; fauxqs gives one of a group at a time.
                assert len(messages) == 1
                bodies.append(messages[0]["Body"])
                await client.delete_message(QueueUrl=url, ReceiptHandle=messages[0]["ReceiptHandle"])
            assert bodies == ["1", "2", "3"]
            with pytest.raises(ClientError, match="MessageGroupId"):
                await client.send_message(QueueUrl=url, MessageBody="without a group")

    run(main())


def test_what_it_refuses(run: Run, fauxqs: Emulator, tag: str) -> None:
    async def main() -> None:
        async with opened(fauxqs, tag) as (client, url):
            with pytest.raises(client.exceptions.QueueDoesNotExist) as caught:
                await client.send_message(QueueUrl=f"{url}-none", MessageBody=TEXT)
            assert caught.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
            with pytest.raises(ClientError):
                await client.send_message(QueueUrl=url, MessageBody="x" * (1024 * 1024 + 1))
            # SQS moves messages; fauxqs does not know the name.
            with pytest.raises(ClientError) as unknown:
                await client.list_message_move_tasks(SourceArn=f"arn:aws:sqs:{REGION}:000000000000:{tag}")
            assert unknown.value.response["Error"]["Code"] == "InvalidAction"

    run(main())


def test_a_message_of_one_mebibyte(run: Run, fauxqs: Emulator, tag: str) -> None:
    async def main() -> None:
        async with opened(fauxqs, tag) as (client, url):
            body = "0123456789abcdef" * 65536
            await client.send_message(QueueUrl=url, MessageBody=body)
            assert (await client.receive_message(QueueUrl=url))["Messages"][0]["Body"] == body

    run(main())


def test_the_verbs(run: Run, fauxqs: Emulator, tag: str) -> None:
    async def main() -> None:
        async with (
            opened(fauxqs, tag) as (client, url),
            SQSQueue(None, *KEYS, url, region=REGION, endpoint_url=fauxqs.url) as queue,
        ):
            before = fauxqs.count_connections()
            for text in ("abc", TEXT, "fgh"):
                response = await queue.send(text)
                assert (response.code, response.md5_ok) == (200, True)
            response = await queue.send_batch(["one", "two", "three"])
            assert [entry["Id"] for entry in response.aws_result["Successful"]] == ["0", "1", "2"]
            assert queue.client.connection.connect_times == 1
            assert fauxqs.count_connections() - before == 1
            answer = await client.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            found = sorted(message["Body"] for message in answer["Messages"])
            assert found == sorted(["abc", TEXT, "fgh", "one", "two", "three"])

    run(main())
