"""Errors of Voyage AI. Source: Voyage AI API reference, "Error codes"."""

from __future__ import annotations

from ingress.codecs.codec import ErrorTold
from ingress.codecs.fields import decode_json


def read_error(body: bytes) -> ErrorTold:
    """`{"detail"}`: a text, or a list of what is wrong with each field."""
    try:
        told = decode_json(body[:65_536])
    except ValueError:
        return ErrorTold()
    detail = told.get("detail") if isinstance(told, dict) else None
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        detail = detail[0].get("msg")
    return ErrorTold(detail[:2_000] if isinstance(detail, str) else "")
