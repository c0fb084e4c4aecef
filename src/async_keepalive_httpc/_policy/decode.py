"""Content codings undone, slice by slice (RFC 9110 section 8.4).

Refuses: knowing responses, and counting the decoded body (`max_body_size` is the client's). A slice is made
only when it is asked for, so whoever stops asking stops a bomb.
Called by: `client`, for buffered and for streamed bodies.
Law: at any moment one slice a coding is in memory. A damaged, cut off or endless coding is a DecodeError.

    "gzip, br" on the wire    ->  br  ->  gzip  ->  body      the last one applied is undone first
    member 1 | member 2       ->  one body: gzip and zstd may be several streams in a row; between and after them
                                  stands nothing, no zeros either (RFC 1952 section 2.2)
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from importlib import import_module
from typing import Any, Final, NamedTuple, Protocol

from ..errors import DecodeError, InvalidRequest

MAX_CODINGS: Final = 5
"""Codings on one body, over all header lines: each multiplies what a byte can grow to (CVE-2022-32206)."""
MAX_MEMBERS: Final = 1000
"""Streams in a row in one coding: empty ones cost time and give nothing."""
MAX_SILENT: Final = 1 << 20
"""Bytes a coding may take in and give nothing: empty blocks would else hold the loop between two slices."""
SLICE: Final = 256 * 1024
_BLOCK: Final = 64 * 1024
"""Bytes given to a coding at once: zlib copies what it leaves over, which is quadratic for a large body."""
_ZSTD_WINDOW_LOG: Final = 23
"""8 MiB, the largest window that the zstd content coding may use (RFC 9659 section 3)."""


class _Stream(Protocol):
    """One member being undone. An answer shorter than `limit` means that all of `data` is used up."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, limit: int, /) -> bytes: ...


class _Coding(NamedTuple):
    open: Callable[[bytes], _Stream]
    """Makes a stream, given the first block of it."""
    error: type[Exception]
    members: int


class _Inflate:
    """zlib, which leaves it to us to give back the input it had no room to use."""

    __slots__ = ("_zlib",)

    def __init__(self, wbits: int) -> None:
        self._zlib = zlib.decompressobj(wbits)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, limit: int, /) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail or data, limit)


class _Brotli:
    """brotli under the names of zlib. It refuses by itself what follows the end in the same block."""

    __slots__ = ("_brotli",)

    unused_data = b""

    def __init__(self, decompressor: Any) -> None:
        self._brotli = decompressor

    @property
    def eof(self) -> bool:
        return bool(self._brotli.is_finished())

    def decompress(self, data: bytes, limit: int, /) -> bytes:
        output: bytes = self._brotli.process(data, output_buffer_limit=limit)
        return output


def _open_gzip(_: bytes) -> _Inflate:
    return _Inflate(16 + zlib.MAX_WBITS)


def _open_deflate(first: bytes) -> _Inflate:
    """Both kinds in use. A zlib stream begins with method 8 in its low bits (RFC 1950 section 2.2); in raw
    deflate they would be a stored block with padding other than zero (RFC 1951 section 3.2.4), unheard of."""
    return _Inflate(zlib.MAX_WBITS if first[0] & 0x0F == 8 else -zlib.MAX_WBITS)


def _imported(*packages: str) -> Any:
    for package in packages:
        try:
            return import_module(package)
        except ImportError:
            continue
    return None


def _brotli() -> _Coding | None:
    """Only a brotli whose output can be limited (1.2 and later) serves: an older one unfolds a bomb whole."""
    module = _imported("brotli", "brotlicffi")
    if module is None:
        return None
    try:
        module.Decompressor().process(b"", output_buffer_limit=1)
    except TypeError:
        return None
    return _Coding(lambda _: _Brotli(module.Decompressor()), module.error, 1)


def _zstd() -> _Coding | None:
    module = _imported("compression.zstd", "backports.zstd")
    if module is None:
        return None
    options = {module.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
    return _Coding(lambda _: module.ZstdDecompressor(options=options), module.ZstdError, MAX_MEMBERS)


@cache
def _codings() -> dict[str, _Coding]:
    """What can be undone here, by name in lower case; the optional ones are looked for once."""
    gzip = _Coding(_open_gzip, zlib.error, MAX_MEMBERS)
    found = {"gzip": gzip, "x-gzip": gzip, "deflate": _Coding(_open_deflate, zlib.error, 1)}
    for name, coding in (("br", _brotli()), ("zstd", _zstd())):
        if coding is not None:
            found[name] = coding
    return found


def accepted() -> str:
    """The value for Accept-Encoding (RFC 9110 section 12.5.3): gzip, deflate; br and zstd when installed."""
    return ", ".join(name for name in _codings() if name != "x-gzip")


def only(codings: Collection[str] | None) -> frozenset[str] | None:
    """The names of the codings that alone are to be undone, in lower case; None: of all. Raises InvalidRequest."""
    if codings is None:
        return None
    names: tuple[Any, ...] = (None,)
    if isinstance(codings, Iterable) and not isinstance(codings, str):
        names = tuple(codings)
    if not all(isinstance(name, str) for name in names):
        raise InvalidRequest(f'codings is {codings!r:.80}: give a list of names, such as ["gzip"], or None for all')
    return frozenset(name.lower() for name in names)


def decoder(values: Iterable[str], *, slice_size: int = SLICE) -> Decoder | None:
    """What undoes the codings of one response.

    values: those of every Content-Encoding field.
    slice_size: bytes in one piece of output at most, 1 or more (default 256 KiB).
    None when there is nothing to undo: no coding, "identity", or one not known here (its body stays so).
    Raises DecodeError for more than 5 codings.
    """
    names = [name.strip(" \t").lower() for value in values for name in value.split(",")]
    names = [name for name in names if name not in ("", "identity")]
    if len(names) > MAX_CODINGS:
        raise DecodeError(f"Content-Encoding names {len(names)} codings, {MAX_CODINGS} are allowed. Use decode=False")
    known = _codings()
    if not names or any(name not in known for name in names):
        return None
    return Decoder([_Stage(name, known[name], slice_size) for name in reversed(names)])


class _Stage:
    """One coding of a body."""

    __slots__ = ("_coding", "_limit", "_members", "_name", "_silent", "_stream")

    def __init__(self, name: str, coding: _Coding, limit: int) -> None:
        self._name = name
        self._coding = coding
        self._limit = limit
        self._stream: _Stream | None = None
        self._members = 0
        self._silent = 0

    def undo(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            for start in range(0, len(piece), _BLOCK):
                yield from self._undo_block(piece[start : start + _BLOCK])

    def _undo_block(self, block: bytes) -> Iterator[bytes]:
        self._silent += len(block)
        while block:
            stream = self._stream
            if stream is None:
                stream = self._open(block)
            yield from self._drain(stream, block)
            if stream.eof:
                self._stream = None
                block = stream.unused_data
            else:
                block = b""
        if self._silent > MAX_SILENT:
            raise self._damage(f"{self._silent} bytes of it hold no content")

    def _drain(self, stream: _Stream, block: bytes) -> Iterator[bytes]:
        limit = self._limit
        full = True
        while full and not stream.eof:
            output = self._step(stream, block)
            block = b""
            full = len(output) >= limit
            if output:
                self._silent = 0
            # brotli takes its limit for a hint and may give much more.
            for start in range(0, len(output), limit):
                yield output[start : start + limit]

    def _open(self, block: bytes) -> _Stream:
        self._members += 1
        if self._members > self._coding.members:
            raise self._damage(f"data follows its end (streams in a row allowed: {self._coding.members})")
        self._stream = stream = self._coding.open(block)
        return stream

    def _step(self, stream: _Stream, data: bytes) -> bytes:
        try:
            return stream.decompress(data, self._limit)
        except self._coding.error as error:
            raise self._damage(str(error).rstrip(".")) from error

    def end(self) -> None:
        if self._stream is not None:
            raise self._damage("the body ends in the middle of it")

    def _damage(self, what: str) -> DecodeError:
        return DecodeError(f"The body's {self._name} coding is damaged: {what}. Read it raw with decode=False")


class Decoder:
    """The codings of one body. Made by `decoder()`.

    Each iterator must be run to its end before the next one is asked for. After a DecodeError, or when an
    iterator was left early, it is of no more use.
    """

    __slots__ = ("_stages",)

    def __init__(self, stages: list[_Stage]) -> None:
        self._stages = stages

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Pieces of the body out of `data`: none empty, none above the slice size, each made when asked for.

        Raises DecodeError, from the iterator, when a coding is damaged.
        """
        pieces: Iterator[bytes] = iter((data,))
        for stage in self._stages:
            pieces = stage.undo(pieces)
        return pieces

    def finish(self) -> Iterator[bytes]:
        """The rest, when no more data comes: nothing, since no coding here holds anything back.

        Raises DecodeError, from the iterator, when the body is cut off. An empty body is whole, since
        the answers to HEAD, 204 and 304 name codings too (RFC 9110 section 8.4).
        """
        for stage in self._stages:
            stage.end()
        yield from ()
