"""Coroutine functions as plain tests.

Called by: tests whose whole body is one coroutine.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.conftest import Run


def looped(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """The plain test that runs this coroutine by the `run` fixture."""

    @functools.wraps(test)
    def plain(*args: Any, run: Run, **values: Any) -> None:
        run(test(*args, **values))

    signature = inspect.signature(test)
    run = inspect.Parameter("run", inspect.Parameter.KEYWORD_ONLY)
    plain.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), run]
    )
    return plain
