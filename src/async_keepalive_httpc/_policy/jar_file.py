"""The cookies of a jar in a file: a JSON list, one object a cookie.

Refuses: repairing. A file that `write` did not make, or that was changed since to what cannot be, is refused whole.
Called by: `cookies`, when its caller asks for it.
Law: cookies are credentials: the file is for its owner only, is replaced at once or not at all, and no error shows a
value.
"""

from __future__ import annotations

import json
import os
from secrets import token_hex
from types import NoneType
from typing import Any, Final

from .._message.cookie import MAX_ATTRIBUTE, Cookie, parse
from ..errors import InvalidRequest

_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "name": (str,),
    "value": (str,),
    "domain": (str,),
    "path": (str,),
    "host_only": (bool,),
    "secure": (bool,),
    "http_only": (bool,),
    "expires": (int, float, NoneType),
}


def write(path: str | os.PathLike[str], cookies: list[Cookie]) -> None:
    """Replace the file. Raises OSError."""
    text = json.dumps([cookie._asdict() for cookie in cookies], indent=1)
    fresh = f"{os.fspath(path)}.{token_hex(4)}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(text)
        os.replace(fresh, path)
    except BaseException:
        os.unlink(fresh)
        raise


def read(path: str | os.PathLike[str]) -> list[Cookie]:
    """The cookies of a file, in its order. Raises OSError, and InvalidRequest for a file that holds anything else."""
    with open(path, encoding="utf-8") as file:
        try:
            records = json.load(file)
        except (ValueError, RecursionError):
            records = None
    if not isinstance(records, list):
        raise InvalidRequest(f"{os.fspath(path)} is no file of cookies: give one that save() wrote")
    for number, record in enumerate(records, 1):
        if not _is_cookie(record):
            raise InvalidRequest(
                f"{os.fspath(path)}: entry {number} is no cookie: remove it, or give a file that save() wrote"
            )
    return [Cookie(**record) for record in records]


def _is_cookie(record: Any) -> bool:
    if not isinstance(record, dict) or record.keys() != _KINDS.keys():
        return False
    if not all(isinstance(record[name], kinds) for name, kinds in _KINDS.items()):
        return False
    try:
        line = parse(f"{record['name']}={record['value']}".encode("latin-1"))
    except UnicodeEncodeError:
        return False
    path = record["path"]
    good = line is not None and (line.name, line.value) == (record["name"], record["value"])
    return good and path.startswith("/") and len(path) <= MAX_ATTRIBUTE
