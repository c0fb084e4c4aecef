"""TLS sessions to resume, so that a reconnect need not check certificates again (RFC 8446 section 2.2, RFC 5077).

Refuses: deciding what may share a session: the key says it, which is a Route, so never across other checks, client
certificates, names, proxies or contexts.
Called by: `dialer` (what to offer), `handshake` (what became of it).
Law: reading a session from its connection costs 0.12 ms, which is a third of what resuming it saves. So it is read
when a dial wants it, not when it arrives, and used again for half of its life:

    handshake was full        its connection has a session for the next dial, once the server's ticket has come
    session was refused       forgotten; if it had worked before, tickets of this server serve once: a new one each time
    handshake failed          the session it was made with is forgotten
    always full               after 10 in a row only each tenth connection is asked for its session
    the context was changed   everything is forgotten
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final

SESSIONS_KEPT: Final = 100
"""Routes whose session is remembered: each holds a few KiB, and one connection's TLS state until that is read."""
PATIENCE: Final = 10
"""Full handshakes in a row after which a Route is thought to give no sessions."""


class Kept:
    """What is known of the sessions of one Route on one event loop."""

    __slots__ = ("_checks", "_context", "_misses", "_now", "_once", "_session", "_source", "_stale", "_worked")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._context: ssl.SSLContext | None = None
        self._checks: Any = None
        self._forget()

    def _forget(self) -> None:
        self._session: ssl.SSLSession | None = None
        self._source: ssl.SSLObject | None = None
        self._stale = 0.0
        self._worked = self._once = False
        self._misses = 0

    def offer(self, context: ssl.SSLContext) -> ssl.SSLSession | None:
        """The session to try with `context`, if there is one."""
        checks = (context.verify_mode, context.check_hostname, context.verify_flags)
        if context is not self._context or checks != self._checks:
            self._forget()
            self._context, self._checks = context, checks
        if self._source is not None:
            self._take(self._source)
        session = self._session
        if self._once:
            self._session = None
        return session

    def _take(self, source: ssl.SSLObject) -> None:
        session = source.session
        if session is None or not (session.has_ticket or (session.id and source.version() == "TLSv1.2")):
            return
        self._session = session
        self._source = None
        self._stale = self._now() + (session.ticket_lifetime_hint or session.timeout) / 2
        self._worked = False

    def made(self, tls: ssl.SSLObject, offered: ssl.SSLSession | None) -> None:
        """A handshake was made."""
        stale = self._now() >= self._stale
        if tls.session_reused:
            self._misses = 0
            self._worked = True
            if self._once or stale:
                self._source = tls
            return
        if offered is not None:
            self._once = self._once or (self._worked and not stale)
            self.failed(offered)
        self._misses += 1
        if self._misses < PATIENCE or self._misses % PATIENCE == 0:
            self._source = tls

    def failed(self, offered: ssl.SSLSession | None) -> None:
        """A handshake failed."""
        if self._session is offered:
            self._session = None


class Sessions:
    """The sessions of one client, the least recently used forgotten first."""

    # By event loop, since a connection's session is read while nothing else happens on that connection.
    __slots__ = ("_kept", "_now")

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._kept: OrderedDict[tuple[asyncio.AbstractEventLoop, Hashable], Kept] = OrderedDict()

    def of(self, key: Hashable) -> Kept:
        """What is known for `key` on the event loop that runs."""
        place = (asyncio.get_running_loop(), key)
        kept = self._kept.pop(place, None) or Kept(self._now)
        self._kept[place] = kept
        if len(self._kept) > SESSIONS_KEPT:
            self._kept.popitem(last=False)
        return kept

    def leave(self, loop: asyncio.AbstractEventLoop) -> None:
        """Forget the sessions of `loop`."""
        for place in [place for place in list(self._kept) if place[0] is loop]:
            self._kept.pop(place, None)
