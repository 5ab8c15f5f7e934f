"""Which codec speaks each protocol of a provider. Sockets are in the gateway, data in `schemas.wires`."""

from __future__ import annotations

from ingress.codecs.anthropic.messages import AnthropicMessages
from ingress.codecs.codec import ProviderCodec
from ingress.codecs.gemini.generate import GeminiGenerate
from ingress.codecs.openai.responses import OpenAIResponses
from ingress.codecs.openai_chat import CODEC as OPENAI_CHAT

PROVIDER_CODECS: dict[str, ProviderCodec] = {
    codec.name: codec for codec in (OPENAI_CHAT, OpenAIResponses(), AnthropicMessages(), GeminiGenerate())
}
