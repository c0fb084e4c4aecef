"""What a call raises: botocore's classes and ours at once, so that `except` clauses of either kind hold.

Refuses: what is done about it (`retry`, `service`).
Called by: `service`; callers (`client.exceptions`).
Law: an error that AWS answered is an AWSError with the whole answer in `response`; one without an answer is the
engine's own, made a subclass of botocore's.

    the code     the header x-amzn-errortype, else `__type`, else `code`, else the status; without namespace and URL
    the class    of the code, else of the code that the query protocol once had, as the model names it

    engine's           botocore's
    ConnectError       EndpointConnectionError, SSLError for TLSError, ProxyConnectionError for ProxyError
    TimeoutExpired     ConnectTimeoutError, ReadTimeoutError for the other phases
    ConnectionLost     ConnectionClosedError
    ProtocolError      HTTPClientError, and so for TooLarge
    CredentialsError   NoCredentialsError
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from botocore import exceptions as botocore

from .. import errors
from ..errors import HTTPCError, InvalidRequest
from .codec import Decode, decoder, loads
from .credentials import CredentialsError
from .model import Model
from .retry import Kind

Answer = dict[str, Any]
"""An error's answer in boto3's shape: "Error", "ResponseMetadata", and what else the model names."""


class AWSError(HTTPCError, botocore.ClientError):
    """AWS answered with an error.

    response: the answer as boto3 shapes it: {"Error": {"Code", "Message"}, "ResponseMetadata": {...}}, and members that
    the model names for this error. operation_name: such as "GetItem".
    """

    response: Answer
    operation_name: str

    @property
    def code(self) -> str:
        """The error's code, such as "ResourceNotFoundException"."""
        return str(self.response["Error"]["Code"])

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.response["ResponseMetadata"]["HTTPStatusCode"])

    @property
    def request_id(self) -> str | None:
        """What AWS's support asks for."""
        found: str | None = self.response["ResponseMetadata"].get("RequestId")
        return found

    def __reduce__(self) -> tuple[type[AWSError], tuple[Answer, str]]:
        # The subclasses are made from models: a pickle could not name them.
        return AWSError, (self.response, self.operation_name)


class InvalidParameters(InvalidRequest, botocore.ParamValidationError):
    """The parameters cannot be written as JSON; nothing was sent."""

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)


class ChecksumError(HTTPCError, botocore.ChecksumError):
    """What came is not what was sent, by a checksum; `result` is what came."""

    def __init__(self, message: str, result: Any = None) -> None:
        Exception.__init__(self, message)
        self.result = result


class MalformedResult(errors.ProtocolError, botocore.HTTPClientError):
    """A success whose body is not what the operation answers with, such as a proxy's page; `body` is that."""

    def __init__(self, message: str, body: bytes = b"") -> None:
        Exception.__init__(self, message)
        self.body = body


# -- answered errors


class Exceptions:
    """The classes of one service's errors, as attributes by their names in the model: `client.exceptions`.

    ClientError: botocore's base of all of them.
    """

    ClientError = botocore.ClientError

    def __init__(self, model: Model) -> None:
        self._model = model
        self._classes: dict[str, type[AWSError]] = {}
        self._codes: dict[str, tuple[type[AWSError], Any]] = {}
        self._decoders: dict[str, Decode] = {}
        self.kinds: dict[str, Kind] = {}
        """What the model says of a retry, by code."""
        for shape in model.shapes.error_shapes:
            made = self._classes[shape.name] = type(shape.name, (AWSError,), {"__module__": __name__})
            self._codes[shape.error_code] = made, shape
            if (said := shape.metadata.get("retryable")) is not None:
                self.kinds[shape.error_code] = Kind.THROTTLED if said.get("throttling") else Kind.TRANSIENT

    def from_code(self, code: str) -> type[botocore.ClientError]:
        """The class of a code; ClientError if the model has none."""
        return self._codes[code][0] if code in self._codes else self.ClientError

    def make(self, answer: Answer, operation: str) -> AWSError:
        """The exception for an answer."""
        error = answer["Error"]
        found = self._codes.get(error["Code"]) or self._codes.get(error.get("QueryErrorCode", ""))
        return (AWSError if found is None else found[0])(answer, operation)

    def members(self, code: str, body: bytes) -> dict[str, Any]:
        """The members that the model names for an error of this code."""
        if code not in self._codes:
            return {}
        shape = self._codes[code][1]
        decode = self._decoders.get(code)
        if decode is None:
            decode = self._decoders[code] = decoder(shape)
        try:
            return {name: value for name, value in decode(body).items() if name in shape.members}
        except (ValueError, TypeError, AttributeError):
            return {}  # the code and the message are there without it

    def __getattr__(self, name: str) -> type[AWSError]:
        try:
            return self._classes[name]
        except KeyError:
            raise AttributeError(
                f"{self._model.name} has no error {name!r}; it has {', '.join(sorted(self._classes))}"
            ) from None

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._classes]


@lru_cache
def exceptions(model: Model) -> Exceptions:
    """The errors of a service; clients of a process share them."""
    return Exceptions(model)


def answer(status: int, headers: Mapping[str, str], body: bytes, known: Exceptions) -> Answer:
    """An error in boto3's shape, without metadata. headers: names in lower case."""
    text = body.strip()
    if status >= 500 and (not text or text.startswith(b"<html>")):
        return {"Error": {"Message": _phrase(status), "Code": str(status)}}
    try:
        said = loads(body) if text else {}
    except ValueError:
        said = body.decode("utf-8", "replace")
    given = said if isinstance(said, dict) else {"message": str(said)}
    code = _code(headers.get("x-amzn-errortype") or given.get("__type") or given.get("code") or str(status))
    message = given.get("message")
    error = {"Message": given.get("Message") or "" if message is None else message, "Code": code}
    query_code, _, fault = headers.get("x-amzn-query-error", "").partition(";")
    if query_code and fault and ";" not in fault:
        error |= {"QueryErrorCode": code, "Type": fault, "Code": query_code}
    found = {"Error": error}
    if given is said:
        found |= known.members(error["Code"], body)
    return found


def _code(given: Any) -> str:
    """ "namespace#Name:http://url" is Name."""
    return str(given).partition(":")[0].rpartition("#")[2]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


# -- errors without an answer


def _as_both(ours: type[HTTPCError], theirs: type[Exception]) -> type[HTTPCError]:
    name = theirs.__name__
    text = f"The engine's {ours.__name__} as botocore's {name}."
    return type(name, (ours, theirs), {"__init__": _adopt, "__module__": __name__, "__doc__": text, "kwargs": {}})


def _adopt(self: Any, message: str, error: HTTPCError) -> None:
    """Be what `error` is: its facts, its cause."""
    Exception.__init__(self, message)
    self.__dict__.update(error.__dict__)
    self.__cause__ = error.__cause__


_CONNECT_TIMEOUT: Final = _as_both(errors.TimeoutExpired, botocore.ConnectTimeoutError)
_BOTH: Final = [
    (CredentialsError, _as_both(CredentialsError, botocore.NoCredentialsError)),
    (errors.TLSError, _as_both(errors.TLSError, botocore.SSLError)),
    (errors.ProxyError, _as_both(errors.ProxyError, botocore.ProxyConnectionError)),
    (errors.DNSError, _as_both(errors.DNSError, botocore.EndpointConnectionError)),
    (errors.ConnectError, _as_both(errors.ConnectError, botocore.EndpointConnectionError)),
    (errors.TimeoutExpired, _as_both(errors.TimeoutExpired, botocore.ReadTimeoutError)),
    (errors.ConnectionLost, _as_both(errors.ConnectionLost, botocore.ConnectionClosedError)),
    (errors.ProtocolError, _as_both(errors.ProtocolError, botocore.HTTPClientError)),
    (errors.TooLarge, _as_both(errors.TooLarge, botocore.HTTPClientError)),
]


def unanswered(error: HTTPCError, operation: str, attempts: int) -> HTTPCError:
    """`error` as botocore's class too; itself if botocore has none for it, or it is one already."""
    theirs: type[Exception] = botocore.BotoCoreError
    if isinstance(error, theirs):
        return error
    tried = f" ({attempts} attempts)" if attempts > 1 else ""
    for ours, both in _BOTH:
        if isinstance(error, ours):
            if isinstance(error, errors.TimeoutExpired) and error.phase == "connect":
                both = _CONNECT_TIMEOUT
            return both(f"{operation}{tried}: {error}", error)
    return error
