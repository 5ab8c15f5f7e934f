"""The tokens of a caller's request to a model whose vocabulary is public. What is only estimated is not told here."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.codecs.asked import Asked
from ingress.codecs.shots import ShotRequest
from ingress.tokenizing.encodings import NAMES, Encodings
from ingress.tokenizing.prompts import Counted, count_conversation, count_texts
from schemas.conversation.ask import Conversation, Count, Embed
from schemas.errors import InvalidRequest
from schemas.tokens import Calibration, Sizes, family_of, has_media, measure, probable_tokens


class Told(msgspec.Struct, frozen=True):
    """How many tokens a prompt is, and how far that can be trusted."""

    tokens: int
    tokenizer: str
    """Family, see `schemas.tokens`."""
    exact: bool
    error: float
    """As a part of the tokens: at most, where texts were counted; the mean so far, where they were estimated."""
    learnt_from: int = 0
    reason: str = ""
    """Why a public vocabulary was not counted with."""


async def tokens_of(
    request: Asked, upstream: str, encodings: Encodings, calibration: Calibration, tenant: str, model: str
) -> Told:
    """Counts where it can be counted, else estimates.

    Args:
        upstream: the provider's name of the model.
        model: the tenant's, `account/name`.
    """
    family = family_of(upstream)
    encoder = await encodings.of(family)
    counted = None if encoder is None else await _count(request, encoder, family, upstream)
    fit = calibration.of(tenant, model)
    media = has_media(request.body)
    if counted is not None:
        exact = not counted.off and not media
        error = max(counted.error, fit.error) if media else counted.error
        return Told(max(1, counted.tokens), family, exact, error)
    sizes = measure(slot.text for slot in request.texts())
    reason = (
        f"There is no build of the vocabulary {family} for this platform." if family in NAMES and not encoder else ""
    )
    return Told(_estimate(request, sizes, family, fit.factor), family, False, fit.error, fit.requests, reason)


def _estimate(request: Asked, sizes: Sizes, family: str, factor: float) -> int:
    return max(1, round(probable_tokens(sizes, family, request.turns) * factor) + request.more_tokens)


async def _count(request: Asked, encoder: Any, family: str, upstream: str) -> Counted | None:
    """None for what no rule is published for, and for what only a provider understands."""
    try:
        if request.kind == "completions":
            prompt = request.body.get("prompt")
            texts = prompt if isinstance(prompt, list) else [prompt]
            plain = [each for each in texts if isinstance(each, str)]
            return await count_texts(encoder, family, plain, request.more_tokens)
        asked = request.ask() if isinstance(request, ShotRequest) else request.codec.read_request(request.body)
    except InvalidRequest:
        return None
    match asked:
        case Embed():
            return await count_texts(encoder, family, list(asked.texts), sum(map(len, asked.tokens)))
        case Count():
            return await count_conversation(encoder, family, upstream, asked.conversation)
        case Conversation():
            return await count_conversation(encoder, family, upstream, asked)
    return None
