"""Digests of SQS's messages and CRC-32 of DynamoDB's bodies; moto's as oracle."""

from __future__ import annotations

import sys
import zlib
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

import pytest
from moto.sqs.models import Message

from async_keepalive_httpc.aws import checks

ATTRIBUTES: dict[str, Any] = {
    "b": {"DataType": "String", "StringValue": "text é"},
    "a": {"DataType": "Number.int", "StringValue": "-1.5"},
    "c": {"DataType": "Binary.png", "BinaryValue": b"\x00\xff"},
}
TRACE = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}}


def by_moto(body, attributes):
    message = Message("id", body)
    message.message_attributes = attributes
    return message.body_md5, message.attribute_md5


def test_crc32():
    assert checks.crc32(b"{}", b"%d" % zlib.crc32(b"{}")) is None
    assert checks.crc32(b"{}", b"2745614147") is None
    for wrong in (b"1", b"", b"x", b"2745614147.0", b"\xff"):
        assert "CRC-32 is 2745614147, the header x-amz-crc32 says" in str(checks.crc32(b"{}", wrong))


def test_bodies_and_attributes_are_digested_as_moto_digests_them():
    for body in ("", "This is a test message", "é中\U0001f600"):
        for attributes in (ATTRIBUTES, {"x": ATTRIBUTES["c"]}, TRACE):
            assert (checks.digest(body), checks.attributes_digest(attributes)) == by_moto(body, attributes)
    assert checks.digest("\ud800")
    assert checks.digest("This is a test message") == "fafb00f5732ab283681e124bf8747ed1"


def test_a_python_without_md5_of_its_own(monkeypatch):
    monkeypatch.setitem(sys.modules, "_md5", None)
    spec = spec_from_file_location("checks_without_md5", checks.__file__)
    assert spec is not None
    assert spec.loader is not None
    without = module_from_spec(spec)
    spec.loader.exec_module(without)
    assert vars(without)["md5"] is not vars(checks)["md5"]
    assert without.digest("body é") == checks.digest("body é")
    assert without.attributes_digest(ATTRIBUTES) == checks.attributes_digest(ATTRIBUTES)


def test_a_binary_attribute_may_be_given_as_text_or_a_buffer():
    digest = checks.attributes_digest({"a": {"DataType": "Binary", "BinaryValue": b"x"}})
    for value in ("x", bytearray(b"x"), memoryview(b"x")):
        assert checks.attributes_digest({"a": {"DataType": "Binary", "BinaryValue": value}}) == digest


def digested(body, attributes=None, system=None, prefix="MD5OfMessageBody"):
    found = {prefix: checks.digest(body)}
    if attributes:
        found["MD5OfMessageAttributes"] = checks.attributes_digest(attributes)
    if system:
        found["MD5OfMessageSystemAttributes"] = checks.attributes_digest(system)
    return found


def test_a_message_that_was_sent():
    sent: dict[str, Any] = {"MessageBody": "b", "MessageAttributes": ATTRIBUTES, "MessageSystemAttributes": TRACE}
    right = {"MessageId": "m", **digested("b", ATTRIBUTES, TRACE)}
    check = checks.SQS["SendMessage"]
    assert check(sent, right) is None
    assert check(sent, {"MessageId": "m"}) is None
    assert check({"MessageBody": "b", "MessageAttributes": None}, right) is None
    for name in ("MD5OfMessageBody", "MD5OfMessageAttributes", "MD5OfMessageSystemAttributes"):
        wrong = str(check(sent, {**right, name: "0" * 32}))
        assert wrong.startswith("message m: the ")
        assert wrong.endswith("it is in the queue, but not as it was sent")


def test_messages_that_were_sent_together():
    entries = [{"Id": str(number), "MessageBody": f"body {number}"} for number in range(3)]
    done = [{"Id": entry["Id"], **digested(entry["MessageBody"])} for entry in entries]
    check = checks.SQS["SendMessageBatch"]
    assert check({"Entries": entries}, {"Successful": done[:2], "Failed": [{"Id": "2"}]}) is None
    assert check({"Entries": entries}, {}) is None
    assert check({"Entries": entries}, {"Successful": [{"Id": "other", "MD5OfMessageBody": "0"}]}) is None
    half = {"Entries": [{"Id": "4", "MessageBody": "\ud800"}]}
    assert check(half, {"Successful": [{"Id": "4", **digested("\ud800")}]}) is None
    assert check({"Entries": entries}, {"Successful": [{"Id": "0"}]}) is None
    done[1]["MD5OfMessageBody"] = "0"
    assert str(check({"Entries": entries}, {"Successful": done})).startswith("entry '1': the body's MD5 is")
    for name, given in {"MessageAttributes": ATTRIBUTES, "MessageSystemAttributes": TRACE}.items():
        entry = {"Id": "3", "MessageBody": "b", name: given}
        other = {"Id": "3", **digested("b"), f"MD5Of{name}": "0"}
        wrong = str(check({"Entries": [entry]}, {"Successful": [other]}))
        assert wrong.startswith(f"entry '3': the MD5 of {name} is")


def test_messages_that_were_received():
    message = {"MessageId": "m", "Body": "b", "MessageAttributes": ATTRIBUTES}
    message |= digested("b", ATTRIBUTES, prefix="MD5OfBody")
    check = checks.SQS["ReceiveMessage"]
    assert check({}, {}) is None
    plain = {"Body": "c", "MD5OfBody": checks.digest("c")}
    assert check({}, {"Messages": [message, plain, {"Body": "no digest"}]}) is None
    half = {"Body": "\ud800", "MD5OfBody": checks.digest("\ud800")}
    assert check({}, {"Messages": [half, plain]}) is None
    assert "the body's MD5 is" in str(check({}, {"Messages": [plain, {**half, "MD5OfBody": "0"}]}))
    for name, value in {"Body": "c", "MessageAttributes": {"x": ATTRIBUTES["a"]}}.items():
        wrong = str(check({}, {"Messages": [{**message, name: value}]}))
        assert wrong.startswith("message m: the ")
        assert "it becomes visible again" in wrong


@pytest.mark.parametrize("name", ["SendMessage", "SendMessageBatch", "ReceiveMessage"])
def test_every_check_has_its_operation(name):
    assert name in checks.SQS
