"""Content codings undone: any chunking gives the same bytes, no cap is passed, nothing broken is taken for whole."""

from __future__ import annotations

import gzip
import itertools
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from ingress.gateway import inflating
from ingress.gateway.inflating import PIECE, BrokenCoding, InflateError, Inflater, OverCap, UnknownCoding


def raw_deflate(data: bytes) -> bytes:
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(data) + made.flush()


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "raw deflate": raw_deflate,
    "br": lambda data: bytes(brotli.compress(data, quality=4)),
    "zstd": zstd.compress,
    "gzip, br": lambda data: bytes(brotli.compress(gzip.compress(data), quality=4)),
    "br ,zstd": lambda data: zstd.compress(brotli.compress(data, quality=4)),
}
NAMES = sorted(COMPRESS)
TEXT = bytes(range(256)) * 3_000


def pieces_of(name: str, *fed: bytes, most: int = 1 << 20) -> list[bytes]:
    inflater = Inflater(name.removeprefix("raw "), most)
    out = [piece for data in fed for piece in inflater.feed(data)]
    inflater.finish()
    return out


def inflate(name: str, *fed: bytes, most: int = 1 << 20) -> bytes:
    return b"".join(pieces_of(name, *fed, most=most))


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(st.sampled_from(NAMES), st.binary(max_size=300), st.integers(1, 500), st.lists(st.integers(0, 10_000)))
def test_any_chunking_gives_the_same_bytes(name: str, unit: bytes, times: int, places: list[int]) -> None:
    body = unit * times
    assert inflate(name, *cut(COMPRESS[name](body), places)) == body


@given(st.sampled_from(NAMES), st.integers(0, 400_000), st.integers(0, 400_000), st.lists(st.integers(0, 1_000)))
def test_no_more_than_the_cap_ever_comes_out(name: str, size: int, most: int, places: list[int]) -> None:
    inflater, out, refused = Inflater(name.removeprefix("raw "), most), 0, False
    try:
        for data in cut(COMPRESS[name](b"a" * size), places):
            for piece in inflater.feed(data):
                out += len(piece)
                assert out <= most
    except OverCap:
        refused = True
    # what is between two codings has the same cap, and may be larger than what it holds when that is little
    assert refused == (size > most) or (most < 64 and "," in name)


@pytest.mark.parametrize("name", NAMES)
def test_large_bodies_come_in_pieces(name: str) -> None:
    found = pieces_of(name, COMPRESS[name](TEXT))
    assert b"".join(found) == TEXT and max(map(len, found)) <= 2 * PIECE


@pytest.mark.parametrize("name", NAMES)
def test_what_is_flushed_can_be_had_at_once(name: str) -> None:
    inflater = Inflater(name.removeprefix("raw "), 1 << 20)
    whole = COMPRESS[name](b"one")
    assert b"".join(piece for byte in whole for piece in inflater.feed(bytes([byte]))) == b"one"


def test_a_flushed_event_does_not_wait_for_the_next() -> None:
    packed = zlib.compressobj(wbits=31)
    inflater = Inflater("gzip", 100)
    for event in (b"data: 1\n\n", b"data: 2\n\n"):
        assert b"".join(inflater.feed(packed.compress(event) + packed.flush(zlib.Z_SYNC_FLUSH))) == event


@pytest.mark.parametrize("name", NAMES)
def test_a_cut_off_body_is_not_whole(name: str) -> None:
    packed = COMPRESS[name](b"some text " * 100)
    for end in range(len(packed)):
        with pytest.raises(BrokenCoding):
            inflate(name, packed[:end])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("apart", [False, True])
def test_nothing_may_follow(name: str, apart: bool) -> None:
    packed = COMPRESS[name](b"text")
    fed = (packed, b"\0more") if apart else (packed + b"\0more",)
    with pytest.raises(BrokenCoding):
        inflate(name, *fed)


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_members_follow_one_another(name: str) -> None:
    pack = COMPRESS[name]
    body = pack(b"one ") + pack(b"") + pack(b"two")
    assert inflate(name, body) == inflate(name, *cut(body, list(range(len(body))))) == b"one two"


@pytest.mark.parametrize("name", ["deflate", "br"])
def test_codings_without_members_have_one(name: str) -> None:
    with pytest.raises(BrokenCoding):
        inflate(name, COMPRESS[name](b"one") * 2)


def test_frames_to_be_skipped_hold_nothing() -> None:
    skipped = b"\x50\x2a\x4d\x18\x03\0\0\0abc"
    assert inflate("zstd", skipped + zstd.compress(b"text") + skipped) == b"text"


def test_members_that_hold_nothing_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflating, "MOST_MEMBERS", 3)
    empty = gzip.compress(b"")
    assert inflate("gzip", empty * 3) == b""
    with pytest.raises(BrokenCoding):
        inflate("gzip", empty * 4)


def test_a_window_may_not_be_larger_than_the_standard_says() -> None:
    def packed(window_log: int) -> bytes:
        packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: window_log})
        return packer.compress(b"te") + packer.compress(b"xt") + packer.flush()

    assert inflate("zstd", packed(23)) == b"text"
    with pytest.raises(BrokenCoding):
        inflate("zstd", packed(24))


@pytest.mark.parametrize("name", ["gzip", "br", "zstd", "gzip, br"])
def test_a_bomb_is_not_unpacked(name: str) -> None:
    bomb = COMPRESS[name](bytes(32 << 20))
    inflater, out = Inflater(name, 100_000), 0
    tracemalloc.start()
    try:
        with pytest.raises(OverCap):
            for piece in inflater.feed(bomb):
                out += len(piece)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert out <= 100_000


def test_what_is_between_two_codings_has_the_cap_too() -> None:
    nothing = gzip.compress(b"") * 10_000
    with pytest.raises(OverCap):
        inflate("gzip, br", brotli.compress(nothing, quality=4), most=10_000)


@pytest.mark.parametrize("name", ["compress", "gzip, lzma", "gzip, gzip, gzip", "gzip;q=1", "*"])
def test_other_codings_are_not_known(name: str) -> None:
    with pytest.raises(UnknownCoding):
        Inflater(name, 10)


@pytest.mark.parametrize("name", ["", "identity", "Identity, ,"])
def test_no_coding_is_none_at_all(name: str) -> None:
    assert inflate(name, b"as ", b"is", most=5) == b"as is"
    with pytest.raises(OverCap):
        inflate(name, b"as ", b"is", most=4)


def test_names_are_compared_without_regard_to_case() -> None:
    assert inflate("GZip", gzip.compress(b"text")) == b"text"


@given(st.sampled_from(NAMES), st.binary(max_size=200))
def test_whatever_comes_it_ends_in_bytes_or_in_one_of_the_errors(name: str, data: bytes) -> None:
    try:
        assert len(inflate(name, data, most=50)) <= 50
    except InflateError as error:
        assert type(error) in (OverCap, BrokenCoding)
