"""The models a key may name, in the shape of each protocol that lists them. Nothing is called, no fact is left."""

from __future__ import annotations

from typing import Any

from ingress.gateway.authenticate import Caller
from schemas.aggregates.model import Model

_SINCE = "2024-01-01T00:00:00Z"
"""Protocols want to know since when there is a model; Nexus does not."""


def visible(caller: Caller) -> list[Model]:
    """The models of the caller's tenant that its key admits."""
    models = caller.tenant.table.models.values()
    return [model for model in models if caller.may_use(model.id) or caller.may_use(model.name)]


def named(caller: Caller, name: str) -> Model | None:
    """One of them: `account/model`, or the first account's that has the name."""
    for model in visible(caller):
        if name in (model.id, model.name):
            return model
    return None


def openai_model(model: Model) -> dict[str, Any]:
    return {"id": model.id, "object": "model", "created": 0, "owned_by": model.account}


def openai_list(models: list[Model]) -> dict[str, Any]:
    return {"object": "list", "data": [openai_model(model) for model in models]}


def anthropic_model(model: Model) -> dict[str, Any]:
    return {"type": "model", "id": model.id, "display_name": model.name, "created_at": _SINCE}


def anthropic_list(models: list[Model]) -> dict[str, Any]:
    """All in one page."""
    return {
        "data": [anthropic_model(model) for model in models],
        "has_more": False,
        "first_id": models[0].id if models else None,
        "last_id": models[-1].id if models else None,
    }


def gemini_model(model: Model) -> dict[str, Any]:
    return {
        "name": f"models/{model.id}",
        "displayName": model.name,
        "inputTokenLimit": model.context_tokens,
        "outputTokenLimit": model.max_output_tokens,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }


def gemini_list(models: list[Model]) -> dict[str, Any]:
    return {"models": [gemini_model(model) for model in models]}
