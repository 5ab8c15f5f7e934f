"""The built-in pack, compiled once for all tests of the engine."""

from __future__ import annotations

import pytest

from projections.screening import CompiledPack, Screener, compile_rules, load_builtin_rules


@pytest.fixture(scope="session")
def builtin_pack() -> CompiledPack:
    return compile_rules(load_builtin_rules())


@pytest.fixture(scope="session")
def screener(builtin_pack: CompiledPack) -> Screener:
    return Screener(builtin_pack)
