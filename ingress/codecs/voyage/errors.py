"""Errors of Voyage AI. Source: Voyage AI API reference, "Error codes"."""

from __future__ import annotations

from ingress.codecs.codec import ErrorTold
from ingress.codecs.told_errors import clipped, decoded, member


def read_error(body: bytes) -> ErrorTold:
    """`{"detail"}`: a text, or a list of what is wrong with each field."""
    detail = member(decoded(body), "detail")
    if isinstance(detail, list) and detail:
        detail = member(detail[0], "msg")
    return ErrorTold(clipped(detail))
