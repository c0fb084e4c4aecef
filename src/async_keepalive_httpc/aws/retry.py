"""Whether a failed call is sent again, and when: AWS's standard mode (its rules of November 2026) and adaptive mode.

Refuses: waiting, clocks and chance of its own: `now` and `chance` are arguments.
Called by: `service`, after a call failed (`kind`, `next`) or succeeded (`succeeded`).
Law: retries are paid for from a bucket that only successes fill, so a service that fails all the time is not sent
more than it was.

    delay before retry i (0, 1, ..)   chance * min(base * 2**i, 20 s)     base 0.05 s, DynamoDB 0.025 s, throttled 1 s
    x-amz-retry-after (milliseconds)  max(delay, min(value, delay + 5 s))
    a retry takes                     14 of 500 tokens, a throttled one 5
    a success gives back              what its last retry took, or 1
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from enum import Enum
from typing import ClassVar, Final, NamedTuple

from ..errors import ConnectError, ConnectionLost, InvalidRequest, ProtocolError, TimeoutExpired
from .sendrate import SendRate

TRANSIENT_CODES: Final = frozenset({"RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete"})
TRANSIENT_STATUSES: Final = frozenset({500, 502, 503, 504})
THROTTLED_CODES: Final = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottledException",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "TransactionInProgressException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "RequestThrottled",
        "SlowDown",
        "PriorRequestNotComplete",
        "EC2ThrottledException",
    }
)
LONG_POLLS: Final = frozenset(
    {
        ("sqs", "ReceiveMessage"),
        ("sfn", "GetActivityTask"),
        ("stepfunctions", "GetActivityTask"),
        ("swf", "PollForActivityTask"),
        ("swf", "PollForDecisionTask"),
    }
)
"""Calls of consumers that start again at once after an error: they wait even when no retry is left."""

TOKENS: Final = 500
COST: Final = 14
THROTTLED_COST: Final = 5
MOST: Final = 20.0
MORE: Final = 5.0
"""Seconds that x-amz-retry-after may add to a delay."""
BASE: Final = 0.05
DYNAMODB_BASE: Final = 0.025
THROTTLED_BASE: Final = 1.0
_DYNAMODB: Final = frozenset({"dynamodb", "dynamodbstreams"})

log = logging.getLogger(__name__)


class Kind(Enum):
    """What a failure means for a retry."""

    FINAL = "final"
    TRANSIENT = "transient"
    THROTTLED = "throttled"


class Verdict(NamedTuple):
    """What follows a failure.

    again: whether the call is sent again. delay: seconds to wait before that, or, for a long poll without tokens,
    before the error is raised. cost: what the retry took, for `succeeded`. reason: why it is not sent again, as
    ResponseMetadata names it: "MaxAttemptsReached", "RetryQuotaReached", or "" when the failure is final.
    """

    again: bool
    delay: float = 0.0
    cost: int = 0
    reason: str = ""


FINAL: Final = Verdict(False)


def kind(code: str, status: int, modelled: Mapping[str, Kind] | None = None) -> Kind:
    """What an answer with this error code and status means. `modelled`: what the service's model says of its codes."""
    said = None if modelled is None else modelled.get(code)
    # A bare 429 is not in botocore's rules, but in those of other SDKs.
    if code in THROTTLED_CODES or said is Kind.THROTTLED or status == 429:
        return Kind.THROTTLED
    if said is not None:
        return said
    return Kind.TRANSIENT if code in TRANSIENT_CODES or status in TRANSIENT_STATUSES else Kind.FINAL


def kind_of(error: BaseException) -> Kind:
    """What an error without an answer means: a connection or a time limit that failed is tried again."""
    again = isinstance(error, (ConnectError, ConnectionLost, TimeoutExpired, ProtocolError))
    return Kind.TRANSIENT if again else Kind.FINAL


class Standard:
    """The standard mode, for one client.

    attempts: how often a call is sent in all (default 3, DynamoDB 4). base: seconds (default 0.05, DynamoDB 0.025).
    chance: a number in [0, 1). tokens: what is left in the bucket.
    """

    __slots__ = ("_base", "_chance", "attempts", "tokens")

    rate: ClassVar[SendRate | None] = None
    """What a call asks before it is sent; None: nothing."""

    def __init__(self, attempts: int = 3, base: float = BASE, *, chance: Callable[[], float] = random.random) -> None:
        self.attempts = attempts
        self.tokens = TOKENS
        self._base = base
        self._chance = chance

    def next(self, attempt: int, kind: Kind, *, retry_after: str | None = None, long_poll: bool = False) -> Verdict:
        """What follows the failure of attempt 1, 2, ... of a call.

        retry_after: the header x-amz-retry-after. long_poll: the call is one of LONG_POLLS.
        """
        if kind is Kind.FINAL:
            return FINAL
        if attempt >= self.attempts:
            return Verdict(False, reason="MaxAttemptsReached")
        cost = THROTTLED_COST if kind is Kind.THROTTLED else COST
        if cost > self.tokens:
            delay = self._delay(attempt, kind, retry_after) if long_poll else 0.0
            return Verdict(False, delay, reason="RetryQuotaReached")
        self.tokens -= cost
        return Verdict(True, self._delay(attempt, kind, retry_after), cost)

    def succeeded(self, cost: int = 0) -> None:
        """A call was answered 2xx; cost: what its last retry took (0: there was none)."""
        if self.tokens < TOKENS:
            self.tokens = min(TOKENS, self.tokens + (cost or 1))

    def _delay(self, attempt: int, kind: Kind, retry_after: str | None) -> float:
        base = THROTTLED_BASE if kind is Kind.THROTTLED else self._base
        # 2**60 is past MOST for every base; a larger exponent would not fit a float one day.
        delay = self._chance() * min(base * 2.0 ** min(attempt - 1, 60), MOST)
        told = milliseconds(retry_after)
        return delay if told is None else max(delay, min(told, delay + MORE))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.attempts} attempts, {self.tokens} tokens>"


class Adaptive(Standard):
    """The standard mode behind a bound on how often the client sends, found by trial.

    now: seconds of any clock, the one that `rate` is asked with.
    """

    __slots__ = ("rate",)

    rate: SendRate  # type: ignore[misc]  # each client has its own; the standard mode has none

    def __init__(
        self,
        attempts: int = 3,
        base: float = BASE,
        *,
        now: float,
        chance: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(attempts, base, chance=chance)
        self.rate = SendRate(now)


def policy(
    service: str,
    mode: str | None = None,
    attempts: int | str | None = None,
    *,
    now: float = 0.0,
    chance: Callable[[], float] = random.random,
) -> Standard:
    """The policy of a client: `service` as botocore names it.

    mode: "standard" (default) or "adaptive"; "legacy" is taken for "standard". attempts: tries of a call in all
    (default 3; DynamoDB and its streams 4). now, chance: see the classes. Raises InvalidRequest.
    """
    base = DYNAMODB_BASE if service in _DYNAMODB else BASE
    if attempts is None:
        most = 4 if service in _DYNAMODB else 3
    else:
        text = str(attempts).strip()
        if not text.isascii() or not text.isdigit() or int(text) < 1:
            raise InvalidRequest(f"max_attempts is {attempts!r}: it must be a whole number above 0 (1: no retries)")
        most = int(text)
    chosen = (mode or "standard").strip().lower()
    if chosen == "adaptive":
        return Adaptive(most, base, now=now, chance=chance)
    if chosen == "legacy":
        log.debug("The retry mode legacy is no longer made: %s is retried in standard mode", service)
    elif chosen != "standard":
        raise InvalidRequest(f"The retry mode {mode!r} is none: use 'standard' or 'adaptive'")
    return Standard(most, base, chance=chance)


def milliseconds(text: str | None) -> float | None:
    """x-amz-retry-after in seconds; None when it is missing, or is no whole number from 0 on."""
    if text is None:
        return None
    text = text.strip()
    # 15 digits are 30,000 years.
    return int(text) / 1000.0 if text.isascii() and text.isdigit() and len(text) <= 15 else None
