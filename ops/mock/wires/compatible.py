"""Providers with OpenAI's chat format and limits of their own, as data. Source: each one's API reference.

Only what a provider is documented to refuse is refused here.
"""

from __future__ import annotations

import re
from functools import partial

import msgspec

from ops.mock import wire
from ops.mock.behaviour import Behaviour
from ops.mock.refusal import Refusal
from ops.mock.request import decode
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


LIMITS = {
    "deepseek": Limits(status=422),
    "moonshot": Limits(),
    "mistral": Limits(
        refuses=("user", "seed", "logprobs", "top_logprobs", "logit_bias", "service_tier", "store", "stream_options",
                 "max_completion_tokens"),
        choices=("none", "auto", "required", "any"),
        status=422,
        whole_calls=True,
        usage_unasked=True,
    ),
    "groq": Limits(refuses=("logprobs", "top_logprobs", "logit_bias"), developer=True),
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
        )

    return Wanted(request.model, make, asked.stream)


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
