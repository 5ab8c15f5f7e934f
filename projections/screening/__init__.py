"""The scanning engine: rule packs compiled, loaded and run over texts. What a rule or a verdict means is in schemas."""

from __future__ import annotations

from projections.screening.cache import load_or_compile
from projections.screening.compiled import CompiledPack, PackError, compile_rules
from projections.screening.packs import load_builtin_rules, load_rules
from projections.screening.screener import Screener
from projections.screening.step import screen_step, screened
from projections.screening.stream import StreamScreener
from schemas.screening.redaction import IncompleteVerdict, redact

__all__ = [
    "CompiledPack",
    "IncompleteVerdict",
    "PackError",
    "Screener",
    "StreamScreener",
    "compile_rules",
    "load_builtin_rules",
    "load_or_compile",
    "load_rules",
    "redact",
    "screen_step",
    "screened",
]
