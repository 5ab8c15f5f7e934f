"""How a model's name goes into a provider's path. Which codec speaks what is in `ingress.codecs.registry`."""

from __future__ import annotations

from urllib.parse import quote

from schemas.errors import InvalidRequest

_SLASHED = ("replicate",)
"""Protocols whose names are `owner/name`, two steps of a path."""


def in_path(model: str, protocol: str) -> str:
    """A model's name as it stands in a path, where no name may lead anywhere else.

    Raises:
        InvalidRequest: it would.
    """
    if protocol not in _SLASHED:
        return quote(model, safe="")
    if any(step in ("", ".", "..") for step in model.split("/")):
        raise InvalidRequest("The name of the model is not one that its provider can have.", param="model")
    return quote(model, safe="/")
