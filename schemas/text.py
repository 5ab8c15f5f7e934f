"""Where the texts are in bodies of callers' protocols: what screening looks at, whoever does it. Pure; no decoding."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.errors import InvalidRequest

# values under these names are never prose: identifiers, enumerations, binary data in base64
_NOT_TEXT = frozenset(
    {
        *("role", "type", "id", "tool_call_id", "detail", "format", "data", "file_id", "encrypted_content"),
        *("tool_use_id", "media_type", "signature", "call_id", "item_id", "status", "object"),  # Messages, Responses
        *("mimeType", "thoughtSignature", "finishReason", "mode", "category", "threshold"),  # generateContent
    }
)
_FIRST = ("messages", "tools", "functions", "response_format", "prediction", "stop", "metadata", "user")
"""Fields in this order first; then everything else that a body may hold, in its own order."""
_NEVER = frozenset(
    {*_FIRST, "model", "stream", "previous_response_id", "service_tier", "reasoning_effort", "modalities"}
)
_ADDRESSES = frozenset({"url", "image_url", "file_data"})
_MAX_DEPTH = 64


class TextSlot(msgspec.Struct, frozen=True, gc=True):
    """A string inside a decoded body, and where to put another one in its place."""

    holder: Any
    key: Any
    text: str


def collect_texts(body: dict[str, Any]) -> list[TextSlot]:
    """Every text-bearing string of a decoded request, in document order.

    Raises:
        InvalidRequest: nested too deeply.
    """
    found: list[TextSlot] = []
    for field in _FIRST:
        if field in body:
            _collect(body, field, body[field], found, 0)
    for field, value in body.items():
        # a field that nobody knows today may bear a text tomorrow
        if field not in _NEVER and (field not in _NOT_TEXT or not isinstance(value, str)):
            _collect(body, field, value, found, 0)
    return found


def collect_answer_texts(body: dict[str, Any]) -> list[TextSlot]:
    """The texts of a decoded answer in one piece: content, refusals, thoughts, tool names, arguments.

    Raises:
        InvalidRequest: nested too deeply.
    """
    found: list[TextSlot] = []
    for field in ("choices", "content", "output", "candidates"):
        answers = body.get(field)
        if field != "choices":
            if isinstance(answers, list):
                _collect(body, field, answers, found, 0)
            continue
        for choice in answers if isinstance(answers, list) else ():
            if isinstance(choice, dict):
                for name in ("message", "text"):
                    if name in choice:
                        _collect(choice, name, choice[name], found, 0)
    return found


def drop_repeats(body: Any) -> None:
    """Takes out of an answer what tells its texts once more, token by token: after a redaction that is too much."""
    if isinstance(body, dict):
        for name, value in body.items():
            if name == "logprobs" and value:
                body[name] = [] if isinstance(value, list) else None
            else:
                drop_repeats(value)
    elif isinstance(body, list):
        for value in body:
            drop_repeats(value)


def collect_stream_texts(body: dict[str, Any]) -> list[TextSlot]:
    """The texts of what is kept of a streamed answer, `{"texts": {lane: text}}`, in the order of the lanes.

    Never to be asked about bytes that a provider wrote: they would say by themselves where their texts are.
    """
    lanes = body.get("texts")
    if not isinstance(lanes, dict):
        return []
    return [TextSlot(lanes, lane, text) for lane, text in lanes.items() if isinstance(text, str)]


def _collect(holder: Any, key: Any, value: Any, found: list[TextSlot], depth: int) -> None:
    if isinstance(value, str):
        if value and not (key in _ADDRESSES and value.startswith("data:")):
            found.append(TextSlot(holder, key, value))
    elif depth >= _MAX_DEPTH:
        raise InvalidRequest("The request is nested too deeply.", param=None)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name not in _NOT_TEXT or not isinstance(inner, str):
                _collect(value, name, inner, found, depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _collect(value, index, inner, found, depth + 1)
