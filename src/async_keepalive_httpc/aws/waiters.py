"""Waiting until something is so, as botocore's waiter models describe it: a table that exists, a stream that is active.

Refuses: calling by itself (`call` does), clocks (`sleep` is an argument).
Called by: `client` of this package: `get_waiter`.
Law: the first acceptor that matches an answer decides; an error that none of them names ends the wait.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any, Final

import jmespath
from botocore import xform_name
from botocore.exceptions import ClientError, DataNotFoundError, UnknownServiceError, WaiterConfigError, WaiterError
from jmespath.exceptions import JMESPathTypeError

from .model import loader

Answer = Mapping[str, Any]
Call = Callable[..., Awaitable[Answer]]
Matches = Callable[[Answer], bool]

VERSION: Final = 2


@cache
def models(service: str) -> dict[str, Any]:
    """botocore's waiters of a service, by the names of methods ("table_exists"); empty where it has none."""
    try:
        found = loader(os.environ.get("AWS_DATA_PATH")).load_service_model(service, "waiters-2")
    except (DataNotFoundError, UnknownServiceError):
        return {}
    if found.get("version") != VERSION:
        raise WaiterConfigError(error_msg=f"Waiters of version {found.get('version')}: only {VERSION} is known here")
    return {xform_name(name): {**config, "name": name} for name, config in found["waiters"].items()}


class Waiter:
    """One wait: `await waiter.wait(TableName="T")`.

    config: one of `models`. call: the operation that it names. sleep: waits between calls.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        call: Call,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.name: str = config["name"]
        self.delay: float = config["delay"]
        self.max_attempts: int = config["maxAttempts"]
        self._call = call
        self._sleep = sleep
        self._acceptors = [
            (matcher(acceptor), acceptor["state"], explanation(acceptor)) for acceptor in config["acceptors"]
        ]

    async def wait(self, **arguments: Any) -> None:
        """Call until it is so. WaiterConfig: Delay (seconds between calls) and MaxAttempts, as in boto3.

        Raises botocore's WaiterError when it can no longer come true, or after MaxAttempts calls.
        """
        config = arguments.pop("WaiterConfig", None) or {}
        delay, most = config.get("Delay", self.delay), config.get("MaxAttempts", self.max_attempts)
        attempts, seen = 0, ""
        while True:
            answer = await self._answer(arguments)
            attempts += 1
            state, matched = self._judge(answer)
            if state == "success":
                return
            seen = matched or seen
            if state == "failure":
                raise self._error(f"Waiter encountered a terminal failure state: {matched}", answer)
            if attempts >= most:
                told = f"Max attempts exceeded. Previously accepted state: {seen}" if seen else "Max attempts exceeded"
                raise self._error(told, answer)
            await self._sleep(delay)

    async def _answer(self, arguments: dict[str, Any]) -> Answer:
        try:
            return await self._call(**arguments)
        except ClientError as error:
            response: Answer = error.response
            return response

    def _judge(self, answer: Answer) -> tuple[str, str]:
        """The state that the first acceptor to match gives, and why."""
        for matches, state, why in self._acceptors:
            if matches(answer):
                return state, why
        if is_error(answer):
            error = answer["Error"]
            raise self._error(f"An error occurred ({error['Code']}): {error.get('Message', 'Unknown')}", answer)
        return "retry", ""

    def _error(self, reason: str, answer: Answer) -> Exception:
        error: Exception = WaiterError(name=self.name, reason=reason, last_response=answer)
        return error

    def __repr__(self) -> str:
        return f"<Waiter {self.name}>"


def is_error(answer: Answer) -> bool:
    """Whether an answer is an error; some services have a member "Error" in a good one."""
    error = answer.get("Error")
    return isinstance(error, dict) and "Code" in error


def matcher(acceptor: Mapping[str, Any]) -> Matches:
    """An acceptor of a waiter's model, as a question. Raises botocore's WaiterConfigError for an unknown kind."""
    kind, expected = acceptor["matcher"], acceptor["expected"]
    if kind == "status":
        return lambda answer: answer.get("ResponseMetadata", {}).get("HTTPStatusCode") == expected
    if kind == "error":
        if isinstance(expected, bool):
            return lambda answer: is_error(answer) is expected
        return lambda answer: is_error(answer) and answer["Error"]["Code"] == expected
    if kind not in ("path", "pathAll", "pathAny"):
        raise WaiterConfigError(error_msg=f"Unknown acceptor: {kind}")
    compiled = jmespath.compile(acceptor["argument"])

    def search(answer: Answer) -> Any:
        try:
            return compiled.search(answer)
        except JMESPathTypeError:
            # The length of a member that the answer does not have.
            return None

    if kind == "path":
        return lambda answer: not is_error(answer) and search(answer) == expected
    every = all if kind == "pathAll" else any

    def elements(answer: Answer) -> bool:
        found = None if is_error(answer) else search(answer)
        return isinstance(found, list) and bool(found) and every(element == expected for element in found)

    return elements


def explanation(acceptor: Mapping[str, Any]) -> str:
    """What an acceptor's match means, for an error's text."""
    kind, expected = acceptor["matcher"], acceptor["expected"]
    if kind == "status":
        return f"Matched expected HTTP status code: {expected}"
    if kind == "error":
        return f"Matched expected service error code: {expected}"
    said = f'For expression "{acceptor["argument"]}"'
    return {
        "path": f'{said} we matched expected path: "{expected}"',
        "pathAll": f'{said} all members matched expected path: "{expected}"',
        "pathAny": f'{said} we matched expected path: "{expected}" at least once',
    }[kind]
