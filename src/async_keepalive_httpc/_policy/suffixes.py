"""Public suffixes: domains such as "com", "co.uk" and "github.io" that belong to many, so that nobody may set a cookie
for all of them.

Refuses: fetching a list. It is the one that the package publicsuffixlist brings, where that is installed.
Called by: `cookies`, for each new jar.
Law: without the list, what is likely one counts as one: a single label, or a usual second label below a country.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

SuffixTest = Callable[[str], bool]

_SECOND: Final = frozenset(("ac", "co", "com", "edu", "go", "gov", "mil", "ne", "net", "or", "org"))


@cache
def suffix_test() -> SuffixTest:
    """What tells whether a domain, in lower case and A-labels, is a public suffix. The list is read once: 50 ms."""
    try:
        from publicsuffixlist import PublicSuffixList
    except ImportError:
        return is_likely_suffix
    test: SuffixTest = PublicSuffixList().is_public
    return test


def is_likely_suffix(domain: str) -> bool:
    """The rule for those who have no list."""
    first, dot, rest = domain.partition(".")
    return not dot or (len(rest) == 2 and first in _SECOND)
