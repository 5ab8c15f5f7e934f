"""What rules cost: time to compile, bytes, and speed over clean text. Measures; decides nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec

from projections.screening.compiled import compile_rules
from projections.screening.engine import Engine
from schemas.screening.model import Rule

PROSE = (
    "The quarterly report describes revenue growth across regions, with 12 percent in the north and 3.5 in the south. "
    "def handler(request): return response(status=200, body={'ok': True})  # see RFC 9110\n"
    "Please summarise the meeting notes of 2024-05-12 and list open questions; release 1.2.3 fixes issue 4521. "
    "Le conseil se réunit demain à Zürich; das Protokoll folgt. SELECT id, total FROM orders WHERE total > 100;\n"
)
"""Clean: no rule hits it."""
_BATCHES = 6


class Cost(msgspec.Struct, frozen=True):
    """Of some rules compiled by themselves. Together with others they cost less."""

    name: str
    rules: int
    compile_ms: float
    bytes: int
    megabytes_per_second: float
    """Of the first scan, over clean text."""


def cost(name: str, rules: Sequence[Rule], text: str = PROSE, size: int = 48_000) -> Cost:
    """CPU time, the best of several batches: other work on the machine is none of the rules'."""
    started = time.process_time()
    pack = compile_rules(rules)
    compiled = time.process_time() - started
    data = (text * (size // len(text) + 1)).encode()[:size]
    engine = Engine(pack)
    took = best_of(lambda: engine.detect(data))
    parts = sum(len(part.data) for part in (*pack.detect, *pack.locate))
    return Cost(name, len(rules), round(compiled * 1e3, 1), parts, round(len(data) / took / 1e6, 1))


def best_of(call: Callable[[], object], batches: int = _BATCHES, calls: int = 20) -> float:
    """Seconds of CPU that one call takes."""
    best = float("inf")
    for _ in range(batches):
        started = time.thread_time()
        for _ in range(calls):
            call()
        best = min(best, (time.thread_time() - started) / calls)
    return max(best, 1e-9)


def by_pack(rules: Sequence[Rule]) -> dict[str, list[Rule]]:
    """The rules of each pack, in the order of the packs' names."""
    packs: dict[str, list[Rule]] = {}
    for rule in sorted(rules, key=lambda rule: (rule.pack, rule.id)):
        packs.setdefault(rule.pack, []).append(rule)
    return packs
