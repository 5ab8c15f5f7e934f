"""What the mutations begin with: the golden wire files, as the bytes that would be on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ops.mock.wires.bedrock import frame

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden" / "wire"


def seeds(golden: Path = GOLDEN) -> tuple[dict[tuple[str, str], list[bytes]], list[str]]:
    """(codec, surface) to inputs, and the words that occur in them: names of fields, short values."""
    found: dict[tuple[str, str], list[bytes]] = {}
    words: set[str] = set()
    for path in sorted(golden.glob("*/*.json")):
        name, case = path.parent.name, json.loads(path.read_text())
        for surface in ("request", "answer", "stream", "error"):
            if surface not in case:
                continue
            told = case[surface]["in"]
            words.update(_words(told))
            owner = case[surface].get("from", name) if surface == "request" else name
            raw = _stream(name, told) if surface == "stream" else json.dumps(told, ensure_ascii=False).encode()
            found.setdefault((owner, surface), []).append(raw)
    return found, sorted(words)


def fallback(found: dict[tuple[str, str], list[bytes]], codec: str, surface: str) -> list[bytes]:
    """The inputs of a target; where no golden file has any, those of the whole surface, or a word."""
    own = found.get((codec, surface))
    if own:
        return own
    others = [raw for (_, each), inputs in sorted(found.items()) if each == surface for raw in inputs]
    return others or [b"{}"]


def _stream(name: str, told: list[Any]) -> bytes:
    if name == "bedrock":
        return b"".join(
            frame(
                {":message-type": "event", ":event-type": kind, ":content-type": "application/json"},
                data.encode() if isinstance(data, str) else json.dumps(data).encode(),
            )
            for kind, data in told
        )
    frames = []
    for kind, data in told:
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        lines = "".join(f"data: {line}\n" for line in text.split("\n"))
        frames.append((f"event: {kind}\n" if kind else "") + lines + "\n")
    return "".join(frames).encode()


def _words(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)
    elif isinstance(value, str) and 0 < len(value) <= 40:
        yield value
