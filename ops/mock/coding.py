"""The content codings of answers (RFC 9110, 8.4): each piece can be read when it has come. Bytes to bytes."""

from __future__ import annotations

import sys
import zlib
from typing import Any

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


class Coder:
    """Compresses one body by `gzip`, `br` or `zstd`; by none when the name is empty."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._inner: Any = None
        if name == "gzip":
            self._inner = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
        elif name == "br":
            self._inner = brotli.Compressor(quality=4)
        elif name == "zstd":
            self._inner = zstd.ZstdCompressor()

    @property
    def lines(self) -> bytes:
        """The header line of the answer."""
        return b"content-encoding: %s\r\n" % self._name.encode() if self._name else b""

    def piece(self, data: bytes) -> bytes:
        """The next bytes of the body, all of which can be read from what this gives and what it gave before."""
        match self._name:
            case "gzip":
                packed: bytes = self._inner.compress(data) + self._inner.flush(zlib.Z_SYNC_FLUSH)
            case "br":
                packed = self._inner.process(data) + self._inner.flush()
            case "zstd":
                packed = self._inner.compress(data, zstd.ZstdCompressor.FLUSH_BLOCK)
            case _:
                packed = data
        return packed

    def end(self) -> bytes:
        """What ends the body."""
        match self._name:
            case "gzip" | "zstd":
                packed: bytes = self._inner.flush()
            case "br":
                packed = self._inner.finish()
            case _:
                packed = b""
        return packed

    def whole(self, data: bytes) -> bytes:
        """The body in one piece."""
        return data if self._inner is None else self.piece(data) + self.end()


UNCODED = Coder("")
"""Changes nothing and keeps nothing."""
