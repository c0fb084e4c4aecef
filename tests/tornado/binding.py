"""Binds Tornado's installed tests to our client when they run. Nothing of theirs is copied.

Refuses: judging; the files that call it say what is left out or adapted, and why.
Called by: `test_installed_*`.
Law: for each test case of a Tornado module there are two here, one on asyncio's loop and one on uvloop. While they run,
AsyncHTTPClient makes our client, and wherever the module names one of Tornado's clients it finds ours.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest import TestCase, mock

import uvloop
from tornado.httpclient import AsyncHTTPClient
from tornado.test import httpclient_test
from tornado.testing import ExpectLog

from async_keepalive_httpc import KeepAliveAsyncHTTPClient

OURS = "async_keepalive_httpc.KeepAliveAsyncHTTPClient"
NAMES = ("SimpleAsyncHTTPClient", "CurlAsyncHTTPClient")
POLICIES = {"asyncio": asyncio.DefaultEventLoopPolicy, "uvloop": uvloop.EventLoopPolicy}


class OptionalLog(ExpectLog):
    """An ExpectLog that takes what comes, and does not ask for it."""

    def __init__(self, logger: Any, regex: str, required: bool = True, level: int | None = None) -> None:
        super().__init__(logger, regex, required=False, level=level)


class Bound:
    """Mixed into a test case of Tornado's."""

    policy: type[asyncio.AbstractEventLoopPolicy]
    module: ModuleType
    optional_logs: Collection[str] = ()
    stand_ins: Mapping[str, Any] = {}
    # We undo no coding that was not asked for, as libcurl does.
    decompresses_brotli = False

    @classmethod
    def setUpClass(cls) -> None:
        case: Any = cls
        case.enterClassContext(_loops_of(cls.policy))
        case.enterClassContext(_configured())
        for name in NAMES:
            if hasattr(cls.module, name):
                case.enterClassContext(mock.patch.object(cls.module, name, KeepAliveAsyncHTTPClient))
        for name, stand_in in cls.stand_ins.items():
            case.enterClassContext(mock.patch.object(cls.module, name, stand_in, create=True))
        super().setUpClass()  # type: ignore[misc]

    def setUp(self) -> None:
        case: Any = self
        # get_new_event_loop and its like are deprecated, and Tornado's way to know.
        case.enterContext(warnings.catch_warnings())
        warnings.simplefilter("ignore", DeprecationWarning)
        if case._testMethodName in self.optional_logs:
            for module in {self.module, httpclient_test}:
                case.enterContext(mock.patch.object(module, "ExpectLog", OptionalLog))
        super().setUp()  # type: ignore[misc]


@contextmanager
def _loops_of(policy: type[asyncio.AbstractEventLoopPolicy]) -> Iterator[None]:
    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(policy())
    try:
        yield
    finally:
        asyncio.set_event_loop_policy(before)


@contextmanager
def _configured() -> Iterator[None]:
    """As `python -m tornado.test --httpclient=...` does it, its silence about accesses included."""
    access, saved = logging.getLogger("tornado.access"), AsyncHTTPClient._save_configuration()
    level = access.level
    access.setLevel(logging.CRITICAL)
    AsyncHTTPClient.configure(OURS, defaults={"allow_ipv6": False})
    try:
        yield
    finally:
        AsyncHTTPClient._restore_configuration(saved)
        access.setLevel(level)


def cases_of(module: ModuleType) -> list[str]:
    """The names of the test cases that a module defines itself and that run by themselves."""
    return [
        name
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, TestCase)
        and value.__module__ == module.__name__
        and "abstract" not in str(getattr(value, "__unittest_skip_why__", ""))
    ]


def bind(
    namespace: dict[str, Any],
    module: ModuleType,
    names: Collection[str],
    *,
    without: Mapping[str, str] | None = None,
    optional_logs: Collection[str] = (),
    stand_ins: Mapping[str, Any] | None = None,
) -> None:
    """Put the test cases `names` of `module` into `namespace`, for each loop.

    without: tests that are left out, each with its reason. optional_logs: tests whose log records Tornado's own
    parser and streams write. stand_ins: what of the module is something else then; it need not be installed.
    """
    for name in names:
        case = getattr(module, name)
        for loop, policy in POLICIES.items():
            body: dict[str, Any] = {
                "policy": policy,
                "module": module,
                "optional_logs": optional_logs,
                "stand_ins": stand_ins or {},
                "__module__": namespace["__name__"],
                **{test: None for test in without or () if hasattr(case, test)},
                **({"__unittest_skip__": False} if stand_ins else {}),
            }
            bound = f"{name}_{loop}"
            namespace[bound] = type(bound, (Bound, case), body)
