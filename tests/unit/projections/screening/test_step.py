"""The step that all placements share leaves equal facts, wherever and in whatever pieces the text was seen."""

from __future__ import annotations

import base64
import hashlib

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.screening import CompiledPack, Screener, StreamScreener, screen_step
from projections.screening.tools import ToolLane
from schemas.screening.model import ScreeningPolicy
from tests.unit.projections.screening.texts import RULES, texts

IDS = [rule.id for rule in RULES]
policies = st.builds(
    ScreeningPolicy,
    enabled=st.sampled_from([True, True, True, False]),
    overrides=st.dictionaries(
        st.sampled_from(IDS), st.sampled_from(["approve", "flag", "redact", "block"]), max_size=20
    ),
    disabled=st.frozensets(st.sampled_from(IDS), max_size=20),
)


def test_screening_that_is_off_asks_no_pack(screener: Screener) -> None:
    verdict = screen_step(screener, ["AKIAIOSFODNN7EXAMPL2"], "request", ScreeningPolicy(enabled=False))
    assert (verdict.action, verdict.hits, verdict.rule, verdict.pack) == ("approve", (), "", "")


@settings(max_examples=100)
@given(text=texts, policy=policies, direction=st.sampled_from(["request", "response", "tool"]))
def test_inline_worker_and_stream_agree(
    builtin_pack: CompiledPack, screener: Screener, text: str, policy: ScreeningPolicy, direction: str
) -> None:
    inline = screen_step(screener, [text], direction, policy)
    worker = Screener(CompiledPack.from_bytes(builtin_pack.to_bytes()))  # another process would load the blob
    assert screen_step(worker, [text], direction, policy) == inline
    stream = StreamScreener(worker, direction, policy)
    stream.push(text)
    assert stream.finish() == inline


def keyed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@settings(max_examples=60)
@given(text=texts, policy=policies, direction=st.sampled_from(["request", "response"]), tool=st.booleans())
def test_allowed_values_are_let_pass_the_same_way_whole_and_in_pieces(
    screener: Screener, text: str, policy: ScreeningPolicy, direction: str, tool: bool
) -> None:
    tools = (0,) if tool else ()
    hits = screen_step(screener, [text], direction, policy, tools).hits
    allowed = frozenset(keyed(text[hit.start : hit.end]) for hit in hits[::2])
    policy = msgspec.structs.replace(policy, allowed=allowed)
    whole = screen_step(screener, [text], direction, policy, tools, keyed)
    assert not any(keyed(text[hit.start : hit.end]) in allowed for hit in whole.hits)
    assert whole.allowed + len(whole.hits) == len(hits)
    lane = (ToolLane if tool else StreamScreener)(screener, direction, policy, keyed)
    for at in range(0, len(text), 90):
        lane.push(text[at : at + 90])
    assert lane.finish() == whole


def test_without_normalisation_rules_see_a_text_as_it_came(screener: Screener) -> None:
    hidden = base64.b64encode(b"the key is AKIAQ3EGV7XWZT5LRN2P, keep it").decode()
    as_it_came = ScreeningPolicy(normalize=False)
    for policy, action in ((ScreeningPolicy(), "block"), (as_it_came, "approve")):
        assert screen_step(screener, [hidden], "request", policy).action == action
        stream = StreamScreener(screener, "request", policy)
        stream.push(hidden)
        assert stream.finish().action == action
    assert screen_step(screener, ["AKIAQ3EGV7XWZT5LRN2P"], "request", as_it_came).action == "block"
