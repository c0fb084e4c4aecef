"""A small gateway in Tornado: it passes requests on to an upstream server, and sums several answers up in one.

Its code names no client. Which one it uses is said when it starts, and nothing else changes:

    python examples/gateway.py --upstream=http://127.0.0.1:8000
    python examples/gateway.py --upstream=http://127.0.0.1:8000 \\
        --client=async_keepalive_httpc.KeepAliveAsyncHTTPClient
"""

from __future__ import annotations

import asyncio
import json

from tornado import gen
from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest, HTTPResponse
from tornado.httputil import HTTPHeaders
from tornado.options import define, options, parse_command_line
from tornado.web import Application, RequestHandler

# RFC 9110 section 7.6.1: what is said to the next hop only; and what each hop writes by itself.
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
OWN = {"host", "content-length", "date", "server"}


def passed_on(headers: HTTPHeaders) -> HTTPHeaders:
    """The fields that a gateway does not keep to itself."""
    barred = HOP_BY_HOP | OWN | {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    kept = HTTPHeaders()
    for name, value in headers.get_all():
        if name.lower() not in barred:
            kept.add(name, value)
    return kept


class Gateway(RequestHandler):
    """Passes a request on as it is, and the answer back as it is."""

    def initialize(self, upstream: str) -> None:
        self.upstream = upstream

    async def forward(self) -> None:
        uri, method = self.request.uri or "/", self.request.method or "GET"
        request = HTTPRequest(
            self.upstream + uri,
            method=method,
            headers=passed_on(self.request.headers),
            body=self.request.body if method in ("POST", "PUT", "PATCH") else None,
            follow_redirects=False,
            decompress_response=False,
            allow_nonstandard_methods=True,
            request_timeout=10,
        )
        try:
            response = await AsyncHTTPClient().fetch(request, raise_error=False)
        except HTTPError as error:
            self.send_error(504 if "Timeout" in str(error) else 502, reason="Upstream Failed")
        except OSError:
            self.send_error(502, reason="Upstream Unreachable")
        else:
            self.hand_back(response)

    def hand_back(self, response: HTTPResponse) -> None:
        self.set_status(response.code, response.reason)
        self.clear_header("Content-Type")
        for name, value in passed_on(response.headers).get_all():
            self.add_header(name, value)
        if response.code not in (204, 304):
            self.write(response.body)

    get = head = post = put = patch = delete = options = forward


class Summary(RequestHandler):
    """Asks the upstream for several pages at once, and gives their sizes."""

    def initialize(self, upstream: str) -> None:
        self.upstream = upstream

    async def get(self) -> None:
        paths = self.get_arguments("path")
        client = AsyncHTTPClient()
        answers = await gen.multi([client.fetch(self.upstream + path, raise_error=False) for path in paths])
        self.set_header("Content-Type", "application/json")
        self.write(json.dumps({path: [got.code, len(got.body)] for path, got in zip(paths, answers, strict=True)}))


def make_app(upstream: str) -> Application:
    """The gateway before `upstream`, which is a URL without a path."""
    given = {"upstream": upstream}
    return Application([("/_summary", Summary, given), ("/.*", Gateway, given)])


async def main() -> None:
    if options.client:
        AsyncHTTPClient.configure(options.client, max_clients=100)
    make_app(options.upstream).listen(options.port, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    define("upstream", default="http://127.0.0.1:8000", help="the server that is asked")
    define("port", default=8080, type=int, help="where the gateway listens")
    define("client", default="", help="the AsyncHTTPClient to use, by name")
    parse_command_line()
    asyncio.run(main())
