"""Content codings undone (RFC 9110, 8.4): compressed bytes in, bounded pieces out. Sans-I/O; who asks is elsewhere."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ACCEPTED = "gzip, deflate, br, zstd"
"""As `Accept-Encoding` says it."""
MOST_CODINGS = 2
MOST_MEMBERS = 1_024
"""Of one body: a member that holds nothing is against no cap, and costs up to 22 µs."""
PIECE = 65_536
"""About as many bytes come out in one piece, and go in at once: what is behind a member is copied."""
ZSTD_WINDOW_LOG = 23
"""A window of 8 MB is all that a sender may ask for (RFC 9659)."""


class InflateError(Exception):
    """The body cannot be had. The text tells nothing of it."""


class UnknownCoding(InflateError):
    """A coding that is not among `ACCEPTED`, or more than `MOST_CODINGS` of them."""


class OverCap(InflateError):
    """The body is larger than it may be, after any of its codings."""


class BrokenCoding(InflateError):
    """The bytes are not what the coding says, are not all there, or others follow them."""


class _Decoder(Protocol):
    """Undoes one coding, of one member where a coding has several."""

    over: bool
    """Whether the end has been met."""
    rest: bytes
    """What came behind it."""

    def pull(self, data: bytes) -> bytes:
        """About `PIECE` bytes of output. Nothing means that it needs more; until then only b"" may be given."""


class _Zlib:
    def __init__(self, window: int) -> None:
        self._inner = zlib.decompressobj(window)
        self.over = False
        self.rest = b""

    def pull(self, data: bytes) -> bytes:
        inner = self._inner
        out = inner.decompress(inner.unconsumed_tail + data if inner.unconsumed_tail else data, PIECE)
        if inner.eof:
            self.over, self.rest = True, inner.unused_data
        return out


class _Deflate:
    """`deflate` is the zlib format (RFC 9110, 8.4.1.2); the bare one is taken too, since some senders mean it."""

    def __init__(self) -> None:
        self._start = b""
        self._inner: _Zlib | None = None
        self.over = False
        self.rest = b""

    def pull(self, data: bytes) -> bytes:
        inner = self._inner
        if inner is None:
            self._start += data
            if len(self._start) < 2:
                return b""
            data = self._start
            # RFC 1950, 2.2: method 8, and a check; bare data would begin with a block that no compressor writes
            with_header = data[0] & 0x8F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
            inner = self._inner = _Zlib(zlib.MAX_WBITS if with_header else -zlib.MAX_WBITS)
        out = inner.pull(data)
        self.over, self.rest = inner.over, inner.rest
        return out


class _Brotli:
    rest = b""
    """The library itself refuses what comes behind the end in the same piece."""

    def __init__(self) -> None:
        self._inner: Any = brotli.Decompressor()
        self.over = False

    def pull(self, data: bytes) -> bytes:
        out: bytes = self._inner.process(data, output_buffer_limit=PIECE)
        self.over = self._inner.is_finished()
        return out


class _Zstd:
    def __init__(self) -> None:
        self._inner = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG})
        self.over = False
        self.rest = b""

    def pull(self, data: bytes) -> bytes:
        out = self._inner.decompress(data, PIECE)
        if self._inner.eof:
            self.over, self.rest = True, self._inner.unused_data
        return out


_BROKEN = (zlib.error, brotli.error, zstd.ZstdError)
_CODINGS: dict[str, tuple[Callable[[], _Decoder], bool]] = {
    "gzip": (lambda: _Zlib(zlib.MAX_WBITS | 16), True),
    "x-gzip": (lambda: _Zlib(zlib.MAX_WBITS | 16), True),
    "deflate": (_Deflate, False),
    "br": (_Brotli, False),
    "zstd": (_Zstd, True),
}
"""What undoes a coding, and whether it may have several members, one behind the other (RFC 1952, 2.2; RFC 8878, 3)."""


class _Stage:
    """One coding of a body."""

    def __init__(self, name: str, most: int) -> None:
        self._make, self._several = _CODINGS[name]
        self._decoder = self._make()
        self._members = 1
        self._left = most

    def feed(self, data: bytes) -> Iterator[bytes]:
        if len(data) <= PIECE:
            yield from self._fed(data)
            return
        for start in range(0, len(data), PIECE):
            yield from self._fed(data[start : start + PIECE])

    def _fed(self, data: bytes) -> Iterator[bytes]:
        while data:
            decoder = self._decoder
            if decoder.over:
                if not self._several or self._members >= MOST_MEMBERS:
                    raise BrokenCoding("bytes follow the end of the coding")
                decoder = self._decoder = self._make()
                self._members += 1
            while out := self._pulled(decoder, data):
                data = b""
                self._left -= len(out)
                if self._left < 0:
                    raise OverCap("the body is larger than it may be")
                yield out
                if decoder.over:
                    break
            data = decoder.rest

    def _pulled(self, decoder: _Decoder, data: bytes) -> bytes:
        try:
            return decoder.pull(data)
        except _BROKEN:
            raise BrokenCoding("the bytes are not what the coding says") from None

    def finish(self) -> None:
        if not self._decoder.over:
            raise BrokenCoding("the bytes are not all there")


class Inflater:
    """Undoes the codings of one body, in whatever pieces it comes; no piece that passes the cap ever comes out."""

    def __init__(self, encoding: str, most: int) -> None:
        """
        Args:
            encoding: the value of `Content-Encoding`: codings in the order in which they were applied.
            most: bytes of output, and of what is between two codings.

        Raises:
            UnknownCoding
        """
        names = [name for each in encoding.split(",") if (name := each.strip().lower()) not in ("", "identity")]
        if len(names) > MOST_CODINGS or not all(name in _CODINGS for name in names):
            raise UnknownCoding("the coding is not known")
        self._stages = [_Stage(name, most) for name in reversed(names)]
        self._left = most

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bytes that can be had now, in pieces; they must be taken to the last before more is fed.

        Raises:
            OverCap, BrokenCoding: while the pieces are taken.
        """
        match self._stages:
            case []:
                self._left -= len(data)
                if self._left < 0:
                    raise OverCap("the body is larger than it may be")
                yield data
            case [only]:
                yield from only.feed(data)
            case [outer, inner]:
                for piece in outer.feed(data):
                    yield from inner.feed(piece)

    def finish(self) -> None:
        """The body has ended.

        Raises:
            BrokenCoding: before the end of a coding.
        """
        for stage in self._stages:
            stage.finish()
