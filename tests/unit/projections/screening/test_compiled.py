"""Compiling rules and carrying them as bytes."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import msgspec
import pytest

from projections.screening import CompiledPack, PackError, Screener, compile_rules
from projections.screening.compiled import Part
from schemas.screening.model import Rule
from schemas.screening.rules import example
from tests.unit.schemas.screening.sample import rule, weights


def test_a_pack_survives_its_bytes(builtin_pack: CompiledPack) -> None:
    loaded = CompiledPack.from_bytes(builtin_pack.to_bytes())
    assert loaded == builtin_pack
    assert Screener(loaded).screen(["AKIAIOSFODNN7EXAMPL2"], "request").rule == "secret.aws-access-key-id"


def test_the_same_rules_in_any_order_are_the_same_pack() -> None:
    one, two = rule(), rule(id="test.other", patterns=("other",))
    assert compile_rules([one, two]) == compile_rules([two, one])
    assert compile_rules([one, two]).version != compile_rules([one]).version


def test_damaged_bytes_are_refused() -> None:
    data = bytearray(compile_rules([rule()]).to_bytes())
    for at in (0, 10, 40, len(data) - 1):
        broken = data.copy()
        broken[at] ^= 1
        with pytest.raises(PackError, match="damaged"):
            CompiledPack.from_bytes(bytes(broken))
    with pytest.raises(PackError, match="damaged"):
        CompiledPack.from_bytes(b"")


def test_bytes_of_another_engine_are_refused() -> None:
    data = compile_rules([rule()]).to_bytes()
    wire = msgspec.msgpack.decode(data[37:])
    wire["engine"] = "0.0.1"
    body = msgspec.msgpack.encode(wire)
    with pytest.raises(PackError, match=r"compiled for 0\.0\.1, this is hyperscan"):
        CompiledPack.from_bytes(data[:5] + hashlib.sha256(body).digest() + body)


def test_databases_that_do_not_load_are_refused() -> None:
    pack = compile_rules([rule()])
    with pytest.raises(PackError, match="compile it here"):
        Screener(replace(pack, detect=(Part(b"no database", ((0,),)),)))


def test_rules_that_share_an_expression_share_its_place_in_a_database() -> None:
    pack = compile_rules([rule(id="test.a"), rule(id="test.b"), rule(id="test.c", patterns=("other",))])
    assert [part.rules for part in pack.detect] == [((0, 1), (2,))]
    verdict = Screener(pack).screen([example(rule().hits[0])[0]], "request")
    assert {hit.rule for hit in verdict.hits} == {"test.a", "test.b"}


def test_examples_are_not_carried_along(builtin_pack: CompiledPack) -> None:
    assert not any(one.hits or one.misses for one in builtin_pack.rules)


def test_weights_are_part_of_what_is_compiled() -> None:
    def weighed(by: int) -> Rule:
        return rule(likelihood="sample", weights=weights({"secret": by}, threshold=1))

    pack = compile_rules([weighed(1)])
    assert pack.version != compile_rules([weighed(0)]).version
    carried = Screener(CompiledPack.from_bytes(pack.to_bytes()))
    found = [carried.screen([text], "request").action for text in ("secret tok-1234", "open tok-1234")]
    assert found == ["block", "approve"]


def test_every_wrong_rule_is_named() -> None:
    with pytest.raises(
        PackError, match=r"(?s)test\.a: action.*test\.b: at least 3 hits.*test\.b: defined more than once"
    ):
        compile_rules([rule(id="test.a", action="ban"), rule(id="test.b", hits=()), rule(id="test.b")])
    with pytest.raises(PackError, match="at least one rule"):
        compile_rules([])


def test_a_pattern_that_the_engine_refuses_is_named() -> None:
    with pytest.raises(PackError, match=r"test\.bad: the engine refuses"):
        compile_rules([rule(), rule(id="test.bad", patterns=("[b-a]x",))])
