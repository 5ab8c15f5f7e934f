"""Conversations that another kind of provider has taken part in, for one of this API. The body stays as it is else."""

from __future__ import annotations

from typing import Any

from ingress.codecs.signatures import kept, own


def carried(contents: Any) -> Any:
    """The turns without signatures of others under them; the same list where there are none."""
    return kept(contents, _turn)


def _turn(content: Any) -> Any:
    parts = kept(content.get("parts"), _part) if isinstance(content, dict) else None
    return content if parts is None or parts is content.get("parts") else {**content, "parts": parts}


def _part(part: Any) -> Any:
    for name in ("thoughtSignature", "thought_signature"):
        if isinstance(part, dict) and isinstance(signature := part.get(name), str):
            its = own(signature, "gemini")
            if its != signature:
                rest = {key: value for key, value in part.items() if key != name}
                return {**rest, name: its} if its else rest if rest.get("text") != "" else None
    return part
