"""What is looked at in each request without a stream, before anything is done with it, and what changes on the way."""

from __future__ import annotations

from typing import Any

from ingress.codecs.anthropic.count import AnthropicCount
from ingress.codecs.anthropic.messages import ANTHROPIC_MESSAGES
from ingress.codecs.asked import Look, model_of
from ingress.codecs.cohere.rerank import CohereRerank
from ingress.codecs.fields import Fields
from ingress.codecs.gemini.count import GeminiCount
from ingress.codecs.gemini.embeddings import GeminiEmbeddings
from ingress.codecs.gemini.generate import GEMINI_GENERATE
from ingress.codecs.openai.embeddings import OpenAIEmbeddings
from ingress.codecs.openai.moderations import DEFAULT_MODEL, OpenAIModerations
from ingress.codecs.openai_chat import CODEC
from ingress.codecs.shots import ShotFront, glance_at_vectors


def tokens_in(value: Any) -> int:
    """How many tokens a caller has cut its text into; 0 for texts."""
    if not isinstance(value, list):
        return 0
    return sum(len(each) if isinstance(each, list) else isinstance(each, int) for each in value)


def _named(body: dict[str, Any], model: str) -> dict[str, Any]:
    return {**body, "model": model}


def _look_embeddings(fields: Fields) -> Look:
    given = fields.any("input")
    tokens = tokens_in(given)
    return Look(
        model=model_of(fields),
        turns=len(given) if isinstance(given, list) else 1,
        user=fields.string("user"),
        more_tokens=tokens,
        opaque=tokens > 0,
    )


def _look_moderations(fields: Fields) -> Look:
    given = fields.any("input")
    if not fields.any("model"):
        fields.body["model"] = DEFAULT_MODEL
    return Look(model=model_of(fields), turns=len(given) if isinstance(given, list) else 1)


def _look_rerank(fields: Fields) -> Look:
    """The query is read together with every document."""
    documents = fields.array("documents", needed=True)
    query = fields.string("query", needed=True)
    return Look(
        model=model_of(fields),
        turns=len(documents),
        more_tokens=len(query.encode("utf-8", "surrogatepass")) * (len(documents) - 1),
    )


def _look_gemini_embeddings(fields: Fields) -> Look:
    return Look(model=model_of(fields), turns=len(fields.array("requests")) or 1)


def _same_gemini_embeddings(body: dict[str, Any], model: str) -> dict[str, Any]:
    """Each part of a batch names the model once more."""
    changed = {**body, "model": model}
    if isinstance(body.get("requests"), list):
        changed["requests"] = [
            {**each, "model": f"models/{model}"} if isinstance(each, dict) else each for each in body["requests"]
        ]
    return changed


def _look_count(fields: Fields) -> Look:
    return Look(model=model_of(fields), turns=len(fields.array("messages", needed=True)))


def _look_gemini_count(fields: Fields) -> Look:
    inner = fields.inner("generateContentRequest") or fields
    return Look(model=model_of(fields), turns=len(inner.array("contents", needed=True)))


def _same_gemini_count(body: dict[str, Any], model: str) -> dict[str, Any]:
    changed = {**body, "model": model}
    if isinstance(body.get("generateContentRequest"), dict):
        changed["generateContentRequest"] = {**body["generateContentRequest"], "model": f"models/{model}"}
    return changed


EMBEDDINGS = ShotFront(
    "embeddings", "embeddings", CODEC, OpenAIEmbeddings(), _look_embeddings, _named, glance_at_vectors
)
MODERATIONS = ShotFront("moderations", "moderations", CODEC, OpenAIModerations(), _look_moderations, _named)
RERANK = ShotFront("rerank", "rerank", CODEC, CohereRerank(), _look_rerank, _named, has_texts=True)
"""In Cohere's shape (version 2), which most others took over."""
GEMINI_EMBED = ShotFront(
    "gemini.embed", "embeddings", GEMINI_GENERATE, GeminiEmbeddings(), _look_gemini_embeddings, _same_gemini_embeddings
)
COUNT_TOKENS = ShotFront(
    "count_tokens", "count_tokens", ANTHROPIC_MESSAGES, AnthropicCount(), _look_count, _named, free=True
)
GEMINI_COUNT = ShotFront(
    "gemini.count_tokens", "count_tokens", GEMINI_GENERATE, GeminiCount(), _look_gemini_count, _same_gemini_count,
    free=True,
)  # fmt: skip
