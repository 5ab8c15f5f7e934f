"""The codec of every protocol that `schemas.wires` names. No codec is written here."""

from __future__ import annotations

from typing import Any

from ingress.codecs.anthropic.count import AnthropicCount
from ingress.codecs.anthropic.messages import ANTHROPIC_MESSAGES
from ingress.codecs.bedrock.converse import BEDROCK_CONVERSE
from ingress.codecs.codec import OneShotProvider, ProviderCodec
from ingress.codecs.cohere.chat import COHERE_CHAT
from ingress.codecs.cohere.embed import CohereEmbeddings
from ingress.codecs.cohere.rerank import CohereRerank
from ingress.codecs.gemini.count import GeminiCount, VertexCount
from ingress.codecs.gemini.embeddings import GeminiEmbeddings
from ingress.codecs.gemini.generate import GEMINI_GENERATE
from ingress.codecs.glm.chat import GlmChat
from ingress.codecs.minimax.chat import MinimaxChat
from ingress.codecs.openai.chat import OpenAIChat
from ingress.codecs.openai.completions import OpenAICompletions
from ingress.codecs.openai.embeddings import OpenAIEmbeddings
from ingress.codecs.openai.moderations import OpenAIModerations
from ingress.codecs.openai.responses import OPENAI_RESPONSES
from ingress.codecs.replicate.predictions import REPLICATE_PREDICTIONS
from ingress.codecs.vertex.embeddings import VertexEmbeddings
from ingress.codecs.voyage.embeddings import VoyageEmbeddings
from ingress.codecs.voyage.rerank import VoyageRerank

_CHAT: tuple[ProviderCodec, ...] = (
    OpenAIChat(),
    OPENAI_RESPONSES,
    OpenAICompletions(),
    ANTHROPIC_MESSAGES,
    GEMINI_GENERATE,
    BEDROCK_CONVERSE,
    COHERE_CHAT,
    MinimaxChat(),
    GlmChat(),
    REPLICATE_PREDICTIONS,
)
_ONE_SHOT: tuple[OneShotProvider[Any, Any], ...] = (
    OpenAIEmbeddings(),
    OpenAIModerations(),
    GeminiEmbeddings(),
    VertexEmbeddings(),
    VoyageEmbeddings(),
    VoyageRerank(),
    CohereEmbeddings(),
    CohereRerank(),
    AnthropicCount(),
    GeminiCount(),
    VertexCount(),
)

CHAT: dict[str, ProviderCodec] = {codec.name: codec for codec in _CHAT}
"""Conversations, and the completions of texts, which have streams too. Some are whole `ChatCodec`s."""
ONE_SHOT: dict[str, OneShotProvider[Any, Any]] = {codec.name: codec for codec in _ONE_SHOT}
"""Embeddings, rerank, moderation, counts of tokens. Some are whole `OneShotCodec`s."""
IN_PATH: dict[str, tuple[str, ...]] = {
    "gemini": ("model", "stream"),
    "bedrock": ("model", "stream"),
    "replicate": ("model", "stream"),
    "gemini_embeddings": ("model",),
    "vertex_embeddings": ("model",),
    "gemini_count_tokens": ("model",),
    "vertex_count_tokens": ("model",),
}
"""Fields that leave the body when the path is made of them."""
