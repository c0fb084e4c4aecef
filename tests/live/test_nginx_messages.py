"""Messages of every framing against nginx, and that each leaves its connection fit for the next."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import AsyncIterator

import pytest
from tests.conftest import Run
from tests.live.certificates import Certificates
from tests.live.doors import MakeDoor, NativeDoor
from tests.live.nginx import LARGE, SMALL, TEXT, Nginx
from tests.live.process import HOST

from async_keepalive_httpc import Client

PIECE = 64 * 1024


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), PIECE):
        yield data[start : start + PIECE]


async def check_next(client: NativeDoor, nginx: Nginx, tag: str, count: int) -> None:
    """One more request, and all `count` of this test have come over one connection."""
    target = f"/echo/next?{tag}"
    assert await client.get(f"http://{HOST}:{nginx.http}{target}") == target.encode()
    assert await nginx.connections(tag, count) == 1


def test_head(run: Run, door: MakeDoor, nginx: Nginx, tag: str) -> None:
    async def main() -> None:
        async with door() as client:
            got = await client.ask("HEAD", f"http://{HOST}:{nginx.http}/files/large?{tag}")
            assert (got.status, got.body, got.headers["Content-Length"]) == (200, b"", str(len(LARGE)))
            await check_next(client, nginx, tag, 2)

    run(main())


def test_no_content(run: Run, door: MakeDoor, nginx: Nginx, tag: str) -> None:
    async def main() -> None:
        async with door() as client:
            got = await client.ask("GET", f"http://{HOST}:{nginx.http}/empty?{tag}")
            assert (got.status, got.body) == (204, b"")
            await check_next(client, nginx, tag, 2)

    run(main())


def test_not_modified(run: Run, door: MakeDoor, nginx: Nginx, tag: str) -> None:
    async def main() -> None:
        async with door() as client:
            url = f"http://{HOST}:{nginx.http}/files/large?{tag}"
            head = await client.ask("HEAD", url)
            got = await client.ask("GET", url, headers={"If-None-Match": head.headers["ETag"]})
            assert (got.status, got.body) == (304, b"")
            await check_next(client, nginx, tag, 3)

    run(main())


def test_ranges(run: Run, door: MakeDoor, nginx: Nginx, tag: str) -> None:
    async def main() -> None:
        async with door() as client:
            url = f"http://{HOST}:{nginx.http}/files/large?{tag}"
            got = await client.ask("GET", url, headers={"Range": "bytes=1000-1999"})
            assert (got.status, got.body) == (206, LARGE[1000:2000])
            assert got.headers["Content-Range"] == f"bytes 1000-1999/{len(LARGE)}"
            got = await client.ask("GET", url, headers={"Range": "bytes=0-4,10-14"})
            assert (got.status, LARGE[0:5] in got.body, LARGE[10:15] in got.body) == (206, True, True)
            got = await client.ask("GET", url, headers={"Range": f"bytes={len(LARGE)}-"})
            assert got.status == 416
            await check_next(client, nginx, tag, 4)

    run(main())


def test_gzip_in_chunks(run: Run, door: MakeDoor, nginx: Nginx, tag: str) -> None:
    """nginx compresses on the way, so it does not know the length."""

    async def main() -> None:
        async with door() as client:
            got = await client.ask("GET", f"http://{HOST}:{nginx.http}/text?{tag}", headers={"Accept-Encoding": "gzip"})
            assert (got.status, got.body) == (200, TEXT)
            await check_next(client, nginx, tag, 2)

    run(main())


def test_gzip_left_as_it_is(run: Run, nginx: Nginx, tag: str) -> None:
    async def main() -> None:
        async with Client() as client:
            url = f"http://{HOST}:{nginx.http}/text?{tag}"
            decoded = await client.get(url)
            assert (decoded.headers["Content-Encoding"], decoded.headers["Transfer-Encoding"]) == ("gzip", "chunked")
            coded = await client.get(url, headers={"Accept-Encoding": "gzip"}, decode=False)
            assert decoded.body == gzip.decompress(coded.body) == TEXT
        assert await nginx.connections(tag, 2) == 1

    run(main())


def test_redirect(run: Run, door: MakeDoor, nginx: Nginx, tag: str) -> None:
    async def main() -> None:
        async with door() as client:
            assert await client.get(f"http://{HOST}:{nginx.http}/moved?{tag}") == f"/echo/moved?{tag}".encode()
            await check_next(client, nginx, tag, 3)

    run(main())


def test_large_file_in_memory(run: Run, door: MakeDoor, nginx: Nginx, tag: str) -> None:
    async def main() -> None:
        async with door() as client:
            assert await client.get(f"http://{HOST}:{nginx.http}/files/large?{tag}") == LARGE
            await check_next(client, nginx, tag, 2)

    run(main())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_large_file_in_pieces(run: Run, nginx: Nginx, certificates: Certificates, tag: str, scheme: str) -> None:
    async def main() -> None:
        port = nginx.https if scheme == "https" else nginx.http
        async with Client(ca_certs=certificates.authority) as client:
            for _ in range(2):
                digest = hashlib.sha256()
                async with client.stream("GET", f"{scheme}://{HOST}:{port}/files/large?{tag}") as response:
                    async for piece in response:
                        digest.update(piece)
                assert digest.digest() == hashlib.sha256(LARGE).digest()
        assert await nginx.connections(tag, 2) == 1

    run(main())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_stream_left_in_the_middle(run: Run, nginx: Nginx, certificates: Certificates, tag: str, scheme: str) -> None:
    """Its connection is closed, since megabytes are still to come on it."""

    async def main() -> None:
        port = nginx.https if scheme == "https" else nginx.http
        async with Client(ca_certs=certificates.authority) as client:
            async with client.stream("GET", f"{scheme}://{HOST}:{port}/files/large?{tag}") as response:
                assert LARGE.startswith(await anext(response))
            assert (await client.get(f"{scheme}://{HOST}:{port}/echo/?{tag}")).status == 200
        assert await nginx.connections(tag, 2) == 2

    run(main())


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_large_upload(run: Run, nginx: Nginx, certificates: Certificates, tag: str, scheme: str, chunked: bool) -> None:
    """PUT writes a file; what comes back is what went out."""

    async def main() -> None:
        port = nginx.https if scheme == "https" else nginx.http
        url = f"{scheme}://{HOST}:{port}/files/{tag}"
        async with Client(ca_certs=certificates.authority) as client:
            put = await client.put(url, body=pieces(LARGE) if chunked else LARGE)
            assert put.status == 201
            assert (await client.get(url)).body == LARGE
        assert await nginx.connections(tag, 2) == 1

    run(main())


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_continue(run: Run, nginx: Nginx, tag: str, chunked: bool) -> None:
    """nginx asks for the body, and reads it, before it answers."""

    async def main() -> None:
        async with Client() as client:
            for _ in range(3):
                url = f"http://{HOST}:{nginx.http}/post?{tag}"
                body = pieces(LARGE) if chunked else LARGE
                assert (await client.post(url, body=body, expect_continue=True)).text == str(len(LARGE))
        assert await nginx.connections(tag, 3) == 1

    run(main())


def test_refused_before_its_body(run: Run, nginx: Nginx, tag: str) -> None:
    """A 413 in place of 100 Continue: not one byte of the body is sent."""

    async def main() -> None:
        async with Client() as client:
            url = f"http://{HOST}:{nginx.http}/small?{tag}"
            assert (await client.post(url, body=LARGE, expect_continue=True)).status == 413
            assert (await client.get(f"http://{HOST}:{nginx.http}/echo/?{tag}")).status == 200
        refused, _ = await nginx.seen(tag, 2)
        assert refused.received < 1024

    run(main())


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_refused_while_it_is_sent(
    run: Run, nginx: Nginx, certificates: Certificates, tag: str, scheme: str, chunked: bool
) -> None:
    """An early 413 is delivered, each time; the rest of the body is not sent after it."""

    async def main() -> None:
        port = nginx.https if scheme == "https" else nginx.http
        async with Client(ca_certs=certificates.authority) as client:
            for _ in range(5):
                body = pieces(LARGE) if chunked else LARGE
                refused = await client.post(f"{scheme}://{HOST}:{port}/small?{tag}", body=body)
                assert (refused.status, b"Request Entity Too Large" in refused.body) == (413, True)
            fits = await client.post(f"{scheme}://{HOST}:{port}/small?{tag}", body=bytes(SMALL))
            assert (fits.status, fits.text) == (200, str(SMALL))
        await nginx.seen(tag, 6)

    run(main())
