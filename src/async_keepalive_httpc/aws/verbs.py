"""What the user's classes have in common: SQSQueue, DynamoDB, Kinesis.

Refuses: one service's verbs (`sqs`, `dynamodb`, `kinesis`), and how a call is made (`service`).
Called by: those three.
Law: a verb starts when it is called and is its own Future, for `yield` and for `await`. Without a callback what goes
wrong is raised; with one it is handed to the callback, and the Future gives the answer with its `error`.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import warnings
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

from .._message.headers import Headers, encode_fields, wire
from .._message.limits import Limits, Timeout
from .._message.proxy import proxy_from
from .._message.request import Request
from .._message.response import Response
from ..client import Client
from ..errors import HTTPCError, InvalidRequest
from ..keepalive_client import KeptClient
from . import chain, retry, settings
from .closing import Closing
from .credentials import Source
from .endpoints import Endpoints
from .errors import AWSError
from .model import Model, load
from .service import Call, Service
from .skew import Skew

IDLE: Final = 20.0
"""Seconds an unused connection is kept; AWS's servers close after more."""
TIMEOUT: Final = Timeout(total=None, connect=3.0, read=30.0, write=30.0)
_OURS: Final = ("x-amz-", "authorization", "content-type", "content-length", "host", "accept-encoding")

Callback = Callable[..., object]

_ANSWERED: ContextVar[Response | None] = ContextVar("answered", default=None)
"""The last response of this call: each runs in a task, and so in a context, of its own."""
_FIELDS: ContextVar[bytes] = ContextVar("fields", default=b"")
"""The fields that the caller of this call added."""


class AWSResponse:
    """The answer to a verb.

    code: the HTTP status; 599 where none came. body: bytes as they came (JSON), or None. headers: a map. aws_result:
    the result, as botocore reads it. error: what went wrong, only where a callback is told. md5_ok: True for SQS,
    where a wrong digest is an error. effective_url, reason, request_time (seconds): as in Tornado's HTTPResponse.
    """

    __slots__ = ("_response", "aws_result", "code", "error", "md5_ok", "request_time")

    def __init__(
        self, response: Response | None, result: Any, request_time: float, error: Exception | None = None
    ) -> None:
        self._response = response
        self.aws_result = result
        self.code = 599 if response is None else response.status
        self.error = error
        self.md5_ok = error is None
        self.request_time = request_time

    @property
    def body(self) -> bytes | None:
        return None if self._response is None else self._response.body

    @property
    def headers(self) -> Headers:
        return Headers([]) if self._response is None else self._response.headers

    @property
    def reason(self) -> str:
        return "No answer" if self._response is None else self._response.reason

    @property
    def effective_url(self) -> str:
        return "" if self._response is None else str(self._response.url)

    def rethrow(self) -> None:
        """Raise `error`, if there is one."""
        if self.error is not None:
            raise self.error

    def __repr__(self) -> str:
        return f"<AWSResponse {self.code} {self.aws_result!r:.200}>"


class Options(NamedTuple):
    """What the user's classes may be told, but for their own arguments.

    access_key, secret_key, session_token: default: the environment, profiles, the container, the instance. region:
    its name (default: AWS_DEFAULT_REGION, the profile). endpoint_url: another address, such as an emulator's (default:
    AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the profile). signer: an EasyV4Sign or IamRoleV4Sign in the place of
    keys and region. proxy_config: {"proxy_host": ..., "proxy_port": ...}, and possibly proxy_username, proxy_password,
    proxy_auth_mode (default: the environment's proxies). max_connections: default 1, so that calls go one after the
    other. is_ssl: False: plain http. verify: False: certificates are not checked; or a file of trusted ones.
    use_curl: changes nothing any more.
    """

    access_key: str | None = None
    secret_key: str | None = None
    session_token: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    signer: Any = None
    proxy_config: Mapping[str, Any] | None = None
    max_connections: int = 1
    is_ssl: bool = True
    verify: bool | str = True
    use_curl: bool = False


class Verbs(Closing):
    """A service's calls over kept connections.

    client: the HTTP client, `client.connection.connect_times` its connects. `len()`: calls under way, for ResourcePool.
    """

    service_name: str

    def __init__(self, io_loop: Any, *arguments: str, **given: Any) -> None:
        """io_loop: a tornado IOLoop, or None. arguments: two keys and a URL, as far as there are. given: see `Options`.

        Raises InvalidRequest for a missing region, a bad URL or proxy; CredentialsError for half a pair of keys;
        TypeError for arguments that there are not.
        """
        options = self._options(positional(type(self).__name__, arguments, given), given)
        if options.use_curl:
            warnings.warn("use_curl changes nothing: proxies need no pycurl any more", DeprecationWarning, stacklevel=2)
        model = load(self.service_name)
        said = settings.read(os.environ, str(model.shapes.service_id))
        signer = options.signer
        if signer is not None and not hasattr(signer, "source"):
            raise InvalidRequest(f"signer is a {type(signer).__name__}: give an EasyV4Sign or an IamRoleV4Sign")
        endpoints = _endpoints(model, options, said)
        http = _http(options, said.ca_bundle)
        # The chain asks its links without a proxy.
        self._direct = Client(trust_env=False)
        source = _source(options, self._direct) if signer is None else signer.source
        policy = retry.policy(model.name, said.retry_mode, said.max_attempts, now=time.monotonic())
        skew = Skew() if said.skew_correction else None
        self._service = Service(self._send, model, source, endpoints, policy, skew=skew, timeout=TIMEOUT)
        self._calls: dict[str, Call] = {}
        self._active = 0
        self._http = http
        self.client = KeptClient(io_loop, http, None, http.max_body_size)
        self.exceptions = self._service.exceptions

    def _options(self, url: str | None, given: dict[str, Any]) -> Options:
        """What was said by name. url: what was said by its place: where the service is. Raises TypeError."""
        if url is not None:
            given.setdefault("endpoint_url", url)
        return regional(given)

    async def _send(self, request: Request) -> Response:
        _ANSWERED.set(None)
        fields = _FIELDS.get()
        if fields:
            request.block += fields
        response = await self._http.send(request)
        _ANSWERED.set(response)
        return response

    def call(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        *,
        callback: Callable[[AWSResponse], object] | None = None,
        headers: Any = None,
        object_hook: Callable[[dict[str, Any]], Any] | None = None,
    ) -> asyncio.Task[AWSResponse]:
        """Start an operation of the service, by AWS's name of it, with boto3's parameters: `call("PurgeQueue", ...)`.

        headers: more fields to send; they are not signed. object_hook: as of `json.loads`, to read the result with.
        Raises InvalidRequest for a field that is signed or ours; all else is the Future's.
        """
        block = _block(headers)
        call = self._calls.get(operation)
        if call is None:
            call = self._calls[operation] = Call(self._service, operation)
        loop = self.client.loop_here()
        self._active += 1
        task = loop.create_task(self._perform(call, dict(parameters), block, object_hook, callback))
        task.add_done_callback(self._ended)
        return task

    async def _perform(
        self,
        call: Call,
        parameters: dict[str, Any],
        block: bytes,
        object_hook: Callable[[dict[str, Any]], Any] | None,
        callback: Callable[[AWSResponse], object] | None,
    ) -> AWSResponse:
        _FIELDS.set(block)
        started = time.monotonic()
        error: Exception | None = None
        try:
            result: Any = await call(**parameters)
            result.pop("ResponseMetadata", None)
        except HTTPCError as failure:
            if callback is None:
                raise
            error = failure
            result = failure.response if isinstance(failure, AWSError) else None
        response = _ANSWERED.get()
        if object_hook is not None and error is None and response is not None:
            result = json.loads(response.body, object_hook=object_hook)
        answer = AWSResponse(response, result, time.monotonic() - started, error)
        if callback is not None:
            callback(answer)
        return answer

    def _ended(self, task: asyncio.Task[AWSResponse]) -> None:
        self._active -= 1

    @property
    def connect_times(self) -> int:
        """How often this has connected in all, to send its calls."""
        return self.client.connect_times

    def stats(self) -> dict[str, Any]:
        """Plain counts of connections and requests; see `Client.stats`."""
        return self.client.stats()

    def __len__(self) -> int:
        """Calls that have not ended."""
        return self._active

    def __bool__(self) -> bool:
        """A queue or table is true, however many calls it has."""
        return True

    def close(self) -> None:
        """Close all connections now; calls under way fail."""
        self._service.credentials.close()
        self.client.close()
        self._direct.close()

    async def aclose(self, timeout: float | None = None) -> None:
        """Take no new call, wait `timeout` seconds (None: no limit) for those under way, then close."""
        self._service.credentials.close()
        await self.client.aclose(timeout)
        await self._direct.aclose(0)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._service.endpoints.of().url} {self.client.connection!r}>"


def with_error(callback: Callback | None) -> Callable[[AWSResponse], object] | None:
    """DynamoDB's and Kinesis' callbacks of 2014: `callback(data, error=..., response=...)`."""
    if callback is None:
        return None
    return lambda answer: callback(answer.aws_result, error=answer.error, response=answer)


def positional(name: str, given: tuple[Any, ...], options: dict[str, Any]) -> str | None:
    """The arguments after io_loop, in either order of 2014: keys and, where it has one, the URL, which is returned.

    Raises TypeError.
    """
    urls = [value for value in given if _is_url(value)]
    keys = [value for value in given if not _is_url(value)]
    if len(urls) > 1 or len(keys) > 2 or not all(isinstance(key, str) for key in keys):
        raise TypeError(f"{name} takes, after io_loop, an access key, a secret key and a URL: strings, one of each")
    for option, key in zip(("access_key", "secret_key"), keys, strict=False):
        if options.get(option) is not None:
            raise TypeError(f"{name} got {option} twice: once by its place and once by its name")
        options[option] = key
    return urls[0] if urls else None


def _is_url(value: Any) -> bool:
    """Or was meant to be one: a secret key may have slashes, but then neither dots nor colons."""
    return isinstance(value, str) and "/" in value and (":" in value or "." in value)


def regional(options: dict[str, Any]) -> Options:
    """`endpoints` and `endpoint` were `region` in their time; a URL there is an `endpoint_url`. Raises TypeError."""
    for old in ("endpoints", "endpoint"):
        value = options.pop(old, None)
        if value is not None:
            options.setdefault("endpoint_url" if "://" in value else "region", value)
    return Options(**options)


def _endpoints(model: Model, options: Options, said: settings.Settings) -> Endpoints:
    signer = options.signer
    endpoints = Endpoints(
        model.name,
        model.shapes.metadata,
        options.region or (signer and signer.region) or said.region,
        endpoint_url=options.endpoint_url or said.endpoint_url,
        use_fips=said.use_fips,
        use_dualstack=said.use_dualstack,
        use_ssl=options.is_ssl,
        account_id_mode=said.account_id_mode,
    )
    endpoints.of()  # a region that has no endpoint is refused here
    return endpoints


def _http(options: Options, ca_bundle: str | None) -> Client:
    verify = options.verify
    trusted = verify if isinstance(verify, str) else ca_bundle if verify else None
    return Client(
        timeout=TIMEOUT,
        limits=Limits(max_per_host=options.max_connections, idle_timeout=IDLE),
        decode=False,
        max_redirects=0,
        verify=verify is not False,
        ca_certs=trusted,
        proxy=None if options.proxy_config is None else proxy_from(options.proxy_config),
    )


def _source(options: Options, direct: Client) -> Source:
    return chain.source(
        os.environ,
        direct.send,
        access_key=options.access_key,
        secret_key=options.secret_key,
        token=options.session_token,
        region=options.region,
    )


def _block(headers: Any) -> bytes:
    """The fields that a caller adds, as lines. Raises InvalidRequest."""
    fields = encode_fields(headers)
    for name, _ in fields:
        if name.decode("latin-1").lower().startswith(_OURS):
            raise InvalidRequest(f"The header {name.decode('latin-1')} is signed or set here: leave it out")
    return wire(fields)
