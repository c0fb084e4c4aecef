"""A head that RFC 9112 lets us take, written anew so that llhttp takes it too.

Refuses: guessing, and everything else that is wrong with a head: it stays an error.
Called by: `h1`, when the parser stopped inside a head, or would misread it.
Law:
    Content-Length repeated with one value   one line (RFC 9112 section 6.3 rule 5); values that differ: None
    a tab in Transfer-Encoding               a space (RFC 9110 section 5.6.3 has both; llhttp knows one)
"""

from __future__ import annotations

from typing import Final

LENGTH_ERRORS: Final = frozenset({"Duplicate Content-Length", "Invalid character in Content-Length"})
"""How llhttp words what `mend` may put right."""


def mend(head: bytes) -> bytes | None:
    """`head` (its lines, without the empty one) as llhttp reads it, or None when that cannot be."""
    lines: list[bytes] = []
    values: set[bytes] = set()
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        lower = name.lower()
        if lower == b"transfer-encoding":
            lines.append(line.replace(b"\t", b" "))
        elif lower != b"content-length":
            lines.append(line)
        else:
            given = [part.strip(b" \t") for part in value.split(b",")]
            if not values:
                lines.append(name + b": " + given[0])
            values.update(given)
    if len(values) > 1 or not all(value.isdigit() for value in values):
        return None
    return b"\r\n".join(lines)
