"""Request bodies: what becomes of each kind, and how it is pumped."""

from __future__ import annotations

import array
import asyncio
import io
from collections import UserDict
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import pytest

from async_keepalive_httpc._message import body
from async_keepalive_httpc._message.body import File, Piece, Pieces, Produced, Slices, Upload, body_of
from async_keepalive_httpc._message.limits import UPLOAD_SLICE
from async_keepalive_httpc.errors import InvalidRequest

if TYPE_CHECKING:
    from tests.conftest import Run


async def pump(upload: Upload, stop_after: int = 1 << 30) -> list[bytes]:
    """The pieces an upload writes; raises EOFError in its write after `stop_after` of them."""
    pieces: list[bytes] = []

    async def write(piece: Piece) -> None:
        if len(pieces) == stop_after:
            raise EOFError
        await asyncio.sleep(0)
        pieces.append(bytes(piece))

    await upload.pump(write)
    return pieces


class Bytes(bytes):
    pass


class AsyncFile:
    """The shape of aiofiles and anyio: `read` is a coroutine function, lines come by `async for`."""

    async def read(self) -> bytes:
        return b"never asked"

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"line"


# -- what becomes of what is given


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (b"x", b"x"),
        (b"", b""),
        ("é", "é".encode()),
        ("", b""),
        (Bytes(b"x"), b"x"),
        (bytearray(b"x"), b"x"),
        (memoryview(b"x"), b"x"),
        (memoryview(b"a-b-")[::2], b"ab"),
        (memoryview(array.array("I", [1])), array.array("I", [1]).tobytes()),
    ],
)
def test_small_bodies_are_bytes(given: Any, made: bytes) -> None:
    got = body_of(given)
    assert got == made
    assert type(got) is bytes


def test_none_is_no_body() -> None:
    assert body_of(None) is None


def test_the_size_from_which_bytes_are_sliced() -> None:
    assert isinstance(body_of(bytes(UPLOAD_SLICE)), bytes)
    for given in (bytes(UPLOAD_SLICE + 1), bytearray(UPLOAD_SLICE + 1), "x" * (UPLOAD_SLICE + 1)):
        got = body_of(given)
        assert isinstance(got, Slices)
        assert (got.length, got.replayable) == (UPLOAD_SLICE + 1, True)


def test_uploads_stay_what_they_are() -> None:
    for upload in (Slices(b"x"), Pieces([b"x"]), Produced(print), File(io.BytesIO())):
        assert body_of(upload) is upload


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (io.StringIO("text"), "opened as text"),
        ({"a": "b"}, "json= or form="),
        (UserDict(a="b"), "json= or form="),
        (5, "of type int"),
        (5.5, "of type float"),
        (object(), "of type object"),
        ("\ud800", "UTF-8"),
    ],
    ids=repr,
)
def test_what_is_no_body(given: Any, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        body_of(given)


def test_a_closed_file() -> None:
    file = io.BytesIO(b"x")
    file.close()
    with pytest.raises(InvalidRequest, match="cannot be read") as caught:
        body_of(file)
    assert isinstance(caught.value.__cause__, ValueError)


# -- pumping


@pytest.mark.parametrize("size", [UPLOAD_SLICE + 1, UPLOAD_SLICE * 3])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: memoryview(data * 2)[::2]])
def test_slices(run: Run, size: int, kind: Any) -> None:
    data = bytes(size)
    upload = body_of(kind(data))
    assert isinstance(upload, Slices)
    assert upload.length == size
    for _ in range(2):
        pieces = run(pump(upload))
        assert b"".join(pieces) == data
        assert all(len(piece) <= UPLOAD_SLICE for piece in pieces)


def test_slices_of_numbers_are_bytes(run: Run) -> None:
    numbers = array.array("I", range(UPLOAD_SLICE))
    upload = body_of(memoryview(numbers))
    assert isinstance(upload, Slices)
    assert upload.length == len(numbers) * numbers.itemsize
    assert b"".join(run(pump(upload))) == numbers.tobytes()


def test_a_file_from_where_it_stands(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(b"0123456789")
    with path.open("rb") as file:
        file.seek(4)
        upload = body_of(file)
        assert isinstance(upload, File)
        assert (upload.length, upload.replayable) == (6, True)
        assert file.tell() == 4
        for _ in range(2):
            assert run(pump(upload)) == [b"456789"]
        assert not file.closed


def test_a_file_in_blocks(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "FILE_BLOCK", 4)
    assert run(pump(File(io.BytesIO(b"0123456789")))) == [b"0123", b"4567", b"89"]
    assert run(pump(File(io.BytesIO(b"01234567")))) == [b"0123", b"4567"]


def test_a_block_goes_out_in_slices(run: Run) -> None:
    """A peer that is slow has a slice's time for each, and an early answer stops the next one."""
    data = bytes(range(256)) * 6 * 1024
    pieces = run(pump(File(io.BytesIO(data))))
    assert b"".join(pieces) == data
    assert {len(piece) for piece in pieces} == {UPLOAD_SLICE}


def test_a_file_that_grows_or_shrinks(run: Run) -> None:
    file = io.BytesIO(b"0123456789")
    upload = File(file)
    file.seek(0, io.SEEK_END)
    file.write(b"more")
    assert b"".join(run(pump(upload))) == b"0123456789"  # as long as was announced
    file.truncate(5)
    assert b"".join(run(pump(upload))) == b"01234"  # too short: whoever sends it says so


def test_a_file_behind_its_end() -> None:
    file = io.BytesIO(b"x")
    file.seek(5)
    assert File(file).length == 0


class Pipe:
    """A file that can only be read."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: int) -> bytes:
        return self._data.read(size)


class SaidSo(Pipe):
    def seekable(self) -> bool:
        return False


class Arrays(Pipe):
    def read(self, size: int) -> bytes:
        return cast(bytes, bytearray(super().read(size)))


@pytest.mark.parametrize("kind", [Pipe, SaidSo, Arrays])
def test_a_file_that_cannot_seek(run: Run, kind: type[Pipe]) -> None:
    upload = body_of(kind(b"data"))
    assert isinstance(upload, File)
    assert (upload.length, upload.replayable) == (None, False)
    assert run(pump(upload)) == [b"data"]


def test_an_asynchronous_file_is_iterated(run: Run) -> None:
    upload = body_of(AsyncFile())
    assert isinstance(upload, Pieces)
    assert run(pump(upload)) == [b"line"]


async def agen() -> AsyncIterator[bytes]:
    yield b"one"
    yield b"two"


@pytest.mark.parametrize("make", [lambda: [b"one", b"two"], lambda: iter([b"one", b"two"]), agen])
def test_pieces(run: Run, make: Any) -> None:
    upload = body_of(make())
    assert isinstance(upload, Pieces)
    assert (upload.length, upload.replayable) == (None, False)
    assert run(pump(upload)) == [b"one", b"two"]


def test_an_iterator_is_read_once(run: Run) -> None:
    async def twice(given: Any) -> None:
        upload = cast(Upload, body_of(given))
        await pump(upload)
        with pytest.raises(InvalidRequest, match="read before"):
            await pump(upload)

    run(twice(iter([b"one"])))
    run(twice(agen()))
    again = cast(Upload, body_of([b"one"]))
    assert run(pump(again)) == run(pump(again))


def test_a_generator_that_is_not_used_up_is_closed(run: Run) -> None:
    seen: list[str] = []

    def sync() -> Iterator[bytes]:
        try:
            yield b"one"
            yield b"two"
        finally:
            seen.append("sync")

    async def later() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            yield b"two"
        finally:
            await asyncio.sleep(0)
            seen.append("async")

    async def main() -> None:
        for given in (sync(), later()):
            with pytest.raises(EOFError):
                await pump(Pieces(given), stop_after=1)

    run(main())
    assert seen == ["sync", "async"]


def test_producers(run: Run) -> None:
    async def produce(write: Any) -> None:
        await write(b"one")
        await write(b"two")

    def future(write: Any) -> Awaitable[Any]:
        return asyncio.ensure_future(produce(write))

    def nothing(write: Any) -> None:
        return None

    for producer, pieces in ((produce, [b"one", b"two"]), (future, [b"one", b"two"]), (nothing, [])):
        upload = body_of(producer)
        assert isinstance(upload, Produced)
        assert (upload.length, upload.replayable) == (None, True)
        assert run(pump(upload)) == pieces
        assert run(pump(upload)) == pieces


def test_what_a_reader_raises(run: Run) -> None:
    class Bad(Pipe):
        def read(self, size: int) -> bytes:
            raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        run(pump(File(cast(BinaryIO, Bad(b"")))))
