"""Chat completions as Mistral's own client asks for them: OpenAI's, but for a few words and where thoughts stand."""

from __future__ import annotations

from typing import Any

from ingress.codecs.answered import Answered, CrossedAnswer
from ingress.codecs.codec import CallerCodec, ProviderCodec
from ingress.codecs.openai.chat import OpenAIChat
from ingress.codecs.openai.parts import taken_out
from ingress.codecs.openai_chat import ChatAnswer, ChatRequest, parse_request
from ingress.codecs.passage import Stamp

CODEC = OpenAIChat(parts=True)
_CLIENT = "mistral"


def is_client(user_agent: str) -> bool:
    """Whether a request comes from Mistral's client, by what it calls itself (`… mistralai`, `mistral-client-…`)."""
    return _CLIENT in user_agent


class MistralRequest(ChatRequest):
    """A decoded request, in OpenAI's words wherever those are not the same."""

    __slots__ = ()

    codec: CallerCodec = CODEC

    def answered(self, raw: bytes, codec: ProviderCodec, stamp: Stamp) -> Answered:
        if codec.name == CODEC.name:
            return ChatAnswer(raw)
        return CrossedAnswer(raw, codec, CODEC, stamp)


def parse(body: bytes, said: dict[str, Any] | None = None) -> MistralRequest:
    """As `openai_chat.parse_request`.

    Raises:
        InvalidRequest
    """
    given = dict(parse_request(body, said).body)
    if "random_seed" in given:
        given.setdefault("seed", given.pop("random_seed"))
    if given.get("tool_choice") == "any":
        given["tool_choice"] = "required"
    given["messages"] = [taken_out(message) for message in given["messages"]]
    request = MistralRequest(given)
    # this client is told of it unasked
    request.include_usage = True
    return request
