"""One call, against a scripted `send` and a virtual clock."""

from __future__ import annotations

import base64
import copy
import json
import pickle

import pytest
from botocore import exceptions as botocore
from tests.aws.scripted import KEYS, NOON, Script, fault, respond

from async_keepalive_httpc import errors
from async_keepalive_httpc._message.limits import Timeout
from async_keepalive_httpc._message.request import Request
from async_keepalive_httpc.aws import retry
from async_keepalive_httpc.aws.answered import metadata
from async_keepalive_httpc.aws.credentials import Credentials, CredentialsError
from async_keepalive_httpc.aws.errors import ChecksumError, InvalidParameters, MalformedResult
from async_keepalive_httpc.aws.service import Call
from async_keepalive_httpc.aws.signing import Signer, amz_date
from async_keepalive_httpc.aws.skew import Skew

LATER = {"Date": "Sun, 22 Nov 2026 01:00:00 GMT"}
"""An hour after the virtual clock begins."""


def signed_at(request):
    return dict(request.fields)[b"X-Amz-Date"].decode()


def key_of(request):
    return dict(request.fields)[b"Authorization"].partition(b"Credential=")[2].partition(b"/")[0].decode()


# -- a call that is answered well


def test_a_result_is_shaped_as_boto3s(run):
    script = Script({"body": {"Item": {"id": {"B": base64.b64encode(b"x").decode()}}}, "crc": True})
    result = run(script.call("GetItem")(TableName="T", Key={"id": {"S": "1"}}))
    assert result["Item"] == {"id": {"B": b"x"}}
    assert result["ResponseMetadata"]["RequestId"] == "REQUEST-1"
    assert result["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert result["ResponseMetadata"]["RetryAttempts"] == 0
    assert result["ResponseMetadata"]["HTTPHeaders"]["server"] == "Server"


def test_the_request_is_whole_and_signed(run):
    script = Script({})
    run(script.call("GetItem")(TableName="T"))
    (request,) = script.requests
    assert (request.method, str(request.url)) == ("POST", "https://dynamodb.eu-west-1.amazonaws.com/")
    assert (request.body, request.length) == (b'{"TableName":"T"}', 17)
    assert request.idempotent
    assert request.timeout.read == 30.0
    fields = dict(request.fields)
    assert fields[b"X-Amz-Target"] == b"DynamoDB_20120810.GetItem"
    assert fields[b"Content-Type"] == b"application/x-amz-json-1.0"
    assert fields[b"User-Agent"].startswith(b"async_keepalive_httpc/")
    signer = Signer(KEYS.access_key, KEYS.secret_key, "eu-west-1", "dynamodb")
    given = [(name, fields[name]) for name in (b"Content-Type", b"X-Amz-Target", b"Accept-Encoding")][:2]
    expected = signer.sign("POST", request.url.authority, b"/", given, request.body, amz_date(NOON))
    assert expected[-1] == (b"Authorization", fields[b"Authorization"])


def test_a_signed_request_has_every_attribute_of_a_request(run):
    script = Script({})
    run(script.call("GetItem")(TableName="T"))
    (request,) = script.requests
    plain = Request("POST", request.url, body=b"x")
    for name in Request.__slots__:
        if hasattr(plain, name):
            assert hasattr(request, name), name
    assert request.plain is plain.plain
    assert request.changed(timeout=None).fields == request.fields
    assert repr(request) == "<Request POST https://dynamodb.eu-west-1.amazonaws.com/>"


def test_the_clock_of_a_second_signs_what_was_signed_before(run):
    script = Script({}, {}, {})
    call = script.call("GetItem")

    async def thrice():
        await call(TableName="T")
        await call(TableName="T")
        script.now += 1
        await call(TableName="T")

    run(thrice())
    first, second, third = script.requests
    assert first.block == second.block
    assert signed_at(third) == "20261122T000001Z"


def test_an_endpoint_of_its_own(run):
    script = Script({}, {}, {})

    async def calls():
        await script.call("SendMessage", "sqs", endpoint_url="http://127.0.0.1:4566/x")(QueueUrl="q", MessageBody="b")
        await script.call("DiscoverInstances", "servicediscovery")(NamespaceName="n", ServiceName="s")
        await script.call("DiscoverInstances", "servicediscovery", prefixed=False)(NamespaceName="n", ServiceName="s")

    run(calls())
    assert [str(request.url) for request in script.requests] == [
        "http://127.0.0.1:4566/x",
        "https://data-servicediscovery.eu-west-1.amazonaws.com/",
        "https://servicediscovery.eu-west-1.amazonaws.com/",
    ]
    assert dict(script.requests[0].fields)[b"x-amzn-query-mode"] == b"true"


def test_what_wants_no_signature_has_none(run):
    script = Script({}, {})

    async def calls():
        await script.call("GetId", "cognito-identity")(IdentityPoolId="p")
        await script.call("GetItem", signed=False)(TableName="T")

    run(calls())
    for request in script.requests:
        assert b"Authorization" not in dict(request.fields)


@pytest.mark.parametrize(
    ("name", "operation", "parameters", "read"),
    [
        ("sqs", "ReceiveMessage", {"WaitTimeSeconds": 20}, 30.0),
        ("sqs", "ReceiveMessage", {"WaitTimeSeconds": 1}, 11.0),
        ("sqs", "ReceiveMessage", {}, 5.0),
        ("sqs", "ReceiveMessage", {"WaitTimeSeconds": "20"}, 5.0),
        ("sqs", "SendMessage", {"WaitTimeSeconds": 20}, 5.0),
        ("swf", "PollForDecisionTask", {}, 70.0),
    ],
)
def test_a_long_poll_has_its_own_time(run, name, operation, parameters, read):
    script = Script({})
    timeout = Timeout(total=None, connect=1, read=5, write=5)
    run(script.call(operation, name, timeout=timeout)(**parameters))
    assert script.requests[0].timeout.read == read
    assert script.requests[0].timeout.connect == 1


def test_a_long_poll_without_a_limit_has_none(run):
    script = Script({})
    run(script.call("ReceiveMessage", "sqs", timeout=Timeout(total=None, read=None))(WaitTimeSeconds=20))
    assert script.requests[0].timeout.read is None


# -- before anything is sent


def test_parameters_that_are_no_json_are_not_sent(run):
    script = Script()
    with pytest.raises(InvalidParameters, match="GetItem: the parameters are no JSON") as caught:
        run(script.call("GetItem")(TableName=b"T"))
    assert isinstance(caught.value, (errors.InvalidRequest, botocore.ParamValidationError))
    assert not script.requests


class Vault:
    """A Source that hands out the keys of a list, one after the other."""

    def __init__(self, *keys):
        self.keys = list(keys)
        self.held = None
        self.refreshed = []

    def current(self, now):
        return self.held

    async def fetch(self):
        if not self.keys:
            raise CredentialsError("No AWS credentials: looked nowhere")
        self.held = self.keys.pop(0)
        return self.held

    async def refresh(self, spoiled):
        self.refreshed.append(spoiled)
        return await self.fetch()

    def close(self):
        pass


def test_without_credentials_nothing_is_sent(run):
    script = Script()
    with pytest.raises(CredentialsError, match="GetItem: No AWS credentials") as caught:
        run(script.call("GetItem", credentials=Vault())())
    assert isinstance(caught.value, botocore.NoCredentialsError)


def test_keys_are_waited_for(run):
    script = Script({})
    run(script.call("GetItem", credentials=Vault(Credentials("NEW", "s", "token")))(TableName="T"))
    assert key_of(script.requests[0]) == "NEW"
    assert dict(script.requests[0].fields)[b"X-Amz-Security-Token"] == b"token"


# -- retries


def test_a_transient_error_is_tried_again_and_counted(run):
    script = Script(fault("InternalServerError", 500), errors.ConnectionLost("gone"), {})
    service = script.service()
    result = run(Call(service, "PutItem")(TableName="T", Item={}))
    assert script.slept == [0.025, 0.05]
    assert result["ResponseMetadata"]["RetryAttempts"] == 2
    assert service.retry.tokens == 500 - 14
    assert len({request.body for request in script.requests}) == 1
    assert len({id(request) for request in script.requests}) == 3


def test_each_try_is_signed_anew(run):
    script = Script(fault("ThrottlingException"), {})
    run(script.call("PutItem")(TableName="T", Item={}))
    assert script.slept == [1.0]
    assert [signed_at(request) for request in script.requests] == ["20261122T000000Z", "20261122T000001Z"]


def test_a_token_is_the_same_in_every_try(run):
    script = Script(fault("InternalServerError", 500), {})
    run(script.call("TransactWriteItems")(TransactItems=[]))
    first, second = [json.loads(request.body)["ClientRequestToken"] for request in script.requests]
    assert first == second


def test_the_last_error_says_how_often_it_was_tried(run):
    script = Script(*[fault("InternalServerError", 500, message="no")] * 4)
    with pytest.raises(botocore.ClientError) as caught:
        run(script.call("GetItem")(TableName="T"))
    assert str(caught.value) == (
        "An error occurred (InternalServerError) when calling the GetItem operation (reached max retries: 3): no"
    )
    facts = caught.value.response["ResponseMetadata"]
    assert (facts["RetryAttempts"], facts["MaxAttemptsReached"], facts["HTTPStatusCode"]) == (3, True, 500)


def test_an_error_that_is_final_is_raised_at_once(run):
    script = Script(fault("ValidationException"))
    with pytest.raises(botocore.ClientError) as caught:
        run(script.call("GetItem")(TableName="T"))
    assert "MaxAttemptsReached" not in caught.value.response["ResponseMetadata"]
    assert not script.slept


def test_a_service_may_ask_for_more_time(run):
    script = Script(fault("ThrottlingException", headers={"x-amz-retry-after": "1500"}), {})
    run(script.call("GetItem")(TableName="T"))
    assert script.slept == [1.5]


def test_what_the_model_calls_retryable_is(run):
    script = Script(fault("ReplicatedWriteConflictException", 409), {})
    run(script.call("PutItem")(TableName="T", Item={}))
    assert len(script.requests) == 2


def test_an_empty_bucket_ends_the_tries(run):
    policy = retry.policy("sqs", chance=lambda: 1.0)
    policy.tokens = 3
    script = Script(fault("InternalError", 500), fault("InternalError", 500))
    service = script.service("sqs", policy=policy)
    for operation, slept in (("SendMessage", []), ("ReceiveMessage", [0.05])):
        with pytest.raises(botocore.ClientError) as caught:
            run(Call(service, operation)())
        assert caught.value.response["ResponseMetadata"]["RetryQuotaReached"] is True
        assert script.slept == slept


def test_errors_without_an_answer_are_botocores_too(run):
    script = Script(*[errors.TimeoutExpired("too long", "read")] * 3)
    with pytest.raises(botocore.ReadTimeoutError, match=r"SendMessage \(3 attempts\): too long") as caught:
        run(script.call("SendMessage", "sqs")(QueueUrl="q", MessageBody="b"))
    assert isinstance(caught.value, errors.TimeoutExpired)
    assert caught.value.phase == "read"


def test_a_closed_client_is_not_asked_again(run):
    script = Script(errors.ClientClosed("closed"))
    with pytest.raises(errors.ClientClosed):
        run(script.call("GetItem")(TableName="T"))


def test_the_adaptive_mode_waits_before_it_sends(run):
    policy = retry.policy("dynamodb", "adaptive", now=NOON, chance=lambda: 1.0)
    script = Script(fault("ThrottlingException"), {}, {}, {})
    call = script.call("GetItem", policy=policy)

    async def calls():
        for _ in range(3):
            await call(TableName="T")

    run(calls())
    assert policy.rate is not None
    assert policy.rate.limited
    assert sum(script.slept) > 1.0


# -- keys that end, clocks that are wrong


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException"])
def test_keys_that_ended_are_renewed_once(run, code):
    script = Script(fault(code), {})
    vault = Vault(Credentials("OLD", "s"), Credentials("NEW", "s"))
    result = run(script.call("GetItem", credentials=vault)(TableName="T"))
    assert [key_of(request) for request in script.requests] == ["OLD", "NEW"]
    assert vault.refreshed == [Credentials("OLD", "s")]
    assert result["ResponseMetadata"]["RetryAttempts"] == 1
    assert not script.slept


def test_keys_that_cannot_be_renewed_raise_what_aws_said(run):
    static = Script(fault("ExpiredTokenException"))
    with pytest.raises(botocore.ClientError, match="ExpiredTokenException"):
        run(static.call("GetItem")(TableName="T"))
    emptied = Script(fault("ExpiredTokenException"))
    with pytest.raises(botocore.ClientError, match="ExpiredTokenException"):
        run(emptied.call("GetItem", credentials=Vault(KEYS))(TableName="T"))
    twice = Script(fault("ExpiredTokenException"), fault("ExpiredTokenException"))
    with pytest.raises(botocore.ClientError, match="ExpiredTokenException"):
        run(twice.call("GetItem", credentials=Vault(KEYS, Credentials("N", "s")))(TableName="T"))


def test_a_refused_signature_is_signed_again_by_the_services_clock(run):
    script = Script(fault("InvalidSignatureException", headers=LATER), {"headers": LATER})
    run(script.call("GetItem", skew=Skew())(TableName="T"))
    assert [signed_at(request) for request in script.requests] == ["20261122T000000Z", "20261122T010000Z"]


def test_a_right_clock_explains_nothing(run):
    script = Script(fault("InvalidSignatureException", headers={"Date": "Sun, 22 Nov 2026 00:00:01 GMT"}))
    with pytest.raises(botocore.ClientError, match="InvalidSignatureException"):
        run(script.call("GetItem", skew=Skew())(TableName="T"))
    trusted = Script(fault("InvalidSignatureException", headers=LATER))
    with pytest.raises(botocore.ClientError, match="InvalidSignatureException"):
        run(trusted.call("GetItem")(TableName="T"))


def test_good_answers_tell_the_time_too(run):
    aged = {**LATER, "Age": "3600"}
    script = Script({"headers": aged}, {"headers": LATER}, {"headers": LATER}, {}, {})
    skew = Skew()
    call = script.call("GetItem", skew=skew)

    async def calls():
        await call(TableName="T")
        assert skew.offset == 0.0
        await call(TableName="T")
        assert skew.offset == 0.0  # within the same second nothing is looked at
        script.now += 1.5
        await call(TableName="T")
        assert skew.offset == 3598.5
        await call(TableName="T")

    run(calls())
    assert signed_at(script.requests[-1]) == "20261122T010000Z"


# -- damage


def test_a_damaged_body_is_asked_for_again(run):
    wrong = {"body": b'{"Item":{}}', "headers": {"x-amz-crc32": "1"}}
    script = Script(wrong, {"body": b'{"Item":{}}', "crc": True})
    assert run(script.call("GetItem")(TableName="T"))["Item"] == {}
    assert script.slept == [0.025]


@pytest.mark.parametrize("split", [True, False])
def test_a_body_that_stays_damaged_is_an_error(run, split):
    wrong = {"headers": {"X-Amz-Crc32": "1"}, "split": split}
    script = Script(*[wrong] * 4)
    with pytest.raises(ChecksumError, match=r"GetItem \(4|GetItem: HTTP 200: the body's CRC-32 is") as caught:
        run(script.call("GetItem")(TableName="T"))
    assert isinstance(caught.value, botocore.ChecksumError)
    assert len(script.requests) == 4


def test_a_damaged_error_is_no_answer(run):
    script = Script({**fault("ValidationException"), "headers": {"x-amz-crc32": "1"}}, {"split": True})
    assert run(script.call("GetItem")(TableName="T"))["ResponseMetadata"]["RetryAttempts"] == 1


def test_a_message_that_was_changed_is_an_error_and_not_sent_twice(run):
    script = Script({"body": {"MessageId": "m", "MD5OfMessageBody": "0" * 32}})
    with pytest.raises(ChecksumError, match="SendMessage: message m: the body's MD5 is") as caught:
        run(script.call("SendMessage", "sqs")(QueueUrl="q", MessageBody="b"))
    assert caught.value.result["MessageId"] == "m"
    assert len(script.requests) == 1


@pytest.mark.parametrize("body", [b"<html>a proxy's page</html>", b"[]", b'{"Item":{"a":{"B":7}}}'])
def test_a_success_that_is_no_result_is_an_error(run, body):
    script = Script({"body": body})
    with pytest.raises(MalformedResult, match="GetItem: HTTP 200 with a body that is no result of it") as caught:
        run(script.call("GetItem")(TableName="T"))
    assert caught.value.body == body
    assert isinstance(caught.value, (errors.ProtocolError, botocore.HTTPClientError))


def test_a_redirect_is_an_error(run):
    script = Script({"status": 301, "body": b""})
    with pytest.raises(botocore.ClientError, match=r"\(301\)"):
        run(script.call("GetItem")(TableName="T"))


# -- ResponseMetadata


def facts():
    return metadata(200, 1, b"HTTP/1.1 200 OK\r\nX-Amzn-RequestId: R\r\nVia: a\r\nvia: b\r\n\r\n")


WHOLE = {
    "HTTPStatusCode": 200,
    "RetryAttempts": 1,
    "HTTPHeaders": {"x-amzn-requestid": "R", "via": "a, b"},
    "RequestId": "R",
}


def test_metadata_is_a_dict_from_the_first_look_on():
    looks = {
        "eq": lambda it: it == WHOLE,
        "ne": lambda it: (it != WHOLE) is False,
        "dict": lambda it: dict(it) == WHOLE,
        "stars": lambda it: {**it} == WHOLE,
        "update": lambda it: [whole := {}, whole.update(it)] and whole == WHOLE,
        "or": lambda it: it | {} == WHOLE,
        "ror": lambda it: {} | it == WHOLE,
        "get": lambda it: it.get("RequestId") == "R",
        "item": lambda it: it["HTTPHeaders"] == WHOLE["HTTPHeaders"],
        "in": lambda it: "RequestId" in it,
        "len": lambda it: len(it) == 4,
        "list": lambda it: sorted(it) == sorted(WHOLE),
        "items": lambda it: dict(it.items()) == WHOLE,
        "pop": lambda it: it.pop("RequestId") == "R" and "RequestId" not in it,
        "setdefault": lambda it: it.setdefault("RequestId", "x") == "R",
        "set": lambda it: it.__setitem__("RequestId", "x") is None and it["RequestId"] == "x",
        "copy": lambda it: it.copy() == WHOLE,
        "copied": lambda it: copy.copy(it) == WHOLE and copy.deepcopy(it) == WHOLE,
        "pickle": lambda it: pickle.loads(pickle.dumps(it)) == WHOLE,
        "json": lambda it: json.loads(json.dumps(it)) == WHOLE,
        "json within": lambda it: json.loads(json.dumps({"a": it}, indent=1)) == {"a": WHOLE},
        "repr": lambda it: repr(it) == repr(dict(it)),
        "missing": lambda it: it.get("nothing") is None,
    }
    for name, look in looks.items():
        assert look(facts()), name
    with pytest.raises(KeyError, match="nothing"):
        facts()["nothing"]


def test_metadata_of_split_fields_without_an_id():
    assert metadata(200, 0, [(b"Date", b"x")]) == {
        "HTTPStatusCode": 200,
        "RetryAttempts": 0,
        "HTTPHeaders": {"date": "x"},
    }


def test_a_scripted_response_is_one():
    assert respond(Request("GET", "http://h/")).headers["server"] == "Server"
