"""Credentials as header values.

Refuses: keeping them, and naming them in an error.
Called by: `client`, `_tornado`, `_transport` (for proxies).
Law: RFC 7617 in UTF-8. The first colon ends the user name, so it has none; no part holds control characters.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Final

from ..errors import InvalidRequest

# A lone surrogate has no UTF-8 form.
_BARRED: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


def basic(username: str, password: str) -> bytes:
    """The value of Authorization or Proxy-Authorization for Basic (RFC 7617 section 2).

    Raises InvalidRequest when the user name holds ":" or either part a control character.
    """
    if ":" in username:
        raise InvalidRequest("The user name for Basic authentication holds a colon: use one without")
    for part, text in (("user name", username), ("password", password)):
        if _BARRED.search(text):
            raise InvalidRequest(f"The {part} for Basic authentication holds a control character: remove it")
    return b"Basic " + b64encode(f"{username}:{password}".encode())
