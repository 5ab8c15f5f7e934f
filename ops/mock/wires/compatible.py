"""Providers with OpenAI's chat format and limits of their own, as data. Source: each one's API reference.

Only what a provider is documented to refuse is refused here.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import msgspec

from ops.mock import wire
from ops.mock.behaviour import Behaviour
from ops.mock.refusal import Refusal
from ops.mock.request import ChatRequest, decode
from ops.mock.wire import Stamp
from ops.mock.wires.cohere import read_rerank
from ops.mock.wires.openai import authorise, read_completions, read_embeddings, read_moderations
from ops.mock.wires.openai_chat import asked_of, reply
from ops.mock.wires.saying import compose
from ops.mock.wires.speaking import Incoming, Reply, Speaker, Wanted, operation, page


class Limits(msgspec.Struct, frozen=True):
    """What one provider does otherwise than OpenAI."""

    refuses: tuple[str, ...] = ()
    """Fields of a request."""
    developer: bool = False
    """Whether messages may have this role."""
    choices: tuple[str, ...] = ("none", "auto", "required")
    """Words for ``tool_choice``."""
    status: int = 400
    """For what is wrong with a request."""
    whole_calls: bool = False
    """Whether a stream tells each call of a function in one piece."""
    usage_unasked: bool = False
    """Whether a stream tells its usage in its last chunk, always."""
    parts: bool = False
    """Whether thoughts are parts of a content."""
    owed: bool = False
    """Whether a request with tools must tell again what was thought before they were called."""
    schemas: bool = True
    """Whether an answer may be asked for by a schema."""
    names: bool = True
    """Whether messages may have a name."""
    most_choices: int = 128
    fields: dict[str, tuple[str, ...]] = {}
    """Of messages, by role; other ones are refused. None for a role that is not named."""


LIMITS = {
    "deepseek": Limits(status=422, owed=True, schemas=False),
    "moonshot": Limits(),
    "mistral": Limits(
        refuses=("user", "seed", "logit_bias", "store", "stream_options", "max_completion_tokens"),
        choices=("none", "auto", "required", "any"),
        status=422,
        whole_calls=True,
        usage_unasked=True,
        parts=True,
        fields={
            "system": ("content",), "user": ("content",), "assistant": ("content", "tool_calls", "prefix"),
            "tool": ("content", "tool_call_id", "name"),
        },
    ),
    "groq": Limits(
        refuses=("logprobs", "top_logprobs", "logit_bias"), developer=True, names=False, most_choices=1
    ),
    "fireworks": Limits(refuses=("store", "service_tier")),
    "together": Limits(),
    "perplexity": Limits(refuses=("tools", "tool_choice", "parallel_tool_calls", "n", "seed"), usage_unasked=True),
    "xai": Limits(developer=True),
    "huggingface": Limits(),
}  # fmt: skip


def _chat(limits: Limits, incoming: Incoming) -> Wanted:
    # what decode does not know it passes over; it would refuse Mistral's word
    request = decode(re.sub(rb'"tool_choice":\s*"any"', b'"tool_choice":"required"', incoming.body))
    raw = msgspec.json.decode(incoming.body)
    for name in limits.refuses:
        if name in raw:
            raise Refusal(limits.status, f"property '{name}' is unsupported", param=name, code="extra_forbidden")
    for message in request.messages:
        if message.role == "developer" and not limits.developer:
            raise Refusal(limits.status, "unknown variant `developer`, expected one of system, user, assistant, tool")
    _check(limits, request, raw)
    if isinstance(raw.get("tool_choice"), str) and raw["tool_choice"] not in limits.choices:
        raise Refusal(limits.status, f"tool_choice must be one of {', '.join(limits.choices)}", param="tool_choice")
    asked = asked_of(request, raw)
    with_usage = request.stream_options is not None and request.stream_options.include_usage is True

    def make(behaviour: Behaviour, stamp: Stamp) -> Reply:
        return reply(
            compose(asked, behaviour),
            stamp,
            asked.stream,
            with_usage,
            no_usage=behaviour.no_usage,
            unasked=limits.usage_unasked,
            whole=limits.whole_calls,
            parts=limits.parts,
        )

    return Wanted(request.model, make, asked.stream)


def _check(limits: Limits, request: ChatRequest, raw: dict[str, Any]) -> None:
    """What providers of this format are stricter in."""
    for message in raw["messages"]:
        for name in message.keys() - {"role"} - set(limits.fields.get(message["role"], message)):
            raise Refusal(limits.status, "Extra inputs are not permitted", param=name, code="extra_forbidden")
        if not limits.names and "name" in message and message["role"] != "tool":
            raise Refusal(limits.status, "property 'name' is unsupported", param="messages")
        idents = [call.get("id") for call in message.get("tool_calls") or ()] + [message.get("tool_call_id", "a" * 9)]
        for ident in idents if limits.parts else ():
            if not re.fullmatch(r"[a-zA-Z0-9]{9}", str(ident)):
                told = f"Tool call id was {ident} but must be a-z, A-Z, 0-9, with a length of 9."
                raise Refusal(400, told, code="3280")
        owes = message.get("tool_calls") and not message.get("reasoning_content")
        if limits.owed and owes and raw.get("tools") and "think" in request.model:
            raise Refusal(400, "The `reasoning_content` in the thinking mode must be passed back to the API.")
    if (request.n or 1) > limits.most_choices:
        raise Refusal(limits.status, f"'n': number must be at most {limits.most_choices}", param="n")
    form = request.response_format
    if not limits.schemas and form is not None and form.type == "json_schema":
        raise Refusal(400, "This response_format type is unavailable now", param="response_format")


def _embeddings(incoming: Incoming) -> Wanted:
    return read_embeddings(incoming, id="embd-mock")


def _models(incoming: Incoming) -> Wanted:
    data = [{"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "nexus-mock"}
            for name in ("mock-fixed", "mock-echo")]  # fmt: skip
    return page({"object": "list", "data": data})


def _mistral_error(refusal: Refusal, ident: str) -> bytes:
    if refusal.status == 422:
        detail = {"type": refusal.code or "value_error", "loc": ["body", refusal.param or ""], "msg": refusal.message}
        return wire.encode({"detail": [detail]})
    return wire.encode(
        {"object": "error", "message": refusal.message, "type": refusal.kind, "param": refusal.param, "code": None}
    )


def _speaker(name: str, limits: Limits) -> Speaker:
    operations = []
    # some put their version before these paths, one nothing
    for base in ("", "/{base*}"):
        operations += [
            operation("POST", base + "/chat/completions", partial(_chat, limits)),
            operation("POST", base + "/embeddings", _embeddings),
            operation("POST", base + "/completions", read_completions),
            operation("POST", base + "/moderations", read_moderations),
            operation("POST", base + "/rerank", read_rerank),
            operation("GET", base + "/models", _models, listed=True),
        ]
    error = _mistral_error if name == "mistral" else lambda refusal, _: wire.error(refusal)
    return Speaker(operations=tuple(operations), authorise=authorise, error=error)


SPEAKERS = {name: _speaker(name, limits) for name, limits in LIMITS.items()}
