"""Who is measured: one entry per contender, and its adapter.

Refuses to import any of them but in the process that measures it. Read by the schedule, the worker and the report.
Law: an adapter opens a client with its own documented fast settings, told in `settings`, makes the work's call once,
compares the whole answer, and gives a Load that looks at a piece of every further one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from bench.aws.emulated import Emulated
from bench.aws.work import NATIVE, PAGE, TABLE, Work
from bench.clients import Contender
from bench.worker import Load, WrongResponse

REGION: Final = "eu-west-1"
KEYS: Final = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")


class Target(NamedTuple):
    """What an adapter is given."""

    work: Work | Emulated
    url: str

    def arguments(self) -> dict[str, Any]:
        """What boto3-shaped clients are opened with, beside their Config."""
        access, secret = KEYS
        return {
            "region_name": REGION,
            "endpoint_url": self.url,
            "aws_access_key_id": access,
            "aws_secret_access_key": secret,
        }


Open = Callable[[Target], AbstractAsyncContextManager[Load]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AWSContender(Contender):
    """A Contender; `works` are those it takes part in, None: all. With `most` it has fewer in flight than the work."""

    works: tuple[str, ...] | None = None

    def suits(self, work: Any) -> bool:
        """Whether it takes part in this work."""
        return self.works is None or work.name in self.works


def expect(expected: object, answer: object) -> None:
    """Raises WrongResponse."""
    if answer != expected:
        raise WrongResponse(f"the first answer is {answer!s:.300}, not {expected!s:.300}")


async def shape(client: Any, target: Target) -> Load:
    """The work as a call of a boto3-shaped client."""
    work = target.work
    if isinstance(work, Emulated):
        return Load(*await work.prepare(client))
    from botocore import xform_name

    call = getattr(client, xform_name(work.operation))
    look = work.look
    parameters = dict(work.parameters)
    if work.service == "sqs":
        parameters["QueueUrl"] = f"{target.url}/123456789012/orders"
    answer = await call(**parameters)
    expected = look(answer)
    answer.pop("ResponseMetadata")
    expect(work.answer, answer)

    async def fetch() -> object:
        return look(await call(**parameters))

    return Load(fetch, expected)


@asynccontextmanager
async def open_ours(target: Target) -> AsyncIterator[Load]:
    """`aws.client`."""
    from botocore.config import Config

    from async_keepalive_httpc import aws

    config = Config(max_pool_connections=target.work.concurrency)
    async with aws.client(target.work.service, config=config, **target.arguments()) as client:
        yield await shape(client, target)


def _open_aiobotocore(**options: Any) -> Open:
    @asynccontextmanager
    async def open_aiobotocore(target: Target) -> AsyncIterator[Load]:
        from aiobotocore.config import AioConfig
        from aiobotocore.session import get_session

        config = AioConfig(max_pool_connections=target.work.concurrency, **options)
        async with get_session().create_client(target.work.service, config=config, **target.arguments()) as client:
            yield await shape(client, target)

    return open_aiobotocore


class Blocking:
    """A client that blocks, its methods to be awaited: each call lets the loop turn once."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._client, name)

        async def call(**parameters: Any) -> Any:
            await asyncio.sleep(0)
            return method(**parameters)

        return call


@asynccontextmanager
async def open_boto3(target: Target) -> AsyncIterator[Load]:
    """`boto3.client`."""
    import boto3

    client = boto3.client(target.work.service, **target.arguments())
    try:
        yield await shape(Blocking(client), target)
    finally:
        client.close()


@asynccontextmanager
async def open_aiodynamo(target: Target) -> AsyncIterator[Load]:
    """`aiodynamo.client.Client` over aiohttp; its items are Python's own values."""
    import aiohttp
    from aiodynamo.client import Client
    from aiodynamo.credentials import Key, StaticCredentials
    from aiodynamo.expressions import HashKey
    from aiodynamo.http.aiohttp import AIOHTTP
    from yarl import URL

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        client = Client(AIOHTTP(session), StaticCredentials(Key(*KEYS)), REGION, URL(target.url))
        key = {"id": NATIVE["id"]}
        condition = HashKey("id", NATIVE["id"])

        async def query() -> object:
            items = [item async for item in client.query(TABLE, condition)]
            return len(items), items[-1]

        fetch: dict[str, tuple[Callable[[], Awaitable[object]], object]] = {
            "get-item": (lambda: client.get_item(TABLE, key), NATIVE),
            "put-item": (lambda: client.put_item(TABLE, NATIVE), None),
            "query-100": (query, (PAGE, NATIVE)),
        }
        call, expected = fetch[target.work.name]
        expect(expected, await call())
        yield Load(call, expected)


def open_sdk(target: Target) -> AbstractAsyncContextManager[Load]:
    """AWS's own asyncio clients."""
    from bench.aws import sdk

    return sdk.open_sdk(target)


OPEN: Final[dict[str, Open]] = {
    "ours": open_ours,
    "aiobotocore": _open_aiobotocore(),
    "aiobotocore-unvalidated": _open_aiobotocore(parameter_validation=False),
    "aiodynamo": open_aiodynamo,
    "boto3": open_boto3,
    "aws-sdk": open_sdk,
}
"""The adapters, by contender."""

_OURS = "async_keepalive_httpc"
_POOL = "max_pool_connections as many as are in flight"
_HERE = "bench.aws.clients"
_ALL = (
    AWSContender(
        name="ours",
        title="ours, aws.client",
        settings=_POOL,
        address=_HERE,
        needs=(f"{_OURS}.aws", "botocore", "orjson"),
        packages=(_OURS, "botocore", "httptools", "orjson", "uvloop"),
    ),
    AWSContender(
        name="aiobotocore",
        title="aiobotocore",
        settings=_POOL,
        address=_HERE,
        needs=("aiobotocore",),
        packages=("aiobotocore", "aiohttp", "botocore", "uvloop"),
    ),
    AWSContender(
        name="aiobotocore-unvalidated",
        title="aiobotocore, parameter_validation=False",
        settings=f"{_POOL}; parameters are not validated, as they are not by ours",
        address=_HERE,
        needs=("aiobotocore",),
        packages=("aiobotocore", "aiohttp", "botocore", "uvloop"),
    ),
    AWSContender(
        name="aiodynamo",
        title="aiodynamo",
        settings="over aiohttp: TCPConnector(limit=0), DummyCookieJar; its items are Python's own values",
        address=_HERE,
        needs=("aiodynamo", "aiohttp"),
        packages=("aiodynamo", "aiohttp", "uvloop"),
        works=("get-item", "put-item", "query-100"),
    ),
    AWSContender(
        name="boto3",
        title="boto3, blocking, one in flight",
        settings="one thread, so one call at a time, one connection",
        address=_HERE,
        needs=("boto3",),
        packages=("boto3", "botocore"),
        most=1,
    ),
    AWSContender(
        name="aws-sdk",
        title="aws-sdk-dynamodb, aws-sdk-sqs",
        settings="as they come, over aiohttp; they want a Python of 3.12 or later",
        address=_HERE,
        needs=("aws_sdk_dynamodb", "aws_sdk_sqs"),
        packages=("aws-sdk-dynamodb", "aws-sdk-sqs", "uvloop"),
        works=("get-item", "put-item", "query-100", "send", "receive-10", "send-batch-10"),
    ),
)
CONTENDERS: Final = {contender.name: contender for contender in _ALL}
