"""Given a hook and what it is shown, then what it finds: the words in which deciders of hooks are tested."""

from __future__ import annotations

from typing import Any

from schemas.hooks.decision import Seen
from schemas.hooks.hook import Hook, HookOptions, problems_of_hook
from schemas.screening.model import Hit


def hook(kind: str, stage: str = "request", **more: Any) -> Hook:
    """A hook that nothing is wrong with; what is no field of it is one of its options."""
    fields = {name: more.pop(name) for name in list(more) if name in Hook.__struct_fields__}
    made = Hook(id="h", kind=kind, stage=stage, options=HookOptions(**more), **fields)
    assert problems_of_hook(made) == []
    return made


def seen(*texts: str, hits: tuple[Hit, ...] = (), tools: tuple[int, ...] = (), **more: Any) -> Seen:
    fields = {"stage": "request", "tenant": "acme", "route": "chat", "key": "app", **more}
    return Seen(texts=texts, hits=hits, tools=frozenset(tools), **fields)


def hit(rule: str, text: int = 0, start: int = 0, end: int = 1) -> Hit:
    return Hit(rule, "flag", text, start, end)
