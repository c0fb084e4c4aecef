"""Retries, with botocore's own rules of November 2026 (and its rate limiter) as the oracle."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel
from botocore.retries import adaptive, bucket, standard, throttling
from botocore.retries.quota import RetryQuota
from hypothesis import given
from hypothesis import strategies as st

from async_keepalive_httpc.aws.retry import (
    COST,
    FINAL,
    LONG_POLLS,
    THROTTLED_CODES,
    THROTTLED_COST,
    TOKENS,
    TRANSIENT_CODES,
    Adaptive,
    Kind,
    Standard,
    Verdict,
    kind,
    kind_of,
    milliseconds,
    policy,
)
from async_keepalive_httpc.aws.sendrate import SendRate
from async_keepalive_httpc.errors import (
    ClientClosed,
    ConnectError,
    ConnectionLost,
    DecodeError,
    DNSError,
    InvalidRequest,
    ProtocolError,
    TimeoutExpired,
)

SERVICES = ["sqs", "dynamodb", "dynamodb-streams", "kinesis"]


def operation(service: str, name: str) -> OperationModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service).operation_model(name)


@pytest.fixture
def _new_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle by the rules of November 2026."""
    monkeypatch.setattr(standard, "NEW_RETRIES_ENABLED", True)


# -- what a failure means

CODES = [*THROTTLED_CODES, *TRANSIENT_CODES, "InternalServerError", "ConditionalCheckFailedException", "", "500"]
CODES += ["TransactionConflictException", "TransactionCanceledException", "ExpiredToken", "SignatureDoesNotMatch"]
CODES += ["ReplicatedWriteConflictException"]
MODELLED = {"ReplicatedWriteConflictException": Kind.TRANSIENT}


@pytest.mark.usefixtures("_new_rules")
@pytest.mark.parametrize("status", [400, 403, 404, 409, 500, 501, 502, 503, 504, 505])
def test_kind_as_botocore_has_it(status: int) -> None:
    put_item = operation("dynamodb", "PutItem")
    conditions = standard.StandardRetryConditions(max_attempts=10)
    detector = standard.ThrottlingErrorDetector(standard.RetryEventAdapter())
    for code in CODES:
        context = standard.RetryContext(
            1,
            put_item,
            {"Error": {"Code": code}},
            SimpleNamespace(status_code=status, headers={}, content=b""),
        )
        found = kind(code, status, MODELLED)
        assert (found is not Kind.FINAL) == conditions.is_retryable(context), code
        assert (found is Kind.THROTTLED) == detector.is_throttling_error_from_context(context), code


def test_kind_beyond_botocore() -> None:
    assert kind("429", 429) is Kind.THROTTLED
    assert kind("Odd", 400, {"Odd": Kind.THROTTLED}) is Kind.THROTTLED
    assert kind("Odd", 400, {}) is Kind.FINAL


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (ConnectError("x"), Kind.TRANSIENT),
        (DNSError("x"), Kind.TRANSIENT),
        (ConnectionLost("x"), Kind.TRANSIENT),
        (TimeoutExpired("x"), Kind.TRANSIENT),
        (ProtocolError("x"), Kind.TRANSIENT),
        (ClientClosed("x"), Kind.FINAL),
        (InvalidRequest("x"), Kind.FINAL),
        (DecodeError("x"), Kind.FINAL),
        (OSError("x"), Kind.FINAL),
    ],
)
def test_kind_of_an_error(error: Exception, found: Kind) -> None:
    assert kind_of(error) is found


# -- how long


@pytest.mark.usefixtures("_new_rules")
@given(
    service=st.sampled_from(SERVICES),
    attempt=st.integers(1, 40),
    code=st.sampled_from(["ThrottlingException", "InternalServerError"]),
    chance=st.floats(0, 1, exclude_max=True),
    after=st.none()
    | st.integers(-5, 10**7).map(str)
    | st.sampled_from(["", "x", "1.5", "1e3", "9" * 15, "-0", "\u0663", "0x5"]),
)
def test_delay_as_botocore_has_it(service: str, attempt: int, code: str, chance: float, after: str | None) -> None:
    theirs = standard.ExponentialBackoff(
        random=lambda: chance,
        service_name=service,
        throttling_detector=standard.ThrottlingErrorDetector(standard.RetryEventAdapter()),
    )
    headers = {} if after is None else {"x-amz-retry-after": after}
    context = standard.RetryContext(
        attempt, None, {"Error": {"Code": code}}, SimpleNamespace(status_code=500, headers=headers)
    )
    ours = policy(service.replace("-", ""), "standard", 50, chance=lambda: chance)
    verdict = ours.next(attempt, kind(code, 500), retry_after=after)
    if after not in ("-0", "\u0663"):
        # int() takes more than a number of milliseconds is written with.
        assert verdict.delay == theirs.delay_amount(context)
    assert verdict.again


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        (" 1500 ", 1.5),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("9" * 16, None),
        ("\u0663", None),
    ],
)
def test_milliseconds(text: str | None, seconds: float | None) -> None:
    assert milliseconds(text) == seconds


def test_attempts_without_end_stay_finite() -> None:
    assert Standard(10**9, chance=lambda: 0.5).next(10**6, Kind.TRANSIENT).delay == 10.0


# -- what it costs


def test_a_call_that_fails_for_good() -> None:
    ours = policy("sqs", chance=lambda: 1.0)
    assert ours.next(1, Kind.TRANSIENT) == Verdict(True, 0.05, COST)
    assert ours.next(2, Kind.THROTTLED) == Verdict(True, 2.0, THROTTLED_COST)
    assert ours.next(3, Kind.TRANSIENT) == Verdict(False, reason="MaxAttemptsReached")
    assert ours.next(1, Kind.FINAL) == FINAL == Verdict(False)
    assert ours.tokens == TOKENS - COST - THROTTLED_COST
    assert repr(ours) == "<Standard 3 attempts, 481 tokens>"


def test_an_empty_bucket() -> None:
    ours = Standard(10**6, chance=lambda: 1.0)
    retries = 0
    while ours.next(1, Kind.TRANSIENT).again:
        retries += 1
    assert (retries, ours.tokens) == (TOKENS // COST, TOKENS % COST)
    # Some are left for what is cheaper.
    assert ours.next(1, Kind.THROTTLED).again
    assert ours.next(1, Kind.THROTTLED) == Verdict(True, 1.0, 5)
    assert ours.next(1, Kind.THROTTLED) == Verdict(False, reason="RetryQuotaReached")
    # A consumer waits all the same.
    assert ours.next(3, Kind.TRANSIENT, long_poll=True) == Verdict(False, 0.2, 0, "RetryQuotaReached")
    assert ours.next(1, Kind.TRANSIENT, retry_after="3000", long_poll=True).delay == 3.0
    assert ours.next(1, Kind.FINAL, long_poll=True) == FINAL
    assert ("sqs", "ReceiveMessage") in LONG_POLLS


@given(st.lists(st.sampled_from(["transient", "throttled", "ok", "ok after 14", "ok after 5"]), max_size=200))
def test_bucket_as_botocore_has_it(steps: list[str]) -> None:
    theirs, ours = RetryQuota(), Standard(100, chance=lambda: 0.0)
    for step in steps:
        if step.startswith("ok"):
            cost = int(step.partition("ok after ")[2] or 0)
            theirs.release(cost or 1)
            ours.succeeded(cost)
        else:
            cost = 14 if step == "transient" else 5
            assert ours.next(1, Kind(step)).again == theirs.acquire(cost)
        assert ours.tokens == theirs.available_capacity


# -- the policy of a client


@pytest.mark.parametrize(
    ("service", "mode", "attempts", "most", "base"),
    [
        ("sqs", None, None, 3, 0.05),
        ("kinesis", "standard", None, 3, 0.05),
        ("dynamodb", None, None, 4, 0.025),
        ("dynamodbstreams", "Standard", None, 4, 0.025),
        ("dynamodb", None, 1, 1, 0.025),
        ("dynamodb", "legacy", "7", 7, 0.025),
    ],
)
def test_policy(service: str, mode: str | None, attempts: int | str | None, most: int, base: float) -> None:
    ours = policy(service, mode, attempts, chance=lambda: 1.0)
    assert type(ours) is Standard
    assert ours.rate is None
    assert ours.attempts == most
    assert ours.next(0, Kind.TRANSIENT).delay == base / 2


def test_legacy_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "async_keepalive_httpc"):
        policy("sqs", "legacy")
    assert [record.levelname for record in caplog.records] == ["DEBUG"]


@pytest.mark.parametrize(
    ("mode", "attempts", "what"),
    [("sometimes", None, "retry mode 'sometimes'"), (None, 0, "max_attempts is 0"), (None, "x", "max_attempts is 'x'")],
)
def test_policy_refuses(mode: str | None, attempts: int | str | None, what: str) -> None:
    with pytest.raises(InvalidRequest, match=what):
        policy("sqs", mode, attempts)


def test_adaptive_policy() -> None:
    ours = policy("dynamodb", "adaptive", now=5.0, chance=lambda: 1.0)
    assert isinstance(ours, Adaptive)
    assert isinstance(ours.rate, SendRate)
    assert policy("dynamodb", "adaptive").rate is not ours.rate
    assert ours.attempts == 4
    assert ours.next(1, Kind.THROTTLED) == Verdict(True, 1.0, 5)


# -- the send rate


class Time:
    def __init__(self, now: float) -> None:
        self.now = now

    def current_time(self) -> float:
        return self.now


class Detector:
    def is_throttling_error(self, *, throttled: bool) -> bool:
        return throttled


def limiter(clock: Time) -> Any:
    return adaptive.ClientRateLimiter(
        throttling.CubicCalculator(0, clock.current_time()),
        adaptive.RateClocker(clock),
        bucket.TokenBucket(1, clock),
        Detector(),
        clock,
    )


@given(
    st.floats(1000, 2000),
    st.lists(st.tuples(st.floats(0, 3), st.sampled_from(["send", "ok", "ok", "throttled"])), max_size=100),
)
def test_rate_as_botocore_has_it(start: float, steps: list[tuple[float, str]]) -> None:
    clock = Time(start)
    theirs, ours = limiter(clock), SendRate(start)
    tokens = theirs._token_bucket
    for wait, step in steps:
        clock.now += wait
        if step == "send":
            if theirs._enabled:
                tokens._refill()
                lacking = tokens._sleep_amount(1)
                if lacking > 1e-6:
                    assert ours.take(clock.now) == pytest.approx(lacking, abs=1e-9)
                else:
                    tokens._current_capacity -= 1
                    assert ours.take(clock.now) == pytest.approx(0.0, abs=1e-9)
            else:
                assert ours.take(clock.now) == 0.0
        else:
            theirs.on_receiving_response(throttled=step == "throttled")
            ours.heard(clock.now, step == "throttled")
            assert ours.limited == theirs._enabled
            assert ours.limit == pytest.approx(tokens.max_rate)
            assert ours.measured == pytest.approx(theirs._rate_clocker.measured_rate)


def test_rate_holds_back_only_after_a_throttle() -> None:
    rate = SendRate(0.0)
    now = 0.0
    for _ in range(100):
        now += 0.1
        assert rate.take(now) == 0.0
        rate.heard(now, False)
    assert rate.measured == pytest.approx(10.0, rel=0.1)
    assert repr(rate) == "<SendRate unlimited>"
    rate.heard(now, True)
    assert rate.limit == pytest.approx(7.0, rel=0.1)
    assert repr(rate) == "<SendRate 7.0/s>"
    sent = 0
    end = now + 2.0
    for _ in range(1000):
        if now >= end:
            break
        wait = rate.take(now)
        now += wait or 0.0
        sent += wait == 0.0
        if wait == 0.0:
            rate.heard(now, False)
    assert 5 <= sent <= 25
