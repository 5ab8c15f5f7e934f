"""The judge `boto3`: Converse and ConverseStream, signed."""

from __future__ import annotations

import base64
import json
from typing import Any

import boto3
from botocore.config import Config
from observing import FUNCTION, HELLO, PDF, PNG, SCHEMA, USE, Models, failing, observe, orders, parsed

ASKED = orders()
CLIENT = boto3.client(
    "bedrock-runtime",
    region_name="us-east-1",
    endpoint_url=ASKED["base"],
    aws_access_key_id="AKIDEXAMPLE",
    aws_secret_access_key=ASKED["key"],
    config=Config(retries={"total_max_attempts": 1}),
)
TOOLS: Any = {"tools": [{"toolSpec": {"name": FUNCTION, "description": "d", "inputSchema": {"json": SCHEMA}}}]}
THINK = {"thinking": {"type": "enabled", "budget_tokens": 1024}}


def ask(*content: Any) -> list[Any]:
    return [{"role": "user", "content": list(content)}]


def seen(content: list[Any], stop: str, usage: Any) -> dict[str, Any]:
    thoughts = [block["reasoningContent"]["reasoningText"]["text"] for block in content if "reasoningContent" in block]
    return {
        "text": "".join(block.get("text", "") for block in content),
        "thought": "".join(thoughts),
        "calls": [[block["toolUse"]["name"], block["toolUse"]["input"]] for block in content if "toolUse" in block],
        "finish": stop,
        "output": usage["outputTokens"],
    }


def converse(model: str, messages: list[Any], **more: Any) -> tuple[dict[str, Any], Any]:
    answer = CLIENT.converse(modelId=model, messages=messages, inferenceConfig={"maxTokens": 9000}, **more)
    message = answer["output"]["message"]
    return seen(message["content"], answer["stopReason"], answer["usage"]), message


def streamed(model: str, messages: list[Any], **more: Any) -> dict[str, Any]:
    blocks: dict[int, dict[str, Any]] = {}
    pieces, stop, usage = 0, "", {}
    for event in CLIENT.converse_stream(modelId=model, messages=messages, **more)["stream"]:
        if "contentBlockStart" in event:
            start = event["contentBlockStart"]
            blocks[start["contentBlockIndex"]] = {"toolUse": {**start["start"]["toolUse"], "input": ""}}
        elif "contentBlockDelta" in event:
            told, delta = event["contentBlockDelta"], event["contentBlockDelta"]["delta"]
            block = blocks.setdefault(told["contentBlockIndex"], {})
            if "text" in delta:
                pieces += 1
                block["text"] = block.get("text", "") + delta["text"]
            elif "toolUse" in delta:
                block["toolUse"]["input"] += delta["toolUse"]["input"]
            else:
                inner = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})["reasoningText"]
                inner["text"] += delta["reasoningContent"].get("text", "")
        elif "messageStop" in event:
            stop = event["messageStop"]["stopReason"]
        elif "metadata" in event:
            usage = event["metadata"]["usage"]
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"])
    return {**seen(list(blocks.values()), stop, usage), "pieces": pieces}


def plain(models: Models) -> dict[str, Any]:
    return converse(models(), ask({"text": HELLO}), system=[{"text": "Be brief."}])[0]


def stream(models: Models) -> dict[str, Any]:
    return streamed(models(), ask({"text": HELLO}))


def tools(models: Models) -> dict[str, Any]:
    asked = ask({"text": USE})
    found, message = converse(models(), asked, toolConfig=TOOLS)
    results = [
        {"toolResult": {"toolUseId": block["toolUse"]["toolUseId"], "content": [{"text": "sunny"}]}}
        for block in message["content"]
        if "toolUse" in block
    ]
    after, _ = converse(models("inventory"), [*asked, message, *ask(*results)], toolConfig=TOOLS)
    return {**found, "after": after["text"]}


def parallel(models: Models) -> dict[str, Any]:
    return streamed(models("calls-2"), ask({"text": USE}), toolConfig=TOOLS)


def vision(models: Models) -> dict[str, Any]:
    picture = {"image": {"format": "png", "source": {"bytes": base64.b64decode(PNG)}}}
    return converse(models("inventory"), ask({"text": HELLO}, picture))[0]


def file(models: Models) -> dict[str, Any]:
    document = {"document": {"format": "pdf", "name": "a", "source": {"bytes": base64.b64decode(PDF)}}}
    return converse(models("inventory"), ask({"text": HELLO}, document))[0]


def structured(models: Models) -> dict[str, Any]:
    schema = {"jsonSchema": {"schema": json.dumps(SCHEMA), "name": "place"}}
    form = {"textFormat": {"type": "json_schema", "structure": schema}}
    return {"value": parsed(converse(models(), ask({"text": HELLO}), outputConfig=form)[0]["text"])}


def reasoning(models: Models) -> dict[str, Any]:
    return streamed(models(ASKED["think"]), ask({"text": HELLO}), additionalModelRequestFields=THINK)


def errors(models: Models) -> dict[str, Any]:
    return failing(lambda: converse(models("error-429"), ask({"text": HELLO})))


LOOKS = {
    "plain": plain, "stream": stream, "tools": tools, "parallel tools": parallel, "vision": vision, "file": file,
    "structured": structured, "reasoning": reasoning, "errors": errors,
}  # fmt: skip

if __name__ == "__main__":
    observe(ASKED, LOOKS)
