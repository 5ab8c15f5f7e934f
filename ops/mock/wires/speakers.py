"""Which provider and operation a path names. Pure.

The first segment of a path names the provider (``/anthropic/v1/messages``); without one of their names it is OpenAI's.
Providers with OpenAI's format and a name of their own differ by what they refuse: see ``compatible``.
"""

from __future__ import annotations

from urllib.parse import unquote

import msgspec

from ops.mock.refusal import Refusal
from ops.mock.wires import (
    anthropic,
    azure,
    bedrock,
    cohere,
    compatible,
    gemini,
    glm,
    minimax,
    openai,
    replicate,
    voyage,
)
from ops.mock.wires.speaking import Incoming, Operation, Speaker

SPEAKERS: dict[str, Speaker] = {
    "openai": openai.SPEAKER,
    "anthropic": anthropic.SPEAKER,
    "gemini": gemini.SPEAKER,
    "vertex": gemini.VERTEX,
    "azure": azure.SPEAKER,
    "bedrock": bedrock.SPEAKER,
    "cohere": cohere.SPEAKER,
    "minimax": minimax.SPEAKER,
    "glm": glm.SPEAKER,
    "replicate": replicate.SPEAKER,
    "voyage": voyage.SPEAKER,
    **compatible.SPEAKERS,
}


class Found(msgspec.Struct, frozen=True):
    """What a path names; ``operation`` is None when the provider has no such path, or not for this method."""

    speaker: Speaker
    operation: Operation | None
    path: dict[str, str] = {}
    methods: tuple[str, ...] = ()

    def refusal(self, incoming: Incoming) -> Refusal:
        """Why there is no operation."""
        path = incoming.target.partition("?")[0][:200]
        if self.methods:
            return Refusal(405, f"Method {incoming.method} is not allowed for {path}.", code="method_not_allowed")
        return Refusal(404, f"Unknown path: {incoming.method} {path}.", code="unknown_url")


def find(method: bytes, target: bytes) -> Found | None:
    """None: it is for the routes of the mock itself."""
    whole = target.decode("latin-1").partition("?")[0]
    first, _, rest = whole[1:].partition("/")
    speaker = SPEAKERS.get(first)
    path = "/" + rest
    if speaker is None:
        speaker, path = openai.SPEAKER, whole
    verb = "GET" if method == b"HEAD" else method.decode()
    methods = []
    for operation in speaker.operations:
        match = operation.path.fullmatch(path)
        if match is None:
            continue
        if operation.method == verb:
            return Found(speaker, operation, {name: unquote(value) for name, value in match.groupdict().items()})
        methods.append(operation.method)
    if speaker is openai.SPEAKER and path is whole and not methods:
        return None
    return Found(speaker, None, {}, tuple(methods))
