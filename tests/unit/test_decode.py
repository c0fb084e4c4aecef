"""Content codings undone (CASES 87-94): any split, any damage, any bomb."""

from __future__ import annotations

import gzip
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import chain
from types import ModuleType

import brotli
import pytest

from async_keepalive_httpc._policy import decode
from async_keepalive_httpc._policy.decode import MAX_CODINGS, MAX_MEMBERS, MAX_SILENT, accepted, decoder
from async_keepalive_httpc.errors import DecodeError

zstd = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

TEXT = b"".join(b"line %d of a body that is worth a coding\n" % number for number in range(600))
SKIPPABLE = b"\x50\x2a\x4d\x18\x04\x00\x00\x00skip"
"""A zstd frame without content (RFC 8878 section 3.1.2)."""


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def undo(value: str, *pieces: bytes, slice_size: int = 262144) -> bytes:
    found = decoder([value], slice_size=slice_size)
    assert found is not None
    slices = [part for piece in pieces for part in found.decode(piece)]
    slices += found.finish()
    assert all(0 < len(part) <= slice_size for part in slices)
    return b"".join(slices)


@pytest.fixture
def fresh() -> Iterator[None]:
    """The optional packages are looked for anew, before and after."""
    decode._codings.cache_clear()
    yield
    decode._codings.cache_clear()


PACKED = [
    ("gzip", gzip.compress(TEXT)),
    ("GZip", gzip.compress(TEXT)),
    ("x-gzip", gzip.compress(TEXT)),
    ("deflate", zlib.compress(TEXT)),
    ("deflate", raw_deflate(TEXT)),
    ("br", brotli.compress(TEXT)),
    ("zstd", zstd.compress(TEXT)),
    ("gzip, deflate", zlib.compress(gzip.compress(TEXT))),
    (" zstd ,identity,\tBR", brotli.compress(zstd.compress(TEXT))),
]
NAMES = [value for value, _ in PACKED]


@pytest.mark.parametrize(("value", "packed"), PACKED)
def test_decode(value: str, packed: bytes) -> None:
    assert undo(value, packed) == TEXT


@pytest.mark.parametrize(("value", "packed"), PACKED)
def test_byte_by_byte(value: str, packed: bytes) -> None:
    pieces = [packed[at : at + 1] for at in range(len(packed))]
    assert undo(value, b"", *pieces, b"") == TEXT


@pytest.mark.parametrize("slice_size", [1, 2, 1000, len(TEXT) - 1, len(TEXT), len(TEXT) + 1])
@pytest.mark.parametrize(("value", "packed"), PACKED)
def test_slices(value: str, packed: bytes, slice_size: int) -> None:
    assert undo(value, packed, slice_size=slice_size) == TEXT


@pytest.mark.parametrize("value", NAMES)
def test_empty_body(value: str) -> None:
    assert undo(value) == b""
    assert undo(value, b"") == b""


@pytest.mark.parametrize(
    ("value", "packed"),
    [
        ("gzip", gzip.compress(b"")),
        ("deflate", zlib.compress(b"")),
        ("deflate", raw_deflate(b"")),
        ("br", brotli.compress(b"")),
        ("zstd", zstd.compress(b"")),
    ],
)
def test_coding_of_nothing(value: str, packed: bytes) -> None:
    assert undo(value, packed) == b""


@pytest.mark.parametrize(
    ("value", "packed"),
    [
        ("gzip", gzip.compress(b"one, ") + gzip.compress(b"") + gzip.compress(b"two")),
        ("zstd", zstd.compress(b"one, ") + SKIPPABLE + zstd.compress(b"two")),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_members(value: str, packed: bytes, size: int) -> None:
    pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert undo(value, *pieces) == b"one, two"


@pytest.mark.parametrize("values", [[], [""], [" , "], ["identity"], ["Identity, identity"], ["sdch"], ["gzip, sdch"]])
def test_nothing_to_undo(values: list[str]) -> None:
    assert decoder(values) is None


def test_codings_are_counted_over_all_lines() -> None:
    assert decoder(["gzip"] * MAX_CODINGS + ["identity", ""]) is not None
    assert decoder(["sdch"] * MAX_CODINGS) is None
    for values in (["gzip"] * (MAX_CODINGS + 1), ["gzip, deflate", "br, zstd", "gzip,gzip"], ["sdch, " * 6]):
        with pytest.raises(DecodeError, match="6 codings, 5 are allowed"):
            decoder(values)


def damaged(packed: bytes) -> bytes:
    middle = len(packed) // 2
    return packed[:middle] + bytes(byte ^ 0xFF for byte in packed[middle : middle + 20]) + packed[middle + 20 :]


@pytest.mark.parametrize(
    ("value", "packed", "what"),
    [
        ("gzip", TEXT, "incorrect header check"),
        ("x-gzip", b"\0" + gzip.compress(TEXT), "incorrect header check"),
        ("gzip", gzip.compress(TEXT)[:-8] + bytes(8), "incorrect data check"),
        ("gzip", damaged(gzip.compress(TEXT)), "Error"),
        ("gzip", gzip.compress(TEXT) + b"garbage", "incorrect header check"),
        ("gzip", gzip.compress(TEXT) + b"\0" * 100, "incorrect header check"),
        ("gzip", gzip.compress(TEXT) + b"\0", "ends in the middle"),
        ("gzip", gzip.compress(TEXT) + b"\0" + gzip.compress(TEXT), "incorrect header check"),
        ("deflate", damaged(zlib.compress(TEXT)), "Error"),
        ("deflate", zlib.compress(TEXT) + b"\0", "data follows its end"),
        ("deflate", raw_deflate(TEXT) + raw_deflate(TEXT), "data follows its end"),
        ("br", b"\xff" * 100, "brotli"),
        ("br", brotli.compress(TEXT) + b"\0", "brotli"),
        ("zstd", TEXT, "Zstandard"),
        (
            "zstd",
            damaged(zstd.compress(TEXT, options={zstd.CompressionParameter.checksum_flag: 1})),
            "Zstandard",
        ),
        ("zstd", zstd.compress(TEXT) + b"garbage", "Zstandard"),
        ("gzip, br", brotli.compress(TEXT), "incorrect header check"),
    ],
)
def test_damage(value: str, packed: bytes, what: str) -> None:
    with pytest.raises(DecodeError) as caught:
        undo(value, packed)
    assert str(caught.value).startswith(f"The body's {value.split(',')[0]} coding is damaged: ")
    assert what in str(caught.value)
    assert str(caught.value).endswith("decode=False")


def test_brotli_data_after_the_end_in_a_later_piece() -> None:
    with pytest.raises(DecodeError, match="data follows its end"):
        undo("br", brotli.compress(TEXT), b"x")


@pytest.mark.parametrize(("value", "packed"), PACKED)
@pytest.mark.parametrize("left", [1, 5, 100])
def test_cut_off(value: str, packed: bytes, left: int) -> None:
    with pytest.raises(DecodeError, match="the body ends in the middle of it"):
        undo(value, packed[:-left])


def test_cut_off_inside_another_coding() -> None:
    with pytest.raises(DecodeError, match="The body's gzip coding is damaged: the body ends"):
        undo("gzip, br", brotli.compress(gzip.compress(TEXT)[:-1]))


def test_the_end_is_judged_when_it_is_reached() -> None:
    found = decoder(["gzip"])
    assert found is not None
    slices = chain(found.decode(gzip.compress(TEXT)[:-1]), found.finish())
    assert next(slices) == TEXT
    with pytest.raises(DecodeError, match="the body ends in the middle of it"):
        next(slices)


def test_cut_off_in_the_second_member() -> None:
    with pytest.raises(DecodeError, match="the body ends in the middle of it"):
        undo("gzip", gzip.compress(TEXT) + b"\x1f")


def gzip_bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    return b"".join(parts) + packer.flush()


BOMB = 64 << 20
BOMBS: list[tuple[str, Callable[[], bytes]]] = [
    ("gzip", lambda: gzip_bomb(BOMB)),
    ("deflate", lambda: zlib.compress(bytes(BOMB))),
    ("br", lambda: brotli.compress(bytes(BOMB), quality=5)),
    ("zstd", lambda: zstd.compress(bytes(BOMB))),
    ("gzip, gzip", lambda: gzip.compress(gzip_bomb(BOMB))),
]


@pytest.mark.parametrize(("value", "pack"), BOMBS)
def test_bomb_unfolds_slice_by_slice(value: str, pack: Callable[[], bytes]) -> None:
    packed = pack()
    assert len(packed) < BOMB // 500
    found = decoder([value])
    assert found is not None
    tracemalloc.start()
    try:
        total = sum(len(part) for part in found.decode(packed))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == BOMB
    assert list(found.finish()) == []
    assert peak < 2 << 20


def test_nothing_is_made_before_it_is_asked_for() -> None:
    found = decoder(["gzip"], slice_size=1000)
    assert found is not None
    slices = found.decode(gzip_bomb(1 << 20) + b"damage that a lazy reader has not come to yet")
    assert next(slices) == bytes(1000)
    assert next(slices) == bytes(1000)
    with pytest.raises(DecodeError):
        list(slices)


@pytest.mark.parametrize("piece", [1, 1000, 1 << 30])
def test_empty_members_come_to_an_end(piece: int) -> None:
    packed = gzip.compress(b"") * (MAX_MEMBERS if piece == 1 else 100_000)
    if piece == 1:
        assert undo("gzip", *[packed[at : at + 1] for at in range(len(packed))]) == b""
        return
    with pytest.raises(DecodeError, match="streams in a row allowed: 1000"):
        undo("gzip", *[packed[at : at + piece] for at in range(0, len(packed), piece)])


@pytest.mark.parametrize(("value", "member"), [("gzip", gzip.compress(b"a")), ("zstd", zstd.compress(b"a"))])
def test_members_are_counted(value: str, member: bytes) -> None:
    assert undo(value, member * MAX_MEMBERS) == b"a" * MAX_MEMBERS
    with pytest.raises(DecodeError, match="data follows its end"):
        undo(value, member * (MAX_MEMBERS + 1))


def empty_blocks(size: int) -> bytes:
    """A gzip member that goes on and on and holds nothing: stored blocks of no bytes."""
    return gzip.compress(b"", mtime=0)[:10] + b"\x00\x00\x00\xff\xff" * (size // 5)


@pytest.mark.parametrize(
    "packed", [empty_blocks(MAX_SILENT * 2), gzip.compress(b"") * 999 + empty_blocks(MAX_SILENT * 2)]
)
def test_coding_that_gives_nothing_ends(packed: bytes) -> None:
    with pytest.raises(DecodeError, match="bytes of it hold no content"):
        undo("gzip", packed)
    with pytest.raises(DecodeError, match="bytes of it hold no content"):
        undo("gzip, gzip", gzip.compress(packed))


def test_silence_below_the_limit_is_heard_out() -> None:
    packed = empty_blocks(MAX_SILENT - 1000) + raw_deflate(b"a") + zlib.crc32(b"a").to_bytes(4, "little") + b"\1\0\0\0"
    assert undo("gzip", packed) == b"a"


def test_zstd_window_is_limited() -> None:
    options = {zstd.CompressionParameter.window_log: 24}
    packer = zstd.ZstdCompressor(options=options)
    with pytest.raises(DecodeError, match="zstd coding"):
        undo("zstd", packer.compress(TEXT) + packer.flush())


def test_accepted() -> None:
    assert accepted() == "gzip, deflate, br, zstd"


class _OldDecompressor:
    def process(self, data: bytes) -> bytes:
        return data


def _old_brotli() -> ModuleType:
    module = ModuleType("brotli")
    module.Decompressor = _OldDecompressor  # type: ignore[attr-defined]
    return module


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(
    ("modules", "value"),
    [
        ({"brotli": None, "brotlicffi": None}, "gzip, deflate, zstd"),
        ({"brotli": None, "brotlicffi": brotli}, "gzip, deflate, br, zstd"),
        ({"brotli": _old_brotli()}, "gzip, deflate, zstd"),
        ({"compression.zstd": None, "backports.zstd": None}, "gzip, deflate, br"),
        ({"compression.zstd": zstd, "backports.zstd": None}, "gzip, deflate, br, zstd"),
    ],
)
def test_optional_packages(modules: dict[str, ModuleType | None], value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    assert accepted() == value
    for name in ("br", "zstd"):
        assert (decoder([name]) is not None) == (name in value)
