"""The released bytes and shapes on disk, and how a value looks in them. They are added to, never written over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from schemas.codec import encode_fact, fact
from schemas.envelope import Fact

FOLDER = Path(__file__).parent / "facts"
SHAPES = Path(__file__).parent / "shapes.json"

_fact = msgspec.msgpack.Decoder(Fact)


def decode(payload: bytes) -> Fact:
    return _fact.decode(payload)


def released() -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """(file name without its ending, bytes, what they mean) of every golden example."""
    for path in sorted(FOLDER.glob("*.bin")):
        yield path.stem, path.read_bytes(), json.loads(path.with_suffix(".json").read_text())


def example(data: msgspec.Struct) -> Fact:
    """A fact around a struct, the same at every call."""
    return fact(
        data,
        id="019a9f3c-0000-7000-8000-0123456789ab",
        time=1_795_000_000_123_456,
        tenant="acme",
        actor="key:key-1a2b3c4d5e6f",
        correlation="019a9f3c-0000-7001-8000-0123456789ab",
        causation="019a9f3c-0000-7002-8000-0123456789ab",
    )


def meaning(value: Fact, data: msgspec.Struct) -> dict[str, Any]:
    """A fact as its golden JSON tells it."""
    envelope = {name: getattr(value, name) for name in value.__struct_fields__ if name != "data"}
    return {**envelope, "data": plain(data)}


def plain(value: Any) -> Any:
    """A value by field names, bytes in hex."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value.hex() if isinstance(value, bytes) else value


def add(data: msgspec.Struct) -> str | None:
    """Write a golden example unless its bytes are there already; returns the name of the new file."""
    value = example(data)
    payload = encode_fact(value)
    kept = [path for path in FOLDER.glob("*.bin") if decode(path.read_bytes()).type == value.type]
    if any(path.read_bytes() == payload for path in kept):
        return None
    FOLDER.mkdir(exist_ok=True)
    # numbers may have gaps
    highest = max((int(path.stem.removeprefix(value.type).lstrip(".") or 1) for path in kept), default=0)
    name = value.type if not kept else f"{value.type}.{highest + 1}"
    text = json.dumps(meaning(value, data), indent=2, ensure_ascii=False) + "\n"
    # x: a released example is never written over
    with (FOLDER / f"{name}.json").open("x") as beside, (FOLDER / f"{name}.bin").open("xb") as file:
        beside.write(text)
        file.write(payload)
    return name
