"""Z.ai's GLM chat, embeddings and models. Source: Z.ai API reference, "Chat Completion"."""

from __future__ import annotations

import re

import msgspec

from ops.mock import wire
from ops.mock.behaviour import Behaviour
from ops.mock.refusal import Refusal
from ops.mock.request import decode
from ops.mock.wire import Stamp
from ops.mock.wires.openai import read_embeddings
from ops.mock.wires.openai_chat import asked_of, reply
from ops.mock.wires.saying import compose
from ops.mock.wires.speaking import Incoming, Reply, Speaker, Wanted, bearer, operation, page

_CODES = {400: "1214", 401: "1001", 403: "1220", 404: "1211", 429: "1302", 500: "500", 503: "1305"}
_BASE = "/api/paas/v4"


def _chat(incoming: Incoming) -> Wanted:
    request = decode(incoming.body)
    raw = msgspec.json.decode(incoming.body)
    for name in ("temperature", "top_p"):
        value = raw.get(name)
        if value is not None and not 0 <= value <= 1:
            raise Refusal(400, f"{name} parameter is illegal: [0,1]", param=name)
    if isinstance(raw.get("stop"), list) and len(raw["stop"]) > 1:
        raise Refusal(400, "stop parameter is illegal: only one stop word is supported", param="stop")
    if raw.get("tool_choice") not in (None, "auto"):
        raise Refusal(400, "tool_choice parameter is illegal: only auto is supported", param="tool_choice")
    form = request.response_format
    if form is not None and form.type == "json_schema":
        raise Refusal(400, "response_format parameter is illegal: text or json_object", param="response_format")
    for message in request.messages:
        if message.role in ("developer", "function"):
            raise Refusal(400, "The messages parameter is illegal: the role is incorrect", param="messages")
    user = raw.get("user_id")
    if user is not None and not re.fullmatch(r".{6,128}", str(user)):
        raise Refusal(400, "user_id parameter is illegal: from 6 to 128 characters", param="user_id")
    thinking = raw.get("thinking")
    if thinking is not None and (not isinstance(thinking, dict) or thinking.get("type") not in ("enabled", "disabled")):
        raise Refusal(400, "thinking parameter is illegal", param="thinking")
    asked = asked_of(request, raw)
    asked.thinks = thinking is not None and thinking["type"] == "enabled"

    def make(behaviour: Behaviour, stamp: Stamp) -> Reply:
        said = compose(asked, behaviour)
        return reply(said, stamp, asked.stream, False, no_usage=behaviour.no_usage, unasked=True)

    return Wanted(request.model, make, asked.stream)


def _models(incoming: Incoming) -> Wanted:
    data = [{"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "z-ai"} for name in ("glm-4.6",)]
    return page({"object": "list", "data": data})


def _authorise(incoming: Incoming) -> None:
    if not bearer(incoming.headers) or bearer(incoming.headers).startswith("sk-bad"):
        raise Refusal(401, "Authentication parameter not received in Header, unable to authenticate")


def _error(refusal: Refusal, ident: str) -> bytes:
    code = _CODES.get(refusal.status, "500" if refusal.status >= 500 else "1210")
    return wire.encode({"error": {"code": code, "message": refusal.message}})


SPEAKER = Speaker(
    operations=(
        operation("POST", _BASE + "/chat/completions", _chat),
        operation("POST", _BASE + "/embeddings", read_embeddings),
        operation("GET", _BASE + "/models", _models, listed=True),
    ),
    authorise=_authorise,
    error=_error,
)
