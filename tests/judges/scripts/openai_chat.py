"""The judge `openai`: chat completions, embeddings."""

from __future__ import annotations

import json
from typing import Any

import openai
from observing import (
    FUNCTION,
    HELLO,
    PDF,
    PNG,
    SCHEMA,
    USE,
    WAV,
    Models,
    failing,
    listen,
    observe,
    orders,
    parsed,
    schemed,
)

ASKED = orders()
CLIENT = openai.OpenAI(base_url=ASKED["base"], api_key=ASKED["key"], max_retries=0)
TOOLS: Any = [{"type": "function", "function": {"name": FUNCTION, "description": "d", "parameters": SCHEMA}}]
CREATE: Any = CLIENT.chat.completions.create


def ask(text: Any) -> Any:
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]


def plain(models: Models) -> dict[str, Any]:
    answer = CREATE(model=models(), messages=ask(HELLO), max_completion_tokens=2000)
    choice, usage = answer.choices[0], answer.usage
    return {"text": choice.message.content, "finish": choice.finish_reason, "output": usage.completion_tokens}


def collected(**more: Any) -> dict[str, Any]:
    texts, thoughts, calls, finish, output = [], [], {}, "", 0
    for chunk in CREATE(stream=True, stream_options={"include_usage": True}, **more):
        if chunk.usage is not None:
            output = chunk.usage.completion_tokens
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            delta = choice.delta
            if delta.content:
                texts.append(delta.content)
            if getattr(delta, "reasoning_content", None):
                thoughts.append(delta.reasoning_content)
            for call in delta.tool_calls or ():
                name, arguments = calls.setdefault(call.index, ["", ""])
                calls[call.index] = [name + (call.function.name or ""), arguments + (call.function.arguments or "")]
    return {
        "text": "".join(texts),
        "pieces": len(texts),
        "thought": "".join(thoughts),
        "calls": [[name, json.loads(arguments)] for name, arguments in calls.values()],
        "finish": finish,
        "output": output,
    }


def stream(models: Models) -> dict[str, Any]:
    return collected(model=models(), messages=ask(HELLO), max_completion_tokens=2000)


def tools(models: Models) -> dict[str, Any]:
    asked = ask(USE)
    message = CREATE(model=models(), messages=asked, tools=TOOLS, max_completion_tokens=2000).choices[0].message
    calls = message.tool_calls or []
    asked.append(message.model_dump(exclude_none=True))
    asked += [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in calls]
    after = CREATE(model=models("inventory"), messages=asked, tools=TOOLS, max_completion_tokens=2000)
    return {
        "calls": [[call.function.name, json.loads(call.function.arguments)] for call in calls],
        "after": after.choices[0].message.content,
    }


def parallel(models: Models) -> dict[str, Any]:
    return collected(model=models("calls-2"), messages=ask(USE), tools=TOOLS, max_completion_tokens=2000)


def beside(models: Models, part: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": HELLO}, part]
    answer = CREATE(model=models("inventory"), messages=ask(content), max_completion_tokens=2000)
    return {"text": answer.choices[0].message.content}


def vision(models: Models) -> dict[str, Any]:
    return beside(models, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG}})


def audio(models: Models) -> dict[str, Any]:
    return beside(models, {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}})


def file(models: Models) -> dict[str, Any]:
    told = {"filename": "a.pdf", "file_data": "data:application/pdf;base64," + PDF}
    return beside(models, {"type": "file", "file": told})


def structured(models: Models) -> dict[str, Any]:
    def value(schema: Any) -> Any:
        form = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema, "strict": True}}
        answer = CREATE(model=models(), messages=ask(HELLO), response_format=form, max_completion_tokens=2000)
        return parsed(answer.choices[0].message.content)

    return {"value": schemed(value)}


def reasoning(models: Models) -> dict[str, Any]:
    return collected(
        model=models(ASKED["think"]), messages=ask(HELLO), reasoning_effort="low", max_completion_tokens=9000
    )


def errors(models: Models) -> dict[str, Any]:
    return failing(lambda: CREATE(model=models("error-429"), messages=ask(HELLO)))


def embeddings(models: Models) -> dict[str, Any]:
    answer = CLIENT.embeddings.create(model=models(), input=["a", "b"])
    return {"vectors": [each.embedding for each in answer.data]}


def moderations(models: Models) -> dict[str, Any]:
    answer = CLIENT.moderations.create(model=models(), input=["a", "b"])
    return {"flagged": [each.flagged for each in answer.results]}


LOOKS = {
    "plain": plain, "stream": stream, "tools": tools, "parallel tools": parallel, "vision": vision, "audio": audio,
    "file": file,
    "structured": structured, "reasoning": reasoning, "errors": errors,
}  # fmt: skip

if __name__ == "__main__":
    listen()
    observe(ASKED, LOOKS)
    observe({**ASKED, "accounts": ASKED.get("embedders", {})}, {"embeddings": embeddings, "moderations": moderations})
