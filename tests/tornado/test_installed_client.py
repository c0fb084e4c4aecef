"""Tornado's own tests of its HTTP clients, as they are installed, run against ours on both event loops.

What is left out or adapted stands here, with its reason.
"""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

from tests.tornado.binding import OURS, bind, cases_of
from tornado.test import curl_httpclient_test, httpclient_test, simple_httpclient_test

from async_keepalive_httpc import KeepAliveAsyncHTTPClient

# They ask for records that Tornado's HTTP parser and its streams write. Ours writes none above DEBUG: what went wrong
# is in the exception.
OPTIONAL_LOGS = (
    "test_chunked_with_content_length",
    "test_decompression_bomb_without_streaming_callback",
    "test_decompressed_body_size",
    "test_error_logging",
    "test_invalid",
    "test_large_body",
    "test_large_body_until_close",
    "test_large_headers",
    "test_multi_line_headers",
    "test_multiple_content_length_accepted",
    "test_reuse_after_refusal",
    "test_ssl_context_handshake_fail",
    "test_streaming_callback_decompressed_over_limit",
    "test_streaming_callback_over_limit",
    "test_too_many_1xx",
)

WITHOUT = {
    "test_error_after_cancel": "asks for an ERROR record when a cancelled fetch fails: ours ends with its Future",
    "test_streaming_callback_not_permitted": "the curl client's; the simple one awaits such a callback, as ours does",
    "test_streaming_callback_exception": "the curl client goes on after a callback has raised; the simple one does not",
    "test_redirect_body_not_counted": "the curl client's; the simple one counts it, as ours does",
    "test_refusal_message": "asks for a CurlError",
}

COMMON = ("HTTPClientCommonTestCase", "SyncHTTPClientTest")
# RequestProxyTest, HTTPResponseTestCase, HTTPRequestTestCase and HTTPErrorTestCase test Tornado's own classes.
bind(globals(), httpclient_test, COMMON, without=WITHOUT, optional_logs=OPTIONAL_LOGS)

SIMPLE = (
    "SimpleHTTPClientCommonTestCase",
    "SimpleHTTPClientTestCase",
    "SimpleHTTPSClientTestCase",
    "CreateAsyncHTTPClientTestCase",
    "HTTP100ContinueTestCase",
    "HTTP1xxLimitTestCase",
    "GzipResponseTestCase",
    "HTTP204NoContentTestCase",
    "HostnameMappingTestCase",
    "ResolveTimeoutTestCase",
    "TLSHandshakeTimeoutTestCase",
    "MaxHeaderSizeTest",
    "SimpleHTTPClientMaxBodySizeTestCase",
    "MaxBodySizeUntilCloseTest",
    "MaxBufferSizeUntilCloseTest",
    "MaxBufferSizeTest",
    "ChunkedWithContentLengthTest",
)
bind(globals(), simple_httpclient_test, SIMPLE, without=WITHOUT, optional_logs=OPTIONAL_LOGS)

CURL = (
    "CurlHTTPClientCommonTestCase",
    "CurlHTTPClientTestCase",
    "CurlHTTPClientReuseProxyAuthTestCase",
    "CurlHTTPClientReuseCertsTestCase",
    "CurlHTTPClientMaxBodySizeTestCase",
)
# CurlStreamingBufferTest tests a private class. Where pycurl is not installed, the module lacks the names.
STAND_INS = {
    "CurlAsyncHTTPClient": KeepAliveAsyncHTTPClient,
    "_CurlStreamingBuffer": SimpleNamespace(max_buffer_size=0),
}


bind(
    globals(),
    curl_httpclient_test,
    CURL,
    without=WITHOUT,
    optional_logs=OPTIONAL_LOGS,
    stand_ins=STAND_INS,
)


def test_every_case_is_bound_or_named():
    """A newer Tornado may bring new ones."""
    known = {
        httpclient_test: {
            *COMMON,
            "RequestProxyTest",
            "HTTPResponseTestCase",
            "SyncHTTPClientSubprocessTest",
            "HTTPRequestTestCase",
            "HTTPErrorTestCase",
            "HTTPClientMaxBodySizeTestCase",
        },
        simple_httpclient_test: {*SIMPLE, "SimpleHTTPClientTestMixin"},
        curl_httpclient_test: {*CURL, "CurlStreamingBufferTest"},
    }
    for module, names in known.items():
        assert set(cases_of(module)) <= names, module


def test_destructor_log():
    """SyncHTTPClientSubprocessTest, whose program makes the default client: here it makes ours, and says nothing."""
    program = (
        "from tornado.httpclient import AsyncHTTPClient, HTTPClient\n"
        f"AsyncHTTPClient.configure({OURS!r})\nf = lambda: None\nc = HTTPClient()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env={**os.environ}
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
