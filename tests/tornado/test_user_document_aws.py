"""The AWS examples of the user's document of 2013, changed only from Python 2 to 3, on the emulator, which verifies.

Refuses: the network. The services' hosts are the emulator's, by AWS_ENDPOINT_URL.
Law: what stands between `fmt: off` and `fmt: on` is the document's own text, keys, region and proxy apart, which are
names of the same shape.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest
import uvloop
from tests.live import squid as squid_server
from tests.live.squid import Squid
from tornado import gen
from tornado.ioloop import IOLoop
from tornado.testing import AsyncTestCase, gen_test

from async_keepalive_httpc.pool import ResourcePool
from async_keepalive_httpc.testing import authority, server_context
from async_keepalive_httpc.testing.aws import Emulator
from async_keepalive_httpc.testing.threaded import Threaded

REGION = "ap-southeast-2"
NAME = "YOUR_QUEUE_NAME"
Q_URL = f"https://ap-southeast-2.queue.amazonaws.com/123456789012/{NAME}"
KEY = {"USER_ID": {"S": "EEB750F4-C589-4C0A-95C3-C1B572A0CC3E"}}


class World:
    """The emulator of this test, and boto3 beside it. tunnels: those that were made through squid so far."""

    aws: Emulator
    squid: Squid
    tunnels = 0

    def boto3(self, service: str) -> Any:
        client = boto3.client(
            service,
            endpoint_url=self.aws.url,
            region_name=REGION,
            aws_access_key_id=self.aws.access_key,
            aws_secret_access_key=self.aws.secret_key,
        )
        return closing(client)

    def fill(self) -> None:
        with self.boto3("sqs") as sqs, self.boto3("dynamodb") as dynamodb:
            sqs.create_queue(QueueName=NAME)
            dynamodb.create_table(
                TableName="TEST_USER_DATA",
                KeySchema=[{"AttributeName": "USER_ID", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "USER_ID", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
            item = {**KEY, "Name": {"S": "Tom Cruse"}, "Age": {"N": "51"}}
            dynamodb.put_item(TableName="TEST_USER_DATA", Item=item)

    def received(self) -> list[str]:
        with self.boto3("sqs") as sqs:
            url = sqs.get_queue_url(QueueName=NAME)["QueueUrl"]
            got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return sorted(message["Body"] for message in got)


WORLD = World()


@pytest.fixture(scope="module", autouse=True)
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An emulator behind TLS, and squid; the environment leads to the first, and to nothing of this machine."""
    with pytest.MonkeyPatch.context() as patch, squid_server.run() as squid:
        for name in list(os.environ):
            if name.startswith("AWS_") or name.lower().endswith("_proxy"):
                patch.delenv(name)
        folder = tmp_path_factory.mktemp("aws")
        authority().cert_pem.write_to_path(str(folder / "ca.pem"))
        patch.setenv("HOME", str(folder))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CA_BUNDLE", str(folder / "ca.pem"))
        with Threaded(Emulator(verify=True, tls=server_context())) as aws:
            patch.setenv("AWS_ENDPOINT_URL_SQS", aws.url)
            patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", aws.url)
            patch.setenv("AWS_ENDPOINT_URL_KINESIS", aws.url)
            WORLD.aws, WORLD.squid = aws, squid
            WORLD.fill()
            yield


# Deprecated, but what Tornado offers in its place is the loop policy, which Python deprecates.
@pytest.mark.filterwarnings("ignore:get_new_ioloop is deprecated:DeprecationWarning")
class DocumentTestCase(AsyncTestCase):
    """A test of the document's examples in a Tornado test case, as their author wrote them."""

    loop_factory: Any

    def get_new_ioloop(self) -> IOLoop:
        return IOLoop(asyncio_loop=self.loop_factory(), make_current=False)

    def setUp(self) -> None:
        super().setUp()
        self.ACCESS_KEY = WORLD.aws.access_key
        self.SECRET_KEY = WORLD.aws.secret_key
        self.before = WORLD.aws.connections

    def tearDown(self) -> None:
        super().tearDown()
        gc.collect()


class Examples:
    """What is run on both loops."""

    io_loop: IOLoop
    ACCESS_KEY: str
    SECRET_KEY: str
    before: int

    async def one_tunnel(self) -> None:
        """squid's log has a line for each tunnel, when it has ended: one more than before."""
        host = WORLD.aws.url.removeprefix("https://")
        WORLD.tunnels += 1
        lines = await WORLD.squid.log.wait(WORLD.tunnels, lambda line: line.target == host)
        assert [(line.method, line.status) for line in lines] == [("CONNECT", 200)] * WORLD.tunnels

    @gen_test
    def test_sqs(self):
        io_loop, AWS_ACCESS_KEY, AWS_SECRET_KEY = self.io_loop, self.ACCESS_KEY, self.SECRET_KEY
        # fmt: off
        from async_keepalive_httpc.aws.sqs import SQSQueue

        q = SQSQueue(
            io_loop,
            AWS_ACCESS_KEY,
            AWS_SECRET_KEY,
            'https://ap-southeast-2.queue.amazonaws.com/123456789012/YOUR_QUEUE_NAME',
            endpoints='ap-southeast-2')

        r1 = yield q.send('abc')
        r2 = yield q.send('cde')
        r3 = yield q.send('fgh')

        assert r1.code == 200
        assert r2.code == 200
        assert r3.code == 200

        # make sure it is 'keep-alive'
        assert q.client.connection.connect_times == 1
        # fmt: on
        assert WORLD.aws.connections == self.before + 1
        assert WORLD.received() == ["abc", "cde", "fgh"]
        assert r1.md5_ok
        q.close()

    @gen_test
    def test_dynamodb(self):
        # fmt: off
        from async_keepalive_httpc.aws.dynamodb import DynamoDB

        db = DynamoDB(
            self.io_loop,
            self.ACCESS_KEY,
            self.SECRET_KEY,
            endpoints='ap-southeast-2')

        resp = yield db.get_item('TEST_USER_DATA',
            {
                'USER_ID': {'S':'EEB750F4-C589-4C0A-95C3-C1B572A0CC3E'},
            },
            attributes_to_get = ['Name']
        )

        print(resp.aws_result)
        # fmt: on
        assert resp.aws_result == {"Item": {"Name": {"S": "Tom Cruse"}}}
        assert resp.code == 200
        assert db.client.connection.connect_times == 1
        db.close()

    @gen_test
    def test_using_proxy(self):
        io_loop = self.io_loop
        # fmt: off
        from async_keepalive_httpc.aws.sqs import SQSQueue

        PROXY_CONFIG = {
          'proxy_host': 'localhost',
          'proxy_port': WORLD.squid.port,
        }

        sqs = SQSQueue(io_loop,
                       Q_URL,
                       access_key = self.ACCESS_KEY,
                       secret_key= self.SECRET_KEY,
                       proxy_config=PROXY_CONFIG)

        yield sqs.send('my msg via proxy')
        # fmt: on
        yield sqs.send("another one")
        yield sqs.send_batch(["and", "two more"])
        assert sqs.client.connection.connect_times == 1
        assert WORLD.aws.connections == self.before + 1
        assert WORLD.received() == ["and", "another one", "my msg via proxy", "two more"]
        yield sqs.aclose()
        yield self.one_tunnel()

    @gen_test
    def test_sqs_behind_squid(self):
        """The document's first example, through the proxy of its last."""
        from async_keepalive_httpc.aws.sqs import SQSQueue

        PROXY_CONFIG = {"proxy_host": "localhost", "proxy_port": WORLD.squid.port}
        keys = self.ACCESS_KEY, self.SECRET_KEY
        q = SQSQueue(self.io_loop, *keys, Q_URL, endpoints=REGION, proxy_config=PROXY_CONFIG)
        r1 = yield q.send("abc")
        r2 = yield q.send("cde")
        r3 = yield q.send("fgh")
        assert (r1.code, r2.code, r3.code) == (200, 200, 200)
        assert q.client.connection.connect_times == 1
        assert WORLD.aws.connections == self.before + 1
        assert WORLD.received() == ["abc", "cde", "fgh"]
        yield q.aclose()
        yield self.one_tunnel()

    @gen_test
    def test_dynamodb_behind_squid(self):
        from async_keepalive_httpc.aws.dynamodb import DynamoDB

        PROXY_CONFIG = {"proxy_host": "localhost", "proxy_port": WORLD.squid.port}
        keys = self.ACCESS_KEY, self.SECRET_KEY
        db = DynamoDB(self.io_loop, *keys, endpoints=REGION, proxy_config=PROXY_CONFIG)
        for _ in range(3):
            resp = yield db.get_item("TEST_USER_DATA", KEY, attributes_to_get=["Name"])
            assert resp.aws_result == {"Item": {"Name": {"S": "Tom Cruse"}}}
        assert db.client.connection.connect_times == 1
        assert WORLD.aws.connections == self.before + 1
        yield db.aclose()
        yield self.one_tunnel()

    @gen_test
    def test_queues_in_a_pool(self):
        from async_keepalive_httpc.aws.sqs import SQSQueue

        def create() -> SQSQueue:
            return SQSQueue(self.io_loop, Q_URL, access_key=self.ACCESS_KEY, secret_key=self.SECRET_KEY)

        pool = ResourcePool(create, init_count=2, max_count=3)
        sends = [pool.get().send(str(number)) for number in range(6)]
        assert [len(queue) for queue in pool] == [2, 2, 2]
        yield sends
        assert [len(queue) for queue in pool] == [0, 0, 0]
        assert [queue.client.connection.connect_times for queue in pool] == [1, 1, 1]
        assert WORLD.received() == list("012345")
        pool.close()

    @gen_test
    async def test_await(self):
        from async_keepalive_httpc.aws.sqs import SQSQueue

        async with SQSQueue(None, self.ACCESS_KEY, self.SECRET_KEY, Q_URL) as queue:
            answers = await gen.multi([queue.send(text) for text in "abc"])
            assert [answer.code for answer in answers] == [200, 200, 200]
            assert queue.client.connection.connect_times == 1
        assert WORLD.received() == ["a", "b", "c"]

    def test_before_the_loop_runs(self):
        from async_keepalive_httpc.aws.dynamodb import DynamoDB

        db = DynamoDB(self.io_loop, self.ACCESS_KEY, self.SECRET_KEY, endpoints=REGION)
        call = db.get_item("TEST_USER_DATA", KEY)
        assert len(db) == 1
        assert self.io_loop.run_sync(lambda: call).aws_result["Item"]["Age"] == {"N": "51"}
        db.close()


class AsyncioTest(Examples, DocumentTestCase):
    loop_factory = staticmethod(asyncio.new_event_loop)


class UvloopTest(Examples, DocumentTestCase):
    loop_factory = staticmethod(uvloop.new_event_loop)
