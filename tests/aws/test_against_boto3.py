"""The same script through boto3 and through ours, both against moto in this process: equal, value by value."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError, WaiterError
from moto import mock_aws
from tests.aws.scripted import respond
from tests.aws.steps import Step, outcome, settled
from tests.aws.steps_dynamodb import TABLES
from tests.aws.steps_items import ITEMS, QUERIES
from tests.aws.steps_kinesis import STREAMS
from tests.aws.steps_sqs import DEAD, FIFO, MESSAGES, QUEUES
from tests.conftest import Run

from async_keepalive_httpc import aws

OPTIONS: Any = {"region_name": "us-east-1", "aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}

SCRIPTS: dict[str, list[Step]] = {
    "items": [*ITEMS, *QUERIES, *TABLES],
    "queues": [*MESSAGES, *QUEUES, *FIFO, *DEAD],
    "streams": STREAMS,
}


async def whole(body: Any) -> bytes:
    """A body in one piece, as it is, or in slices."""
    if isinstance(body, bytes):
        return body
    pieces: list[bytes] = []

    async def write(piece: Any) -> None:
        pieces.append(bytes(piece))

    await body.pump(write)
    return b"".join(pieces)


async def over_requests(request: Any) -> Any:
    """HTTP as moto sees it in this process."""
    fields = {name.decode(): value.decode() for name, value in request.fields}
    answer = await asyncio.to_thread(requests.post, str(request.url), data=await whole(request.body), headers=fields)
    return respond(request, answer.status_code, answer.content, answer.headers)


def theirs(client: Any, step: Step, given: dict[str, Any]) -> Any:
    if step.how == "wait":
        return client.get_waiter(given.pop("waiter_name")).wait(**given)
    if step.how == "call":
        return getattr(client, step.method)(**given)
    expression = given.pop("JMESPath", None)
    pages = client.get_paginator(step.method).paginate(**given)
    if step.how == "search":
        return list(pages.search(expression))
    return list(pages) if step.how == "pages" else pages.build_full_result()


async def ours(client: Any, step: Step, given: dict[str, Any]) -> Any:
    if step.how == "wait":
        return await client.get_waiter(given.pop("waiter_name")).wait(**given)
    if step.how == "call":
        return await getattr(client, step.method)(**given)
    expression = given.pop("JMESPath", None)
    pages = client.get_paginator(step.method).paginate(**given)
    if step.how == "search":
        return [found async for found in pages.search(expression)]
    return [page async for page in pages] if step.how == "pages" else await pages.build_full_result()


async def played(script: list[Step], play: Callable[[Step, dict[str, Any]], Any]) -> list[Any]:
    """What each step came to."""
    outcomes: list[Any] = []
    seen: dict[str, Any] = {}
    for step in script:
        try:
            result = await play(step, step.given(seen))
        except ClientError as error:
            outcomes.append(outcome(error))
        except WaiterError as error:
            outcomes.append((str(error), settled(error.last_response)))
        else:
            if step.keep:
                seen[step.keep] = result
            outcomes.append(settled(result))
    return outcomes


async def played_by_boto3(script: list[Step]) -> list[Any]:
    clients = {name: boto3.client(name, **OPTIONS) for name in {step.service for step in script}}

    def play(step: Step, given: dict[str, Any]) -> Any:
        return asyncio.to_thread(theirs, clients[step.service], step, given)

    try:
        return await played(script, play)
    finally:
        for client in clients.values():
            client.close()


async def played_by_ours(script: list[Step]) -> list[Any]:
    clients: Any = {name: aws.client(name, **OPTIONS) for name in {step.service for step in script}}
    for client in clients.values():
        client._service.send = over_requests
    try:
        return await played(script, lambda step, given: ours(clients[step.service], step, given))
    finally:
        for client in clients.values():
            await client.aclose()


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
@pytest.mark.parametrize("name", SCRIPTS)
def test_every_step_comes_to_the_same(run: Run, name: str) -> None:
    script = SCRIPTS[name]
    with mock_aws():
        expected = run(played_by_boto3(script), timeout=120)
    with mock_aws():
        found = run(played_by_ours(script), timeout=120)
    for step, one, other in zip(script, found, expected, strict=True):
        assert one == other, (step.service, step.method, step.how)
