"""Bodies: botocore's serializer and parser as oracle, over every operation of the four services."""

from __future__ import annotations

import base64
import importlib.util
import json
import math
import random
import sys
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import orjson
import pytest
from botocore.loaders import create_loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from async_keepalive_httpc.aws import codec, model
from async_keepalive_httpc.errors import InvalidRequest

SERVICES = ["sqs", "dynamodb", "dynamodbstreams", "kinesis"]
ROUNDS = 12


def operations():
    for service in SERVICES:
        for name in model.load(service).operations.values():
            if name != "SubscribeToShard":
                yield pytest.param(service, name, id=f"{service}-{name}")


def a_moment(chance):
    zone = chance.choice([UTC, timezone(timedelta(hours=-7)), None])
    micros = chance.choice([0, 0, 1, 3691, 500_000, 999_999])
    moment = datetime.fromtimestamp(chance.randint(-2_000_000_000, 4_000_000_000), UTC)
    return moment.replace(microsecond=micros, tzinfo=zone)


TEXTS = ["", "a", '"B":', "\\", "null", "é中\U0001f600", "B", "\x7f", "a/b"]


def a_value(chance, shape, depth, leaf):
    """A value of a shape; `leaf` makes those of blobs and timestamps."""
    kind = shape.type_name
    if kind == "structure":
        if shape.is_document_type:
            return {"any": [1, {"thing": None}]}
        names = list(shape.members)
        if shape.is_tagged_union:
            names = [chance.choice(names)]
        elif depth > 3:
            names = chance.sample(names, min(2, len(names)))
        return {
            name: a_value(chance, shape.members[name], depth + 1, leaf)
            for name in names
            if (depth < 9 and chance.random() < 0.7) or shape.is_tagged_union
        }
    if kind == "list":
        return [a_value(chance, shape.member, depth + 1, leaf) for _ in range(chance.randint(0, 2) if depth < 9 else 0)]
    if kind == "map":
        count = chance.randint(0, 2) if depth < 9 else 0
        return {chance.choice(TEXTS): a_value(chance, shape.value, depth + 1, leaf) for _ in range(count)}
    if kind in ("blob", "timestamp"):
        return leaf(chance, kind)
    if kind in ("float", "double"):
        return chance.choice([0.5, 3, Decimal("1.25"), -1e300])
    if kind == "boolean":
        return chance.random() < 0.5
    return chance.choice(TEXTS) if kind in ("string", "character") else chance.randint(-(2**63), 2**63 - 1)


def to_send(chance, kind):
    if kind == "blob":
        return chance.choice([b"", b"\x00\xff", bytearray(b"abc"), "text é"])
    return chance.choice([a_moment(chance), 1_700_000_000, 1_700_000_000.25, "2026-11-22T01:02:03Z", "1700000000"])


def received(chance, kind):
    if kind == "blob":
        return base64.b64encode(chance.randbytes(chance.randint(0, 5))).decode()
    return chance.choice(
        [1_700_000_000, 1.5, -3, 1.7e9 + 0.123, "2026-11-22T01:02:03Z", "Sun, 22 Nov 2026 01:02:03 GMT"]
    )


@pytest.mark.parametrize(("service", "name"), list(operations()))
def test_requests_are_as_botocore_makes_them(service, name):
    shapes = model.load(service).shapes.operation_model(name)
    theirs = create_serializer("json", include_validation=False)
    chance = random.Random(name)
    encoders = [
        model.load(service).operation(name).encode,
        codec.encoder(shapes.input_shape, shapes.idempotent_members, dumps=codec.plain_dumps),
    ]
    for _ in range(ROUNDS if shapes.input_shape else 1):
        parameters = a_value(chance, shapes.input_shape, 0, to_send) if shapes.input_shape else {}
        # The token is ours: random.
        parameters |= dict.fromkeys(shapes.idempotent_members, "token")
        request = theirs.serialize_to_request(parameters, shapes)
        before = repr(parameters)
        for encode in encoders:
            assert json.loads(encode(parameters)) == json.loads(request["body"])
        assert repr(parameters) == before
        fields = {name.decode(): value.decode() for name, value in model.load(service).operation(name).fields}
        assert fields == request["headers"]
        assert (request["method"], request["url_path"]) == ("POST", "/")


def with_nulls(chance, shape, value):
    """`value` with nulls where a service may write them: as members, and as items of lists."""
    kind = shape.type_name
    if kind == "structure" and not shape.is_document_type:
        for name in value:
            value[name] = with_nulls(chance, shape.members[name], value[name])
        free = [name for name in shape.members if name not in value]
        if free and not shape.is_tagged_union:
            value[chance.choice(free)] = None
    elif kind == "list":
        value[:] = [with_nulls(chance, shape.member, item) for item in value]
        value.append(None)
    elif kind == "map":
        for key in value:
            value[key] = with_nulls(chance, shape.value, value[key])
    return value


@pytest.mark.parametrize(("service", "name"), list(operations()))
def test_results_are_as_botocore_makes_them(service, name):
    shapes = model.load(service).shapes.operation_model(name)
    shape = shapes.output_shape
    parser = create_parser("json")
    chance = random.Random(name)
    decoders = [model.load(service).operation(name).decode, codec.decoder(shape, loads=codec.plain_loads)]
    for number in range(ROUNDS if shape else 1):
        value = a_value(chance, shape, 0, received) if shape else {}
        if number % 3 == 2:
            value = with_nulls(chance, shape, value)
        body = json.dumps(value, default=float, separators=chance.choice([(",", ":"), (", ", ": ")])).encode()
        expected = parser.parse({"body": body, "headers": {}, "status_code": 200}, shape)
        del expected["ResponseMetadata"]
        for decode in decoders:
            assert decode(body) == expected


def test_results_of_every_kind_of_shape():
    """Services with documents, unions and formats of time that the four have not."""
    for service, names in {
        "ecs": ["DescribeServices"],
        "glue": ["GetTable", "CreateJob"],
        "cognito-idp": ["DescribeManagedLoginBranding"],
        "acm": ["DescribeCertificate"],
        "b2bi": ["GetProfile"],
    }.items():
        for name in names:
            test_requests_are_as_botocore_makes_them(service, name)
            test_results_are_as_botocore_makes_them(service, name)


def test_timestamps_come_with_a_zone():
    decode = model.load("kinesis").operation("GetRecords").decode
    (record,) = decode(b'{"Records":[{"ApproximateArrivalTimestamp":1.5,"Data":"eA=="}]}')["Records"]
    assert record == {
        "ApproximateArrivalTimestamp": datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC),
        "Data": b"x",
    }
    assert record["ApproximateArrivalTimestamp"].tzinfo is UTC


def test_members_that_no_model_knows_stay():
    decode = model.load("dynamodb").operation("GetItem").decode
    assert decode(b'{"New":{"a":1},"Item":{}}') == {"New": {"a": 1}, "Item": {}}
    assert decode(b'{"New":{"a":null},"Old":null}') == {"New": {"a": None}}


def test_an_empty_body_is_an_empty_result():
    assert model.load("dynamodb").operation("GetItem").decode(b"") == {}
    assert model.load("sqs").operation("DeleteMessage").decode(b"whatever") == {}
    assert model.load("sqs").operation("GetQueueUrl").decode(b'{"x":null}') == {}


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'{"Item":{"a":7}', b"\xff", b'{"Item":{"a":{"B":7}}}'])
def test_other_bodies_are_refused(body):
    with pytest.raises((ValueError, TypeError)):
        model.load("dynamodb").operation("GetItem").decode(body)


def test_what_orjson_refuses_the_standard_library_reads():
    decode = model.load("dynamodb").operation("GetItem").decode
    assert decode(b'{"Item":{"a":{"S":"\\ud800"}}}') == {"Item": {"a": {"S": "\ud800"}}}
    assert decode(b'{"ConsumedCapacity":{"CapacityUnits":Infinity}}')["ConsumedCapacity"]["CapacityUnits"] == math.inf


def test_whole_numbers_of_documents_keep_every_digit():
    shapes = ServiceModel(
        {
            "metadata": {},
            "shapes": {
                "Any": {"type": "structure", "members": {}, "document": True},
                "Node": {"type": "structure", "members": {"next": {"shape": "Node"}, "any": {"shape": "Any"}}},
            },
        }
    )
    number = 2**70
    for shape in ("Any", "Node"):
        decode = codec.decoder(shapes.shape_for(shape))
        body = b'{"any":{"n":%d}}' % number
        assert decode(body) == {"any": {"n": number}}
    assert codec.decoder(shapes.shape_for("Any"))(b'{"any":null}') == {"any": None}


# -- what orjson writes otherwise than the standard library


@pytest.mark.parametrize("dumps", [codec.dumps, codec.dumps_with(None)])
def test_what_is_sent_is_what_the_standard_library_writes(dumps):
    encode = codec.encoder(model.load("sqs").shapes.operation_model("CreateQueue").input_shape, dumps=dumps)
    for parameters in (
        {"Attributes": {"a": 2**70}},
        {"QueueName": "\ud800"},
        {"tags": {1: "one"}},
        {"QueueName": "é\x00"},
    ):
        assert json.loads(encode(parameters)) == json.loads(json.dumps(parameters))


@pytest.mark.parametrize("wrong", [b"bytes", Decimal(1), datetime(2026, 1, 1), {1, 2}, object()])
@pytest.mark.parametrize("service", ["sqs.GetQueueUrl.QueueName", "dynamodb.PutItem.TableName"])
def test_what_is_no_json_is_refused_and_never_guessed(service, wrong):
    service, name, member = service.split(".")
    encode = model.load(service).operation(name).encode
    with pytest.raises(TypeError):
        encode({member: wrong})


def test_bytes_in_a_text_of_an_item_are_refused():
    encode = model.load("dynamodb").operation("PutItem").encode
    with pytest.raises(TypeError):
        encode({"Item": {"a": {"S": b"x"}, "b": {"B": b"x"}}})


def test_a_member_may_be_none_and_is_then_null():
    encode = model.load("sqs").operation("SendMessage").encode
    assert encode({"MessageBody": "x", "MessageAttributes": None}) == b'{"MessageBody":"x","MessageAttributes":null}'


def test_boto3s_binary_is_a_blob():
    class Binary:
        value = b"x"

    encode = model.load("dynamodb").operation("PutItem").encode
    assert encode({"Item": {"a": {"B": Binary()}}}) == b'{"Item":{"a":{"B":"eA=="}}}'


@pytest.mark.parametrize("value", [b"x", "x", bytearray(b"x")])
def test_a_blob_that_need_not_be_there_is_found_wherever_it_is(value):
    encode = model.load("sqs").operation("SendMessageBatch").encode
    plain = {"Id": "1", "MessageBody": '"BinaryValue":'}
    attributes = {"a": {"DataType": "Binary", "BinaryValue": value}}
    entries = [plain, {"Id": "2", "MessageBody": "b", "MessageAttributes": attributes}]
    sent = json.loads(encode({"Entries": entries}))["Entries"]
    assert sent[0] == plain
    assert sent[1]["MessageAttributes"] == {"a": {"DataType": "Binary", "BinaryValue": "eA=="}}
    assert entries[1] == {"Id": "2", "MessageBody": "b", "MessageAttributes": attributes}
    assert attributes == {"a": {"DataType": "Binary", "BinaryValue": value}}


@pytest.mark.parametrize("names", [{"B", "BS"}, {"Blob", "Data"}, {"$value", "$"}])
def test_names_are_found_as_keys_are_written(names):
    find = codec._finder(names, ":")
    for name in names:
        assert find(b'{"a":{"%b":"x"}}' % name.encode())
        for other in ('{"x%s":1}', '{"%sx":1}', '{"a":"%s"}', '{"a":"%s:"}', '{"a":"\\"%s:"}', '%s":1'):
            assert not find((other % name).encode())


def test_tokens_are_filled_in_once():
    encode = model.load("dynamodb").operation("TransactWriteItems").encode
    parameters: dict[str, Any] = {"TransactItems": [], "ClientRequestToken": None}
    body = encode(parameters)
    assert len(parameters["ClientRequestToken"]) == 36
    assert parameters["ClientRequestToken"].encode() in body
    assert encode(parameters) == body
    assert encode({"ClientRequestToken": "mine"}) == b'{"ClientRequestToken":"mine"}'


def test_floats_without_a_number_have_names():
    assert [codec.to_number(value) for value in (math.inf, -math.inf, math.nan, Decimal("0.5"), 2)] == [
        "Infinity",
        "-Infinity",
        "NaN",
        0.5,
        2,
    ]


def test_forms_of_time():
    moment = datetime(2026, 11, 22, 1, 2, 3, 4000, tzinfo=timezone(timedelta(hours=1)))
    assert codec.to_iso8601(moment) == "2026-11-22T00:02:03.004000Z"
    assert codec.to_iso8601(moment.replace(microsecond=0)) == "2026-11-22T00:02:03Z"
    assert codec.to_http_date(moment) == "Sun, 22 Nov 2026 00:02:03 GMT"
    assert codec.to_seconds("2026-11-22") == 1795305600
    with pytest.raises(ValueError, match="Invalid timestamp"):
        codec.to_seconds("yesterday, about noon or so")


def test_times_out_of_the_platforms_range(monkeypatch):
    class Narrow(datetime):
        @classmethod
        def fromtimestamp(cls, *arguments):
            raise OverflowError

    monkeypatch.setattr(codec, "datetime", Narrow)
    assert codec.to_datetime(86_400) == datetime(1970, 1, 2, tzinfo=UTC)


def test_without_orjson_the_standard_library_serves(monkeypatch):
    monkeypatch.setitem(sys.modules, "orjson", None)
    spec = importlib.util.spec_from_file_location("codec_without_orjson", codec.__file__)
    assert spec
    assert spec.loader
    plain = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plain)
    assert (plain.dumps, plain.loads) == (plain.plain_dumps, plain.plain_loads)


def test_orjson_is_used_where_it_is():
    assert codec.dumps is not codec.plain_dumps
    assert codec.loads is not codec.plain_loads
    assert codec.dumps_with(None) is codec.plain_dumps
    assert codec.loads_with(None) is codec.plain_loads
    assert codec.dumps({"é": [1]}) == orjson.dumps({"é": [1]})


# -- the model


def test_no_json_service_renames_members_or_leaves_the_body():
    """What the codec leaves out; a botocore that needs it fails here."""
    files = create_loader()  # of its own: what it has read it keeps
    for service in files.list_available_services("service-2"):
        described = files.load_service_model(service, "service-2")
        facts = described["metadata"]
        if "json" not in (facts["protocol"], *facts.get("protocols", ())):
            continue
        for operation in described["operations"].values():
            assert (operation["http"]["method"], operation["http"]["requestUri"]) == ("POST", "/")
        for shape in described["shapes"].values():
            for member in shape.get("members", {}).values():
                assert not {"locationName", "location"} & member.keys(), (service, shape)


def test_services_of_other_protocols_are_refused():
    with pytest.raises(InvalidRequest, match=r"'s3' speaks rest-xml: aws\.client is for"):
        model.load("s3")


def test_event_streams_are_refused():
    with pytest.raises(InvalidRequest, match="kinesis.SubscribeToShard answers with an event stream"):
        model.load("kinesis").operation("SubscribeToShard")


def test_facts_of_operations():
    kinesis = model.load("kinesis")
    assert kinesis.operations["put_record"] == "PutRecord"
    assert kinesis.signing_name == "kinesis"
    assert model.load("dynamodbstreams").signing_name == "dynamodb"
    assert not model.load("cognito-identity").operation("GetId").signed
    assert model.load("cognito-identity").operation("ListIdentities").signed
    prefixed = model.load("servicediscovery").operation("DiscoverInstances")
    assert prefixed.prefix == "data-"
    assert model.load("sqs").operation("SendMessage") is model.load("sqs").operation("SendMessage")
