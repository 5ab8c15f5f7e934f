"""The judge `langchain-openai`: its chat model, bound to tools, and its embeddings."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from observing import FUNCTION, HELLO, PNG, SCHEMA, USE, Models, failing, listen, observe, orders
from pydantic import SecretStr

ASKED = orders()
TOOLS: Any = [{"type": "function", "function": {"name": FUNCTION, "description": "d", "parameters": SCHEMA}}]


def chat(model: str) -> Any:
    key = SecretStr(ASKED["key"])
    return ChatOpenAI(model=model, base_url=ASKED["base"], api_key=key, max_retries=0, stream_usage=True)


def plain(models: Models) -> dict[str, Any]:
    answer = chat(models()).invoke(HELLO)
    finish = answer.response_metadata["finish_reason"]
    return {"text": answer.content, "finish": finish, "output": answer.usage_metadata["output_tokens"]}


def stream(models: Models) -> dict[str, Any]:
    chunks = list(chat(models()).stream(HELLO))
    used = [chunk.usage_metadata["output_tokens"] for chunk in chunks if chunk.usage_metadata]
    texts = [chunk.content for chunk in chunks if chunk.content]
    return {"text": "".join(texts), "pieces": len(texts), "finish": "stop", "output": sum(used)}


def tools(models: Models) -> dict[str, Any]:
    asked: list[Any] = [HumanMessage(USE)]
    answer = chat(models()).bind_tools(TOOLS).invoke(asked)
    asked += [answer, *(ToolMessage("sunny", tool_call_id=call["id"]) for call in answer.tool_calls)]
    after = chat(models("inventory")).bind_tools(TOOLS).invoke(asked)
    return {"calls": [[call["name"], call["args"]] for call in answer.tool_calls], "after": after.content}


def vision(models: Models) -> dict[str, Any]:
    picture = {"type": "image", "base64": PNG, "mime_type": "image/png"}
    return {
        "text": chat(models("inventory")).invoke([HumanMessage([{"type": "text", "text": HELLO}, picture])]).content
    }


def embeddings(models: Models) -> dict[str, Any]:
    key = SecretStr(ASKED["key"])
    maker = OpenAIEmbeddings(
        model=models(), base_url=ASKED["base"], api_key=key, max_retries=0, check_embedding_ctx_length=False
    )
    return {"vectors": maker.embed_documents(["a", "b"])}


def parallel(models: Models) -> dict[str, Any]:
    found: Any = None
    for chunk in chat(models("calls-2")).bind_tools(TOOLS).stream(USE):
        found = chunk if found is None else found + chunk
    return {"calls": [[call["name"], call["args"]] for call in found.tool_calls]}


def structured(models: Models) -> dict[str, Any]:
    schema = {"title": "place", "description": "d", **SCHEMA}
    return {"value": chat(models()).with_structured_output(schema, method="json_schema").invoke(HELLO)}


def errors(models: Models) -> dict[str, Any]:
    return failing(lambda: chat(models("error-429")).invoke(HELLO))


LOOKS = {
    "plain": plain, "stream": stream, "tools": tools, "parallel tools": parallel, "vision": vision,
    "structured": structured, "errors": errors,
}  # fmt: skip

if __name__ == "__main__":
    listen()
    observe(ASKED, LOOKS)
    observe({**ASKED, "accounts": ASKED.get("embedders", {})}, {"embeddings": embeddings})
