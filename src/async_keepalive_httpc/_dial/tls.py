"""TLS contexts: made once for each set of options, in a thread, and never changed afterwards.

Refuses: a caller's own SSLContext is used as it is; nothing is set on it.
Called by: `dialer`, for https routes.
Law: options are told apart by content, contexts by identity. Contexts of our own note whether the peer ended
the stream with a close_notify, which asyncio hides: a body framed by close is complete only then (RFC 9112
section 9.8).
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections import OrderedDict
from typing import Any, Final

from tornado.netutil import ssl_options_to_context

from .._message.reach import TLS
from ..errors import TLSError

CONTEXTS_KEPT: Final = 100
"""Contexts remembered: each costs ~28 ms and some 100 KiB; one who makes up options must not fill memory."""

_contexts: OrderedDict[TLS, ssl.SSLContext] = OrderedDict()
_lock = threading.Lock()


class NotedSSLObject(ssl.SSLObject):
    """An SSLObject that knows whether the peer said close_notify. `notified` is False until then."""

    notified = False

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        data = super().read(len, buffer)
        if not data:
            self.notified = True
        return data


async def context_for(tls: TLS) -> ssl.SSLContext:
    """The context of `tls`. Raises TLSError when a file is missing or wrong (`__cause__` says which)."""
    if tls.context is not None:
        return tls.context
    context = _contexts.get(tls)
    if context is None:
        context = await asyncio.get_running_loop().run_in_executor(None, _remembered, tls)
    return context


def _remembered(tls: TLS) -> ssl.SSLContext:
    with _lock:
        context = _contexts.get(tls)
        if context is None:
            context = _contexts[tls] = _make(tls)
            while len(_contexts) > CONTEXTS_KEPT:
                _contexts.popitem(last=False)
        return context


def _make(tls: TLS) -> ssl.SSLContext:
    """Tornado's rules: `ssl_options` stand alone; else validate_cert, ca_certs and the client certificate."""
    try:
        if tls.options is not None:
            context = ssl_options_to_context(dict(tls.options), server_side=False)
        else:
            context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=tls.ca_certs)
            if not tls.verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if tls.cert is not None:
                context.load_cert_chain(tls.cert, tls.key)
    except (OSError, ValueError, TypeError) as error:
        files = [name for name in (tls.ca_certs, tls.cert, tls.key) if name]
        raise TLSError(f"the TLS options cannot be used: {error}; check {', '.join(files) or 'ssl_options'}") from error
    context.sslobject_class = NotedSSLObject
    return context
