"""What a type checker makes of `aws.client`: with types-aiobotocore, and without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# A part of what types-aiobotocore-dynamodb declares.
NAMES = """
from collections.abc import AsyncIterator
from typing import Any, Literal, Self, TypedDict

class GetItemOutputTypeDef(TypedDict):
    Item: dict[str, dict[str, Any]]
    ResponseMetadata: dict[str, Any]

class ScanOutputTypeDef(TypedDict):
    Items: list[dict[str, dict[str, Any]]]

class Pages:
    def __aiter__(self) -> AsyncIterator[ScanOutputTypeDef]: ...

class ScanPaginator:
    def paginate(self, *, TableName: str) -> Pages: ...

class DynamoDBClient:
    async def get_item(self, *, TableName: str, Key: dict[str, Any]) -> GetItemOutputTypeDef: ...
    def get_paginator(self, operation_name: Literal["scan"], /) -> ScanPaginator: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *error: object) -> None: ...
"""

TYPED = """
from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type

from async_keepalive_httpc import aws

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient, GetItemOutputTypeDef

async def name_of(dynamodb: DynamoDBClient, table: str) -> str:
    answer: GetItemOutputTypeDef = await dynamodb.get_item(TableName=table, Key={"ID": {"S": "1"}})
    return str(answer["Item"]["Name"]["S"])

async def main() -> None:
    async with aws.client("dynamodb", region_name="eu-west-1") as dynamodb:
        await name_of(dynamodb, "T")
        answer = await dynamodb.get_item(TableName="T", Key={})
        assert_type(answer, GetItemOutputTypeDef)
        async for page in dynamodb.get_paginator("scan").paginate(TableName="T"):
            assert_type(page["Items"], list[dict[str, dict[str, Any]]])
        pages = [page async for page in dynamodb.paginate("scan", TableName="T")]
        assert_type(pages, list[dict[str, Any]])
    client: DynamoDBClient = aws.client("dynamodb")
    await name_of(client, "T")
"""

PLAIN = """
from __future__ import annotations

from typing import Any, assert_type

from async_keepalive_httpc import aws
from async_keepalive_httpc.aws.api import ServiceClient

async def main() -> None:
    async with aws.client("dynamodb", region_name="eu-west-1") as dynamodb:
        answer = await dynamodb.get_item(TableName="T", Key={})
        print(answer["Item"]["Name"]["S"])
        await dynamodb.get_waiter("table_exists").wait(TableName="T")
    client = aws.client("stepfunctions")
    assert_type(client, ServiceClient)
    assert_type(await client.list_activities(), dict[str, Any])
    await client.aclose()
    await aws.client("sqs", config=None).aclose()
"""

WRONG = """
from async_keepalive_httpc import aws

async def main() -> None:
    client = aws.client("dynamodb")
    await client.get_item(TableName=1, Key={})
    aws.client("kinesis", region="eu-west-1")
"""


def checked(folder: Path, script: str) -> tuple[int, str]:
    """mypy's verdict on a user's script, strictly; the package is the one that is tested."""
    (folder / "script.py").write_text(script)
    (folder / "mypy.ini").write_text("[mypy]\nstrict = true\n")
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--no-error-summary", "script.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def names(tmp_path: Path) -> Path:
    """A folder where types-aiobotocore-dynamodb is found."""
    package = tmp_path / "types_aiobotocore_dynamodb"
    package.mkdir()
    (package / "__init__.pyi").write_text(NAMES)
    return tmp_path


def test_with_types_aiobotocore_operations_have_types(names: Path) -> None:
    assert checked(names, TYPED) == (0, "")
    code, told = checked(names, WRONG)
    assert code == 1
    assert 'Argument "TableName" to "get_item" of "DynamoDBClient" has incompatible type "int"' in told
    assert 'Unexpected keyword argument "region"' in told


def test_without_it_nothing_is_wrong(tmp_path: Path) -> None:
    assert checked(tmp_path, PLAIN) == (0, "")
