"""The judge `mistralai`: chat and embeddings."""

from __future__ import annotations

import json
from typing import Any

from mistralai.client import Mistral
from observing import FUNCTION, HELLO, PNG, SCHEMA, USE, Models, failing, listen, observe, orders, parsed

ASKED = orders()
CLIENT = Mistral(api_key=ASKED["key"], server_url=ASKED["base"])
TOOLS: Any = [{"type": "function", "function": {"name": FUNCTION, "description": "d", "parameters": SCHEMA}}]
CHAT: Any = CLIENT.chat.complete


def ask(content: Any) -> list[Any]:
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": content}]


def told(content: Any) -> tuple[str, str]:
    """The text and the thoughts of a content, which is a text or has parts."""
    if not isinstance(content, list):
        return content or "", ""
    thoughts = [inner.text for part in content if part.type == "thinking" for inner in part.thinking]
    return "".join(part.text for part in content if part.type == "text"), "".join(thoughts)


def seen(answer: Any) -> dict[str, Any]:
    choice = answer.choices[0]
    calls = choice.message.tool_calls or []
    text, thought = told(choice.message.content)
    return {
        "text": text,
        "thought": thought,
        "calls": [[call.function.name, json.loads(call.function.arguments)] for call in calls],
        "finish": choice.finish_reason,
        "output": answer.usage.completion_tokens,
    }


def streamed(**more: Any) -> dict[str, Any]:
    texts, thoughts, finish, output = [], [], "", 0
    calls: dict[int, list[str]] = {}
    for event in CLIENT.chat.stream(**more):
        chunk = event.data
        output = chunk.usage.completion_tokens if chunk.usage else output
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            text, thought = told(choice.delta.content)
            texts += [text] if text else []
            thoughts.append(thought)
            for call in choice.delta.tool_calls or ():
                name, arguments = calls.setdefault(call.index or 0, ["", ""])
                calls[call.index or 0] = [name + call.function.name, arguments + call.function.arguments]
    found = [[name, json.loads(arguments)] for name, arguments in calls.values()]
    said = {"text": "".join(texts), "thought": "".join(thoughts)}
    return {**said, "pieces": len(texts), "calls": found, "finish": finish, "output": output}


def plain(models: Models) -> dict[str, Any]:
    return seen(CHAT(model=models(), messages=ask(HELLO), random_seed=1))


def stream(models: Models) -> dict[str, Any]:
    return streamed(model=models(), messages=ask(HELLO))


def reasoning(models: Models) -> dict[str, Any]:
    whole = seen(CHAT(model=models("think"), messages=ask(HELLO)))
    found = streamed(model=models("think"), messages=ask(HELLO))
    both = tools(lambda knob="": models("+".join(filter(None, ("think", knob)))))
    return {
        **found,
        "thought": found["thought"] if whole["thought"] == found["thought"] else "",
        "after": both["after"],
    }


def tools(models: Models) -> dict[str, Any]:
    asked = ask(USE)
    answer = CHAT(model=models(), messages=asked, tools=TOOLS, tool_choice="any")
    message = answer.choices[0].message
    asked.append(message)
    asked += [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in message.tool_calls or ()]
    after = CHAT(model=models("inventory"), messages=asked, tools=TOOLS)
    return {**seen(answer), "after": seen(after)["text"]}


def parallel(models: Models) -> dict[str, Any]:
    return streamed(model=models("calls-2"), messages=ask(USE), tools=TOOLS)


def vision(models: Models) -> dict[str, Any]:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG}}
    return seen(CHAT(model=models("inventory"), messages=ask([{"type": "text", "text": HELLO}, picture])))


def structured(models: Models) -> dict[str, Any]:
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}}
    return {"value": parsed(seen(CHAT(model=models(), messages=ask(HELLO), response_format=form))["text"])}


def errors(models: Models) -> dict[str, Any]:
    return failing(lambda: CHAT(model=models("error-429"), messages=ask(HELLO)))


def embeddings(models: Models) -> dict[str, Any]:
    answer = CLIENT.embeddings.create(model=models(), inputs=["a", "b"])
    return {"vectors": [each.embedding for each in answer.data]}


LOOKS = {
    "plain": plain, "stream": stream, "tools": tools, "parallel tools": parallel, "vision": vision,
    "structured": structured, "reasoning": reasoning, "errors": errors,
}  # fmt: skip

if __name__ == "__main__":
    listen()
    observe(ASKED, LOOKS)
    observe({**ASKED, "accounts": ASKED.get("embedders", {})}, {"embeddings": embeddings})
