"""A conversation that was begun at one provider and is carried on at another, over the judges `anthropic` and `openai`.

In the midst of calls of tools, with thoughts: what the first one signed and how it named its calls, is not the other's.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import anthropic
import openai
from observing import FUNCTION, SCHEMA, USE, Models, listen, observe, orders

ASKED = orders()
LIMIT = 9000
MESSAGES: Any = anthropic.Anthropic(base_url=ASKED["base"], api_key=ASKED["key"], max_retries=0).messages
CHAT: Any = openai.OpenAI(base_url=ASKED["base"] + "/v1", api_key=ASKED["key"], max_retries=0).chat.completions
FUNCTIONS: Any = [{"type": "function", "function": {"name": FUNCTION, "description": "d", "parameters": SCHEMA}}]
TOOLS: Any = [{"name": FUNCTION, "description": "d", "input_schema": SCHEMA}]


@cache
def begun_messages(model: str) -> Any:
    return messages(model)


@cache
def begun_chat(model: str) -> Any:
    return chat(model)


def messages(model: str, *more: Any) -> Any:
    asked = [{"role": "user", "content": USE}, *more]
    thinking = {"type": "enabled", "budget_tokens": 2000}
    return MESSAGES.create(model=model, messages=asked, tools=TOOLS, max_tokens=LIMIT, thinking=thinking).content


def over_messages(begun: str, carried: str) -> str:
    content = begun_messages(begun)
    calls = [block for block in content if block.type == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"} for call in calls]
    after = messages(carried, {"role": "assistant", "content": content}, {"role": "user", "content": results})
    return "".join(block.text for block in after if block.type == "text")


def chat(model: str, *more: Any) -> Any:
    asked = [{"role": "user", "content": USE}, *more]
    answer = CHAT.create(
        model=model, messages=asked, tools=FUNCTIONS, max_completion_tokens=LIMIT, reasoning_effort="low"
    )
    return answer.choices[0].message


def over_chat(begun: str, carried: str) -> str:
    message = begun_chat(begun)
    results = [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in message.tool_calls]
    after: str = chat(carried, message.model_dump(exclude_none=True), *results).content
    return after


def carried_on(models: Models) -> dict[str, Any]:
    """By the account that goes on and the client: what it was told; those alone that were told too little."""
    begun = models("think+calls-2")
    told = {
        f"{account}, {way.__name__}": way(begun, f"{account}/{name}+think+inventory")
        for account, name in ASKED["accounts"].items()
        for way in (over_messages, over_chat)
    }
    return {"short": {at: text for at, text in told.items() if text.count("call weather") != 2 or "result" not in text}}


if __name__ == "__main__":
    listen()
    observe(ASKED, {"carried on": carried_on})
