"""A client's `defaults`: a dictionary that says when it was changed.

Refuses: knowing what the values mean.
Called by: `fetch`, which keeps what it made of them; users, as `client.defaults["user_agent"] = ...`.
Law: whoever keeps something made of them is told after each change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class ClientDefaults(dict[str, Any]):
    """Values for attributes that an HTTPRequest leaves at None. `changed` is called after each change."""

    __slots__ = ("changed",)

    def __init__(self, values: dict[str, Any], changed: Callable[[], None]) -> None:
        super().__init__(values)
        self.changed = changed

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        self.changed()

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self.changed()

    def __ior__(self, other: Any) -> ClientDefaults:  # type: ignore[override,misc]
        self.update(other)
        return self

    def update(self, *values: Any, **named: Any) -> None:
        super().update(*values, **named)
        self.changed()

    def setdefault(self, name: str, value: Any = None) -> Any:
        value = super().setdefault(name, value)
        self.changed()
        return value

    def pop(self, name: str, *otherwise: Any) -> Any:
        value = super().pop(name, *otherwise)
        self.changed()
        return value

    def popitem(self) -> tuple[str, Any]:
        item = super().popitem()
        self.changed()
        return item

    def clear(self) -> None:
        super().clear()
        self.changed()
