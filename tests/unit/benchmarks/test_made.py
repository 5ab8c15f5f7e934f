"""What benchmarks are fed with has the shapes of the real thing: chains that hold, keys that can be used."""

from __future__ import annotations

from benchmarks import made
from projections.live.state import LiveState
from schemas.chain import ChainState
from schemas.codec import decode_head, decode_segment, open_fact, segment_hash
from schemas.facts.traffic import TERMINALS, Terminal


def test_segments_are_one_chain_of_whole_requests() -> None:
    chain, facts = ChainState(), []
    for subject, payload, headers in made.segments(600, "b1", each=32):
        head = decode_head(payload)
        assert chain.check(head, segment_hash(payload)) is None
        assert head.subject == subject
        assert headers["Nats-Msg-Id"] == f"{head.writer}/{head.boot}/{head.number}"
        facts += decode_segment(payload).facts
    assert len(facts) == 600
    ends = [open_fact(fact) for fact in facts if fact.type in TERMINALS]
    assert len(ends) == 600 // made.FACTS_A_REQUEST == len({fact.correlation for fact in facts})
    assert all(isinstance(end, Terminal) and end.body is not None for end in ends)


def test_keys_are_spread_over_tenants_that_exist() -> None:
    state = LiveState()
    for sequence, (subject, payload, _) in enumerate(made.keys(30, 3, hashes=["ab" * 32]), 1):
        state.apply(sequence, subject, payload)
    assert len(state.keys_by_hash) == 30
    assert state.keys_by_hash["ab" * 32].id == "key-000000"
    assert [len(view.keys) for view in state.tenants.values()] == [10, 10, 10]
    assert all(view.enabled for view in state.tenants.values())
