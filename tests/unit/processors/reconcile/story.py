"""TRAFFIC as a story of writers, for tests of what is due."""

from __future__ import annotations

import msgspec

from processors.reconcile.state import State
from schemas.codec import encode_fact, encode_segment, fact
from schemas.envelope import GENESIS
from schemas.facts.traffic import (
    ProviderCalled,
    RequestAccepted,
    RequestCompleted,
    RequestRouted,
    RequestScreened,
    WriterBeat,
    WriterClosed,
)
from schemas.ids import Ids, SystemClock

IDS = Ids(SystemClock())
BEAT = WriterBeat(0, 0)
CLOSED = WriterClosed(0)
COMPLETED = RequestCompleted()
ACCEPTED = RequestAccepted("k1", "nvk_12345678", "sub_1", "chat", "gpt-4o", True, 120, "overlapped", 7)
ROUTED = RequestRouted("r", "fallback", ("east/gpt-4o", "west/gpt-4o"), (), 900, ("b",))
REDACTED = RequestScreened("request", "redact", "rule", "pack", (), 10)


def called(attempt: int, account: str, outcome: str) -> ProviderCalled:
    return ProviderCalled(attempt, account, f"{account}/gpt-4o", outcome, 500, 1, 2)


class Story:
    """Adds segments to a state, one a step."""

    def __init__(self) -> None:
        self.state = State("reconcile", "me")
        self.sequence = 0
        self._told: dict[int, bytes] = {}

    def says(self, writer: str, boot: str, now: float, *data: tuple[str, msgspec.Struct] | msgspec.Struct) -> None:
        """One segment of a writer: facts, each with the request it belongs to where it belongs to one."""
        self.sequence += 1
        facts = []
        for entry in data:
            request, struct = entry if isinstance(entry, tuple) else ("", entry)
            facts.append(
                encode_fact(
                    fact(struct, id=IDS.new(), time=1_000_000, tenant="acme", actor="key:k1", correlation=request)
                )
            )
        payload = encode_segment("traffic.0", writer, boot, self.sequence, GENESIS, facts)
        self._told[self.sequence] = payload
        self.state.apply(self.sequence, "traffic.0", payload, now)

    def once_more(self, sequence: int, now: float) -> None:
        """The segment that stands there, at the end of the log again."""
        self.sequence += 1
        self.state.apply(self.sequence, "traffic.0", self._told[sequence], now)
