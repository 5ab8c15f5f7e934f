"""Where the texts are in bodies of callers' protocols: what screening looks at, whoever does it. Pure; no decoding."""

from __future__ import annotations

from collections.abc import Sequence
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
_ORDER = {field: place for place, field in enumerate(_FIRST)}
_NEVER = frozenset(
    {*_FIRST, "model", "stream", "previous_response_id", "service_tier", "reasoning_effort", "modalities"}
)
_ANSWERS = frozenset({"content", "output", "candidates"})
"""Where answers are that are not among choices."""
_ADDRESSES = frozenset({"url", "image_url", "file_data"})
_MAX_DEPTH = 64
TOOL_LANE = ".tool"
"""Stands in the names of lanes of a streamed answer that bear calls of tools."""
_TOOL_FIELDS = frozenset({"tool_calls", "function_call", "functionCall", "functionResponse"})
_TOOL_TYPES = frozenset({"tool_use", "tool_result", "server_tool_use", "mcp_tool_use", "mcp_tool_result"})
TOOL_ROLES = frozenset({"tool", "function"})


class TextSlot(msgspec.Struct, frozen=True, gc=True):
    """A string inside a decoded body, and where to put another one in its place."""

    holder: Any
    key: Any
    text: str
    tool: bool = False
    """Whether it is part of a call of a tool or of what came of it: rules for tools are for these."""


def collect_texts(body: dict[str, Any]) -> list[TextSlot]:
    """Every text-bearing string of a decoded request, in document order.

    Raises:
        InvalidRequest: nested too deeply.
    """
    found: list[TextSlot] = []
    for field in sorted(body.keys() & _ORDER.keys(), key=_ORDER.__getitem__):
        _collect(body, field, body[field], found, 0)
    if body.keys() <= _NEVER:
        return found
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
    choices = body.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            if "message" in choice:
                _collect(choice, "message", choice["message"], found, 0)
            if "text" in choice:
                _collect(choice, "text", choice["text"], found, 0)
    if not _ANSWERS.isdisjoint(body):
        for field in sorted(_ANSWERS.intersection(body)):
            if isinstance(body[field], list):
                _collect(body, field, body[field], found, 0)
    return found


def collect_results_texts(body: dict[str, Any]) -> list[TextSlot]:
    """The texts that an answer to a rerank sends back: each result may hold its document.

    Raises:
        InvalidRequest: nested too deeply.
    """
    found: list[TextSlot] = []
    for field in ("results", "data"):
        results = body.get(field)
        for result in results if isinstance(results, list) else ():
            if isinstance(result, dict):
                for name, value in result.items():
                    _collect(result, name, value, found, 0)
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


def tools_among(slots: Sequence[TextSlot]) -> tuple[int, ...]:
    """Which texts are of tools, by number."""
    for slot in slots:
        if slot.tool:
            return tuple([at for at, each in enumerate(slots) if each.tool])
    return ()  # nearly always, and in a fifth of the time


def collect_stream_texts(body: dict[str, Any]) -> list[TextSlot]:
    """The texts of what is kept of a streamed answer, `{"texts": {lane: text}}`, in the order of the lanes.

    Never to be asked about bytes that a provider wrote: they would say by themselves where their texts are.
    """
    lanes = body.get("texts")
    if not isinstance(lanes, dict):
        return []
    return [TextSlot(lanes, lane, text, TOOL_LANE in lane) for lane, text in lanes.items() if isinstance(text, str)]


def _collect(holder: Any, key: Any, value: Any, found: list[TextSlot], depth: int, tool: bool = False) -> None:
    if isinstance(value, str):
        if value and not (key in _ADDRESSES and value.startswith("data:")):
            found.append(TextSlot(holder, key, value, tool))
    elif depth >= _MAX_DEPTH:
        raise InvalidRequest("The request is nested too deeply.", param=None)
    elif isinstance(value, dict):
        tool = tool or _is_of_tool(value)
        for name, inner in value.items():
            # strings here and not one call deeper: they are most of what there is
            if not isinstance(inner, str):
                _collect(value, name, inner, found, depth + 1, tool or name in _TOOL_FIELDS)
            elif inner and name not in _NOT_TEXT and not (name in _ADDRESSES and inner.startswith("data:")):
                found.append(TextSlot(value, name, inner, tool or name in _TOOL_FIELDS))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _collect(value, index, inner, found, depth + 1, tool)


def _is_of_tool(value: dict[str, Any]) -> bool:
    """Whether a part is a call of a tool or its result: a message of that role, or a part whose type says so."""
    role, kind = value.get("role"), value.get("type")
    if isinstance(role, str) and role in TOOL_ROLES:
        return True
    return isinstance(kind, str) and (kind in _TOOL_TYPES or kind.endswith(("_call", "_call_output")))
