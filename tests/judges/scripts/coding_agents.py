"""Clients that write code: what Claude Code sends over the judge `anthropic`, and Codex's chat wire over `openai`."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import openai
from observing import FUNCTION, HELLO, SCHEMA, USE, Models, failing, listen, observe, orders

ASKED = orders()
BETAS = ["claude-code-20250219", "interleaved-thinking-2025-05-14", "fine-grained-tool-streaming-2025-05-14"]
CACHED = {"cache_control": {"type": "ephemeral"}}
USER = {"user_id": "user_0a1b_account__session_1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"}


class ClaudeCode:
    """Betas in the query and in a header, a system prompt in blocks that are cached, thoughts between calls."""

    def __init__(self) -> None:
        headers = {"x-app": "cli", "anthropic-dangerous-direct-browser-access": "true"}
        client = anthropic.Anthropic(
            base_url=ASKED["base"], auth_token=ASKED["key"], max_retries=0, default_headers=headers
        )
        self._messages: Any = client.beta.messages

    def ask(self, model: str, messages: list[Any]) -> Any:
        tools = [{"name": "Bash", "description": "d", "input_schema": {"type": "object", "properties": {}}},
                 {"name": FUNCTION, "description": "d", "input_schema": SCHEMA, **CACHED}]  # fmt: skip
        system = [{"type": "text", "text": "You write code."}, {"type": "text", "text": "Be brief.", **CACHED}]
        thinking = {"type": "enabled", "budget_tokens": 4000}
        with self._messages.stream(
            model=model, messages=messages, system=system, tools=tools, betas=BETAS, metadata=USER, max_tokens=32_000,
            thinking=thinking,
        ) as stream:  # fmt: skip
            self.pieces = sum(event.type == "content_block_delta" for event in stream)
            return stream.get_final_message()

    @staticmethod
    def text_of(message: Any) -> str:
        return "".join(block.text for block in message.content if block.type == "text")

    def said(self, text: str) -> list[Any]:
        reminder = {"type": "text", "text": "<system-reminder>Nothing to remember.</system-reminder>"}
        return [{"role": "user", "content": [reminder, {"type": "text", "text": text, **CACHED}]}]

    def stream(self, models: Models) -> dict[str, Any]:
        message = self.ask(models(), self.said(HELLO))
        output = message.usage.output_tokens
        # its thoughts are counted with the answer, where they can be told at all
        return {"text": self.text_of(message), "pieces": self.pieces, "finish": message.stop_reason, "counted": output}

    def tools(self, models: Models) -> dict[str, Any]:
        asked = self.said(USE)
        message = self.ask(models(), asked)
        calls = [block for block in message.content if block.type == "tool_use"]
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"} for call in calls]
        asked += [{"role": "assistant", "content": message.content}, {"role": "user", "content": results}]
        after = self.ask(models("inventory"), asked)
        return {"calls": [[call.name, call.input] for call in calls], "after": self.text_of(after)}

    def counts(self, models: Models) -> dict[str, Any]:
        found = self._messages.count_tokens(model=models(), messages=[{"role": "user", "content": HELLO}], betas=BETAS)
        return {"tokens": found.input_tokens}

    def errors(self, models: Models) -> dict[str, Any]:
        return failing(lambda: self.ask(models("error-429"), self.said(HELLO)))


class Codex:
    """Streams only, functions that are not strict, no usage asked for."""

    def __init__(self) -> None:
        headers = {"originator": "codex_cli_rs", "session_id": "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"}
        client = openai.OpenAI(base_url=ASKED["base"], api_key=ASKED["key"], max_retries=0, default_headers=headers)
        self._create: Any = client.chat.completions.create

    def ask(self, model: str, messages: list[Any]) -> dict[str, Any]:
        function = {"name": FUNCTION, "description": "d", "strict": False, "parameters": SCHEMA}
        tools = [{"type": "function", "function": function}]
        seen: dict[str, Any] = {"text": "", "pieces": 0, "finish": ""}
        calls: dict[int, list[str]] = {}
        for chunk in self._create(model=model, messages=messages, tools=tools, stream=True):
            for choice in chunk.choices:
                seen["finish"] = choice.finish_reason or seen["finish"]
                seen["text"] += choice.delta.content or ""
                seen["pieces"] += bool(choice.delta.content)
                for call in choice.delta.tool_calls or ():
                    told = calls.setdefault(call.index, ["", "", ""])
                    named, arguments = call.function.name or "", call.function.arguments or ""
                    calls[call.index] = [told[0] + (call.id or ""), told[1] + named, told[2] + arguments]
        return {**seen, "made": list(calls.values())}

    def said(self, text: str) -> list[Any]:
        return [{"role": "system", "content": "You write code."},
                {"role": "user", "content": "<environment_context></environment_context>"},
                {"role": "user", "content": text}]  # fmt: skip

    def stream(self, models: Models) -> dict[str, Any]:
        return {**self.ask(models(), self.said(HELLO)), "counted": 1}

    def tools(self, models: Models) -> dict[str, Any]:
        asked = self.said(USE)
        made = self.ask(models(), asked)["made"]
        told = [{"id": ident, "type": "function", "function": {"name": name, "arguments": arguments}}
                for ident, name, arguments in made]  # fmt: skip
        asked.append({"role": "assistant", "content": None, "tool_calls": told})
        asked += [{"role": "tool", "tool_call_id": ident, "content": "sunny"} for ident, _, _ in made]
        after = self.ask(models("inventory"), asked)
        return {"calls": [[name, json.loads(arguments)] for _, name, arguments in made], "after": after["text"]}

    def errors(self, models: Models) -> dict[str, Any]:
        return failing(lambda: self.ask(models("error-429"), self.said(HELLO)))


if __name__ == "__main__":
    listen()
    agent: Any = Codex() if ASKED["think"] == "codex" else ClaudeCode()
    looks = {"agent's stream": agent.stream, "tools": agent.tools, "errors": agent.errors}
    observe(ASKED, looks if ASKED["think"] == "codex" else {**looks, "counts": agent.counts})
