"""What a request would come to: tokens, cost, route, targets. Nothing is called, charged or put on the record."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.codecs.asked import Asked, parse
from ingress.codecs.fronts import COMPLETIONS, GENERATE, MESSAGES, RESPONSES
from ingress.codecs.openai_chat import parse_request
from ingress.codecs.shot_fronts import COUNT_TOKENS, EMBEDDINGS, GEMINI_COUNT, GEMINI_EMBED, MODERATIONS, RERANK
from ingress.codecs.shots import parse_shot
from ingress.gateway.authenticate import Caller
from ingress.gateway.budget import prompt_ceiling
from ingress.gateway.counting import Told, tokens_of
from ingress.gateway.paths import find
from ingress.gateway.plan import make_plan, offering
from ingress.providers.outgoing import prepare
from ingress.tokenizing.encodings import Encodings
from schemas.errors import InvalidRequest
from schemas.facts.traffic import Usage
from schemas.pricing import ceiling_micros, cost_micros
from schemas.routing.choose import Choice, Target, choose
from schemas.spend import applicable
from schemas.tokens import Calibration, measure

_encode = msgspec.json.Encoder().encode
_CONVERSATIONS = {
    "responses": RESPONSES, "messages": MESSAGES, "generate_content": GENERATE, "completions": COMPLETIONS,
}  # fmt: skip
_SHOTS = {
    "embeddings": EMBEDDINGS, "moderations": MODERATIONS, "rerank": RERANK, "count_tokens": COUNT_TOKENS,
    "gemini_embed": GEMINI_EMBED, "gemini_batch_embed": GEMINI_EMBED, "gemini_count_tokens": GEMINI_COUNT,
}  # fmt: skip


def read(raw: bytes, *, messages: bool, prefixes: tuple[str, ...]) -> Asked:
    """The request that is asked about: `{"path", "body"}`, or a body alone, whose fields tell its protocol.

    Args:
        messages: whether the caller's headers are those of a client of Anthropic's.

    Raises:
        InvalidRequest: it cannot be told, or it is not well-formed.
    """
    try:
        given = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest("The body of the request is not valid JSON.", code="invalid_json") from None
    if not isinstance(given, dict):
        raise InvalidRequest("The body of the request must be a JSON object.")
    said: dict[str, Any] = {}
    if isinstance(given.get("path"), str) and isinstance(given.get("body"), dict):
        found = find(given["path"].partition("?")[0], prefixes)
        operation, said, given = ("", {}, {}) if found is None else (found.operation, found.said, given["body"])
    else:
        operation = _operation_of(given, messages=messages)
    body = _encode(given)
    if operation == "chat_completions":
        return parse_request(body, said)
    if operation in _CONVERSATIONS:
        return parse(body, _CONVERSATIONS[operation], said)
    if operation in _SHOTS:
        return parse_shot(body, _SHOTS[operation], said)
    raise InvalidRequest('Which operation is meant cannot be told; send {"path": "/v1/…", "body": {…}}.', param="path")


def _operation_of(body: dict[str, Any], *, messages: bool) -> str:
    if "messages" in body:
        return "messages" if messages or "system" in body else "chat_completions"
    if "contents" in body:
        return "generate_content"
    if "prompt" in body:
        return "completions"
    if "documents" in body:
        return "rerank"
    return "responses" if "input" in body else ""


async def estimate(
    caller: Caller, request: Asked, calibration: Calibration, encodings: Encodings, *, strict: bool
) -> dict[str, Any]:
    """The answer to `POST /v1/estimate`. Amounts in micro-dollars.

    Raises:
        NexusError: the request would be refused before any call: the model, the key, the operation.
    """
    plan = make_plan(caller, request)
    table = caller.tenant.table
    choice = offering(choose(table, plan.route, request.model, lambda account: True), request, table)
    size = measure(slot.text for slot in request.texts()).total
    told: dict[str, Told] = {}
    for target in choice.targets:
        upstream, model = target.model.upstream_name, target.model
        told[model.id] = await tokens_of(request, upstream, encodings, calibration, model.tenant, model.id)
    return {
        "object": "estimate",
        "operation": request.operation,
        "protocol": request.protocol,
        "model": request.model,
        "route": {"id": plan.route.id, "strategy": plan.route.strategy, "policy": plan.policy.id},
        "targets": [
            _target(caller, request, each, size, told[each.model.id], strict=strict) for each in choice.targets
        ],
        "bytes": size,
        "charged": False,
    } | _first(choice)


def _first(choice: Choice) -> dict[str, Any]:
    return {"would_call": choice.targets[0].model.id}


def _target(caller: Caller, request: Asked, target: Target, size: int, prompt: Told, *, strict: bool) -> dict[str, Any]:
    model = target.model
    most = prompt_ceiling(request, size, model)
    output = (request.max_output or model.max_output_tokens) * request.choices
    budgets = applicable(caller.tenant.budgets, key=caller.key.id, account=target.provider.id, model=model.id)
    priced = model.prices is not None or request.free
    told: dict[str, Any] = {
        "account": target.provider.id,
        "model": model.id,
        "input_tokens": {
            "probable": prompt.tokens, "most": max(most, prompt.tokens), "tokenizer": prompt.tokenizer,
            "counted": "exact" if prompt.exact else "estimated", "error": round(prompt.error, 3),
            "learnt_from": prompt.learnt_from,
        },
        "output_tokens": {"most": output},
        "cost_micros": None,
        "budgets": [budget.id for budget in budgets],
        "dropped": [],
    }  # fmt: skip
    if prompt.reason:
        told["input_tokens"]["reason"] = prompt.reason
    if priced:
        free = request.free
        told["cost_micros"] = {
            "input_probable": 0 if free else cost_micros(model.prices, Usage(prompt.tokens)),
            "most": 0 if free else ceiling_micros(model.prices, most, output),
        }
    elif budgets:
        told["refused"] = {"code": "model_unpriced", "message": "A budget applies and the model has no price."}
    try:
        told["dropped"] = list(
            prepare(request, target.provider, model.upstream_name, request.max_output, strict=strict).dropped
        )
    except InvalidRequest as error:
        told["refused"] = {"code": error.error_code, "message": error.message}
    return told
