"""What is sent again, and what never: the table, value by value."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from async_keepalive_httpc._message.limits import Timeout
from async_keepalive_httpc._message.request import IDEMPOTENT, Request
from async_keepalive_httpc._message.response import Head, Response
from async_keepalive_httpc._policy.resend import AGAIN, FRESH, NEVER, UNSENT_TRIES, refused, resend
from async_keepalive_httpc.errors import (
    RESPONDING,
    SENT,
    UNSENT,
    ConnectError,
    ConnectionLost,
    ProtocolError,
    TimeoutExpired,
)

URL = "http://origin.test/"
ONCE = [b"only once"]


def request(method: str = "GET", **options: Any) -> Request:
    return Request(method, URL, **options)


def lost(stage: str, *, reused: bool = True) -> ConnectionLost:
    return ConnectionLost("lost", stage, reused)


@pytest.mark.parametrize("method", sorted(IDEMPOTENT))
def test_an_idempotent_request_on_a_reused_connection_goes_again_once(method: str) -> None:
    assert resend(request(method), lost(SENT), 1, 0) == FRESH
    assert resend(request(method), lost(SENT), 2, 1) == NEVER


@pytest.mark.parametrize("method", ["POST", "PATCH", "M-SEARCH"])
def test_silence_is_no_proof_for_others(method: str) -> None:
    assert resend(request(method), lost(SENT), 1, 0) == NEVER
    assert resend(request(method, idempotent=True), lost(SENT), 1, 0) == FRESH
    for name in ("Idempotency-Key", "x-idempotency-key"):
        assert resend(request(method, headers={name: "1"}), lost(SENT), 1, 0) == FRESH


def test_the_caller_may_say_that_a_put_is_not_idempotent() -> None:
    assert resend(request("PUT", body=b"x", idempotent=False), lost(SENT), 1, 0) == NEVER


def test_a_fresh_connection_that_dies_is_an_error() -> None:
    assert resend(request(), lost(SENT, reused=False), 1, 0) == NEVER


@pytest.mark.parametrize("reused", [True, False])
def test_after_a_byte_of_the_answer_never(reused: bool) -> None:
    assert resend(request(), lost(RESPONDING, reused=reused), 1, 0) == NEVER


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_was_not_written_goes_again_a_few_times(method: str) -> None:
    for body in (None, ONCE):
        one = request("POST", body=body) if body else request(method)
        answers = [resend(one, lost(UNSENT, reused=False), tries, 0) for tries in range(1, UNSENT_TRIES + 1)]
        assert answers == [AGAIN] * (UNSENT_TRIES - 1) + [NEVER]


def test_a_body_that_cannot_be_replayed_does_not_go_again() -> None:
    assert resend(request("PUT", body=ONCE), lost(SENT), 1, 0) == NEVER
    assert resend(request("PUT", body=b"x" * 10_000_000), lost(SENT), 1, 0) == FRESH


@pytest.mark.parametrize(
    "error",
    [
        None,
        TimeoutExpired("x"),
        ConnectError("x"),
        ProtocolError("x"),
        ConnectionResetError(),
        asyncio.CancelledError(),
    ],
)
def test_nothing_else_goes_again(error: BaseException | None) -> None:
    assert resend(request(), error, 1, 0) == NEVER


def answered(status: int, one: Request, *, reused: bool = True, close: str = "close", version: str = "1.1") -> Response:
    loop = asyncio.new_event_loop()
    response = Response().ask(one, loop.create_future(), Timeout(), 100)
    loop.close()
    response.reused = reused
    response.begin(Head(status, "", version, [(b"connection", b"x"), (b"Connection", close.encode())], 0))
    return response


@pytest.mark.parametrize(
    ("method", "options", "answer", "expected"),
    [
        ("GET", {}, {}, True),
        ("DELETE", {}, {"close": "keep-alive, Close"}, True),
        ("GET", {}, {"close": "keep-alive", "version": "1.0"}, True),
        ("GET", {}, {"reused": False}, False),
        ("GET", {}, {"close": "keep-alive"}, False),
        ("POST", {}, {}, False),
        ("POST", {"idempotent": True}, {}, True),
        ("PUT", {"body": b"x"}, {}, False),
    ],
)
def test_408(method: str, options: dict[str, Any], answer: dict[str, Any], expected: bool) -> None:
    response = answered(408, request(method, **options), **answer)
    assert refused(response, 0) is expected
    assert refused(response, 1) is False


@pytest.mark.parametrize(
    ("method", "body", "expected"), [("GET", None, True), ("POST", b"x", True), ("POST", ONCE, False)]
)
def test_421(method: str, body: Any, expected: bool) -> None:
    response = answered(421, request(method, body=body), reused=False, close="keep-alive")
    assert refused(response, 0) is expected
    assert refused(response, 1) is False


@pytest.mark.parametrize("status", [400, 404, 425, 429, 500, 502, 503, 504])
def test_other_statuses_are_answers(status: int) -> None:
    assert refused(answered(status, request()), 0) is False
