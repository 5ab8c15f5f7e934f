"""Whose facts a file of evidence shows beside those that it is about."""

from __future__ import annotations

import json

from schemas.codec import encode_fact, encode_segment
from schemas.envelope import GENESIS, Fact
from schemas.evidence import FORMAT, Evidence, SegmentProof, decode, encode, tenants_beside
from tests.integration.sample_log import Traffic


def proof(*requests: list[Fact], number: int = 1) -> SegmentProof:
    facts = [encode_fact(fact) for facts in requests for fact in facts]
    payload = encode_segment("traffic.0", "w", "b", number, GENESIS, facts)
    return SegmentProof(
        stream="TRAFFIC", sequence=number, payload=payload, index=0, path=(), after=0, through=number, messages=1,
        range_root=b"", range_index=1, range_path=(), checkpoint=1,
    )  # fmt: skip


def test_other_tenants_in_the_same_segments_are_named() -> None:
    source = Traffic()
    own, same, gamma, beta = (source.request(tenant=name) for name in ("acme", "acme", "gamma", "beta"))
    request = own[0].correlation
    mixed = (proof(own[:1], same, gamma), proof(own[1:], beta, number=2))
    assert tenants_beside(Evidence(format=FORMAT, request=request, segments=mixed, checkpoints=())) == ["beta", "gamma"]
    alone = (proof(own, same),)
    assert tenants_beside(Evidence(format=FORMAT, request=request, segments=alone, checkpoints=())) == []


def test_a_file_from_before_keys_could_follow_each_other_is_read() -> None:
    whole = Evidence(format=FORMAT, request="r", segments=(), checkpoints=())
    told = json.loads(encode(whole))
    del told["handovers"]
    assert decode(json.dumps(told).encode()) == whole
