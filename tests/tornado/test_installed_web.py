"""Tornado's own tests of its server side that fetch through the configured client, run with ours on both event loops.

websocket_test is not among them: `websocket_connect` stands on the simple client's insides and never asks an
AsyncHTTPClient. process_test forks, and asks for the simple client by name.
"""

from __future__ import annotations

import gc

import pytest
from tests.tornado.binding import bind, cases_of
from tornado.test import (
    asyncio_test,
    auth_test,
    circlerefs_test,
    gen_test,
    httpserver_test,
    iostream_test,
    routing_test,
    testing_test,
    web_test,
    wsgi_test,
)

WITHOUT = {
    "test_no_open_redirect_backslash": "asks the simple client, by name, for a raw backslash in a request line; ours "
    "percent-encodes what RFC 3986 does not allow there",
}


@pytest.fixture(autouse=True)
def nothing_left_before() -> None:
    """circlerefs_test looks for garbage: what tests before it left is none of its own. Finalizers may revive some."""
    gc.collect()
    gc.collect()


for module in (auth_test, circlerefs_test, httpserver_test, routing_test, testing_test, web_test, wsgi_test):
    bind(globals(), module, cases_of(module), without=WITHOUT)

bind(globals(), asyncio_test, ["SelectorThreadContextvarsTest"])
bind(globals(), gen_test, ["GenWebTest"])
bind(globals(), iostream_test, ["TestIOStreamWebHTTP", "TestIOStreamWebHTTPS"])
