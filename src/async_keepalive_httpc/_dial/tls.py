"""TLS contexts: made once for each set of options, in a thread, and never changed afterwards.

Refuses: a caller's own SSLContext is used as it is; nothing is set on it.
Called by: `dialer` and `tunnel`, for https routes.
Law: options are told apart by content, contexts by identity. A file of certificates that has changed is read again.
SSL_CERT_FILE, SSL_CERT_DIR and SSLKEYLOGFILE count, as OpenSSL and `ssl.create_default_context` have it.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from collections import OrderedDict
from typing import Any, Final, NoReturn

from tornado.netutil import ssl_options_to_context

from .._message.tls import TLS
from ..errors import TLSError
from .handshake import SPOKEN

CONTEXTS_KEPT: Final = 100
"""Contexts remembered: each costs ~28 ms and some 100 KiB; one who makes up options must not fill memory."""
_FILES: Final = ("ca_certs", "certfile", "keyfile")

Key = tuple[TLS, tuple[int, ...]]

_contexts: OrderedDict[Key, ssl.SSLContext] = OrderedDict()
_lock = threading.Lock()


async def context_for(tls: TLS) -> ssl.SSLContext:
    """The context of `tls`. Raises TLSError when a file is missing or wrong (`__cause__` says which)."""
    if tls.context is not None:
        return tls.context
    tls = tls.general
    context = _contexts.get((tls, tuple(map(_stamp, _files(tls)))))
    if context is None:
        context = await asyncio.get_running_loop().run_in_executor(None, _remembered, tls)
    return context


def _files(tls: TLS) -> list[Any]:
    options = dict(tls.options or ())
    named = [tls.ca_certs, tls.cert, tls.key, *(options.get(name) for name in _FILES)]
    return [name for name in named if name]


def _stamp(file: Any) -> int:
    """Changes when the file does."""
    try:
        return os.stat(file).st_mtime_ns
    except (OSError, TypeError, ValueError):
        return 0


def _remembered(tls: TLS) -> ssl.SSLContext:
    with _lock:
        # The stamps are older than what is read, so that a change in between is seen the next time.
        key = tls, tuple(map(_stamp, _files(tls)))
        context = _contexts.get(key)
        if context is None:
            context = _contexts[key] = _make(tls)
            while len(_contexts) > CONTEXTS_KEPT:
                _contexts.popitem(last=False)
        return context


def _make(tls: TLS) -> ssl.SSLContext:
    """Tornado's rules: `ssl_options` stand alone; else validate_cert, ca_certs and the client certificate."""
    cert, key = tls.cert, tls.key
    try:
        if tls.options is not None:
            options = dict(tls.options)
            # Tornado would have OpenSSL ask for a password on the terminal, and wait.
            cert, key = options.pop("certfile", None), options.pop("keyfile", None)
            context = ssl_options_to_context(options, server_side=False)
        else:
            context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=tls.ca_certs)
            if not tls.verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
        if cert is not None:
            context.load_cert_chain(cert, key, _no_password)
        context.set_alpn_protocols([SPOKEN])
    except (OSError, ValueError, TypeError) as error:
        files = ", ".join(map(str, _files(tls))) or "ssl_options"
        raise TLSError(f"the TLS options cannot be used: {error}; check {files}") from error
    return context


def _no_password() -> NoReturn:
    raise ValueError(
        "the private key is encrypted: give it decrypted, or load it with its password into an ssl.SSLContext of "
        "your own"
    )
