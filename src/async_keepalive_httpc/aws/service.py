"""One call: encode, sign, send, decode; or raise; or wait and try again.

Refuses: HTTP (a callable), connections, and all that the rooms below decide: it asks them in turn.
Called by: `api`, which makes a Service for each client; callers, through a Call for each operation.
Law: a body is encoded once, every try is signed anew. A call that is answered well at once is one coroutine.

    what came back                  what follows
    a result                        it
    a damaged body (CRC-32)         as for a lost connection
    a result that is wrong (MD5), or none at all     an error: the call had its effect, and would have it twice
    refused keys that can be renewed                 once more, with new ones
    a refused signature, a wrong clock               once more with the service's time, as the retry policy allows
    another error, or no answer     as the retry policy says
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple

from .._message.headers import RawFields
from .._message.limits import Timeout
from .._message.request import Request
from .._message.response import Response
from .._message.url import URL, parse
from ..errors import HTTPCError
from ..version import __version__
from . import checks, errors
from .answered import AGE, CRC32, DATE, field, fields_of, metadata
from .credentials import Credentials, CredentialsError, Source, Static
from .endpoints import NO_FACTS, Endpoint, Endpoints
from .model import Model
from .retry import LONG_POLLS, Kind, Standard, kind, kind_of
from .signed import SignedRequest
from .signing import Blank, Form, Signer
from .skew import Skew

Send = Callable[[Request], Awaitable[Response]]

USER_AGENT: Final = f"async_keepalive_httpc/{__version__}"
SPOILED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException"})
"""Codes that say that keys have ended."""
POLL: Final = 60
"""Seconds that a long poll lasts where no parameter says."""
POLL_MARGIN: Final = 10


class Service:
    """What the calls of one client share.

    send: HTTP. credentials, endpoints, retry: see there. skew: None: this machine's clock is right. timeout: of calls
    that are not long polls. prefixed: an operation's prefix goes before the endpoint's host. signed: False: no call
    is. user_agent: names this client. clock: seconds since the epoch. now: seconds of a clock that never goes back.
    sleep: waits.
    """

    __slots__ = (
        "clock",
        "credentials",
        "dated",
        "endpoints",
        "exceptions",
        "model",
        "now",
        "prefixed",
        "retry",
        "send",
        "signed",
        "skew",
        "sleep",
        "timeout",
        "unsigned",
    )

    def __init__(
        self,
        send: Send,
        model: Model,
        credentials: Source,
        endpoints: Endpoints,
        retry: Standard,
        *,
        skew: Skew | None = None,
        timeout: Timeout | None = None,
        prefixed: bool = True,
        signed: bool = True,
        user_agent: str = USER_AGENT,
        clock: Callable[[], float] = time.time,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.send = send
        self.model = model
        self.credentials = credentials
        self.endpoints = endpoints
        self.retry = retry
        self.skew = skew
        self.timeout = timeout or Timeout(total=None, connect=3.0, read=30.0, write=30.0)
        self.prefixed = prefixed
        self.signed = signed
        self.unsigned: RawFields = [(b"User-Agent", user_agent.encode()), (b"Accept-Encoding", b"identity")]
        self.clock = clock
        self.now = now
        self.sleep = sleep
        self.exceptions = errors.exceptions(model)
        self.dated = 0.0
        """When the Date of a good answer is looked at again: it has one second's grain."""

    def learn_time(self, skew: Skew, response: Response, sent: float) -> None:
        """What an answer to a request of the time `sent` says of the service's clock."""
        raw = response.raw_head
        skew.seen(field(raw, DATE), sent, self.clock(), field(raw, AGE) is not None)
        self.dated = sent + 1.0


class Failure(NamedTuple):
    """Why a try failed: an error's answer, or an error without one."""

    kind: Kind
    error: HTTPCError | None = None
    answer: errors.Answer | None = None
    code: str = ""
    response: Response | None = None
    retry_after: str | None = None


class Tries:
    """What became of a call so far: `count` tries failed, `paid` of them by the policy, the last at `cost`."""

    __slots__ = ("cost", "count", "paid", "renewed")

    def __init__(self) -> None:
        self.count = self.paid = self.cost = 0
        self.renewed = False


class Call:
    """One operation of one client: `await call(TableName=..., Key=...)` gives the result as boto3 has it."""

    __slots__ = (
        "_check",
        "_context",
        "_crc32",
        "_facts",
        "_form",
        "_keys",
        "_lane",
        "_long_poll",
        "_operation",
        "_service",
        "_signed",
        "_source",
        "_url",
        "_usual",
        "_wait",
    )

    def __init__(self, service: Service, name: str) -> None:
        """name: as AWS writes it. Raises InvalidRequest for an operation with an event stream."""
        model = service.model
        self._service = service
        self._operation = model.operation(name)
        self._context = service.endpoints.context(model.shapes.operation_model(name))
        self._signed = service.signed and self._operation.signed
        self._source: Source = service.credentials if self._signed else Static(Credentials("", ""))
        self._crc32 = model.name in checks.CRC32
        self._check = checks.SQS.get(name) if model.name == "sqs" else None
        self._long_poll = (model.name, name) in LONG_POLLS
        self._usual = service.timeout
        self._wait = ""
        """The parameter that says how long an answer may take."""
        if self._long_poll and model.name == "sqs":
            self._wait = "WaitTimeSeconds"
        elif self._long_poll:
            self._usual = self._polling(POLL)
        self._facts = NO_FACTS
        self._keys: Credentials | None = None
        self._lane: Any = None
        """Where its requests find their connections: each finds it out, unless the one before it did."""
        self._url: URL
        self._form: Form | Blank

    async def __call__(self, /, **parameters: Any) -> dict[str, Any]:
        """Before anything is sent it raises InvalidParameters, CredentialsError, InvalidRequest; then AWSError, an
        error without an answer (see `errors`), ChecksumError, MalformedResult."""
        service = self._service
        try:
            body = self._operation.encode(parameters)
        except (TypeError, ValueError, AttributeError, RecursionError) as error:
            raise errors.InvalidParameters(f"{self._operation.name}: the parameters are no JSON: {error}") from error
        timeout = self._usual if self._wait not in parameters else self._polling(parameters[self._wait])
        skew = service.skew
        tries: Tries | None = None
        while True:
            keys = self._source.current(now := service.clock())
            if keys is None or service.retry.rate is not None:
                keys, now = await self._readied()
            offset = 0.0 if skew is None else skew.offset
            if keys is not self._keys or self._context is not None:
                self._look_at_facts(parameters, body, keys)
            signed = self._form.block(body, int(now + offset))
            request = SignedRequest(self._url, signed, body, timeout, self._lane)
            try:
                response = await service.send(request)
                self._lane = request.lane
            except HTTPCError as error:
                failure = Failure(kind_of(error), error)
            else:
                if skew is not None and (now >= service.dated or response.status >= 300):
                    service.learn_time(skew, response, now)
                found = self._failure(response) if self._crc32 or response.status >= 300 else None
                if found is None:
                    return self._result(parameters, response, tries)
                failure = found
            tries = tries or Tries()
            await self._fail(failure, tries, keys, offset)

    # -- before a try

    async def _readied(self) -> tuple[Credentials, float]:
        """Keys that had to be waited for, when another request may be sent; and the time then."""
        service = self._service
        rate = service.retry.rate
        while rate is not None and (wait := rate.take(service.now())):
            await service.sleep(wait)
        try:
            keys = self._source.current(service.clock()) or await self._source.fetch()
        except CredentialsError as error:
            raise errors.unanswered(error, self._operation.name, 1) from error
        return keys, service.clock()

    def _polling(self, wait: Any) -> Timeout:
        """Of a long poll: its own time, in seconds, and a margin."""
        usual = self._usual
        if not isinstance(wait, int) or usual.read is None or usual.read >= wait + POLL_MARGIN:
            return usual
        return _longer(usual, wait + POLL_MARGIN)

    def _look_at_facts(self, parameters: dict[str, Any], body: bytes, keys: Credentials) -> None:
        """Where it goes and how it is signed may have changed, with the keys or by what is asked for."""
        facts = NO_FACTS if self._context is None else self._context.facts(parameters, body)
        if keys is not self._keys or facts != self._facts:
            self._address(self._service.endpoints.of(keys.account_id, self._context, parameters, body), keys)
            self._facts = facts

    def _address(self, endpoint: Endpoint, keys: Credentials) -> None:
        """Other keys, or other facts for the rules of endpoints: sign for what follows from them."""
        operation, service = self._operation, self._service
        url = endpoint.url
        if operation.prefix and service.prefixed:
            url = url.replace("://", f"://{operation.prefix}", 1)
        self._url = at = parse(url)
        self._lane = None
        if not self._signed:
            self._form = Blank(operation.fields + service.unsigned)
        else:
            signer = Signer(keys.access_key, keys.secret_key, endpoint.region, endpoint.signing_name, keys.token)
            self._form = Form(signer, at.authority, at.target, operation.fields, service.unsigned)
        self._keys = keys

    # -- after a try

    def _failure(self, response: Response) -> Failure | None:
        """Why this is no success; None: it is one."""
        if self._crc32 and (stated := field(response.raw_head, CRC32)) is not None:
            wrong = checks.crc32(response.body, stated)
            if wrong is not None:
                where = f"{self._operation.name}: HTTP {response.status}"
                return Failure(Kind.TRANSIENT, errors.ChecksumError(f"{where}: {wrong}: damaged on its way"))
        status = response.status
        if 200 <= status < 300:
            return None
        known = self._service.exceptions
        headers = fields_of(response.raw_head)
        answer = errors.answer(status, headers, response.body, known)
        error = answer["Error"]
        code = error.get("QueryErrorCode") or error["Code"]
        retry_after = headers.get("x-amz-retry-after")
        return Failure(kind(code, status, known.kinds), None, answer, code, response, retry_after)

    def _result(self, parameters: dict[str, Any], response: Response, tries: Tries | None) -> dict[str, Any]:
        """The result of a success. Raises ChecksumError, MalformedResult."""
        retry, operation = self._service.retry, self._operation
        retry.succeeded(0 if tries is None else tries.cost)
        if retry.rate is not None:
            retry.rate.heard(self._service.now(), False)
        try:
            result = operation.decode(response.body)
        except (TypeError, ValueError, AttributeError, RecursionError) as error:
            raise errors.MalformedResult(
                f"{operation.name}: HTTP {response.status} with a body that is no result of it ({error}): "
                f"{response.body[:80]!r}. Check what answers at {self._url}",
                response.body,
            ) from error
        retries = 0 if tries is None else tries.count
        result["ResponseMetadata"] = metadata(response.status, retries, response.raw_head)
        if self._check is not None:
            wrong = self._check(parameters, result)
            if wrong is not None:
                raise errors.ChecksumError(f"{operation.name}: {wrong}", result)
        return result

    async def _fail(self, failure: Failure, tries: Tries, keys: Credentials, offset: float) -> None:
        """Wait until the next try; or raise."""
        service = self._service
        if service.retry.rate is not None:
            service.retry.rate.heard(service.now(), failure.kind is Kind.THROTTLED)
        if failure.code in SPOILED and not tries.renewed:
            tries.renewed = True
            if await self._renewed(keys):
                tries.count += 1
                return
        found = failure.kind
        if found is Kind.FINAL and service.skew is not None and service.skew.explains(failure.code, offset):
            found = Kind.TRANSIENT
        verdict = service.retry.next(
            tries.paid + 1,
            found,
            retry_after=failure.retry_after,
            long_poll=self._long_poll,
        )
        if verdict.delay:
            await service.sleep(verdict.delay)
        if not verdict.again:
            raise self._raised(failure, tries, verdict.reason)
        tries.count += 1
        tries.paid += 1
        tries.cost = verdict.cost

    async def _renewed(self, keys: Credentials) -> bool:
        """Whether there are other keys than these, which AWS refused."""
        try:
            return await self._source.refresh(keys) != keys
        except CredentialsError:
            return False  # what AWS said of the old ones is raised

    def _raised(self, failure: Failure, tries: Tries, reason: str) -> HTTPCError:
        name = self._operation.name
        if failure.error is not None:
            return errors.unanswered(failure.error, name, tries.count + 1)
        assert failure.answer is not None
        assert failure.response is not None
        found = metadata(failure.response.status, tries.count, failure.response.raw_head)
        failure.answer["ResponseMetadata"] = found
        if reason:
            found[reason] = True
        return self._service.exceptions.make(failure.answer, name)


@lru_cache
def _longer(timeout: Timeout, read: float) -> Timeout:
    return Timeout(total=timeout.total, connect=timeout.connect, pool=timeout.pool, read=read, write=timeout.write)
