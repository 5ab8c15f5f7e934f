"""What the mock says: text, tool call, token counts. Pure; the bytes are made in wire.py.

The tokenizer, on purpose trivial, so that any checker can recount: a text of the prompt has ``max(1, ceil(bytes / 4))``
tokens (bytes of its UTF-8); the prompt has 3, plus 3 for each message, plus its texts (tools, names and images count
nothing). An answer is cut into pieces of at most 4 bytes that never split a character; each piece is one token and one
stream chunk. A tool call counts one token for its name and one for each piece of its arguments. With ``n`` choices the
completion counts n times.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from ops.mock.behaviour import Behaviour
from ops.mock.request import ChatRequest, Function, NamedTool

FIXED_TEXT = "Fixed answer of the bundled mock provider: it is always the same text."
_DEEPEST = 8
_TOOL_WORD = re.compile(r"\btools?\b", re.IGNORECASE)


def count(text: str) -> int:
    """Tokens of a prompt's text."""
    size = len(text) if text.isascii() else len(text.encode())
    return (size + 3) // 4 or 1


def pieces(text: str) -> list[str]:
    """Cut ``text`` into its tokens: at most 4 bytes each, whole characters. An empty text is one empty token."""
    if text.isascii():
        return [text[at : at + 4] for at in range(0, len(text), 4)] or [""]
    found: list[str] = []
    start, size = 0, 0
    for at, character in enumerate(text):
        width = len(character.encode())
        if size + width > 4:
            found.append(text[start:at])
            start, size = at, 0
        size += width
    found.append(text[start:])
    return found


FIXED_PIECES = tuple(pieces(FIXED_TEXT))


class Answer(msgspec.Struct, frozen=True, gc=False):
    """One composed answer. ``pieces`` are the text's, or the tool arguments' when ``tool`` names a function."""

    pieces: Sequence[str]
    """A tuple when it is the fixed text, so that such answers can be remembered by value."""
    tool: str | None
    finish: str
    choices: int
    prompt_tokens: int
    completion_tokens: int
    include_usage: bool
    """Whether a stream ends with a usage chunk."""


def compose(request: ChatRequest, behaviour: Behaviour) -> Answer:
    """Decide the whole answer to ``request``, before its first byte leaves."""
    prompt = 3
    for message in request.messages:
        prompt += 3
        for text in message.texts():
            prompt += count(text)
    function = None if request.tools is None else _function(request)
    found: Sequence[str]
    if function is not None:
        arguments = example(function.parameters or {"type": "object"})
        found = pieces(msgspec.json.encode(arguments).decode())
    else:
        found = _text(request, behaviour)
    limit = request.max_completion_tokens or request.max_tokens
    room = None if limit is None else limit - (function is not None)
    finish = "stop" if function is None else "tool_calls"
    if room is not None and len(found) > room:
        found, finish = found[:room], "length"
    choices = request.n or 1
    options = request.stream_options
    return Answer(
        pieces=found,
        tool=None if function is None else function.name,
        finish=finish,
        choices=choices,
        prompt_tokens=prompt,
        completion_tokens=(len(found) + (function is not None)) * choices,
        include_usage=options is not None and options.include_usage is True,
    )


def _text(request: ChatRequest, behaviour: Behaviour) -> Sequence[str]:
    text = (request.last_user_text() if behaviour.mode == "echo" else FIXED_TEXT) or FIXED_TEXT
    wanted = behaviour.tokens
    if wanted is not None:
        text *= 1 + wanted * 4 // len(text.encode())
        text = text[: wanted * 4]
    form = request.response_format
    if form is not None and form.type != "text":
        schema = form.json_schema.schema if form.json_schema is not None else None
        value = {"answer": text} if schema is None else example(schema, text)
        return pieces(msgspec.json.encode(value).decode())
    if text is FIXED_TEXT:
        return FIXED_PIECES
    return pieces(text)[:wanted]


def _function(request: ChatRequest) -> Function | None:
    """The function to call: the forced one; else, when asked for a tool and not yet given its result, one by name."""
    offered = [tool.function for tool in request.tools or ()]
    choice = request.tool_choice
    if isinstance(choice, NamedTool):
        return next(function for function in offered if function.name == choice.function.name)
    if choice == "none":
        return None
    text = request.last_user_text()
    asked = request.messages[-1].role == "user" and _TOOL_WORD.search(text) is not None
    if choice != "required" and not asked:
        return None
    return next((function for function in offered if function.name in text), offered[0])


def _referred(root: object, pointer: str) -> object:
    """What a reference of JSON Schema within one document names; None where it names nothing."""
    found = root
    for step in pointer.removeprefix("#").split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or step not in found:
            return None
        found = found[step]
    return found


def example(schema: object, text: str = "text", depth: int = 0, root: object = None) -> object:
    """A small value that fits the common part of JSON Schema; ``text`` fills its strings. None where it cannot tell.

    ``root`` is the schema that references are looked up in, when that is not ``schema``.
    """
    root = schema if root is None else root
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return None
    if isinstance(schema.get("$ref"), str):
        return example(_referred(root, schema["$ref"]), text, depth + 1, root)
    if "const" in schema:
        return schema["const"]
    for key in ("enum", "examples"):
        if isinstance(schema.get(key), list) and schema[key]:
            return schema[key][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(key), list) and schema[key]:
            return example(schema[key][0], text, depth + 1, root)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    properties = schema.get("properties")
    if kind == "object" or isinstance(properties, dict):
        members = properties if isinstance(properties, dict) else {}
        return {name: example(member, text, depth + 1, root) for name, member in members.items()}
    if kind == "array":
        return [example(schema.get("items"), text, depth + 1, root)]
    return {"string": text, "integer": 1, "number": 1.5, "boolean": True}.get(kind) if isinstance(kind, str) else None
