"""What a Tornado application sees of our errors: Tornado's classes, and Tornado's texts."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest
from tornado.httpclient import HTTPClientError
from tornado.iostream import UnsatisfiableReadError
from tornado.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError

from async_keepalive_httpc._message.url import Origin
from async_keepalive_httpc._tornado.errors import HeaderTooLarge, tornado_error
from async_keepalive_httpc.errors import (
    ClientClosed,
    ConnectError,
    ConnectionLost,
    DecodeError,
    DNSError,
    InvalidRequest,
    ProtocolError,
    TimeoutExpired,
    TLSError,
    TooLarge,
    TooManyWaiters,
)

ORIGIN = Origin("https", "h.example", 8443)


@pytest.mark.parametrize(
    ("phase", "step", "origin", "text"),
    [
        ("pool", "", ORIGIN, "Timeout in request queue"),
        ("total", "", ORIGIN, "Timeout during request"),
        ("read", "", None, "Timeout during request"),
        ("connect", "resolving", ORIGIN, "Timeout while resolving h.example"),
        ("connect", "connecting to", ORIGIN, "Timeout while connecting to h.example:8443"),
        ("connect", "connecting to", Origin("http", "::1", 80), "Timeout while connecting to [::1]:80"),
        (
            "connect",
            "making a TLS handshake with",
            ORIGIN,
            "Timeout during TLS handshake with h.example:8443",
        ),
    ],
)
def test_timeout(phase, step, origin, text):
    ours = TimeoutExpired("ours", phase, step, origin)
    theirs = tornado_error(ours)
    assert isinstance(theirs, HTTPTimeoutError)
    assert (theirs.code, str(theirs), theirs.__cause__) == (599, text, ours)


@pytest.mark.parametrize(
    ("ours", "cause"),
    [
        (ConnectError("cannot connect to h:1"), ConnectionRefusedError(111, "Connection refused")),
        (ConnectError("cannot connect to h:1"), OSError("no number, no name")),
        (DNSError("cannot resolve 'h'"), socket.gaierror(-2, "Name or service not known")),
        (TLSError("TLS handshake with h:1 failed"), ssl.SSLCertVerificationError(1, "self-signed")),
        (TLSError("the TLS options cannot be used"), FileNotFoundError(2, "No such file", "ca.pem")),
        (TLSError("the TLS options cannot be used"), ValueError("certfile must be specified")),
        (ConnectionLost("the connection ended"), ConnectionResetError(104, "Connection reset by peer")),
    ],
)
def test_what_the_system_raised(ours, cause):
    ours.__cause__ = cause
    text = str(cause)
    assert tornado_error(ours) is cause
    assert str(cause) == text
    assert cause.__notes__ == [str(ours)]


def test_refusal_has_the_systems_words():
    ours = ConnectError("cannot connect to h:1")
    ours.__cause__ = ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('10.0.0.1', 1)")
    theirs = tornado_error(ours)
    assert type(theirs) is ConnectionRefusedError
    assert theirs.errno == errno.ECONNREFUSED
    assert theirs.strerror == "Connection refused: Connect call failed ('10.0.0.1', 1)"
    assert theirs.__cause__ is ours


def test_tls_error_without_a_cause():
    ours = TLSError("the certificate is not one that pin_sha256 names")
    theirs = tornado_error(ours)
    assert type(theirs) is ssl.SSLError
    assert (str(theirs), theirs.__cause__) == (str(ours), ours)


@pytest.mark.parametrize("ours", [DNSError("the resolver gave no address"), ConnectError("not connected")])
def test_connect_error_without_a_cause(ours):
    assert tornado_error(ours) is ours


@pytest.mark.parametrize("cause", [None, EOFError("end")])
def test_lost_connection(cause):
    ours = ConnectionLost("the connection ended")
    ours.__cause__ = cause
    theirs = tornado_error(ours)
    assert isinstance(theirs, HTTPStreamClosedError)
    assert (theirs.code, str(theirs), theirs.__cause__) == (599, "Connection closed", ours)


@pytest.mark.parametrize(
    "ours",
    [
        ProtocolError("malformed"),
        TooLarge("the body is too long"),
        TooLarge("chunk sizes", "framing"),
        DecodeError("cut off"),
        ClientClosed("closed"),
    ],
)
def test_closed_stream(ours):
    theirs = tornado_error(ours)
    assert type(theirs) is HTTPStreamClosedError
    assert (theirs.code, str(theirs), theirs.__cause__) == (599, str(ours), ours)


def test_header_too_large_is_both_of_tornados_errors():
    ours = TooLarge("the head is too long", "header")
    theirs = tornado_error(ours)
    assert type(theirs) is HeaderTooLarge
    assert isinstance(theirs, UnsatisfiableReadError)
    assert isinstance(theirs, HTTPClientError)
    assert isinstance(theirs, HTTPStreamClosedError)
    assert (str(theirs), theirs.__cause__) == ("the head is too long", ours)


@pytest.mark.parametrize(
    "error",
    [InvalidRequest("bad"), TooManyWaiters("many"), KeyError("unknown method X"), RuntimeError("theirs")],
)
def test_all_else_stays(error):
    assert tornado_error(error) is error
