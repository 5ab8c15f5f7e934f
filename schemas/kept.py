"""From a kept body to its texts, as the gateway saw them, for whoever looks later. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.errors import InvalidRequest
from schemas.text import TextSlot, collect_answer_texts, collect_stream_texts, collect_texts

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class NoTexts(ValueError):
    """The bytes are not a body as it is kept. The text quotes nothing of them."""


def texts_of(body: bytes, stage: str, *, stream: bool) -> list[str]:
    """The texts of a kept body, as `slots_of`."""
    return [slot.text for slot in slots_of(body, stage, stream=stream)]


def slots_of(body: bytes, stage: str, *, stream: bool) -> list[TextSlot]:
    """The texts of a kept body and what they are.

    Args:
        stage: `request` or `response`.
        stream: whether the answer was streamed: then its texts are kept by lane.

    Raises:
        NoTexts: see there.
    """
    try:
        decoded = _decode(body)
        slots: list[TextSlot]
        if stage == "request":
            slots = collect_texts(decoded)
        else:
            slots = collect_stream_texts(decoded) if stream else collect_answer_texts(decoded)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise NoTexts("not a JSON object") from None
    except (InvalidRequest, RecursionError):
        raise NoTexts("nested too deeply") from None
    return slots
