"""DynamoDB: items by key, by the verbs of the user's document.

Refuses: native types, tables, transactions (`aws.client("dynamodb")` has every operation).
Called by: users. Law: keys and items are in DynamoDB's own form, {"name": {"S": "text"}}, and so are results.

    from async_keepalive_httpc.aws.dynamodb import DynamoDB

    db = DynamoDB(io_loop, "ACCESS_KEY", "SECRET_KEY", endpoints="eu-west-1")
    response = yield db.get_item("TABLE", {"ID": {"S": "1"}}, attributes_to_get=["Name"])
    response.aws_result["Item"]
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..errors import InvalidRequest
from .verbs import AWSResponse, Callback, Verbs, with_error

MOST_KEYS: Final = 100
"""Keys of a BatchGetItem."""
MOST_BYTES: Final = 400 * 1024
"""Bytes of an item, its names included."""
MOST_KEY: Final = 2048
"""Bytes of a value in a key: of the partition's; the sort key's may have half of them."""
_OLD: Final = ("hash_key_value", "range_key_conditions")

Item = Mapping[str, Mapping[str, Any]]


class DynamoDB(Verbs):
    """DynamoDB: `DynamoDB(io_loop, ACCESS_KEY, SECRET_KEY, endpoints="eu-west-1")`.

    io_loop: a tornado IOLoop, or None. options: see `verbs.Options`; `endpoints` is another name of `region`.
    A callback is called with (aws_result, error=None or the error, response=the answer).
    Raises InvalidRequest, CredentialsError, TypeError.
    """

    service_name = "dynamodb"

    def get_item(
        self,
        table_name: str,
        key: Item,
        callback: Callback | None = None,
        attributes_to_get: Sequence[str] | None = None,
        consistent_read: bool = False,
        object_hook: Any = None,
    ) -> asyncio.Future[AWSResponse]:
        """The item of a key: `aws_result["Item"]`; no "Item" if there is none.

        attributes_to_get: those that are wanted (default: all). consistent_read: not an older state (default False).
        object_hook: see `Verbs.call`. Raises InvalidRequest at once; else the Future raises AWSError and so on.
        """
        parameters: dict[str, Any] = {"TableName": named(table_name), "Key": key_of(key)}
        select(parameters, attributes_to_get)
        if consistent_read:
            parameters["ConsistentRead"] = True
        return self.call("GetItem", parameters, callback=with_error(callback), object_hook=object_hook)

    def put_item(
        self,
        table_name: str,
        item: Item,
        callback: Callback | None = None,
        expected: Mapping[str, Any] | None = None,
        return_values: str | None = None,
        object_hook: Any = None,
    ) -> asyncio.Future[AWSResponse]:
        """Write an item of up to 400 KB, in the place of an older one of its key.

        expected: conditions, as DynamoDB's Expected. return_values: "ALL_OLD": have the older item in the result. Else
        as `get_item`.
        """
        length = least_size(mapping("item", item))
        if length > MOST_BYTES:
            raise InvalidRequest(f"The item has at least {length} bytes: DynamoDB takes {MOST_BYTES} (400 KB)")
        parameters: dict[str, Any] = {"TableName": named(table_name), "Item": item}
        if expected:
            parameters["Expected"] = expected
        if return_values:
            parameters["ReturnValues"] = return_values
        return self.call("PutItem", parameters, callback=with_error(callback), object_hook=object_hook)

    def batch_get_item(
        self, request_items: Mapping[str, Any], callback: Callback | None = None, object_hook: Any = None
    ) -> asyncio.Future[AWSResponse]:
        """Up to 100 items: {"TABLE": {"Keys": [...]}}.

        `aws_result["Responses"]` has them, `["UnprocessedKeys"]` those to ask for again. Else as `get_item`.
        """
        tables = mapping("request_items", request_items).values()
        count = sum(len(table.get("Keys", ())) for table in tables if isinstance(table, Mapping))
        if not 1 <= count <= MOST_KEYS:
            raise InvalidRequest(f"batch_get_item has {count} keys: DynamoDB takes 1 to {MOST_KEYS} at a time")
        parameters = {"RequestItems": request_items}
        return self.call("BatchGetItem", parameters, callback=with_error(callback), object_hook=object_hook)

    def query(
        self,
        table_name: str,
        *old: Any,
        callback: Callback | None = None,
        attributes_to_get: Sequence[str] | None = None,
        limit: int | None = None,
        consistent_read: bool = False,
        scan_index_forward: bool = True,
        exclusive_start_key: Item | None = None,
        object_hook: Any = None,
        **parameters: Any,
    ) -> asyncio.Future[AWSResponse]:
        """The items of a partition: `aws_result["Items"]`.

        parameters: of DynamoDB's Query, such as KeyConditionExpression and ExpressionAttributeValues. limit: items to
        look at. scan_index_forward: False: backwards. exclusive_start_key: the LastEvaluatedKey of the page before.
        Else as `get_item`. Raises TypeError for the arguments of DynamoDB's interface of 2011, which is no more.
        """
        if old or any(name in parameters for name in _OLD):
            raise TypeError(
                "query() with hash_key_value is DynamoDB's interface of 2011, which AWS has ended: say "
                "KeyConditionExpression='#k = :v', ExpressionAttributeNames={'#k': ...} and "
                "ExpressionAttributeValues={':v': {...}} instead"
            )
        if limit is not None and (not isinstance(limit, int) or limit < 1):
            raise InvalidRequest(f"limit is {limit!r}: DynamoDB looks at 1 item or more; leave it out for a whole page")
        given = {"Limit": limit, "ConsistentRead": consistent_read, "ExclusiveStartKey": exclusive_start_key}
        query = {
            "TableName": named(table_name),
            **{name: value for name, value in given.items() if value},
            **parameters,
        }
        select(query, attributes_to_get)
        if not scan_index_forward:
            query["ScanIndexForward"] = False
        return self.call("Query", query, callback=with_error(callback), object_hook=object_hook)


def select(parameters: dict[str, Any], names: Sequence[str] | None) -> None:
    """Ask for these attributes only: by an expression; not so beside KeyConditions, which DynamoDB does not mix."""
    if not names:
        return
    if "KeyConditions" in parameters:
        parameters["AttributesToGet"] = list(names)
        return
    aliases = {f"#wanted{place}": name for place, name in enumerate(names)}
    parameters["ProjectionExpression"] = ", ".join(aliases)
    parameters["ExpressionAttributeNames"] = {**parameters.get("ExpressionAttributeNames", {}), **aliases}


def named(table_name: Any) -> str:
    """A table's name, or its ARN. Raises InvalidRequest."""
    if not isinstance(table_name, str) or not table_name:
        raise InvalidRequest(f"table_name is {table_name!r:.50}: give the name of a table, or its ARN")
    return table_name


def key_of(value: Any) -> Mapping[str, Any]:
    """A key: of one attribute or two. Raises InvalidRequest."""
    key = mapping("key", value)
    if len(key) > 2:
        raise InvalidRequest(f"key has {len(key)} attributes: a table's key has 1, or 2 with a sort key")
    for name, typed in key.items():
        length = _typed(typed)
        if length > MOST_KEY:
            raise InvalidRequest(f"{name!r} in key has {length} bytes: DynamoDB takes {MOST_KEY} (1024 in a sort key)")
    return key


def mapping(name: str, value: Any) -> Mapping[str, Any]:
    """`value`, if it is a mapping with something in it. Raises InvalidRequest."""
    if not isinstance(value, Mapping) or not value:
        raise InvalidRequest(f'{name} is {value!r:.50}: give a dict such as {{"ID": {{"S": "1"}}}}')
    return value


def least_size(value: Any) -> int:
    """Bytes that DynamoDB counts for a value, at least: names, texts and binary; numbers are packed."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return len(value)
    if isinstance(value, Mapping):
        return sum(least_size(name) + _typed(typed) for name, typed in value.items())
    return 0


def _typed(typed: Any) -> int:
    """The same for {"S": "text"}."""
    if not isinstance(typed, Mapping):
        return 0
    total = 0
    for kind, value in typed.items():
        if kind in ("S", "B", "M"):
            total += least_size(value)
        elif kind in ("SS", "BS"):
            total += sum(least_size(element) for element in value)
        elif kind == "L":
            total += sum(_typed(element) for element in value)
    return total
