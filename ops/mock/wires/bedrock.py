"""Amazon Bedrock's Converse and ConverseStream. Source: Amazon Bedrock API reference; the event stream's encoding:
AWS documentation, "Event stream encoding"."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import msgspec

from ops.mock import wire
from ops.mock.behaviour import Behaviour
from ops.mock.refusal import Refusal
from ops.mock.wire import Stamp
from ops.mock.wires import bedrock_sign
from ops.mock.wires.bedrock_request import asked_of, read_request
from ops.mock.wires.saying import Said, compose
from ops.mock.wires.speaking import Incoming, Reply, Speaker, Wanted, operation, page, signature_of

EVENT_STREAM = b"application/vnd.amazon.eventstream"
_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_FOUNDATION = ("amazon.nova-pro-v1:0", "anthropic.claude-3-haiku-20240307-v1:0")
_PROFILES = ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.amazon.nova-premier-v1:0")
_ERRORS = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """One message of the binary stream; all its headers are strings (type 7)."""
    packed = b"".join(
        struct.pack(">B", len(name)) + name + struct.pack(">BH", 7, len(value)) + value
        for name, value in ((name.encode(), value.encode()) for name, value in headers.items())
    )
    prelude = struct.pack(">II", 16 + len(packed) + len(payload), len(packed))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + packed + payload
    return message + struct.pack(">I", zlib.crc32(message))


def _event(kind: str, data: dict[str, Any]) -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, wire.encode({**data, "p": "abcdefgh"[: len(kind) % 8]}))


def _converse(incoming: Incoming, stream: bool) -> Wanted:
    model = incoming.path["model"]
    request = read_request(incoming.body, model)
    asked = asked_of(request, model, stream=stream)

    def make(behaviour: Behaviour, stamp: Stamp) -> Reply:
        said = compose(asked, behaviour)
        counts: dict[str, Any] = {"prompt_tokens": said.prompt_tokens, "completion_tokens": said.completion_tokens}
        used = None if behaviour.no_usage else _usage(said)
        if stream:
            groups = _events(said, stamp, used)
            broken = b"\x00\x00\x00\x20\x00\x00\x00\x00broken prelude, bad sums"
            return Reply(groups=groups, kind=EVENT_STREAM, tokens=said.steps, broken=broken, **counts)
        body: dict[str, Any] = {
            "output": {"message": {"role": "assistant", "content": _blocks(said, stamp)}},
            "stopReason": _STOPS[said.finish],
            "metrics": {"latencyMs": 1},
        }
        if used is not None:
            body["usage"] = used
        return Reply(wire.encode(body), **counts)

    return Wanted(model, make, stream)


def _usage(said: Said) -> dict[str, int]:
    total = said.prompt_tokens + said.completion_tokens
    return {
        "inputTokens": said.prompt_tokens, "outputTokens": said.completion_tokens, "totalTokens": total,
        "cacheReadInputTokens": 0, "cacheWriteInputTokens": 0,
    }  # fmt: skip


def _call_id(stamp: Stamp, index: int) -> str:
    return f"tooluse_{stamp.ident.decode()}{index:02x}"


def _blocks(said: Said, stamp: Stamp) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if said.thoughts:
        thought = {"text": said.thought, "signature": signature_of(said.thought)}
        found.append({"reasoningContent": {"reasoningText": thought}})
    if said.pieces:
        found.append({"text": said.text})
    for index, call in enumerate(said.calls):
        use = {"toolUseId": _call_id(stamp, index), "name": call.name, "input": call.arguments}
        found.append({"toolUse": use})
    return found


def _events(said: Said, stamp: Stamp, used: dict[str, int] | None) -> Iterator[list[bytes]]:
    yield [_event("messageStart", {"role": "assistant"})]
    index = 0

    def delta(told: dict[str, Any]) -> list[bytes]:
        return [_event("contentBlockDelta", {"delta": told, "contentBlockIndex": index})]

    def stopped() -> list[bytes]:
        return [_event("contentBlockStop", {"contentBlockIndex": index})]

    if said.thoughts:
        for piece in said.thoughts:
            yield delta({"reasoningContent": {"text": piece}})
        yield delta({"reasoningContent": {"signature": signature_of(said.thought)}}) + stopped()
        index += 1
    if said.pieces:
        for piece in said.pieces:
            yield delta({"text": piece})
        yield stopped()
        index += 1
    for at, call in enumerate(said.calls):
        start = {"toolUse": {"toolUseId": _call_id(stamp, at), "name": call.name}}
        yield [_event("contentBlockStart", {"start": start, "contentBlockIndex": index})]
        for piece in call.pieces:
            yield delta({"toolUse": {"input": piece}})
        yield stopped()
        index += 1
    closing = [_event("messageStop", {"stopReason": _STOPS[said.finish]})]
    metadata: dict[str, Any] = {"metrics": {"latencyMs": 1}}
    if used is not None:
        metadata["usage"] = used
    yield [*closing, _event("metadata", metadata)]


def _foundation_models(incoming: Incoming) -> Wanted:
    if incoming.query.get("byInferenceType", "ON_DEMAND") not in ("ON_DEMAND", "PROVISIONED"):
        raise Refusal(400, "byInferenceType must be ON_DEMAND or PROVISIONED")
    found = [
        {
            "modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{name}", "modelId": name, "modelName": name,
            "providerName": name.partition(".")[0].title(), "inputModalities": ["TEXT"], "outputModalities": ["TEXT"],
            "responseStreamingSupported": True, "customizationsSupported": [], "inferenceTypesSupported": ["ON_DEMAND"],
            "modelLifecycle": {"status": "ACTIVE"},
        }
        for name in _FOUNDATION
    ]  # fmt: skip
    return page({"modelSummaries": found})


def _profiles(incoming: Incoming) -> Wanted:
    """One to a page, so that whoever lists them has to ask again."""
    at = int(incoming.query.get("nextToken", "0"))
    name = _PROFILES[at]
    found = {
        "inferenceProfileId": name, "inferenceProfileName": name, "status": "ACTIVE", "type": "SYSTEM_DEFINED",
        "inferenceProfileArn": f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{name}", "models": [],
    }  # fmt: skip
    more = {"nextToken": str(at + 1)} if at + 1 < len(_PROFILES) else {}
    return page({"inferenceProfileSummaries": [found], **more})


def _kind(refusal: Refusal) -> str:
    if refusal.code is not None and refusal.code.endswith("Exception"):
        return refusal.code
    return _ERRORS.get(refusal.status, "InternalServerException" if refusal.status >= 500 else "ValidationException")


SPEAKER = Speaker(
    operations=(
        operation("POST", "/model/{model}/converse", lambda each: _converse(each, False)),
        operation("POST", "/model/{model}/converse-stream", lambda each: _converse(each, True)),
        operation("GET", "/foundation-models", _foundation_models, listed=True),
        operation("GET", "/inference-profiles", _profiles, listed=True),
    ),
    authorise=bedrock_sign.check,
    error=lambda refusal, _: msgspec.json.encode({"message": refusal.message}),
    error_lines=lambda refusal, ident: (
        b"x-amzn-errortype: %s\r\nx-amzn-requestid: %s\r\n" % (_kind(refusal).encode(), ident.encode())
    ),
)
