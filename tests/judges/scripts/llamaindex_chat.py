"""The judge LlamaIndex: its OpenAI chat model, with tools of its own kind, and its embeddings."""

from __future__ import annotations

import base64
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ImageBlock, LLMMetadata, TextBlock, ThinkingBlock
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai import OpenAI
from observing import FUNCTION, HELLO, PNG, SCHEMA, USE, Models, failing, listen, observe, orders, parsed

ASKED = orders()


class Chat(OpenAI):
    """Models whose names LlamaIndex does not know, as its guide to compatible servers has it: what they can is said."""

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(
            context_window=100_000, is_chat_model=True, is_function_calling_model=True, model_name=self.model
        )


def weather(city: str) -> str:
    """d"""
    return "sunny"


TOOLS: Any = [FunctionTool.from_defaults(weather, name=FUNCTION)]


def chat(model: str, **more: Any) -> Any:
    return Chat(model=model, api_base=ASKED["base"], api_key=ASKED["key"], max_retries=0, **more)


def ask(*blocks: Any) -> list[Any]:
    return [ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", blocks=list(blocks))]


def said(answer: Any) -> dict[str, Any]:
    blocks = answer.message.blocks
    return {
        "text": "".join(block.text for block in blocks if isinstance(block, TextBlock)),
        "thought": "".join(block.content or "" for block in blocks if isinstance(block, ThinkingBlock)),
    }


def plain(models: Models) -> dict[str, Any]:
    answer = chat(models()).chat(ask(TextBlock(text=HELLO)))
    finish = answer.raw.choices[0].finish_reason
    return {**said(answer), "finish": finish, "output": answer.additional_kwargs["completion_tokens"]}


def streamed(model: str) -> dict[str, Any]:
    usage = {"stream_options": {"include_usage": True}}
    seen: dict[str, Any] = {"pieces": 0, "finish": "", "output": 0}
    for answer in chat(model, additional_kwargs=usage).stream_chat(ask(TextBlock(text=HELLO))):
        told = said(answer)
        # only what it has not thrown away yet: an answer of its is all that came so far
        seen.update({name: text for name, text in told.items() if text or name not in seen})
        seen["pieces"] += bool(answer.delta)
        seen["output"] = answer.additional_kwargs.get("completion_tokens", seen["output"])
        for choice in answer.raw.choices:
            seen["finish"] = choice.finish_reason or seen["finish"]
    return seen


def stream(models: Models) -> dict[str, Any]:
    return streamed(models())


def calls_of(llm: Any, answer: Any) -> list[Any]:
    found = llm.get_tool_calls_from_response(answer, error_on_no_tool_call=False)
    return [[call.tool_name, call.tool_kwargs] for call in found]


def tools(models: Models) -> dict[str, Any]:
    asked = ask(TextBlock(text=USE))
    llm = chat(models())
    answer = llm.chat_with_tools(TOOLS, chat_history=asked)
    asked.append(answer.message)
    for call in llm.get_tool_calls_from_response(answer):
        known = {"tool_call_id": call.tool_id, "name": call.tool_name}
        asked.append(ChatMessage(role="tool", content="sunny", additional_kwargs=known))
    after = chat(models("inventory")).chat_with_tools(TOOLS, chat_history=asked)
    return {"calls": calls_of(llm, answer), "after": said(after)["text"]}


def parallel(models: Models) -> dict[str, Any]:
    llm = chat(models("calls-2"))
    asked = ask(TextBlock(text=USE))
    *_, last = llm.stream_chat_with_tools(TOOLS, chat_history=asked, allow_parallel_tool_calls=True)
    return {"calls": calls_of(llm, last)}


def vision(models: Models) -> dict[str, Any]:
    picture = ImageBlock(image=base64.b64decode(PNG), image_mimetype="image/png")
    return said(chat(models("inventory")).chat(ask(TextBlock(text=HELLO), picture)))


def structured(models: Models) -> dict[str, Any]:
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}}
    answer = chat(models()).chat(ask(TextBlock(text=HELLO)), response_format=form)
    return {"value": parsed(said(answer)["text"])}


def reasoning(models: Models) -> dict[str, Any]:
    return streamed(models("think"))


def errors(models: Models) -> dict[str, Any]:
    return failing(lambda: chat(models("error-429")).chat(ask(TextBlock(text=HELLO))))


def embeddings(models: Models) -> dict[str, Any]:
    maker = OpenAIEmbedding(model_name=models(), api_base=ASKED["base"], api_key=ASKED["key"], max_retries=0)
    return {"vectors": maker.get_text_embedding_batch(["a", "b"])}


LOOKS = {
    "plain": plain, "stream": stream, "tools": tools, "parallel tools": parallel, "vision": vision,
    "structured": structured, "reasoning": reasoning, "errors": errors,
}  # fmt: skip

if __name__ == "__main__":
    listen()
    observe(ASKED, LOOKS)
    observe({**ASKED, "accounts": ASKED.get("embedders", {})}, {"embeddings": embeddings})
