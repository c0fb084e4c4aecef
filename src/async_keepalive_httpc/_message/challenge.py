"""Challenges of servers and proxies, as values.

Refuses: what they mean, and repairing: what breaks the grammar is left out, with the rest of its line.
Called by: `_policy`, to choose one and answer it. Imports nothing of ours.
Law (RFC 9110 section 11): one pass over a line, no step back; no value holds what could end a line.

    Basic realm="a, b", Digest realm=c, nonce="d\\"e", Negotiate Zm9v==
    |     |             |                             |         |
    |     parameter     scheme: no "=" after it       scheme    token
    scheme
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

MAX_LINE: Final = 8192
"""Characters of one line of challenges: an answer repeats much of it, and servers take about 8 KiB."""
MAX_CHALLENGES: Final = 32
"""Of one response; RFC 7616 knows six that differ."""

# Possessive: what a class of characters has taken it keeps, so no pattern here can backtrack.
_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_END: Final = r"[ \t]*+(?:,[ \t,]*+|\Z)"
_PARAMETER: Final = re.compile(
    rf"({_TOKEN})[ \t]*+=[ \t]*+(?:({_TOKEN})|"
    r'"([\t !#-\[\]-~\x80-\xff]*+(?:\\[\t -~\x80-\xff][\t !#-\[\]-~\x80-\xff]*+)*+)")' + _END
)
_SCHEME: Final = re.compile(rf"({_TOKEN})(?:[ \t]++([0-9A-Za-z._~+/-]++=*+){_END}|{_END}|[ \t]++(?={_TOKEN}[ \t]*+=))")
_ESCAPE: Final = re.compile(r"\\(.)")


class Challenge(NamedTuple):
    """One challenge (RFC 9110 section 11.3); credentials have the same form.

    scheme: lower case. parameters: names in lower case, values without quotes and escapes, in Latin-1, whose
    code points are the bytes received. token: what stands in the place of parameters, "" if nothing does.
    """

    scheme: str
    parameters: dict[str, str]
    token: str = ""

    @property
    def stale(self) -> bool:
        """The nonce is too old, and nothing is wrong with the credentials (RFC 7616 section 3.3)."""
        return self.parameters.get("stale", "").lower() == "true"


def parse(lines: Iterable[str]) -> list[Challenge]:
    """The challenges in all lines of WWW-Authenticate or Proxy-Authenticate, in their order. Raises nothing.

    lines: as `Headers.get_list()` gives them, Latin-1. A line that breaks RFC 9110 section 11.6.1 counts up
    to its last challenge that is whole; one longer than MAX_LINE counts for nothing.
    """
    found: list[Challenge] = []
    for line in lines:
        if len(line) <= MAX_LINE:
            found += _read(line)
    return found[:MAX_CHALLENGES]


def _read(line: str) -> list[Challenge]:
    """Commas part challenges and parameters alike: name and value belong to the scheme before them."""
    found: list[Challenge] = []
    line = line.lstrip(" \t,")
    at = 0
    while at < len(line):
        if parameter := _PARAMETER.match(line, at):
            name, token, quoted = parameter.groups()
            if not found or found[-1].token or name.lower() in found[-1].parameters:
                return found[:-1]
            found[-1].parameters[name.lower()] = _ESCAPE.sub(r"\1", quoted) if token is None else token
            at = parameter.end()
        elif scheme := _SCHEME.match(line, at):
            found.append(Challenge(scheme[1].lower(), {}, scheme[2] or ""))
            at = scheme.end()
        else:
            return found[:-1]
    return found
