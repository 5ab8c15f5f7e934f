"""Conversations and answers made by hypothesis, within what both sides of a crossing can say."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from schemas.conversation.answer import Begun, Choice, Delta, Ended, Event, Finished, PartBegun, PartEnded, Used
from schemas.conversation.ask import Conversation
from schemas.conversation.parts import Image, Message, Text, Tool, ToolCall, ToolChoice, ToolResult
from schemas.facts.traffic import Usage

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,15}", fullmatch=True)
IDS = st.from_regex(r"call_[a-zA-Z0-9]{1,12}", fullmatch=True)
TEXTS = st.builds(Text, WORDS)
IMAGES = st.builds(Image, data=st.just("aGVsbG8="), media_type=st.sampled_from(["image/png", "image/jpeg"]))
ARGUMENTS = st.dictionaries(NAMES, st.integers(0, 99) | WORDS, max_size=3)
SCHEMAS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"type": st.just("object"), "properties": st.just({})}
)

TOOLS: st.SearchStrategy[Tool] = st.builds(Tool, NAMES, WORDS, SCHEMAS)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """Alternating turns with calls answered in the next one, as every protocol wants them."""
    tools = tuple(draw(st.lists(TOOLS, max_size=3, unique_by=lambda tool: tool.name)))
    instructed: bool = draw(st.booleans())
    messages = [Message("system", (draw(TEXTS),))] if instructed else []
    for _ in range(draw(st.integers(0, 3))):
        messages.append(Message("user", tuple(draw(st.lists(TEXTS | IMAGES, min_size=1, max_size=3)))))
        if tools and draw(st.booleans()):
            ids = draw(st.lists(IDS, min_size=1, max_size=2, unique=True))
            calls = tuple(ToolCall(each, tools[0].name, draw(ARGUMENTS.map(_json))) for each in ids)
            messages.append(Message("assistant", calls))
            messages += [Message("tool", (ToolResult(each, (draw(TEXTS),), name=""),)) for each in ids]
        else:
            messages.append(Message("assistant", (draw(TEXTS),)))
    messages.append(Message("user", (draw(TEXTS),)))
    wanted: ToolChoice | None = None
    if tools:
        wanted = draw(st.sampled_from([None, ToolChoice("auto"), ToolChoice("required"), ToolChoice("none")]))
    return Conversation(
        model=draw(NAMES),
        messages=tuple(messages),
        tools=tools,
        tool_choice=wanted,
        max_output=draw(st.integers(1, 10_000)),
        temperature=draw(st.none() | st.sampled_from([0.0, 0.5, 1.0])),
        top_p=draw(st.none() | st.sampled_from([0.1, 0.9])),
        stop=tuple(draw(st.lists(WORDS, max_size=2))),
        stream=draw(st.booleans()),
    )


def _json(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode()


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    """One answer: perhaps a text, perhaps calls."""
    text = draw(st.none() | WORDS)
    ids = draw(st.lists(IDS, max_size=2, unique=True))
    calls = [ToolCall(each, draw(NAMES), draw(ARGUMENTS.map(_json))) for each in ids]
    parts = ([Text(text)] if text else []) + calls
    return Choice(tuple(parts), "tool_calls" if calls else draw(st.sampled_from(["stop", "length"])))


USAGES = st.builds(Usage, st.integers(1, 999), st.integers(1, 999))


def streamed(choice: Choice, usage: Usage, size: int) -> list[Event]:
    """The answer as a stream would tell it, in pieces of `size` characters."""
    events: list[Event] = [Begun("id1", "model", 1_700_000_000, Usage(usage.input_tokens))]
    for number, part in enumerate(choice.parts):
        if isinstance(part, Text):
            events.append(PartBegun(0, number, "text"))
            whole = part.text
        else:
            assert isinstance(part, ToolCall)
            events.append(PartBegun(0, number, "tool_call", part.id, part.name))
            whole = part.arguments
        events += [Delta(0, number, whole[at : at + size]) for at in range(0, len(whole), size)]
        events.append(PartEnded(0, number))
    return [*events, Finished(0, choice.finish), Used(usage), Ended()]
