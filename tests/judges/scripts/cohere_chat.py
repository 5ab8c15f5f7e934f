"""The judge `cohere`: chat, embed, rerank of version 2."""

from __future__ import annotations

import json
from typing import Any

import cohere
from observing import FUNCTION, HELLO, PNG, SCHEMA, USE, Models, failing, listen, observe, orders, parsed

ASKED = orders()
CLIENT = cohere.ClientV2(api_key=ASKED["key"], base_url=ASKED["base"])
TOOLS: Any = [{"type": "function", "function": {"name": FUNCTION, "description": "d", "parameters": SCHEMA}}]
CHAT: Any = CLIENT.chat


def ask(content: Any) -> list[Any]:
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": content}]


def seen(answer: Any) -> dict[str, Any]:
    content = answer.message.content or []
    calls = answer.message.tool_calls or []
    return {
        "text": "".join(each.text for each in content if each.type == "text"),
        "thought": "".join(each.thinking for each in content if each.type == "thinking"),
        "calls": [[call.function.name, json.loads(call.function.arguments)] for call in calls],
        "finish": answer.finish_reason,
        "output": answer.usage.tokens.output_tokens,
    }


def streamed(**more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"text": "", "thought": "", "pieces": 0, "finish": "", "output": 0}
    calls: list[list[str]] = []
    stream: Any = CLIENT.chat_stream
    for event in stream(**more):
        if event.type == "content-delta":
            content = event.delta.message.content
            found["pieces"] += 1
            found["text"] += getattr(content, "text", None) or ""
            found["thought"] += getattr(content, "thinking", None) or ""
        elif event.type == "tool-call-start":
            calls.append([event.delta.message.tool_calls.function.name, ""])
        elif event.type == "tool-call-delta":
            calls[-1][1] += event.delta.message.tool_calls.function.arguments
        elif event.type == "message-end":
            found["finish"], found["output"] = event.delta.finish_reason, event.delta.usage.tokens.output_tokens
    return {**found, "calls": [[name, json.loads(arguments)] for name, arguments in calls]}


def plain(models: Models) -> dict[str, Any]:
    return seen(CHAT(model=models(), messages=ask(HELLO)))


def stream(models: Models) -> dict[str, Any]:
    return streamed(model=models(), messages=ask(HELLO))


def tools(models: Models) -> dict[str, Any]:
    asked = ask(USE)
    answer = CHAT(model=models(), messages=asked, tools=TOOLS)
    calls = answer.message.tool_calls or []
    asked.append({"role": "assistant", "tool_plan": answer.message.tool_plan,
                  "tool_calls": [call.dict(exclude_none=True) for call in calls]})  # fmt: skip
    asked += [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in calls]
    after = CHAT(model=models("inventory"), messages=asked, tools=TOOLS)
    return {**seen(answer), "after": seen(after)["text"]}


def parallel(models: Models) -> dict[str, Any]:
    return streamed(model=models("calls-2"), messages=ask(USE), tools=TOOLS)


def vision(models: Models) -> dict[str, Any]:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG}}
    return seen(CHAT(model=models("inventory"), messages=ask([{"type": "text", "text": HELLO}, picture])))


def structured(models: Models) -> dict[str, Any]:
    form = {"type": "json_object", "json_schema": SCHEMA}
    return {"value": parsed(seen(CHAT(model=models(), messages=ask(HELLO), response_format=form))["text"])}


def reasoning(models: Models) -> dict[str, Any]:
    return streamed(model=models(ASKED["think"]), messages=ask(HELLO), thinking={"type": "enabled"})


def errors(models: Models) -> dict[str, Any]:
    once: Any = {"max_retries": 0}
    return failing(lambda: CHAT(model=models("error-429"), messages=ask(HELLO), request_options=once))


def embeddings(models: Models) -> dict[str, Any]:
    answer = CLIENT.embed(model=models(), texts=["a", "b"], input_type="search_document", embedding_types=["float"])
    return {"vectors": answer.embeddings.float_}


def rerank(models: Models) -> dict[str, Any]:
    answer = CLIENT.rerank(model=models(), query="a b", documents=["c", "b", "a b"])
    return {"order": [each.index for each in answer.results]}


LOOKS = {
    "plain": plain, "stream": stream, "tools": tools, "parallel tools": parallel, "vision": vision,
    "structured": structured, "reasoning": reasoning, "errors": errors, "embeddings": embeddings, "rerank": rerank,
}  # fmt: skip

if __name__ == "__main__":
    listen()
    observe(ASKED, LOOKS)
