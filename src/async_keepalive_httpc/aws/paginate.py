"""Answers that come in pages, as botocore's paginator models describe them.

Refuses: calling by itself (`call` does), retries (`service`).
Called by: `client` of this package: `get_paginator` and `paginate`.
Law: the pages, their truncation and the tokens are botocore's, so that a token of one resumes in the other.

    PaginationConfig   MaxItems: items in all   PageSize: items a call   StartingToken: of an earlier `resume_token`
"""

from __future__ import annotations

import copy
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import cache
from typing import Any, Final

import jmespath
from botocore.exceptions import DataNotFoundError, OperationNotPageableError, PaginationError, UnknownServiceError
from botocore.model import OperationModel
from botocore.paginate import TokenDecoder, TokenEncoder
from botocore.utils import merge_dicts, set_value_from_jmespath

from .model import loader

Page = dict[str, Any]
Call = Callable[..., Awaitable[Page]]
"""An operation: keyword arguments to an answer."""
Read = Callable[[Mapping[str, Any]], Any]

TRUNCATE: Final = "boto_truncate_amount"
"""botocore's name, in a token, for the items of its page that were handed out."""
_ALONE: Final = {
    "ListShards": ("StreamName", "StreamCreationTimestamp", "ExclusiveStartShardId"),
    "ListStreamConsumers": ("StreamCreationTimestamp",),
}
"""Arguments that Kinesis refuses beside a NextToken, which stands for them."""


@cache
def models(service: str) -> dict[str, Any]:
    """botocore's paginators of a service, by operation; empty where it has none."""
    try:
        found = loader(os.environ.get("AWS_DATA_PATH")).load_service_model(service, "paginators-1")
    except (DataNotFoundError, UnknownServiceError):
        return {}
    return dict(found["pagination"])


class Paginator:
    """The pages of one operation.

    operation: botocore's model of it. call: the operation. Raises botocore's OperationNotPageableError.
    """

    def __init__(self, service: str, operation: OperationModel, call: Call) -> None:
        config = models(service).get(operation.name)
        if config is None:
            raise OperationNotPageableError(operation_name=operation.name)
        self._call = call
        self._limit: str | None = config.get("limit_key")
        self._limit_is_text = False
        if self._limit is not None:
            self._limit_is_text = operation.input_shape.members[self._limit].type_name == "string"
        self.inputs = _listed(config["input_token"])
        self.outputs = [reader(path) for path in _listed(config["output_token"])]
        self.more = reader(config["more_results"]) if "more_results" in config else None
        self.results = _listed(config["result_key"])
        self.fixed = list(config.get("non_aggregate_keys", ()))
        self.alone = _ALONE.get(operation.name, ()) if service == "kinesis" else ()

    def paginate(self, **arguments: Any) -> Pages:
        """The pages of a call with these arguments; PaginationConfig as in boto3.

        Raises botocore's PaginationError for a PageSize where the operation has none.
        """
        config = arguments.pop("PaginationConfig", None) or {}
        most, size = config.get("MaxItems"), config.get("PageSize")
        if size is not None:
            if self._limit is None:
                raise PaginationError(message="PageSize parameter is not supported for this operation: leave it out")
            arguments[self._limit] = str(size) if self._limit_is_text else int(size)
        return Pages(self, self._call, arguments, None if most is None else int(most), config.get("StartingToken"))


class Pages:
    """The pages of one call: `async for page in pages`.

    resume_token: after a stop at MaxItems, the StartingToken to go on with.
    """

    def __init__(
        self, paginator: Paginator, call: Call, arguments: dict[str, Any], most: int | None, starting: str | None
    ) -> None:
        self._paginator = paginator
        self._call = call
        self._arguments = arguments
        self._most = most
        self._starting = starting
        self.resume_token: str | None = None
        self._fixed_part: dict[str, Any] = {}

    async def __aiter__(self) -> AsyncIterator[Page]:
        paginator = self._paginator
        arguments = dict(self._arguments)
        token: dict[str, Any] = dict.fromkeys(paginator.inputs)
        skipped = 0
        if self._starting is not None:
            token, skipped = starting_token(self._starting, paginator.inputs)
            self._go_on(arguments, token)
        last: dict[str, Any] | None = None
        items, first = 0, True
        primary = reader(paginator.results[0])
        while True:
            page = await self._call(**arguments)
            if first:
                self._begin(page, skipped)
            else:
                skipped = 0
            first = False
            found = len(primary(page) or ())
            surplus = 0 if self._most is None else items + found - self._most
            if surplus > 0:
                self._truncate(page, found - surplus, token, skipped)
                yield page
                return
            yield page
            items += found
            token = self._next(page)
            if all(value is None for value in token.values()):
                return
            if items == self._most:
                self.resume_token = TokenEncoder().encode(token)
                return
            if token == last:
                raise PaginationError(message=f"The same next token was received twice: {token}")
            self._go_on(arguments, token)
            last = token

    async def build_full_result(self) -> dict[str, Any]:
        """All pages as one answer: lists joined, counts added up; NextToken, if more is there, to resume with."""
        whole: dict[str, Any] = {}
        async for page in self:
            for path in self._paginator.results:
                value = reader(path)(page)
                so_far = reader(path)(whole)
                if value is None:
                    continue
                if so_far is None:
                    # What is added to must not be a list that the page's reader was given.
                    set_value_from_jmespath(whole, path, copy.copy(value))
                elif isinstance(value, list):
                    so_far.extend(value)
                elif isinstance(value, (int, float, str)):
                    set_value_from_jmespath(whole, path, so_far + value)
        merge_dicts(whole, self._fixed_part)
        if self.resume_token is not None:
            whole["NextToken"] = self.resume_token
        return whole

    async def search(self, expression: str) -> AsyncIterator[Any]:
        """What a JMESPath expression finds in each page; the elements of a list one by one."""
        find = jmespath.compile(expression).search
        async for page in self:
            found = find(page)
            if isinstance(found, list):
                for element in found:
                    yield element
            else:
                yield found

    def _begin(self, page: Page, skipped: int) -> None:
        """The first page: what an earlier run has handed out of it is cut off."""
        if self._starting is not None:
            primary, *others = self._paginator.results
            items = reader(primary)(page)
            left = items[skipped:] if isinstance(items, (list, str)) else None
            set_value_from_jmespath(page, primary, left)
            for path in others:
                sample = reader(path)(page)
                kept = sample if isinstance(sample, (int, float)) and not isinstance(sample, bool) else None
                empty = type(sample)() if isinstance(sample, (list, str)) else kept
                set_value_from_jmespath(page, path, empty)
        self._fixed_part = {}
        for path in self._paginator.fixed:
            set_value_from_jmespath(self._fixed_part, path, reader(path)(page))

    def _truncate(self, page: Page, keep: int, token: dict[str, Any], skipped: int) -> None:
        """The page in which MaxItems is reached; its token asks for the same page again."""
        primary = self._paginator.results[0]
        set_value_from_jmespath(page, primary, (reader(primary)(page) or [])[:keep])
        self.resume_token = TokenEncoder().encode({**token, TRUNCATE: keep + skipped})

    def _next(self, page: Page) -> dict[str, Any]:
        paginator = self._paginator
        if paginator.more is not None and not paginator.more(page):
            return {}
        pairs = zip(paginator.inputs, paginator.outputs, strict=True)
        return {name: read(page) or None for name, read in pairs}

    def _go_on(self, arguments: dict[str, Any], token: Mapping[str, Any]) -> None:
        for name, value in token.items():
            if value is None or value == "None":
                arguments.pop(name, None)
            else:
                arguments[name] = value
        if any(arguments.get(name) for name in self._paginator.inputs):
            for name in self._paginator.alone:
                arguments.pop(name, None)


def starting_token(text: str, names: list[str]) -> tuple[dict[str, Any], int]:
    """The arguments a token stands for, and how many items of its page were handed out.

    Besides botocore's tokens, a service's own is taken where it has one. Raises ValueError.
    """
    try:
        token = dict(TokenDecoder().decode(text))
        return token, token.pop(TRUNCATE, 0)
    except (ValueError, TypeError, AttributeError):
        pass
    # The older form: the service's tokens, and possibly a count, joined by three underscores.
    parts: list[str | None] = [None if part == "None" else part for part in text.split("___")]
    index = 0
    last = parts[-1]
    if len(parts) == len(names) + 1:
        if last is not None and last.lstrip("-").isdigit():
            index = int(last)
            parts.pop()
        else:
            parts = [text]
    if len(parts) > len(names):
        raise ValueError(f"Bad starting token: {text}")
    parts += [None] * (len(names) - len(parts))
    return dict(zip(names, parts, strict=True)), index


@cache
def reader(path: str) -> Read:
    """What a JMESPath finds; a plain name needs no JMESPath."""
    if path.isidentifier():
        return lambda page: page.get(path)
    search: Read = jmespath.compile(path).search
    return search


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
