"""Whether a request whose connection failed, or which a server turned away unread, is sent again, and how.

Refuses: retries for any other reason: those are a policy that the caller chooses.
Called by: `client`, after each failure of a connection and for each answer that is no success.
Law (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1):

    nothing of it was written              any method     up to UNSENT_TRIES tries
    reused connection, no byte came        idempotent     once, on a fresh connection
    408 and close, reused connection       idempotent     the same: the server gave up waiting as we wrote (section
                                                          15.5.9); without a body, else it may have waited for that
    421                                    any method     once, on a fresh connection (section 15.5.20)
    anything else                          never          a fresh connection that died, a byte that came, time

What was written goes again only if its body can be replayed. A POST is never sent twice on the strength of silence.
"""

from __future__ import annotations

from typing import Final

from .._message.request import Request
from .._message.response import Response
from ..errors import SENT, UNSENT, ConnectionLost

NEVER: Final = 0
AGAIN: Final = 1
FRESH: Final = 2

UNSENT_TRIES: Final = 3
"""Tries of a request that no connection took a byte of: a server that closes at accept must not hold us for ever."""


def resend(request: Request, error: BaseException | None, tries: int, resends: int) -> int:
    """NEVER, AGAIN or FRESH, after `tries` tries of which `resends` followed a written request."""
    if not isinstance(error, ConnectionLost):
        return NEVER
    if error.stage == UNSENT:
        return AGAIN if tries < UNSENT_TRIES else NEVER
    if error.stage == SENT and error.reused and request.idempotent and request.replayable and not resends:
        return FRESH
    return NEVER


def refused(response: Response, resends: int) -> bool:
    """Whether this answer says that the request was not looked at, so that it goes again, on a fresh connection."""
    request = response._request
    if resends or response.status not in (408, 421) or not request.replayable:
        return False
    return response.status == 421 or (
        response.reused and request.idempotent and request.body is None and _closes(response)
    )


def _closes(response: Response) -> bool:
    values = ",".join(response._head.headers.get_list("Connection")).lower()
    return response.http_version == "1.0" or "close" in [value.strip() for value in values.split(",")]
