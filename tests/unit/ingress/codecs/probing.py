"""What each protocol can say of what there is to say: a conversation with one thing more, written, and compared."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
from msgspec.structs import replace

from ingress.codecs.codec import ProviderCodec
from ingress.codecs.registry import CHAT
from schemas.conversation.ask import Conversation
from schemas.conversation.parts import (
    Audio,
    File,
    Format,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    Safety,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from schemas.errors import InvalidRequest

LOSSES = Path(__file__).with_name("losses.json")
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = Tool("look", "Looks.", SCHEMA)
PLAIN = Conversation(model="m", messages=(Message("user", (Text("Hello"),)),))
WITH_TOOL = replace(PLAIN, tools=(TOOL,))
CALLED = replace(
    WITH_TOOL,
    messages=(
        Message("user", (Text("Where?"),)),
        Message("assistant", (ToolCall("call_1", "look", '{"city":"Rome"}'),)),
        Message("tool", (ToolResult("call_1", (Text("There."),)),)),
    ),
)


def _user(*parts: Part) -> Conversation:
    return replace(PLAIN, messages=(Message("user", (*PLAIN.messages[0].parts, *parts)),))


def _said(part: Part) -> Conversation:
    said = Message("assistant", (Text("Yes."), part))
    return replace(PLAIN, messages=(*PLAIN.messages, said, Message("user", (Text("And?"),))))


def _result(result: ToolResult) -> Conversation:
    return replace(CALLED, messages=(*CALLED.messages[:2], Message("tool", (result,))))


SAID = _said(Text("")).messages
BASES: dict[str, Conversation] = {
    "assistant": replace(PLAIN, messages=(SAID[0], Message("assistant", (Text("Yes."),)), SAID[2]))
}
ASKED: dict[str, tuple[Conversation, Conversation]] = {
    "system": (PLAIN, replace(PLAIN, messages=(Message("system", (Text("Be brief."),)), *PLAIN.messages))),
    "developer": (PLAIN, replace(PLAIN, messages=(Message("developer", (Text("Be brief."),)), *PLAIN.messages))),
    "earlier turns": (PLAIN, BASES["assistant"]),
    "names of speakers": (PLAIN, replace(PLAIN, messages=(Message("user", (Text("Hello"),), "ann"),))),
    "picture, its bytes": (PLAIN, _user(Image(data="aGVsbG8=", media_type="image/png"))),
    "picture, its address": (PLAIN, _user(Image(url="https://example.com/a.png"))),
    "sound": (PLAIN, _user(Audio("aGVsbG8=", "wav"))),
    "file, its bytes": (PLAIN, _user(File("aGVsbG8=", "application/pdf", name="a.pdf"))),
    "file, its address": (PLAIN, _user(File(url="https://example.com/a.pdf", media_type="application/pdf"))),
    "file, its text": (PLAIN, _user(File(text="Words.", name="a.txt"))),
    "file, its id": (PLAIN, _user(File(id="file-1"))),
    "tools": (PLAIN, WITH_TOOL),
    "tools, strict": (WITH_TOOL, replace(PLAIN, tools=(replace(TOOL, strict=True),))),
    "calls and results": (WITH_TOOL, CALLED),
    "result, failed": (CALLED, _result(ToolResult("call_1", (Text("There."),), error=True))),
    "result, picture": (
        CALLED, _result(ToolResult("call_1", (Text("There."), Image(data="aGVsbG8=", media_type="image/png"))))
    ),
    "tool choice, required": (WITH_TOOL, replace(WITH_TOOL, tool_choice=ToolChoice("required"))),
    "tool choice, named": (WITH_TOOL, replace(WITH_TOOL, tool_choice=ToolChoice("named", "look"))),
    "tool choice, none": (WITH_TOOL, replace(WITH_TOOL, tool_choice=ToolChoice("none"))),
    "no parallel calls": (WITH_TOOL, replace(WITH_TOOL, parallel_tool_calls=False)),
    "format, any JSON": (PLAIN, replace(PLAIN, format=Format("json"))),
    "format, a schema": (PLAIN, replace(PLAIN, format=Format("schema", "place", SCHEMA, strict=True))),
    "reasoning, effort": (PLAIN, replace(PLAIN, reasoning=Reasoning("high"))),
    "reasoning, budget": (PLAIN, replace(PLAIN, reasoning=Reasoning(budget_tokens=2_000))),
    "reasoning, none": (PLAIN, replace(PLAIN, reasoning=Reasoning("none"))),
    "thoughts, signed": (BASES["assistant"], _said(Thinking("Hm.", "c2ln"))),
    "thoughts, plain": (BASES["assistant"], _said(Thinking("Hm."))),
    "thoughts, sealed": (BASES["assistant"], _said(Thinking(encrypted="c2Vh"))),
    "refusal": (BASES["assistant"], _said(Refusal("No."))),
    "cache marks": (PLAIN, replace(PLAIN, messages=(Message("user", (Text("Hello", True),)),))),
    "max output": (PLAIN, replace(PLAIN, max_output=77)),
    "temperature": (PLAIN, replace(PLAIN, temperature=0.5)),
    "temperature over 1": (replace(PLAIN, temperature=0.5), replace(PLAIN, temperature=1.5)),
    "top_p": (PLAIN, replace(PLAIN, top_p=0.5)),
    "top_k": (PLAIN, replace(PLAIN, top_k=5)),
    "frequency penalty": (PLAIN, replace(PLAIN, frequency_penalty=0.5)),
    "presence penalty": (PLAIN, replace(PLAIN, presence_penalty=0.5)),
    "seed": (PLAIN, replace(PLAIN, seed=7)),
    "stop": (PLAIN, replace(PLAIN, stop=("END",))),
    "several answers": (PLAIN, replace(PLAIN, n=2)),
    "logprobs": (PLAIN, replace(PLAIN, logprobs=True)),
    "stream": (PLAIN, replace(PLAIN, stream=True)),
    "user": (PLAIN, replace(PLAIN, user="anneliese")),
    "metadata": (PLAIN, replace(PLAIN, metadata={"team": "blue"})),
    "service tier": (PLAIN, replace(PLAIN, service_tier="flex")),
    "safety": (PLAIN, replace(PLAIN, safety=(Safety("HARM_CATEGORY_HARASSMENT", "BLOCK_NONE"),))),
}  # fmt: skip
MODELS = {
    "bedrock": "anthropic.claude-sonnet-4-5-v1:0",
    "gemini": "gemini-2.5-flash",
    "anthropic": "claude-sonnet-4-5",
}
"""Where a protocol says a thing to one family of models and not to another: of which the table speaks."""


def outcome(codec: ProviderCodec, base: Conversation, asked: Conversation) -> str:
    """`carried`, `dropped`, `nearly` (what is nearest is said, and named as dropped), `refused`, or `silent`."""
    model = MODELS.get(codec.name, "m")
    try:
        before = codec.write_request(replace(base, model=model))
        after = codec.write_request(replace(asked, model=model))
    except InvalidRequest:
        return "refused"
    differs = msgspec.json.encode(before.body) != msgspec.json.encode(after.body)
    named = set(after.dropped) - set(before.dropped)
    if named:
        return "nearly" if differs else "dropped"
    if not differs and before.dropped:
        # the whole of which it is a part was dropped before
        return "dropped"
    return "carried" if differs else "silent"


def table() -> dict[str, dict[str, str]]:
    """What there is to say -> protocol -> what becomes of it."""
    return {what: {name: outcome(codec, *pair) for name, codec in CHAT.items()} for what, pair in ASKED.items()}


def main() -> None:
    """`python -m tests.unit.ingress.codecs.probing`: writes the table down, and prints it as Markdown."""
    found = table()
    LOSSES.write_text(json.dumps(found, indent=1) + "\n")
    marks = {"carried": "✓", "nearly": "≈", "dropped": "–", "refused": "✗"}
    print("| | " + " | ".join(f"`{name}`" for name in CHAT) + " |")
    print("| --- |" + " --- |" * len(CHAT))
    for what, row in found.items():
        print(f"| {what} | " + " | ".join(marks.get(row[name], "?") for name in CHAT) + " |")


if __name__ == "__main__":
    main()
