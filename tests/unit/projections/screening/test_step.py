"""The step that all placements share leaves equal facts, wherever and in whatever pieces the text was seen."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from projections.screening import CompiledPack, Screener, StreamScreener, screen_step
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
    verdict = screen_step(screener, ["AKIAIOSFODNN7EXAMPLE"], "request", ScreeningPolicy(enabled=False))
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
