"""Which kinds of providers need a file, and what goes out to one today."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from ingress.codecs.openai_chat import parse_request
from ingress.providers.outgoing import prepare
from schemas.aggregates.provider import Provider
from schemas.wires import OPENAI_CHAT, WIRES

HERE = Path(__file__).parent


def kinds() -> list[str]:
    """Kinds of providers that are data alone: OpenAI's chat is all the conversation they speak."""
    return [name for name, wire in WIRES.items() if [each.protocol for each in wire.chat] == [OPENAI_CHAT]]


def without_a_file(folder: Path = HERE) -> list[str]:
    """Kinds that nothing shows the bytes of."""
    return [name for name in kinds() if not (folder / f"{name}.json").is_file()]


def run(name: str, case: dict[str, Any]) -> dict[str, Any]:
    """The case with its `out` as it is today."""
    account = Provider(
        id="account", tenant="t", wire=name, base_url="" if WIRES[name].base_url else "https://own.example"
    )
    outgoing = prepare(parse_request(msgspec.json.encode(case["in"])), account, "the-model", None)
    out = {"url": account.url + outgoing.path, "body": json.loads(outgoing.body), "dropped": list(outgoing.dropped)}
    return {**case, "out": out}
