"""Steps with items of DynamoDB: every type, expressions, conditions, batches, transactions, PartiQL, and refusals.

Called by: `test_against_boto3`.
"""

from __future__ import annotations

from typing import Any

from tests.aws.steps import Seen, Step

TABLE: dict[str, Any] = {
    "TableName": "items",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
ORDERS: dict[str, Any] = {
    "TableName": "orders",
    "KeySchema": [{"AttributeName": "who", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "who", "AttributeType": "B"},
        {"AttributeName": "at", "AttributeType": "N"},
        {"AttributeName": "state", "AttributeType": "S"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-state",
            "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
}
KEY = {"id": {"S": "1"}}
NOBODY = {"id": {"S": "nobody"}}
EVERY_TYPE: dict[str, Any] = {
    **KEY,
    "text": {"S": '\u00e9\u4e2d\U0001f600 "B": \\ \x00\x1f\u2028</script>'},
    "empty": {"S": ""},
    "whole": {"N": "-12345678901234567890123456789012345678"},
    "small": {"N": "1.5E-100"},
    "zero": {"N": "0"},
    "bytes": {"B": bytes(range(256))},
    "no bytes": {"B": b""},
    "yes": {"BOOL": True},
    "no": {"BOOL": False},
    "null": {"NULL": True},
    "texts": {"SS": ["a", "\u00e9", "B"]},
    "numbers": {"NS": ["1", "-2.5", "300"]},
    "binaries": {"BS": [b"\x00", b"\xff\xfe", b"B"]},
    "list": {"L": []},
    "map": {"M": {}},
    "B": {"M": {"B": {"B": b"B"}, "BS": {"BS": [b"BS"]}, "S": {"S": '{"B":"AA=="}'}, "L": {"L": [{"B": b"\x00"}]}}},
    "deep": {"L": [{"M": {"a": {"L": [{"M": {"b": {"L": [{"B": b"deep"}, {"NULL": True}, {"N": "1"}]}}}]}}}]},
}
CANCELLED: list[Any] = [
    {"Put": {"TableName": "items", "Item": {"id": {"S": "never"}}}},
    {
        "ConditionCheck": {
            "TableName": "items",
            "Key": KEY,
            "ConditionExpression": "attribute_not_exists(id)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    },
    {"Delete": {"TableName": "items", "Key": NOBODY, "ConditionExpression": "attribute_exists(id)"}},
]


def dynamodb(method: str, /, keep: str = "", how: str = "call", **parameters: Any) -> Step:
    return Step("dynamodb", method, parameters, keep, how)


def update(expression: str, /, values: Any = None, **more: Any) -> Step:
    given: dict[str, Any] = {"TableName": "items", "Key": KEY, "UpdateExpression": expression, **more}
    if values:
        given["ExpressionAttributeValues"] = values
    return dynamodb("update_item", **{"ReturnValues": "ALL_NEW", **given})


def order(who: bytes, at: int, state: str = "open") -> dict[str, Any]:
    return {"who": {"B": who}, "at": {"N": str(at)}, "state": {"S": state}, "body": {"B": who * at}}


def asked_for_again(seen: Seen) -> dict[str, Any]:
    """The item that a refused condition came with, as a key."""
    return {"TableName": "items", "Key": {"id": seen["every type"]["Item"]["id"]}, "ConsistentRead": True}


def of_dana(**more: Any) -> dict[str, Any]:
    return {
        "TableName": "orders",
        "KeyConditionExpression": "who = :w AND #at BETWEEN :a AND :z",
        "ExpressionAttributeNames": {"#at": "at"},
        "ExpressionAttributeValues": {":w": {"B": b"dana"}, ":a": {"N": "2"}, ":z": {"N": "9"}},
        **more,
    }


ITEMS: list[Step] = [
    dynamodb("create_table", **TABLE),
    dynamodb("create_table", **TABLE),
    dynamodb("get_waiter", how="wait", waiter_name="table_exists", TableName="items"),
    # every type
    dynamodb("put_item", TableName="items", Item=EVERY_TYPE, ReturnConsumedCapacity="TOTAL"),
    dynamodb("get_item", keep="every type", TableName="items", Key=KEY, ConsistentRead=True),
    Step("dynamodb", "get_item", asked_for_again),
    dynamodb("get_item", TableName="items", Key=NOBODY, ReturnConsumedCapacity="INDEXES"),
    dynamodb(
        "get_item",
        TableName="items",
        Key=KEY,
        ProjectionExpression="#b.#b, deep[0].a, nothing",
        ExpressionAttributeNames={"#b": "B"},
    ),
    dynamodb("get_item", TableName="items", Key=KEY, AttributesToGet=["text", "bytes"]),
    dynamodb("scan", TableName="items"),
    # updates
    update(
        "SET #l = list_append(#l, :l), counted = if_not_exists(counted, :n)",
        {":l": {"L": [{"B": b"x"}]}, ":n": {"N": "1"}},
        ExpressionAttributeNames={"#l": "list"},
    ),
    update(
        "ADD counted :n, numbers :ns, binaries :bs", {":n": {"N": "2.5"}, ":ns": {"NS": ["7"]}, ":bs": {"BS": [b"new"]}}
    ),
    update("DELETE texts :t REMOVE deep[0], empty", {":t": {"SS": ["a", "none"]}}),
    update("SET zero = zero - :n", {":n": {"N": "1"}}, ReturnValues="UPDATED_OLD"),
    update("SET made = :b", {":b": {"B": b"made"}}, ReturnValues="UPDATED_NEW", Key={"id": {"S": "made"}}),
    # conditions
    dynamodb(
        "put_item",
        TableName="items",
        Item=KEY,
        ConditionExpression="attribute_not_exists(id)",
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    ),
    dynamodb("put_item", TableName="items", Item=KEY, ConditionExpression="attribute_not_exists(id)"),
    update(
        "SET z = zero",
        None,
        ConditionExpression="attribute_exists(nothing)",
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    ),
    dynamodb(
        "delete_item",
        TableName="items",
        Key=KEY,
        ConditionExpression="size(bytes) < :n",
        ExpressionAttributeValues={":n": {"N": "3"}},
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    ),
    dynamodb("put_item", TableName="items", Item=KEY, Expected={"id": {"Exists": False}}),
    dynamodb("put_item", TableName="items", Item={"id": {"S": "2"}, "n": {"N": "1"}}),
    dynamodb("put_item", TableName="items", Item={"id": {"S": "2"}}, ReturnValues="ALL_OLD"),
    dynamodb("delete_item", TableName="items", Key={"id": {"S": "2"}}, ReturnValues="ALL_OLD"),
    dynamodb("delete_item", TableName="items", Key=NOBODY, ReturnValues="ALL_OLD"),
    # transactions
    dynamodb("transact_write_items", TransactItems=CANCELLED),
    dynamodb(
        "transact_write_items",
        TransactItems=[
            {"Put": {"TableName": "items", "Item": {"id": {"S": "t1"}, "b": {"B": b"\x01"}}}},
            {"Put": {"TableName": "items", "Item": {"id": {"S": "t2"}}}},
            {
                "Update": {
                    "TableName": "items",
                    "Key": KEY,
                    "UpdateExpression": "SET touched = :b",
                    "ExpressionAttributeValues": {":b": {"B": b"\x02"}},
                }
            },
            {
                "ConditionCheck": {
                    "TableName": "items",
                    "Key": NOBODY,
                    "ConditionExpression": "attribute_not_exists(id)",
                }
            },
        ],
    ),
    dynamodb(
        "transact_get_items",
        TransactItems=[{"Get": {"TableName": "items", "Key": {"id": {"S": i}}}} for i in ("t1", "none", "t2")],
    ),
    dynamodb("transact_get_items", TransactItems=[{"Get": {"TableName": "nowhere", "Key": KEY}}]),
    dynamodb(
        "transact_write_items",
        TransactItems=[{"Delete": {"TableName": "items", "Key": KEY}}, {"Put": {"TableName": "items", "Item": KEY}}],
    ),
    dynamodb("transact_write_items", TransactItems=[{"Put": {"TableName": "nowhere", "Item": KEY}}]),
    # batches
    dynamodb(
        "batch_write_item",
        RequestItems={
            "items": [
                *({"PutRequest": {"Item": {"id": {"S": f"b{n}"}, "b": {"B": bytes([n])}}}} for n in range(12)),
                {"DeleteRequest": {"Key": {"id": {"S": "t2"}}}},
            ]
        },
    ),
    dynamodb(
        "batch_get_item",
        RequestItems={"items": {"Keys": [{"id": {"S": f"b{n}"}} for n in range(14)], "ConsistentRead": True}},
    ),
    dynamodb("batch_get_item", RequestItems={"items": {"Keys": [KEY], "ProjectionExpression": "zero, touched"}}),
    dynamodb("batch_get_item", RequestItems={"items": {"Keys": [KEY, KEY]}}),
    dynamodb("batch_get_item", RequestItems={"items": {"Keys": [{"id": {"S": str(n)}} for n in range(101)]}}),
    dynamodb("batch_get_item", RequestItems={"nowhere": {"Keys": [KEY]}}),
    dynamodb("batch_write_item", RequestItems={"nowhere": [{"PutRequest": {"Item": KEY}}]}),
    # PartiQL
    dynamodb("execute_statement", Statement="SELECT * FROM items WHERE id = ?", Parameters=[{"S": "t1"}]),
    dynamodb("execute_statement", Statement="INSERT INTO items VALUE {'id': 'p', 'n': 1}"),
    dynamodb(
        "batch_execute_statement",
        Statements=[
            {"Statement": "SELECT * FROM items WHERE id = ?", "Parameters": [{"S": i}]} for i in ("b1", "none")
        ],
    ),
    dynamodb(
        "execute_transaction",
        TransactStatements=[
            {"Statement": "UPDATE items SET n = ? WHERE id = ?", "Parameters": [{"N": "2"}, {"S": "p"}]}
        ],
    ),
    # refusals
    dynamodb("get_item", TableName="nowhere", Key=KEY),
    dynamodb("get_item", TableName="items", Key={"id": {"N": "1"}}),
    dynamodb("get_item", TableName="items", Key={"wrong": {"S": "1"}}),
    dynamodb("get_item", TableName="items", Key=KEY, ProjectionExpression="size"),
    dynamodb("put_item", TableName="items", Item={"n": {"N": "1"}}),
    dynamodb("put_item", TableName="items", Item={"id": {"S": ""}}),
    dynamodb("put_item", TableName="items", Item={**KEY, "s": {"SS": ["a", "a"]}}),
    dynamodb("put_item", TableName="items", Item={**KEY, "s": {"BS": []}}),
    dynamodb("put_item", TableName="items", Item={**KEY, "s": {"S": "x" * 410_000}}),
    dynamodb("put_item", TableName="nowhere", Item=KEY),
    update("SET id = :n", {":n": {"S": "2"}}),
    update("SET a = :missing"),
    update("SET a = :n", {":n": {"N": "1"}, ":unused": {"N": "2"}}),
    update("SET SET a"),
    update("ADD text :n", {":n": {"N": "1"}}),
    dynamodb(
        "query", TableName="items", KeyConditionExpression="nothing = :n", ExpressionAttributeValues={":n": {"S": "x"}}
    ),
    dynamodb("delete_table", TableName="nowhere"),
]

QUERIES: list[Step] = [
    dynamodb("create_table", keep="orders", **ORDERS),
    *(
        dynamodb("put_item", TableName="orders", Item=order(b"dana", at, "done" if at % 3 else "open"))
        for at in range(1, 12)
    ),
    *(dynamodb("put_item", TableName="orders", Item=order(b"\x00\xff", at)) for at in range(1, 4)),
    dynamodb("query", **of_dana()),
    dynamodb("query", keep="part", **of_dana(Limit=3)),
    Step("dynamodb", "query", lambda seen: of_dana(ExclusiveStartKey=seen["part"]["LastEvaluatedKey"])),
    dynamodb("query", **of_dana(ScanIndexForward=False, Limit=2)),
    dynamodb("query", **of_dana(Select="COUNT")),
    dynamodb("query", **of_dana(FilterExpression="contains(body, :w)", ProjectionExpression="body, #at")),
    dynamodb("query", **of_dana(IndexName="nothing")),
    dynamodb(
        "query",
        TableName="orders",
        IndexName="by-state",
        KeyConditionExpression="#s = :s",
        ExpressionAttributeNames={"#s": "state"},
        ExpressionAttributeValues={":s": {"S": "open"}},
        ReturnConsumedCapacity="TOTAL",
    ),
    dynamodb("query", how="pages", **of_dana(PaginationConfig={"PageSize": 3})),
    dynamodb("query", how="whole", **of_dana(PaginationConfig={"PageSize": 3})),
    dynamodb("query", how="whole", **of_dana(ReturnConsumedCapacity="TOTAL", PaginationConfig={"PageSize": 3})),
    dynamodb("query", how="whole", keep="cut", **of_dana(PaginationConfig={"PageSize": 3, "MaxItems": 4})),
    Step(
        "dynamodb",
        "query",
        lambda seen: of_dana(PaginationConfig={"StartingToken": seen["cut"]["NextToken"]}),
        how="whole",
    ),
    dynamodb("query", how="search", JMESPath="Items[].body.B", **of_dana(PaginationConfig={"PageSize": 2})),
    dynamodb("scan", how="pages", TableName="orders", PaginationConfig={"PageSize": 4}),
    dynamodb("scan", how="pages", TableName="items", Segment=1, TotalSegments=3),
    dynamodb(
        "scan",
        how="whole",
        TableName="orders",
        FilterExpression="#s = :s",
        ExpressionAttributeNames={"#s": "state"},
        ExpressionAttributeValues={":s": {"S": "open"}},
        PaginationConfig={"PageSize": 5},
    ),
    dynamodb("scan", TableName="orders", Segment=4, TotalSegments=3),
    dynamodb("scan", TableName="orders", IndexName="by-state", Select="COUNT"),
]
