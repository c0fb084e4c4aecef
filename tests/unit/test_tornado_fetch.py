"""A fetch against a scripted peer: statuses, redirects, codings and limits, as Tornado has them."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from tests.fetching import fetched
from tests.peers import Conn, Peer, Request, answer, chunked, echo, ok, response, serving
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.httputil import HTTPHeaders
from tornado.iostream import UnsatisfiableReadError
from tornado.simple_httpclient import HTTPStreamClosedError

from async_keepalive_httpc.keepalive_client import SimpleKeepAliveHTTPClient as Client

GZIP = [("Content-Encoding", "gzip")]


@serving
def redirecting(conn: Conn, request: Request) -> bytes:
    """A script that redirects /<status>/<rest> to /<rest>, and answers the rest with what it was sent."""
    status, _, rest = request.target[1:].partition("/")
    if status.isdigit():
        return answer(request, response(b"moved", status=int(status), headers=[("Location", f"/{rest}")]))
    return answer(request, response(f"{request.method} {request.target} ".encode() + request.body))


# -- statuses


def test_by_url_and_by_request(run):
    async def test():
        async with Peer(echo) as peer, Client() as client:
            by_url = await client.fetch(peer.url + "/a")
            headers = HTTPHeaders({"X-A": "1"})
            request = HTTPRequest(peer.url + "/b", "POST", headers=headers, body=b"body")
            for _ in range(2):
                by_request = await client.fetch(request)
                assert (by_request.body, by_request.request) == (b"body", request)
            with_headers = await client.fetch(peer.url + "/c", headers={"X-C": "3"})
            assert (by_url.code, by_url.reason, by_url.body) == (200, "OK", b"/a")
            assert with_headers.body == b"/c"
            assert isinstance(with_headers.request.headers, HTTPHeaders)
            assert list(headers.get_all()) == [("X-A", "1")]
            assert [sent.get("X-A") for sent in peer.requests] == ["", "1", "1", ""]
            assert peer.requests[3].get("X-C") == "3"
            assert peer.connections == 1

    run(test())


@pytest.mark.parametrize("status", [304, 400, 404, 500])
def test_status_that_is_an_error(run, status):
    async def test():
        body = b"" if status == 304 else b"why"
        async with Peer(ok()) as peer, Client() as client:
            peer._script = serving(lambda conn, request: response(body, status=status, reason="Why"))
            with pytest.raises(HTTPClientError, match=f"^HTTP {status}: Why$") as caught:
                await client.fetch(peer.url)
            error: Any = caught.value
            assert (error.code, error.response.code, error.response.body) == (status, status, body)
            assert error.response.error is error
            given = await client.fetch(peer.url, raise_error=False)
            assert (given.code, given.body) == (status, body)
            assert isinstance(given.error, HTTPClientError)
            assert (peer.connections, len(client)) == (1, 0)

    run(test())


def test_raise_error_false_is_for_statuses_only(run):
    async def test():
        error, _ = await fetched([b"garbage\r\n\r\n"], raise_error=False)
        assert isinstance(error, HTTPStreamClosedError)

    run(test())


@pytest.mark.parametrize(
    ("raw", "fine"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", False),
        (b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", False),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_no_content(run, raw, fine, streamed):
    async def test():
        options: Any = {"streaming_callback": bytearray().extend} if streamed else {}
        outcome, _ = await fetched([raw], **options)
        if fine:
            assert (outcome.code, outcome.body) == (204, b"")
        else:
            assert isinstance(outcome, HTTPStreamClosedError)
            assert "announces a body" in str(outcome)

    run(test())


# -- redirects


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", b"GET /x "),
        (302, "POST", b"GET /x "),
        (303, "POST", b"GET /x "),
        (303, "PUT", b"GET /x "),
        (301, "PUT", b"PUT /x body"),
        (307, "POST", b"POST /x body"),
        (308, "PUT", b"PUT /x body"),
    ],
)
def test_redirect(run, status, method, then):
    async def test():
        async with Peer(redirecting) as peer, Client() as client:
            request = HTTPRequest(f"{peer.url}/{status}/x#f", method, body=b"body")
            got = await client.fetch(request)
            assert (got.code, got.body, got.request) == (200, then, request)
            assert got.effective_url == f"{peer.url}/x"
            assert (request.url, request.method, request.body) == (
                f"{peer.url}/{status}/x#f",
                method,
                b"body",
            )
            assert (peer.connections, len(client)) == (1, 0)

    run(test())


def test_redirect_asked_for_by_url(run):
    async def test():
        got, peer = await fetched(redirecting, "/302/301/x")
        assert (got.code, got.effective_url) == (200, f"{peer.url}/x")
        assert got.request.url == f"{peer.url}/302/301/x"

    run(test())


@pytest.mark.parametrize("callback", [None, "streaming_callback", "header_callback"])
def test_redirect_past_the_limit_is_the_answer(run, callback):
    async def test():
        pieces: list[Any] = []
        options = {callback: pieces.append} if callback else {}
        error, peer = await fetched(redirecting, "/302/302/302/x", max_redirects=2, **options)
        assert type(error) is HTTPClientError
        got: Any = error.response
        assert (error.code, got.headers["Location"]) == (302, "/x")
        assert got.effective_url == f"{peer.url}/302/x"
        assert got.body == (b"" if callback == "streaming_callback" else b"moved")
        assert len(peer.requests) == 3
        if callback == "streaming_callback":
            assert pieces == [b"moved"]

    run(test())


@pytest.mark.parametrize("options", [{"follow_redirects": False}, {"max_redirects": 0}])
def test_redirect_not_followed(run, options):
    async def test():
        error, peer = await fetched(redirecting, "/302/x", **options)
        assert (error.code, error.response.body, len(peer.requests)) == (302, b"moved", 1)

    run(test())


@pytest.mark.parametrize("location", ["ftp://h/", "h:5"])
@pytest.mark.parametrize("streamed", [False, True])
def test_redirect_to_an_unsupported_scheme(run, location, streamed):
    async def test():
        options: Any = {"streaming_callback": bytearray().extend} if streamed else {}
        raw = response(b"moved", status=302, headers=[("Location", location)])
        error, _ = await fetched([raw], **options)
        assert isinstance(error, ValueError)
        assert "Unsupported url scheme" in str(error)

    run(test())


def test_redirect_to_another_origin_drops_credentials(run):
    async def test():
        async with Peer(echo) as other, Peer(ok()) as peer, Client() as client:
            moved = response(status=302, headers=[("Location", f"{other.url}/x")])
            peer._script = serving(lambda conn, request: moved)
            await client.fetch(peer.url, auth_username="me", headers={"Cookie": "a=b", "X-Other": "1"})
            first, second = peer.requests[0], other.requests[0]
            assert first.get("Authorization").startswith("Basic ")
            assert (second.get("Authorization"), second.get("Cookie"), second.get("X-Other")) == ("", "", "1")

    run(test())


# -- codings


def test_gzip(run):
    async def test():
        packed = gzip.compress(b"one") + gzip.compress(b"two")
        got, peer = await fetched([response(packed, headers=GZIP)])
        assert got.body == b"onetwo"
        assert peer.requests[0].get("Accept-Encoding") == "gzip"
        assert "Content-Encoding" not in got.headers
        assert got.headers["X-Consumed-Content-Encoding"] == "gzip"
        assert got.headers["Content-Length"] == str(len(packed))

    run(test())


def test_gzip_left_as_it_is(run):
    async def test():
        packed = gzip.compress(b"one")
        got, peer = await fetched([response(packed, headers=GZIP)], decompress_response=False)
        assert (got.body, got.headers["Content-Encoding"]) == (packed, "gzip")
        assert peer.requests[0].get("Accept-Encoding") == ""

    run(test())


def test_other_codings_are_left_as_they_are(run):
    async def test():
        got, _ = await fetched([response(b"packed", headers=[("Content-Encoding", "deflate")])])
        assert (got.body, got.headers["Content-Encoding"]) == (b"packed", "deflate")

    run(test())


def test_gzip_of_a_head_request(run):
    async def test():
        got, _ = await fetched(ok(gzip.compress(b"one"), headers=GZIP), method="HEAD")
        assert (got.code, got.body) == (200, b"")
        assert got.headers["X-Consumed-Content-Encoding"] == "gzip"

    run(test())


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("packed", [gzip.compress(b"one")[:-1], gzip.compress(b"one") + b"trailing", b"plain"])
def test_gzip_that_is_damaged(run, packed, streamed):
    async def test():
        options: Any = {"streaming_callback": bytearray().extend} if streamed else {}
        error, _ = await fetched([response(packed, headers=GZIP)], **options)
        assert isinstance(error, HTTPStreamClosedError)

    run(test())


# -- limits


@pytest.mark.parametrize("callback", [None, "streaming_callback", "header_callback"])
@pytest.mark.parametrize(
    "raw",
    [
        response(b"x" * 101),
        response(gzip.compress(b"x" * 101), headers=GZIP),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"x" * 60, b"x" * 60),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 101,
    ],
    ids=["length", "gzip", "chunked", "close"],
)
def test_body_above_the_limit(run, raw, callback):
    async def test():
        pieces: list[Any] = []
        options = {callback: pieces.append} if callback else {}
        error, _ = await fetched([raw], client={"max_body_size": 100}, **options)
        assert isinstance(error, HTTPStreamClosedError)
        assert "longer than 100 bytes: raise max_body_size" in str(error)

    run(test())


def test_body_at_the_limit(run):
    async def test():
        for client in ({"max_body_size": 100}, {"max_buffer_size": 100}):
            got, _ = await fetched([response(b"x" * 100)], client=client)
            assert len(got.body) == 100

    run(test())


def test_header_above_the_limit(run):
    async def test():
        error, _ = await fetched([response(headers=[("X", "x" * 1000)])], client={"max_header_size": 1000})
        assert isinstance(error, HTTPClientError)
        assert isinstance(error, UnsatisfiableReadError)

    run(test())


def test_too_many_interim_responses(run):
    async def test():
        interim = b"HTTP/1.1 103 Early Hints\r\n\r\n"
        got, _ = await fetched([interim * 10 + response(b"final")])
        assert got.body == b"final"
        error, _ = await fetched([interim * 11 + response(b"final")])
        assert isinstance(error, HTTPStreamClosedError)

    run(test())
