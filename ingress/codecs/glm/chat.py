"""Z.ai's GLM as a codec over OpenAI's chat. Source: Z.ai API reference, "Chat Completion"; "Thinking Mode"."""

from __future__ import annotations

from msgspec.structs import replace

from ingress.codecs.codec import Encoded, ErrorTold, EventReader
from ingress.codecs.losses import Losses
from ingress.codecs.openai.chat import OpenAIChat
from ingress.codecs.openai.kin import only_auto, only_pictures, plain_roles, without
from schemas.conversation.answer import Answer
from schemas.conversation.ask import Conversation
from schemas.conversation.parts import Format, Reasoning

NAME = "glm"
OWN = ("thinking", "tool_stream", "request_id", "do_sample", "tools")
"""Fields of this provider that callers of OpenAI's format may add; other kinds of tools are its search."""
_MEANT = {
    **dict.fromkeys(("1113", "1304", "1308", "1309", "1310"), "insufficient_quota"),
    **dict.fromkeys(("1112", "1121", "1311"), "upstream_auth_failed"),
    "1301": "content_filter",
}
"""What its codes mean where the status does not say it: an account in arrears, at the end of a day's, a plan's or a
week's share, or with a plan that is over; an account that is locked, or without the model; the filter. Source: Z.ai API
reference, "Errors"; BigModel documentation, "Error codes" (1310, 1311)."""
_SHORTEST, _LONGEST = 6, 128
"""Of the name of a user."""
_UNKNOWN = (
    "parallel_tool_calls", "frequency_penalty", "presence_penalty", "seed", "n", "logprobs", "top_logprobs", "metadata",
    "service_tier", "safety", "top_k",
)  # fmt: skip


class GlmChat:
    """See `ingress.codecs.codec.ProviderCodec`. Earlier thoughts are sent back, as this provider wants them."""

    name = NAME

    def __init__(self) -> None:
        self._openai = OpenAIChat(thinking=True)

    def write_request(self, conversation: Conversation) -> Encoded:
        losses = Losses()
        reasoning = conversation.reasoning
        asked = without(conversation, losses, *_UNKNOWN, own=OWN)
        asked = only_auto(only_pictures(plain_roles(asked), losses), losses)
        asked = _replaced(asked, losses)
        written = self._openai.write_request(asked)
        body = written.body
        for field, name in (("max_completion_tokens", "max_tokens"), ("user", "user_id")):
            if field in body:
                body[name] = body.pop(field)
        if conversation.stream:
            # usage comes unasked here; arguments of calls come in pieces only when asked for
            body.pop("stream_options", None)
            if conversation.tools and "tool_stream" not in body:
                body["tool_stream"] = True
        if reasoning is not None and "thinking" not in body:
            body["thinking"] = {"type": "disabled" if _off(reasoning) else "enabled"}
        for tool in body.get("tools", ()):
            if isinstance(tool, dict) and isinstance(tool.get("function"), dict):
                tool["function"].pop("strict", None)
        for name in written.dropped:
            losses.drop(name)
        return Encoded(body, losses.names())

    def read_answer(self, raw: bytes) -> Answer:
        return self._openai.read_answer(raw)

    def reader(self) -> EventReader:
        return self._openai.reader()

    def read_error(self, body: bytes) -> ErrorTold:
        told = self._openai.read_error(body)
        return replace(told, code=_MEANT.get(told.code, told.code))


def _off(reasoning: Reasoning) -> bool:
    return reasoning.effort == "none" or reasoning.budget_tokens == 0


def _replaced(asked: Conversation, losses: Losses) -> Conversation:
    """What this provider says with less: no schema, one stop text, temperatures up to 1, thinking on or off."""
    reasoning, form = asked.reasoning, asked.format
    if asked.user and not _SHORTEST <= len(asked.user) <= _LONGEST:
        losses.drop("user")
        asked = replace(asked, user="")
    if reasoning is not None:
        if reasoning.effort not in ("", "none"):
            losses.drop("reasoning.effort")
        if reasoning.budget_tokens:
            losses.drop("reasoning.budget_tokens")
        asked = replace(asked, reasoning=None)
    if form is not None and form.kind == "schema":
        losses.drop("format.schema")
        asked = replace(asked, format=Format("json"))
    if len(asked.stop) > 1:
        losses.drop("stop")
        asked = replace(asked, stop=asked.stop[:1])
    if any(tool.strict for tool in asked.tools):
        losses.drop("tools.strict")
    if asked.temperature is not None and asked.temperature > 1:
        losses.drop("temperature")
        asked = replace(asked, temperature=1.0)
    if asked.top_p is not None and asked.top_p < 0.01:
        losses.drop("top_p")
        asked = replace(asked, top_p=0.01)
    if any(message.name for message in asked.messages):
        losses.drop("messages.name")
        asked = replace(asked, messages=tuple(replace(message, name="") for message in asked.messages))
    return asked
