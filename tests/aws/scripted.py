"""A service whose answers are written down: HTTP is one callable, time is a number."""

from __future__ import annotations

import json
import zlib
from typing import Any

from async_keepalive_httpc._message.limits import Timeout
from async_keepalive_httpc._message.response import Head, Response
from async_keepalive_httpc.aws import retry
from async_keepalive_httpc.aws.credentials import Credentials, Static
from async_keepalive_httpc.aws.endpoints import Endpoints
from async_keepalive_httpc.aws.model import load
from async_keepalive_httpc.aws.service import Call, Service

KEYS = Credentials("AKID", "secret")
NOON = 1_795_305_600.0
"""2026-11-22 00:00 UTC, where the virtual clock begins."""


class Nobody:
    """Waits for no response."""

    def done(self):
        return True

    def set_result(self, result, /):
        raise AssertionError


def respond(request, status=200, body: Any = b"{}", headers=(), *, split=False, crc=False):
    """A finished Response; its head unsplit, as a connection hands it over, or split."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = [("Server", "Server"), ("x-amzn-RequestId", "REQUEST-1"), *dict(headers).items()]
    if crc:
        fields.append(("x-amz-crc32", str(zlib.crc32(body))))
    raw = [(name.encode(), value.encode()) for name, value in fields]
    head = b"".join([b"HTTP/1.1 %d Reason\r\n" % status, *[b"%b: %b\r\n" % field for field in raw], b"\r\n"])
    response = Response().ask(request, Nobody(), Timeout(), 1 << 30)
    response.begin(Head(status, "Reason", "1.1", raw if split else head, 0))
    response.feed(body)
    response.finish()
    return response


class Script:
    """The callable that HTTP is: each answer is arguments of `respond`, an exception, or a function of the request."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []
        self.now = NOON
        self.slept = []

    async def send(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0)
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, BaseException):
            raise answer
        if not isinstance(answer, dict):
            return answer
        return respond(request, **answer)

    def clock(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def service(self, name="dynamodb", *, credentials=None, policy=None, endpoint_url=None, **options) -> Service:
        model = load(name)
        endpoints = Endpoints(name, model.shapes.metadata, "eu-west-1", endpoint_url=endpoint_url)
        return Service(
            self.send,
            model,
            credentials or Static(KEYS),
            endpoints,
            policy or retry.policy(name, chance=lambda: 1.0),
            clock=self.clock,
            now=self.clock,
            sleep=self.sleep,
            **options,
        )

    def call(self, operation, name="dynamodb", **options) -> Call:
        return Call(self.service(name, **options), operation)


def fault(code, status=400, headers=(), **members):
    """The answer of an error."""
    return {"status": status, "body": {"__type": f"com.amazonaws.x#{code}", **members}, "headers": headers}
