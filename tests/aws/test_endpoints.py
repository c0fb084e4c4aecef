"""Endpoints, with botocore's own resolver as the oracle over services, regions, kinds of endpoint and arguments."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import EndpointProviderError
from botocore.model import ServiceModel
from botocore.session import Session

from async_keepalive_httpc.aws.endpoints import Endpoint, Endpoints
from async_keepalive_httpc.errors import InvalidRequest

SERVICES = ["sqs", "dynamodb", "dynamodbstreams", "kinesis", "stepfunctions", "logs", "kms", "secretsmanager", "events"]
REGIONS = [
    "us-east-1",
    "eu-west-1",
    "ap-southeast-2",
    "cn-north-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "eusc-de-east-1",
    "xx-nowhere-9",
    "local",
    "fips-us-east-1",
]
KINDS: list[dict[str, Any]] = [
    {},
    {"use_fips": True},
    {"use_dualstack": True},
    {"use_fips": True, "use_dualstack": True},
    {"endpoint_url": "http://127.0.0.1:4566"},
    {"endpoint_url": "https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com/"},
    {"endpoint_url": "http://[::1]:8000", "use_fips": True, "use_dualstack": True},
    {"use_ssl": False},
]
ACCOUNT = "123456789012"
TABLE = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/T"
OTHER = "arn:aws:dynamodb:us-east-1:210987654321:table/T"
STREAM = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/S"


@pytest.fixture(scope="module", autouse=True)
def _away_from_home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The oracle reads the environment."""
    with pytest.MonkeyPatch.context() as patch:
        nothing = str(tmp_path_factory.mktemp("aws") / "nothing")
        patch.setenv("AWS_CONFIG_FILE", nothing)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", nothing)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@cache
def session() -> Session:
    return Session()


@cache
def model(service: str) -> ServiceModel:
    return ServiceModel(session().get_component("data_loader").load_service_model(service, "service-2"), service)


def theirs(
    service: str, region: str, operation: str, arguments: dict[str, Any], account: str | None = None, **kind: Any
) -> Endpoint | str:
    """What botocore's client would use: the endpoint, or its refusal."""
    config = Config(
        use_fips_endpoint=kind.get("use_fips"),
        use_dualstack_endpoint=kind.get("use_dualstack"),
        account_id_endpoint_mode=kind.get("account_id_mode"),
    )
    try:
        client = session().create_client(
            service,
            region,
            endpoint_url=kind.get("endpoint_url"),
            use_ssl=kind.get("use_ssl", True),
            config=config,
            aws_access_key_id="AKID",
            aws_secret_access_key="secret",
            aws_account_id=account,
        )
        resolver = client._ruleset_resolver
        found = resolver.construct_endpoint(client.meta.service_model.operation_model(operation), arguments, {})
    except EndpointProviderError:
        return "refused"
    scope: dict[str, str] = {}
    if found.properties.get("authSchemes"):
        scope = resolver.auth_schemes_to_signing_ctx(found.properties["authSchemes"])[1]
    metadata = model(service).metadata
    name = metadata.get("signingName") or metadata["endpointPrefix"]
    return Endpoint(
        found.url.rstrip("/"), scope.get("region", client.meta.region_name), scope.get("signing_name", name)
    )


def ours(
    service: str, region: str, operation: str, arguments: dict[str, Any], account: str | None = None, **kind: Any
) -> Endpoint | str:
    try:
        endpoints = Endpoints(service, model(service).metadata, region, **kind)
        context = endpoints.context(model(service).operation_model(operation))
        return endpoints.of(account, context, arguments, json.dumps(arguments).encode())
    except InvalidRequest:
        return "refused"


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("service", SERVICES)
def test_as_botocore_has_it(service: str, region: str) -> None:
    operation = model(service).operation_names[0]
    for kind in KINDS:
        assert ours(service, region, operation, {}, **kind) == theirs(service, region, operation, {}, **kind), kind


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("dynamodb", "GetItem", {"TableName": "T"}),
        ("dynamodb", "GetItem", {"TableName": TABLE}),
        ("dynamodb", "GetItem", {"TableName": "T", "Key": {"a": {"S": TABLE}}}),
        ("dynamodb", "BatchGetItem", {"RequestItems": {}, "ReturnConsumedCapacity": TABLE}),
        ("dynamodb", "ListTables", {}),
        ("dynamodb", "SearchVectors", {"TableName": "T"}),
        ("dynamodb", "SearchVectors", {"TableName": TABLE}),
        ("dynamodb", "BatchGetItem", {"RequestItems": {"T": {}}}),
        ("dynamodb", "BatchGetItem", {"RequestItems": {TABLE: {}}}),
        ("dynamodb", "BatchGetItem", {"RequestItems": {OTHER: {}, TABLE: {}}}),
        ("dynamodb", "TransactWriteItems", {"TransactItems": [{"Put": {"TableName": TABLE}}]}),
        (
            "dynamodb",
            "TransactWriteItems",
            {"TransactItems": [{"Put": {"TableName": "T", "Item": {"a": {"S": "arn:"}}}}]},
        ),
        ("dynamodb", "ImportTable", {"TableCreationParameters": {"TableName": TABLE}}),
        ("kinesis", "PutRecord", {"StreamName": "S"}),
        ("kinesis", "PutRecord", {"StreamARN": STREAM}),
        ("kinesis", "PutRecord", {"StreamId": "abcdefghijklmnopqrst-abc"}),
        ("kinesis", "DescribeStream", {"StreamARN": STREAM}),
        ("kinesis", "SubscribeToShard", {"ConsumerARN": f"{STREAM}/consumer/c:1"}),
    ],
)
@pytest.mark.parametrize("account", [None, "999988887777"])
@pytest.mark.parametrize("mode", ["preferred", "disabled", "required"])
def test_accounts(service: str, operation: str, arguments: dict[str, Any], account: str | None, mode: str) -> None:
    for kind in KINDS[:5]:
        kind = {**kind, "account_id_mode": mode}
        mine = ours(service, "us-east-1", operation, arguments, account, **kind)
        assert mine == theirs(service, "us-east-1", operation, arguments, account, **kind), kind


def test_kinesis_keeps_to_one_host() -> None:
    for name, arguments in (("PutRecord", {"StreamARN": STREAM}), ("DescribeStream", {"StreamARN": STREAM})):
        assert ours("kinesis", "us-east-1", name, arguments, ACCOUNT) == Endpoint(
            "https://kinesis.us-east-1.amazonaws.com", "us-east-1", "kinesis"
        )
    # Unless an account is asked for.
    assert ours("kinesis", "us-east-1", "PutRecord", {"StreamName": "S"}, account_id=ACCOUNT) == Endpoint(
        f"https://{ACCOUNT}.data-kinesis.us-east-1.amazonaws.com", "us-east-1", "kinesis"
    )


def test_an_answer_is_remembered() -> None:
    endpoints = Endpoints("dynamodb", model("dynamodb").metadata, "eu-west-1")
    context = endpoints.context(model("dynamodb").operation_model("GetItem"))
    first = endpoints.of(ACCOUNT, context, {"TableName": "T"}, b'{"TableName":"T"}')
    assert first.url == f"https://{ACCOUNT}.ddb.eu-west-1.amazonaws.com"
    assert endpoints.of(ACCOUNT, context, {"TableName": "U"}, b'{"TableName":"U"}') is first
    assert endpoints.of(None, context, {"TableName": "T"}, b'{"TableName":"T"}').url == (
        "https://dynamodb.eu-west-1.amazonaws.com"
    )
    assert endpoints.context(model("dynamodb").operation_model("DescribeLimits")) is None
    assert repr(endpoints) == "<Endpoints of dynamodb in eu-west-1>"


@pytest.mark.parametrize(
    ("service", "region", "kind", "what"),
    [
        ("sqs", None, {}, "needs a region"),
        ("sqs", "", {}, "needs a region"),
        ("sqs", "eu west", {}, "no name of one"),
        ("sqs", "evil.example/", {}, "no name of one"),
        ("nothing", "eu-west-1", {}, "no endpoints of a service"),
        ("sqs", "eu-west-1", {"endpoint_url": "localhost:4566"}, "absolute URL"),
        ("sqs", "eu-west-1", {"endpoint_url": "http://a/?b"}, "query or credentials"),
        ("sqs", "eu-west-1", {"endpoint_url": "http://u:secret@a/"}, "query or credentials"),
        ("dynamodb", "eu-west-1", {"account_id_mode": "sometimes"}, "must be one of"),
        ("dynamodb", "eu-west-1", {"account_id_mode": "required"}, "has no endpoint"),
    ],
)
def test_refusals(service: str, region: str | None, kind: dict[str, Any], what: str) -> None:
    metadata = {"endpointPrefix": service}
    with pytest.raises(InvalidRequest, match=what) as caught:
        Endpoints(service, metadata, region, **kind).of()
    assert "secret" not in str(caught.value)


def test_a_scheme_that_is_not_made_here() -> None:
    """A global endpoint of EventBridge wants SigV4A, which signs for several regions."""
    endpoints = Endpoints("events", model("events").metadata, "us-east-1")
    context = endpoints.context(model("events").operation_model("PutEvents"))
    with pytest.raises(InvalidRequest, match="wants to be signed with sigv4a"):
        endpoints.of(None, context, {"EndpointId": "abc.123"})
    assert endpoints.of(None, context, {}).url == "https://events.us-east-1.amazonaws.com"


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("async_keepalive_httpc.aws.endpoints.KEPT", 2)
    endpoints = Endpoints("dynamodb", model("dynamodb").metadata, "us-east-1")
    for account in range(100000000000, 100000000010):
        assert endpoints.of(str(account)).url == f"https://{account}.ddb.us-east-1.amazonaws.com"
        assert len(endpoints._known) <= 2
