"""Public suffixes: the list where it is installed, a rule where it is not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from async_keepalive_httpc import CookieJar
from async_keepalive_httpc._policy.suffixes import is_likely_suffix, suffix_test


@pytest.fixture(autouse=True)
def afresh() -> Iterator[None]:
    suffix_test.cache_clear()
    yield
    suffix_test.cache_clear()


@pytest.mark.parametrize("domain", ["com", "localhost", "co.uk", "com.au", "ac.jp", "xn--p1ai"])
def test_likely(domain: str) -> None:
    assert is_likely_suffix(domain)


@pytest.mark.parametrize("domain", ["example.com", "co.example", "example.uk", "www.co.uk", "a.b.c", "github.io"])
def test_not_likely(domain: str) -> None:
    assert not is_likely_suffix(domain)


def test_without_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "publicsuffixlist", None)
    assert suffix_test() is is_likely_suffix


def test_with_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    class List:
        def __init__(self) -> None:
            made.append(self)

        def is_public(self, domain: str) -> bool:
            return domain == "github.io"

    module = ModuleType("publicsuffixlist")
    module.PublicSuffixList = List  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "publicsuffixlist", module)
    for _ in range(2):
        jar = CookieJar()
        assert not jar.store("https://mine.github.io/", "a=b; Domain=github.io")
        assert jar.store("https://mine.github.io/", "a=b; Domain=mine.github.io")
    assert len(made) == 1


def test_the_list_itself() -> None:
    is_public = suffix_test()
    assert all(is_public(domain) for domain in ("com", "co.uk", "github.io", "kobe.jp", "xn--p1ai", "unknown"))
    assert not any(is_public(domain) for domain in ("example.com", "city.kobe.jp", "www.ck", "mine.github.io"))
