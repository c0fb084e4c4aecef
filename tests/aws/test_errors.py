"""Errors: botocore's parser as oracle, and its classes beside ours."""

from __future__ import annotations

import json
import pickle

import pytest
from botocore import exceptions as botocore
from botocore.errorfactory import ClientExceptionsFactory
from botocore.parsers import create_parser
from tests.aws.scripted import Script, fault

from async_keepalive_httpc import errors
from async_keepalive_httpc.aws import model
from async_keepalive_httpc.aws.credentials import CredentialsError
from async_keepalive_httpc.aws.errors import AWSError, answer, exceptions, unanswered
from async_keepalive_httpc.aws.retry import Kind


def known(service="dynamodb"):
    return exceptions(model.load(service))


def said(status, body, headers=None, service="dynamodb"):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return answer(status, headers or {}, body, known(service))


# -- the answer


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "no table"}),
        (400, {"__type": "com.amazon.coral.validate#ValidationException", "Message": "bad"}),
        (400, {"__type": "UnknownOperationException"}),
        (400, {"__type": "Name:http://internal.amazon.com/coral/"}),
        (500, {}),
        (413, b""),
        (503, b""),
        (503, b"<html><body>busy</body></html>"),
        (599, b""),
        (403, b"<ErrorResponse><Error>xml</Error></ErrorResponse>"),
        (400, b"plain text"),
        (400, {"__type": "a#ConditionalCheckFailedException", "Item": {"a": {"B": "eA=="}, "s": {"S": "t"}}}),
        (
            400,
            {
                "__type": "a#TransactionCanceledException",
                "Message": "m",
                "CancellationReasons": [{"Code": "None"}, {"Code": "X", "Item": {"a": {"N": "1"}}}],
            },
        ),
        (400, {"__type": "a#ThrottlingException", "message": "m", "throttlingReasons": [{"reason": "r"}]}),
    ],
)
def test_answers_are_as_botocore_makes_them(status, body):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    parser, shapes = create_parser("json"), model.load("dynamodb").shapes
    response = {"status_code": status, "headers": {}, "body": raw}
    expected = parser.parse(response, shapes.operation_model("PutItem").output_shape)
    shape = shapes.shape_for_error_code(expected["Error"]["Code"])
    if shape is not None:
        expected |= parser.parse(response, shape)
    del expected["ResponseMetadata"]
    assert said(status, body) == expected


def test_the_code_is_looked_for_in_three_places():
    header = {"x-amzn-errortype": "FromHeader:http://internal.amazon.com/"}
    assert said(400, {"__type": "a#FromType", "code": "FromCode"}, header)["Error"]["Code"] == "FromHeader"
    assert said(400, {"__type": "a#FromType", "code": "FromCode"})["Error"]["Code"] == "FromType"
    assert said(400, {"code": "ns#FromCode"})["Error"]["Code"] == "FromCode"
    assert said(404, {})["Error"] == {"Code": "404", "Message": ""}


def test_the_code_of_the_query_protocol_comes_with_that_of_the_model():
    headers = {"x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"}
    body = {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no queue"}
    found = said(400, body, headers, "sqs")
    assert found == {
        "Error": {
            "Message": "no queue",
            "Code": "AWS.SimpleQueueService.NonExistentQueue",
            "QueryErrorCode": "QueueDoesNotExist",
            "Type": "Sender",
        }
    }
    for odd in ("", "Code", ";Sender", "a;b;c"):
        assert said(400, body, {"x-amzn-query-error": odd}, "sqs")["Error"]["Code"] == "QueueDoesNotExist"


def test_answers_that_are_json_but_no_object():
    assert said(400, b"[1]") == {"Error": {"Message": "[1]", "Code": "400"}}
    assert said(400, {"message": None, "Message": "m"})["Error"]["Message"] == "m"
    assert said(400, {"Message": None})["Error"]["Message"] == ""
    broken = {"__type": "ConditionalCheckFailedException", "Item": {"a": {"B": 7}}}
    assert said(400, broken) == {"Error": {"Message": "", "Code": "ConditionalCheckFailedException"}}
    assert said(299 + 1, b"\xff")["Error"]["Message"] == "\ufffd"


# -- the classes


@pytest.mark.parametrize("service", ["sqs", "dynamodb", "kinesis", "dynamodbstreams", "cloudwatch"])
def test_the_classes_are_those_of_boto3(service):
    theirs = ClientExceptionsFactory().create_client_exceptions(model.load(service).shapes)
    ours = known(service)
    for name, theirs_class in vars(type(theirs)).items():
        if isinstance(theirs_class, type):
            mine = getattr(ours, name)
            assert issubclass(mine, (AWSError, botocore.ClientError, errors.HTTPCError))
            assert mine.__name__ == name
            assert name in dir(ours)
    for code, theirs_class in theirs._code_to_exception.items():
        assert ours.from_code(code).__name__ == theirs_class.__name__
    assert ours.from_code("Unheard") is ours.ClientError is botocore.ClientError
    with pytest.raises(AttributeError, match=f"{service} has no error 'Nothing'; it has "):
        _ = ours.Nothing


def test_an_error_is_caught_by_each_of_its_names(run):
    script = Script(fault("ResourceNotFoundException", message="no table"))
    with pytest.raises(known().ResourceNotFoundException) as caught:
        run(script.call("GetItem")(TableName="T"))
    error = caught.value
    assert isinstance(error, AWSError)
    assert str(error) == ("An error occurred (ResourceNotFoundException) when calling the GetItem operation: no table")
    assert (error.code, error.status, error.request_id) == ("ResourceNotFoundException", 400, "REQUEST-1")
    assert error.operation_name == "GetItem"
    assert error.response["Error"]["Message"] == "no table"
    copied = pickle.loads(pickle.dumps(error))
    assert (type(copied), copied.response, str(copied)) == (AWSError, error.response, str(error))


def test_an_sqs_error_has_the_class_of_its_name_and_the_code_of_old(run):
    headers = {"x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"}
    script = Script(fault("QueueDoesNotExist", headers=headers))
    with pytest.raises(known("sqs").QueueDoesNotExist) as caught:
        run(script.call("SendMessage", "sqs")(QueueUrl="q", MessageBody="b"))
    assert caught.value.code == "AWS.SimpleQueueService.NonExistentQueue"


def test_a_code_that_no_model_knows_is_an_aws_error(run):
    script = Script(fault("Unheard"))
    with pytest.raises(AWSError) as caught:
        run(script.call("GetItem")(TableName="T"))
    assert type(caught.value) is AWSError


def test_what_the_model_says_of_retries():
    assert known().kinds == {"ReplicatedWriteConflictException": Kind.TRANSIENT}
    assert known("identitystore").kinds["ThrottlingException"] is Kind.THROTTLED


def test_the_classes_are_made_once():
    assert known("sqs") is known("sqs")


# -- errors without an answer


@pytest.mark.parametrize(
    ("error", "theirs"),
    [
        (errors.ConnectError("x"), botocore.EndpointConnectionError),
        (errors.DNSError("x"), botocore.EndpointConnectionError),
        (errors.TLSError("x"), botocore.SSLError),
        (errors.ProxyError("x"), botocore.ProxyConnectionError),
        (errors.TimeoutExpired("x", "connect"), botocore.ConnectTimeoutError),
        (errors.TimeoutExpired("x", "read"), botocore.ReadTimeoutError),
        (errors.TimeoutExpired("x", "pool"), botocore.ReadTimeoutError),
        (errors.ConnectionLost("x"), botocore.ConnectionClosedError),
        (errors.ProtocolError("x"), botocore.HTTPClientError),
        (errors.TooLarge("x"), botocore.HTTPClientError),
        (CredentialsError("x"), botocore.NoCredentialsError),
    ],
)
def test_errors_without_an_answer_are_botocores_too(error, theirs):
    error.__cause__ = OSError("why")
    both = unanswered(error, "GetItem", 2)
    assert isinstance(both, type(error))
    assert isinstance(both, theirs)
    assert str(both) == "GetItem (2 attempts): x"
    assert both.__cause__ is error.__cause__
    assert {name: value for name, value in vars(error).items() if getattr(both, name) != value} == {}
    assert unanswered(both, "GetItem", 2) is both


def test_other_errors_stay_as_they_are():
    error = errors.ClientClosed("x")
    assert unanswered(error, "GetItem", 1) is error
    assert str(unanswered(errors.ConnectError("x"), "GetItem", 1)) == "GetItem: x"
