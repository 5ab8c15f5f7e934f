"""What of CONFIG is told of switches, and up to where it has been told."""

from __future__ import annotations

import msgspec

from processors.checkpoint.switching import told_in, turned_in
from projections.log.reader import Message
from schemas import codec, subjects
from schemas.aggregates.kill import KillRemoved
from schemas.aggregates.passthrough import PassthroughCreated
from schemas.envelope import GENESIS
from schemas.facts.ops import SwitchTurned
from tests.golden.specs import PASSTHROUGH


def message(kind: str, identifier: str, data: msgspec.Struct, sequence: int) -> Message:
    fact = codec.fact(data, id="1", time=5, tenant="acme", actor="admin:root", correlation="r")
    subject = subjects.config("acme", kind, identifier)
    payload = codec.encode_segment(subject, "admin", "b", 1, GENESIS, [codec.encode_fact(fact)])
    return Message("CONFIG", sequence, subject, payload, 5, "")


def test_a_passthrough_is_told_with_all_that_it_says() -> None:
    ((fact, told),) = turned_in(message("passthrough", "scanner-down", PassthroughCreated(PASSTHROUGH), 41))
    assert told == SwitchTurned(
        "passthrough", "scanner-down", "created", "admin:root", 41, PASSTHROUGH.scope, PASSTHROUGH.target,
        PASSTHROUGH.bypass, PASSTHROUGH.reason, PASSTHROUGH.until_us,
    )  # fmt: skip
    assert fact.tenant == "acme"


def test_a_switch_that_goes_is_told_with_its_reason() -> None:
    ((_, told),) = turned_in(message("kill", "leak", KillRemoved("mended"), 42))
    assert told == SwitchTurned("kill", "leak", "removed", "admin:root", 42, reason="mended")


def test_what_cannot_be_read_is_not_told() -> None:
    broken = msgspec.structs.replace(message("kill", "leak", KillRemoved(), 42), payload=b"\xc1")
    assert list(turned_in(broken)) == []


def test_a_message_says_up_to_where_it_tells() -> None:
    fact = codec.fact(
        SwitchTurned("kill", "leak", "removed", "admin:root", 42), id="1", time=5, tenant="acme", actor="w",
        correlation="r",
    )  # fmt: skip
    payload = codec.encode_segment(subjects.SWITCHES, "switches", "b", 1, GENESIS, [codec.encode_fact(fact)])
    assert told_in(payload) == 42
    assert told_in(b"\xc1") == 0
