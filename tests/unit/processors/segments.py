"""Segments for tests of workers: facts in, bytes out."""

from __future__ import annotations

import itertools

import msgspec

from schemas import codec

_numbers = itertools.count(1)


def fact(data: msgspec.Struct, *, request: str = "r1", tenant: str = "t", time: int = 0) -> bytes:
    return codec.encode_fact(
        codec.fact(data, id=f"f{next(_numbers)}", time=time, tenant=tenant, actor="key:k", correlation=request)
    )


def segment(*facts: bytes, writer: str = "gateway-1", boot: str = "b1") -> bytes:
    return codec.encode_segment("traffic.0", writer, boot, 1, bytes(32), facts)
