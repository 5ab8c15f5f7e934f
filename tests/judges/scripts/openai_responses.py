"""The judge `openai`: responses."""

from __future__ import annotations

import json
from typing import Any

import openai
from observing import FUNCTION, HELLO, PDF, PNG, SCHEMA, USE, Models, failing, listen, observe, orders, parsed, schemed

ASKED = orders()
CLIENT = openai.OpenAI(base_url=ASKED["base"], api_key=ASKED["key"], max_retries=0)
TOOLS: Any = [{"type": "function", "name": FUNCTION, "description": "d", "parameters": SCHEMA, "strict": True}]
CREATE: Any = CLIENT.responses.create
LIMIT = 9000


def calls_of(answer: Any) -> list[Any]:
    return [[item.name, json.loads(item.arguments)] for item in answer.output if item.type == "function_call"]


def plain(models: Models) -> dict[str, Any]:
    answer = CREATE(model=models(), instructions="Be brief.", input=HELLO, max_output_tokens=LIMIT)
    return {"text": answer.output_text, "finish": answer.status, "output": answer.usage.output_tokens}


def streamed(**more: Any) -> dict[str, Any]:
    pieces = 0
    with CLIENT.responses.stream(max_output_tokens=LIMIT, **more) as events:
        for event in events:
            pieces += event.type == "response.output_text.delta"
        answer = events.get_final_response()
    thoughts = [part.text for item in answer.output if item.type == "reasoning" for part in item.summary]
    return {
        "text": answer.output_text,
        "pieces": pieces,
        "thought": "".join(thoughts),
        "calls": calls_of(answer),
        "finish": answer.status,
        "output": answer.usage.output_tokens if answer.usage else 0,
    }


def stream(models: Models) -> dict[str, Any]:
    return streamed(model=models(), input=HELLO)


def tools(models: Models) -> dict[str, Any]:
    asked: list[Any] = [{"role": "user", "content": USE}]
    answer = CREATE(model=models(), input=asked, tools=TOOLS, max_output_tokens=LIMIT)
    for item in answer.output:
        asked.append(item.model_dump(exclude_none=True))
        if item.type == "function_call":
            asked.append({"type": "function_call_output", "call_id": item.call_id, "output": "sunny"})
    after = CREATE(model=models("inventory"), input=asked, tools=TOOLS, max_output_tokens=LIMIT)
    return {"calls": calls_of(answer), "after": after.output_text}


def parallel(models: Models) -> dict[str, Any]:
    return streamed(model=models("calls-2"), input=USE, tools=TOOLS)


def beside(models: Models, part: Any) -> dict[str, Any]:
    content = [{"type": "input_text", "text": HELLO}, part]
    answer = CREATE(model=models("inventory"), input=[{"role": "user", "content": content}], max_output_tokens=LIMIT)
    return {"text": answer.output_text}


def vision(models: Models) -> dict[str, Any]:
    picture = {"type": "input_image", "image_url": "data:image/png;base64," + PNG, "detail": "auto"}
    return beside(models, picture)


def file(models: Models) -> dict[str, Any]:
    return beside(
        models, {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64," + PDF}
    )


def structured(models: Models) -> dict[str, Any]:
    def value(schema: Any) -> Any:
        form = {"format": {"type": "json_schema", "name": "place", "schema": schema, "strict": True}}
        return parsed(CREATE(model=models(), input=HELLO, text=form, max_output_tokens=LIMIT).output_text)

    return {"value": schemed(value)}


def reasoning(models: Models) -> dict[str, Any]:
    return streamed(model=models(ASKED["think"]), input=HELLO, reasoning={"effort": "low", "summary": "auto"})


def errors(models: Models) -> dict[str, Any]:
    return failing(lambda: CREATE(model=models("error-429"), input=HELLO))


LOOKS = {
    "plain": plain, "stream": stream, "tools": tools, "parallel tools": parallel, "vision": vision, "file": file,
    "structured": structured, "reasoning": reasoning, "errors": errors,
}  # fmt: skip

if __name__ == "__main__":
    listen()
    observe(ASKED, LOOKS)
