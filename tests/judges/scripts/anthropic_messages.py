"""The judge `anthropic`: messages."""

from __future__ import annotations

from typing import Any

import anthropic
from observing import FUNCTION, HELLO, PDF, PNG, SCHEMA, USE, Models, failing, listen, observe, orders, parsed, schemed

ASKED = orders()
CLIENT = anthropic.Anthropic(base_url=ASKED["base"], api_key=ASKED["key"], max_retries=0)
TOOLS: Any = [{"name": FUNCTION, "description": "d", "input_schema": SCHEMA}]
CREATE: Any = CLIENT.messages.create
LIMIT = 9000


def ask(content: Any) -> list[Any]:
    return [{"role": "user", "content": content}]


def seen(message: Any) -> dict[str, Any]:
    return {
        "text": "".join(block.text for block in message.content if block.type == "text"),
        "thought": "".join(block.thinking for block in message.content if block.type == "thinking"),
        "calls": [[block.name, block.input] for block in message.content if block.type == "tool_use"],
        "finish": message.stop_reason,
        "output": message.usage.output_tokens,
    }


def plain(models: Models) -> dict[str, Any]:
    return seen(CREATE(model=models(), system="Be brief.", messages=ask(HELLO), max_tokens=LIMIT))


def streamed(**more: Any) -> dict[str, Any]:
    with CLIENT.messages.stream(max_tokens=LIMIT, **more) as events:
        pieces = sum(event.type == "content_block_delta" for event in events)
        message = events.get_final_message()
    return {**seen(message), "pieces": pieces}


def stream(models: Models) -> dict[str, Any]:
    return streamed(model=models(), messages=ask(HELLO))


def tools(models: Models, **more: Any) -> dict[str, Any]:
    asked = ask(USE)
    message = CREATE(model=models(), messages=asked, tools=TOOLS, max_tokens=LIMIT, **more)
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": "sunny"}
        for block in message.content
        if block.type == "tool_use"
    ]
    asked += [{"role": "assistant", "content": message.content}, *ask(results)]
    after = CREATE(model=models("inventory"), messages=asked, tools=TOOLS, max_tokens=LIMIT, **more)
    return {**seen(message), "after": seen(after)["text"]}


def parallel(models: Models) -> dict[str, Any]:
    return streamed(model=models("calls-2"), messages=ask(USE), tools=TOOLS)


def beside(models: Models, part: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": HELLO}, part]
    return seen(CREATE(model=models("inventory"), messages=ask(content), max_tokens=LIMIT))


def vision(models: Models) -> dict[str, Any]:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    return beside(models, picture)


def file(models: Models) -> dict[str, Any]:
    source = {"type": "base64", "media_type": "application/pdf", "data": PDF}
    return beside(models, {"type": "document", "source": source, "title": "a"})


def structured(models: Models) -> dict[str, Any]:
    def value(schema: Any) -> Any:
        form = {"format": {"type": "json_schema", "schema": schema}}
        message = CREATE(model=models(), messages=ask(HELLO), output_config=form, max_tokens=LIMIT)
        return parsed(seen(message)["text"])

    return {"value": schemed(value)}


def reasoning(models: Models) -> dict[str, Any]:
    thinking = {"type": "enabled", "budget_tokens": 2000}
    found = streamed(model=models(ASKED["think"]), messages=ask(HELLO), thinking=thinking)
    knob = ASKED["think"]
    both = tools(lambda more="": models("+".join(filter(None, (knob, more)))), thinking=thinking)
    return {**found, "after": both["after"]}


def errors(models: Models) -> dict[str, Any]:
    return failing(lambda: CREATE(model=models("error-429"), messages=ask(HELLO), max_tokens=LIMIT))


LOOKS = {
    "plain": plain, "stream": stream, "tools": tools, "parallel tools": parallel, "vision": vision, "file": file,
    "structured": structured, "reasoning": reasoning, "errors": errors,
}  # fmt: skip

if __name__ == "__main__":
    listen()
    observe(ASKED, LOOKS)
