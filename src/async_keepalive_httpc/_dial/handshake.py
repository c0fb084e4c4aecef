"""One TLS handshake: the context as the event loop is given it, and what became of it.

Refuses: sockets and loops (`dialer` has them), and changing the context, which may be a caller's.
Called by: `dialer`, which gives it to the loop in place of an SSLContext; the loop calls `wrap_bio`.
Law: the context in use, a caller's too, makes the SSLObject itself, with the session that is to be resumed. A plain
SSLObject then becomes one that notes whether the peer ended the stream with a close_notify, which loops hide: a body
framed by close is complete only then (RFC 9112 section 9.8).
"""

from __future__ import annotations

import ssl
from typing import Any, Final, NoReturn

from .._message.tls import TLS
from .._message.url import Origin
from ..errors import ConnectError, TLSError
from .course import shown
from .pins import check_pins
from .refusal import explain
from .sessions import Kept

SPOKEN: Final = "http/1.1"
"""What our own contexts offer by ALPN (RFC 7301); a caller's context offers what its caller chose."""
TLS_SHUTDOWN: Final = 1.0
"""Seconds that a peer gets to answer our close_notify."""


class NotedSSLObject(ssl.SSLObject):
    """An SSLObject that knows whether the peer said close_notify. `notified` is False until then."""

    incoming: ssl.MemoryBIO
    notified = False

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        data = super().read(len, buffer)
        if not data:
            self.notified = True
        return data

    def read_rest(self, buffer: memoryview) -> int:
        """Bytes, put into `buffer`, that came before the end and were not given to anybody; 0 if there are none."""
        if not self.incoming.pending and not self.pending():
            return 0
        try:
            return int(self.read(len(buffer), buffer))
        except ssl.SSLError:
            return 0


class Handshake:
    """An SSLContext for one dial, as far as an event loop asks.

    A context of its own for each dial, or Route, would cost 0.2 ms. That loops take it for an SSLContext is the
    condition of `start_tls`.
    """

    __slots__ = ("_context", "_kept", "_offered", "_tls", "origin", "pins", "server")

    def __init__(self, context: ssl.SSLContext, options: TLS, origin: Origin, kept: Kept | None = None) -> None:
        self._context = context
        self._kept = kept
        self._offered: ssl.SSLSession | None = None
        self._tls: ssl.SSLObject | None = None
        self.origin = origin
        self.pins = options.pins
        # A zone is of no concern to the peer (RFC 6874 section 1).
        self.server = options.server_hostname or origin.host.partition("%")[0]

    __class__ = property(lambda self: ssl.SSLContext)

    def options(self) -> dict[str, Any]:
        """What `create_connection` and `start_tls` are to be told beside the context."""
        return {"server_hostname": self.server, "ssl_shutdown_timeout": TLS_SHUTDOWN}

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """As SSLContext has it; the loop calls it once."""
        wrap = self._context.wrap_bio
        session = None if self._kept is None else self._kept.offer(self._context)
        try:
            tls = wrap(incoming, outgoing, server_side, server_hostname, session)
        except ValueError:
            if session is None:
                raise
            # It is of another context: a caller's class may use a new one inside for each connection.
            session = None
            tls = wrap(incoming, outgoing, server_side, server_hostname)
        self._offered = session
        if type(tls) is ssl.SSLObject:
            tls.__class__ = NotedSSLObject
            tls.incoming = incoming  # type: ignore[attr-defined]
        self._tls = tls
        return tls

    def made(self) -> bool:
        """The handshake was made: whether it resumed a session.

        Raises TLSError where the certificate has no pin, or another protocol was agreed upon than the one spoken here.
        """
        tls = self._tls
        assert tls is not None
        check_pins(tls, self.pins, self.origin)
        chosen = tls.selected_alpn_protocol()
        if chosen not in (None, SPOKEN):
            where = shown((self.origin.host, self.origin.port))
            raise TLSError(
                f"TLS handshake with {where} failed: by ALPN the server chose {chosen!r}, which is not spoken here; "
                f"nothing was sent. Let your SSLContext offer what is: context.set_alpn_protocols([{SPOKEN!r}])"
            )
        if self._kept is not None:
            self._kept.made(tls, self._offered)
        return bool(tls.session_reused)

    def failed(self) -> None:
        """The handshake failed, or took too long: what was offered is not offered again."""
        if self._kept is not None and self._offered is not None:
            self._kept.failed(self._offered)

    def refuse(self, error: Exception) -> NoReturn:
        """Raise what is to be raised for `error`, which the event loop raised; one of `made`, as it is."""
        if isinstance(error, ConnectError):
            raise error
        raise explain(error, self.origin, self.server, self._tls) from error
