"""The AWS part of `python -m async_keepalive_httpc demo`, and the process of its emulator."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import sys

import pytest
from tests.processes import is_running

from async_keepalive_httpc.cli import aws, command, emulator
from async_keepalive_httpc.cli.display import Display
from async_keepalive_httpc.cli.emulator import Emulator
from async_keepalive_httpc.cli.failure import DemoFailed

# The emulator, with something done to what it answers.
ALTERED = """
import asyncio, sys
from async_keepalive_httpc.testing import aws
plain = aws.answer
def altered(request):
    status, fields, body = plain(request)
    fields = [field for field in fields if field[0].lower() != "x-amz-crc32"]
    {}
    return status, fields, body
aws.answer = altered
asyncio.run(aws.serve(sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


def show(run):
    """What the part says."""
    stream = io.StringIO()
    with Emulator() as emulated:
        emulated.ready()
        run(aws.show_aws(Display(stream), emulated))
    return stream.getvalue()


def test_emulator_tells_its_connections_and_ends_with_its_context(run):
    with Emulator() as emulated:
        emulated.ready()
        assert emulated.missing == []
        assert emulated.count() == 0
        run(aws.show_aws(Display(io.StringIO()), emulated))
        # SQSQueue three times, aws.client twice, DynamoDB once.
        assert emulated.count() == 6
        assert is_running(emulated.number)
    assert not is_running(emulated.number)


def test_sends_that_take_too_long_end(run, monkeypatch):
    monkeypatch.setattr(aws, "BOUND", 0.0)
    told = show(run)
    assert "   one by one: 1 messages, then the 0 s were over\n" in told
    assert "   by ten: 10 messages, then the 0 s were over\n" in told


def test_emulator_that_does_not_start_says_so(monkeypatch, capsys):
    monkeypatch.setattr(emulator, "COMMAND", [sys.executable, "-c", "raise SystemExit(3)"])
    assert command.main(["demo", "--requests", "20"]) == 1
    assert "the process of the AWS emulator ended with status 3" in capsys.readouterr().err


def test_emulator_that_has_ended_says_so(monkeypatch):
    once = "print('AWS_ENDPOINT_URL=http://h AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=s')"
    monkeypatch.setattr(emulator, "COMMAND", [sys.executable, "-c", once])
    with Emulator() as emulated:
        emulated.ready()
        assert emulated.url == "http://h"
        with pytest.raises(DemoFailed, match="the AWS emulator ended with status 0"):
            emulated.count()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("body = body.replace(b'cde', b'cdf')", "the AWS emulator: .*MD5"),
        ("body = b'{}' if b'ReceiptHandle' in body else body", r"the queue was sent \['abc', .*, and gave \[\]"),
        ("fields.append(('Connection', 'close'))", "three sends and a receive took 4 connections"),
        ("body = body.replace(b'Cruse', b'Cruise')", "get_item gave {'Item': .*Cruise.*; it should be .*Cruse"),
        ("body = body.replace(b'OfMessages\": \"200', b'OfMessages\": \"201')", "200 messages, and holds 201"),
        (
            'body = b\'{"Successful": [], "Failed": [{"Id": "0"}]}\' if b"Successful" in body else body',
            "the queue refused a part of a batch",
        ),
    ],
)
def test_wrong_answers_fail_the_part(change, message, run, monkeypatch):
    monkeypatch.setattr(emulator, "COMMAND", [sys.executable, "-c", ALTERED.format(change), *emulator.COMMAND[3:]])
    with pytest.raises(DemoFailed) as caught:
        show(run)
    assert re.search(message, str(caught.value))


@pytest.mark.parametrize(
    ("absent", "extras"),
    [({"moto"}, "testing-aws"), ({"botocore", "moto"}, "aws,testing-aws")],
)
def test_without_the_extras_a_line_names_them(absent, extras, monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in absent else find(name))
    assert command.main(["demo", "--requests", "20"]) == 0
    told = capsys.readouterr()
    assert told.out.endswith(f"\n4. AWS: left out; pip install 'async_keepalive_httpc[{extras}]'\n")
    assert told.err == ""
