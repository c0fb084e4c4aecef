"""Content codings undone: whole bodies and streams, bombs, damage, and what is left as it came."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from typing import Any

import pytest
from tests.conftest import Run
from tests.peers import Peer, Script, answer, response, serving

from async_keepalive_httpc import Client, DecodeError, StreamedResponse, TooLarge
from async_keepalive_httpc._message.response import Response

TEXT = b"many words, many words, many words, " * 500


def coded(body: bytes, *codings: str, **options: Any) -> Script:
    raw = response(body, headers=[("Content-Encoding", coding) for coding in codings], **options)
    return serving(lambda conn, request: answer(request, raw))


async def fetch(client: Client, url: str, stream: bool, **options: Any) -> bytes:
    got = await client.send(client.build("GET", url, **options), stream=stream)
    if isinstance(got, StreamedResponse):
        try:
            return await got.read()
        finally:
            await got.aclose()
    return got.body


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("body", "codings"),
    [
        (gzip.compress(TEXT), ["gzip"]),
        (gzip.compress(TEXT), ["X-GZIP"]),
        (zlib.compress(TEXT), ["deflate"]),
        (gzip.compress(zlib.compress(TEXT)), ["deflate, gzip"]),
        (gzip.compress(zlib.compress(TEXT)), ["deflate", "gzip"]),
        (TEXT, ["identity"]),
        (TEXT, ["unheard-of"]),
        (TEXT, [""]),
    ],
)
def test_codings(run: Run, body: bytes, codings: list[str], stream: bool) -> None:
    async def main() -> None:
        async with Peer(coded(body, *codings)) as peer, Client() as client:
            assert await fetch(client, peer.url, stream) == TEXT
            assert await fetch(client, peer.url, stream, decode=False) == body
            assert peer.connections == 1

    run(main())


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_does_not_decode(run: Run, stream: bool) -> None:
    async def main() -> None:
        body = gzip.compress(TEXT)
        async with Peer(coded(body, "gzip")) as peer, Client(decode=False) as client:
            assert await fetch(client, peer.url, stream) == body
            assert peer.requests[0].get("Accept-Encoding") == ""
            assert await fetch(client, peer.url, stream, decode=True) == TEXT

    run(main())


@pytest.mark.parametrize(("coding", "known"), [("gzip", True), ("GZIP", True), ("deflate", False)])
def test_a_client_of_few_codings(run: Run, coding: str, known: bool) -> None:
    async def main() -> None:
        body = zlib.compress(TEXT) if coding == "deflate" else gzip.compress(TEXT)
        async with Peer(coded(body, coding)) as peer, Client(codings=["gzip"]) as client:
            assert (await client.get(peer.url)).body == (TEXT if known else body)

    run(main())


def test_no_body_is_no_damage(run: Run) -> None:
    async def main() -> None:
        async with Client() as client:
            for method, status in (("HEAD", 200), ("GET", 204), ("GET", 304), ("GET", 200)):
                options = {"status": status, "length": status == 200}
                async with Peer(coded(b"", "gzip", **options)) as peer:
                    got = await client.request(method, peer.url)
                    assert (got.status, got.body) == (status, b"")

    run(main())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (b"not gzip at all", "gzip"),
        (gzip.compress(TEXT)[:-20], "gzip"),
        (gzip.compress(TEXT)[:-6] + b"xxxxxx", "gzip"),
        (zlib.compress(TEXT)[:-5], "deflate"),
    ],
)
def test_damage_is_an_error_but_not_the_connections(run: Run, body: bytes, coding: str, stream: bool) -> None:
    async def main() -> None:
        async with Peer(coded(body, coding)) as peer, Client() as client:
            for _ in range(2):
                with pytest.raises(DecodeError, match=f"{coding} coding is damaged"):
                    await fetch(client, f"{peer.url}/page", stream)
            assert peer.connections == 1
            if not stream:
                with pytest.raises(DecodeError, match=f"GET {peer.url}/page: "):
                    await fetch(client, f"{peer.url}/page", stream)

    run(main())


@pytest.mark.parametrize("stream", [False, True])
def test_too_many_codings(run: Run, stream: bool) -> None:
    async def main() -> None:
        async with Peer(coded(b"x" * 300_000, "gzip, gzip, gzip", "gzip, gzip, gzip")) as peer, Client() as client:
            with pytest.raises(DecodeError, match="6 codings"):
                await fetch(client, peer.url, stream)
            assert client.stats()["connections"]["active"] == 0

    run(main())


def bomb(size: int) -> bytes:
    coder = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(1_000_000)
    return b"".join([*(coder.compress(block) for _ in range(size // len(block))), coder.flush()])


def test_a_bomb_ends_at_the_limit_of_decoded_bytes(run: Run) -> None:
    limit = 4_000_000

    async def main() -> None:
        async with Peer(coded(bomb(200_000_000), "gzip")) as peer, Client(max_body_size=limit) as client:
            await client.preconnect(peer.url)
            tracemalloc.start()
            with pytest.raises(TooLarge, match=f"decoded body is longer than {limit} bytes: raise max_body_size"):
                await client.get(peer.url)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            # The limit, what came over the wire (read twice: here and at the peer), and a step.
            assert peak < limit + 2_500_000

    run(main())


def test_a_long_decoding_lets_others_work(run: Run) -> None:
    async def main() -> None:
        async with Peer(coded(bomb(30_000_000), "gzip")) as peer, Client() as client:
            turns = 0

            async def count() -> None:
                nonlocal turns
                while True:
                    await asyncio.sleep(0)
                    turns += 1

            request = client.build("GET", peer.url)
            loop = asyncio.get_running_loop()
            waiter = loop.create_future()
            response = client.begin(request, waiter, loop, Response())
            await waiter
            counting = asyncio.ensure_future(count())
            got = await client.settle(response)
            counting.cancel()
            assert len(got.body) == 30_000_000
            assert turns >= 20

    run(main())


def test_cancelled_while_decoding(run: Run) -> None:
    async def main() -> None:
        async with Peer(coded(bomb(30_000_000), "gzip")) as peer, Client() as client:
            loop = asyncio.get_running_loop()
            waiter = loop.create_future()
            response = client.begin(client.build("GET", peer.url), waiter, loop, Response())
            await waiter
            task = asyncio.ensure_future(client.settle(response))
            for _ in range(3):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert client.stats()["connections"]["idle"] == 1

    run(main())


def test_a_bomb_in_a_stream_comes_in_slices(run: Run) -> None:
    async def main() -> None:
        async with Peer(coded(bomb(20_000_000), "gzip")) as peer, Client() as client:
            async with client.stream("GET", peer.url) as got:
                sizes = [len(piece) async for piece in got]
            assert sum(sizes) == 20_000_000
            assert max(sizes) <= 256 * 1024

    run(main())
