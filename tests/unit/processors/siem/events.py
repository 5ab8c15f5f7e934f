"""Facts and lines for the tests of the SIEM worker."""

from __future__ import annotations

from processors.siem.lines import Line, lines_of
from projections.log.reader import Message
from schemas import codec
from schemas.facts.traffic import RequestCompleted, RequestRefused, RequestScreened, WriterBeat


def message(sequence: int, tenants: str = "a", *, beats: int = 0, screened: str = "") -> Message:
    """A segment with `beats` other facts, then of each tenant (a letter) what rules did, if given, and the end."""
    facts = [
        codec.fact(
            WriterBeat(0, 0), id=f"beat-{sequence}-{number}", time=1, tenant="system", actor="w", correlation="w"
        )
        for number in range(beats)
    ]
    for number, tenant in enumerate(tenants):
        kind = RequestCompleted if number % 2 == 0 else RequestRefused
        end = kind(key_id=f"key-{tenant}", operation="chat.completions", status=200, cost_micros=number)
        if screened:
            facts.append(
                codec.fact(
                    RequestScreened("request", screened, "secret.x", "v", (), 9), id=f"screened-{sequence}-{number}",
                    time=1_700_000_000_000_000 + sequence, tenant=tenant, actor="gateway",
                    correlation=f"req-{sequence}-{number}",
                )
            )  # fmt: skip
        facts.append(
            codec.fact(
                end, id=f"id-{sequence}-{number}", time=1_700_000_000_000_000 + sequence, tenant=tenant,
                actor=f"key:key-{tenant}", correlation=f"req-{sequence}-{number}",
            )
        )  # fmt: skip
    payload = codec.encode_segment("traffic.0", "w", "b", sequence, bytes(32), [codec.encode_fact(f) for f in facts])
    return Message("TRAFFIC", sequence, "traffic.0", payload, 1, "")


def lines(sequence: int, count: int = 1) -> list[Line]:
    return lines_of(message(sequence, "a" * count), None)
