"""The judge `google-genai`: generate_content, embed_content."""

from __future__ import annotations

import base64
from typing import Any

from google import genai
from google.genai import types
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
from pydantic import BaseModel

ASKED = orders()
JSON = "application/json"
OPTIONS = types.HttpOptions(base_url=ASKED["base"], api_version=ASKED["version"] or None)
CLIENT = genai.Client(api_key=ASKED["key"], http_options=OPTIONS)
DECLARED = types.FunctionDeclaration(name=FUNCTION, description="d", parameters_json_schema=SCHEMA)
TOOLS: Any = [types.Tool(function_declarations=[DECLARED])]
CREATE: Any = CLIENT.models.generate_content
STREAM: Any = CLIENT.models.generate_content_stream


def config(**more: Any) -> Any:
    off = types.AutomaticFunctionCallingConfig(disable=True)
    return types.GenerateContentConfig(max_output_tokens=9000, automatic_function_calling=off, **more)


def seen(answers: list[Any]) -> dict[str, Any]:
    parts = [part for answer in answers for part in answer.candidates[0].content.parts or ()]
    used, finish = answers[-1].usage_metadata, answers[-1].candidates[0].finish_reason
    texts = [part.text for part in parts if part.text and not part.thought]
    return {
        "text": "".join(texts),
        "pieces": len(texts),
        "thought": "".join(part.text for part in parts if part.text and part.thought),
        "calls": [[part.function_call.name, part.function_call.args] for part in parts if part.function_call],
        "finish": finish.value if finish else "",
        "output": (used.candidates_token_count or 0) + (used.thoughts_token_count or 0) if used else 0,
    }


def plain(models: Models) -> dict[str, Any]:
    return seen([CREATE(model=models(), contents=HELLO, config=config(system_instruction="Be brief."))])


def stream(models: Models) -> dict[str, Any]:
    return seen(list(STREAM(model=models(), contents=HELLO, config=config())))


def tools(models: Models) -> dict[str, Any]:
    answer = CREATE(model=models(), contents=USE, config=config(tools=TOOLS))
    results = [
        types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": "sunny"}))
        for call in answer.function_calls or ()
    ]
    turns = [types.Content(role="user", parts=[types.Part(text=USE)]), answer.candidates[0].content,
             types.Content(role="user", parts=results)]  # fmt: skip
    after = CREATE(model=models("inventory"), contents=turns, config=config(tools=TOOLS))
    return {**seen([answer]), "after": after.text}


def parallel(models: Models) -> dict[str, Any]:
    return seen(list(STREAM(model=models("calls-2"), contents=USE, config=config(tools=TOOLS))))


def beside(models: Models, data: str, kind: str) -> dict[str, Any]:
    part = types.Part.from_bytes(data=base64.b64decode(data), mime_type=kind)
    return seen([CREATE(model=models("inventory"), contents=[HELLO, part], config=config())])


def vision(models: Models) -> dict[str, Any]:
    return beside(models, PNG, "image/png")


def audio(models: Models) -> dict[str, Any]:
    return beside(models, WAV, "audio/wav")


def file(models: Models) -> dict[str, Any]:
    return beside(models, PDF, "application/pdf")


class Place(BaseModel):
    city: str


class Trip(BaseModel):
    either: Place | int
    number: int | None


def structured(models: Models) -> dict[str, Any]:
    def ask(**form: Any) -> Any:
        return parsed(CREATE(model=models(), contents=HELLO, config=config(response_mime_type=JSON, **form)).text)

    value = schemed(lambda schema: ask(response_json_schema=schema))
    # of a class the client makes a schema of another language, with choices in it
    typed = ask(response_schema=Trip)
    return {"value": value if typed == {"either": value, "number": 1} else typed}


def reasoning(models: Models) -> dict[str, Any]:
    thinking = types.ThinkingConfig(include_thoughts=True, thinking_budget=2000)
    return seen(list(STREAM(model=models(ASKED["think"]), contents=HELLO, config=config(thinking_config=thinking))))


def errors(models: Models) -> dict[str, Any]:
    return failing(lambda: CREATE(model=models("error-429"), contents=HELLO))


def embeddings(models: Models) -> dict[str, Any]:
    answer: Any = CLIENT.models.embed_content(model=models(), contents=["a", "b"])
    return {"vectors": [each.values for each in answer.embeddings]}


LOOKS = {
    "plain": plain, "stream": stream, "tools": tools, "parallel tools": parallel, "vision": vision, "audio": audio,
    "file": file,
    "structured": structured, "reasoning": reasoning, "errors": errors,
}  # fmt: skip

if __name__ == "__main__":
    listen()
    observe(ASKED, LOOKS)
    observe({**ASKED, "accounts": ASKED.get("embedders", {})}, {"embeddings": embeddings})
