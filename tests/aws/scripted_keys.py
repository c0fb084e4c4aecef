"""Keys as endpoints give them, scripted, and a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from async_keepalive_httpc._message.limits import Timeout
from async_keepalive_httpc._message.request import Request
from async_keepalive_httpc._message.response import Head, Response
from async_keepalive_httpc.aws.credentials import Credentials

NOW = 1_800_000_000.0
HOUR = 3600.0


class Clock:
    """Seconds since the epoch, moved by hand."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Nobody:
    def done(self) -> bool:
        return True

    def set_result(self, result: Any, /) -> None: ...


class Script:
    """HTTP as one callable: answers in order, and what was asked."""

    def __init__(self, *answers: tuple[int, str | dict] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        response = Response().ask(request, Nobody(), Timeout(), 1000)
        response.begin(Head(status, "Reason", "1.1", [], 0))
        response.feed((body if isinstance(body, str) else json.dumps(body)).encode())
        response.finish()
        return response

    @property
    def lines(self) -> list[str]:
        return [f"{request.method} {request.url}" for request in self.asked]

    def header(self, index: int, name: bytes) -> bytes | None:
        return dict(self.asked[index].fields).get(name)


def iso(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def answer(number: int = 1, expires: float | None = NOW + 6 * HOUR) -> tuple[int, dict]:
    """A set of keys as both endpoints send it."""
    keys = {"AccessKeyId": f"AKID{number}", "SecretAccessKey": f"secret{number}", "Token": f"token{number}"}
    return 200, keys | {"Code": "Success"} | ({"Expiration": iso(expires)} if expires is not None else {})


def keys(number: int = 1, expires: float | None = NOW + 6 * HOUR) -> Credentials:
    return Credentials(f"AKID{number}", f"secret{number}", f"token{number}", expires)


class Load:
    """A function that hands out credentials, one set after the other, when it is let."""

    def __init__(self, *answers: Credentials | Exception) -> None:
        self.answers = list(answers)
        self.calls = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> Credentials:
        self.calls += 1
        await self.gate.wait()
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)
