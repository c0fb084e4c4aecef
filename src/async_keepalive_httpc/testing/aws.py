"""AWS on this machine: moto's services as a WSGI application in a Tornado server that keeps its connections.

Refuses: services that moto has not, throttling, and to forget by itself: moto's state is the process's (`reset`).
Called by: tests (`async with Emulator()`, the fixtures), the demo, `python -m async_keepalive_httpc.testing.aws`.
Law: a request goes to the service that its signature names. With `verify`, one whose signature is wrong is refused, by
botocore's own signer. moto's server would close every connection; here they are counted, so that a test can show that
one is enough.

    SQS, DynamoDB and its streams, Kinesis, IAM, STS     and what else the moto that is installed brings
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import re
import signal
import ssl
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from email.utils import formatdate
from functools import cache
from html import unescape
from types import TracebackType
from typing import Any, Final, Self

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets
from tornado.wsgi import WSGIContainer

try:
    from moto import backend_index, backends
    from moto.core.authorization import enable_iam_authentication
    from moto.core.base_backend import BackendDict
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.core.request import Request
    from moto.iam.models import iam_backends
    from moto.moto_api._internal.models import moto_api_backend
    from werkzeug.exceptions import HTTPException
except ImportError as error:
    raise ImportError("The AWS emulator needs moto: pip install 'async_keepalive_httpc[testing-aws]'") from error

log = logging.getLogger(__name__)

THREADS: Final = 64
"""Requests that are answered at a time: a long poll occupies a thread for as long as it waits."""
BODY: Final = 32 * 1024 * 1024
"""Bytes of a request: DynamoDB takes 16 MB, more must reach it to be refused."""
USER: Final = "async-keepalive-httpc"

_SCOPE: Final = re.compile(r"Credential=[^/]+/\d{8}/([^/]+)/([^/]+)/aws4_request")
_STREAMS: Final = "DynamoDBStreams_"
_EVERYTHING: Final = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}

Answer = tuple[int, Iterable[tuple[str, str]], bytes]


class Emulator:
    """AWS for tests: `async with Emulator() as aws: ... aws.url ...`.

    verify: refuse requests whose signature is wrong, or whose key is not this emulator's (default False: whatever is
    signed is answered). host, port: where it listens (default: 127.0.0.1, a free port). fresh: forget what moto holds
    from earlier (default True). tls: a server's SSLContext: https instead of http.

    url: its address, the `endpoint_url` of clients. access_key, secret_key: a pair that is accepted. connections:
    how many were opened so far. requests: how many were answered.
    """

    def __init__(
        self,
        *,
        verify: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
        fresh: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.connections = 0
        self.requests = 0
        self.access_key = "AKIDEXAMPLE"
        self.secret_key = "secret"
        self.url = ""
        self._verify = verify
        self._tls = tls
        self._host = host
        self._port = port
        self._fresh = fresh
        self._ending = ExitStack()
        self._threads = ThreadPoolExecutor(THREADS, "aws-emulator")
        self._server: Counting | None = None

    async def __aenter__(self) -> Self:
        if self._fresh:
            self.reset()
        if self._verify:
            self.access_key, self.secret_key = new_user()
            self._ending.enter_context(enable_iam_authentication())
        container = Quiet(self._application, self._threads)
        self._server = Counting(container, ssl_options=self._tls, max_body_size=BODY, max_buffer_size=2 * BODY)
        self._server.opened = self._opened
        sockets = bind_sockets(self._port, self._host)
        self._server.add_sockets(sockets)
        name = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"{'http' if self._tls is None else 'https'}://{name}:{sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.stop()
            await self._server.close_all_connections()
        # A long poll that nobody hears any more ends with its time; meanwhile the loop must go on.
        await asyncio.to_thread(self._threads.shutdown)
        self._ending.close()

    def reset(self) -> None:
        """Forget every queue, table, stream and user: those of other emulators of this process too."""
        moto_api_backend.reset()

    def _opened(self) -> None:
        self.connections += 1

    def _application(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        """moto as a WSGI application (PEP 3333)."""
        self.requests += 1
        request = ServerRequest(environ)
        status, fields, body = answer(request)
        given = {name.lower() for name, _ in fields}
        extra = [] if "date" in given else [("Date", formatdate(usegmt=True))]
        start_response(f"{status} {'OK' if status < 400 else 'Error'}", [*fields, *extra])
        return [body]


class Counting(HTTPServer):
    """Tornado's server, which tells of each connection."""

    opened: Callable[[], None]

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        self.opened()
        super().handle_stream(stream, address)


class Quiet(WSGIContainer):
    """Tornado's bridge to WSGI, which writes no access log: a refusal is what a test asked for."""

    def _log(self, status_code: int, request: HTTPServerRequest) -> None:
        pass


class ServerRequest(Request):
    """A request as moto takes it from its own server."""

    from_wsgi_server = True


def answer(request: Any) -> Answer:
    """What AWS would answer, as moto has it."""
    found = _SCOPE.search(request.headers.get("Authorization", ""))
    if request.path.startswith("/moto-api/"):
        host = "motoapi.amazonaws.com"
    elif found is None:
        return refusal(403, "MissingAuthenticationTokenException", "Request is missing Authentication Token")
    else:
        region, service = found.groups()
        if request.headers.get("X-Amz-Target", "").startswith(_STREAMS):
            service = "streams.dynamodb"
        host = f"{service}.{region}.amazonaws.com"
    method = verb(f"https://{host}{request.raw_path}")
    if method is None:
        return refusal(404, "UnknownOperationException", f"moto has no {host}{request.raw_path}")
    try:
        status, headers, body = method(request, request.raw_url, request.headers)
    except HTTPException as error:
        status, headers, body = error.code, dict(error.get_headers()), error.get_body()
    except NotImplementedError as error:
        return refusal(501, "UnknownOperationException", f"moto has it not: {error}")
    except Exception as error:
        # moto trips over what AWS would refuse; without an answer the client would wait for one.
        log.debug("moto failed", exc_info=True)
        return refusal(500, "InternalFailure", f"moto failed: {type(error).__name__}: {error}")
    content = body.encode() if isinstance(body, str) else bytes(body)
    if content.startswith(b"<?xml") and "X-Amz-Target" in request.headers:
        # moto refuses a signature in XML, whatever was asked; a service with a JSON protocol does not.
        parts = (re.search(f"<{name}>(.*?)</{name}>", content.decode()) for name in ("Code", "Message"))
        return refusal(int(status or 500), *(unescape(part[1]) if part else "" for part in parts))
    # The length is told by the server, once.
    fields = [(name, str(value)) for name, value in dict(headers).items() if name.lower() != "content-length"]
    return int(status or 500), fields, content


def refusal(status: int, code: str, message: str) -> Answer:
    """An error as the services with a JSON protocol write it."""
    body = json.dumps({"__type": f"com.amazon.coral.service#{code}", "message": message})
    return status, [("Content-Type", "application/x-amz-json-1.0")], body.encode()


@cache
def verb(url: str) -> Callable[..., Any] | None:
    """moto's function for a URL of AWS."""
    for service, pattern in backend_index.backend_url_patterns:
        if pattern.match(url):
            held: Any = backends.get_backend(service)  # type: ignore[call-overload]
            if isinstance(held, BackendDict):
                account = held[DEFAULT_ACCOUNT_ID]
                held = account["us-east-1"] if "us-east-1" in account else account["aws"]
            else:
                held = held["global"]
            for path, method in held.urls.items():
                if re.fullmatch(path, url):
                    function: Callable[..., Any] = method
                    return function
    return None


def new_user() -> tuple[str, str]:
    """A user who may do everything: its access key and secret key."""
    iam = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
    iam.create_user("us-east-1", USER)
    iam.put_user_policy(USER, "everything", json.dumps(_EVERYTHING))
    key = iam.create_access_key(USER)
    return key.access_key_id, key.secret_access_key


async def serve(arguments: list[str]) -> None:
    """Serve until SIGINT or SIGTERM; the first line of the output is what a shell can `export`.

    With --stdin, until the end of stdin too: each line there is answered with the counts so far.
    """
    parser = argparse.ArgumentParser(prog="python -m async_keepalive_httpc.testing.aws", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000, help="0: a free one")
    parser.add_argument("--verify", action="store_true", help="refuse wrong signatures")
    parser.add_argument("--stdin", action="store_true", help="tell the counts for each line of stdin, and end with it")
    told = parser.parse_args(arguments)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with Emulator(verify=told.verify, host=told.host, port=told.port) as aws:
        print(
            f"AWS_ENDPOINT_URL={aws.url} AWS_ACCESS_KEY_ID={aws.access_key} AWS_SECRET_ACCESS_KEY={aws.secret_key}",
            flush=True,
        )
        if told.stdin:
            loop.add_reader(sys.stdin.fileno(), hear, aws, ended)
        await ended.wait()
    tell(aws)


def hear(aws: Emulator, ended: asyncio.Event) -> None:
    """What stdin says: another line, or its end."""
    heard = os.read(sys.stdin.fileno(), 1024)
    for _ in range(heard.count(b"\n")):
        tell(aws)
    if not heard:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        ended.set()


def tell(aws: Emulator) -> None:
    """The counts, as a line."""
    print(f"{aws.requests} requests on {aws.connections} connections", flush=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))
