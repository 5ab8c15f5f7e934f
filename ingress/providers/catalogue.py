"""Which codec speaks to which provider, and how a model's name goes into its path. All codecs by name are in
`ingress.codecs.registry`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from ingress.codecs.minimax import chat as minimax
from ingress.codecs.openai.chat import OpenAIChat
from ingress.codecs.registry import CHAT, ONE_SHOT
from ingress.codecs.replicate import prediction
from ingress.codecs.replicate.request import NAME as REPLICATE
from schemas.errors import InvalidRequest
from schemas.wires import OPENAI_CHAT, WIRES, Endpoint, Quirks

_DIALECTS = {
    (quirks.thinking, quirks.parts): OpenAIChat(thinking=quirks.thinking, parts=quirks.parts)
    for quirks in (wire.quirks for wire in WIRES.values())
    if quirks.thinking or quirks.parts
}
FOLLOWED = frozenset({REPLICATE})
"""Protocols whose first answer tells where to ask for the rest: `ingress.codecs.replicate.prediction.next_call`."""

REFUSALS: Mapping[str, Callable[[bytes], int]] = {
    minimax.NAME: minimax.status_of,
    REPLICATE: prediction.status_of,
}
"""Protocols that refuse under a status that says all is well: the status that it should have been, 0 for none."""

_SLASHED = (REPLICATE,)
"""Protocols whose names are `owner/name`, two steps of a path."""


def codec_for(endpoint: Endpoint, quirks: Quirks) -> Any:
    """What writes to an endpoint and reads its answers: a `ProviderCodec`, or a `OneShotProvider`."""
    if endpoint.protocol == OPENAI_CHAT and (found := _DIALECTS.get((quirks.thinking, quirks.parts))) is not None:
        return found
    return CHAT.get(endpoint.protocol) or ONE_SHOT[endpoint.protocol]


def in_path(model: str, protocol: str) -> str:
    """A model's name as it stands in a path, where no name may lead anywhere else.

    Raises:
        InvalidRequest: it would.
    """
    if any(step in ("", ".", "..") for step in model.split("/")):
        raise InvalidRequest("The name of the model is not one that its provider can have.", param="model")
    return quote(model, safe="/" if protocol in _SLASHED else "")
