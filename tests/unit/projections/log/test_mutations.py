"""A recorded log is changed at every place in every way: verification finds all of it. Signed checkpoints cover it."""

from __future__ import annotations

import msgspec
import pytest

from benchmarks.segments import (
    MUTATIONS,
    SIGNER,
    START_US,
    STREAM,
    as_message,
    checkpointed,
    faults,
    recorded,
    relinked,
    series,
)
from projections.log.verify import StreamCheck
from projections.vault.signing import Signer
from schemas.checkpoint import Gathering
from schemas.facts.ops import LogCheckpointed

COUNT = 48
WHOLE = recorded(COUNT)
SIGNED = checkpointed(WHOLE)
KNOWN = series(SIGNED)


def test_the_log_as_it_was_recorded_is_whole() -> None:
    assert KNOWN.flaws == [] and len(KNOWN.valid) == 5
    assert faults(WHOLE, KNOWN) == []
    assert faults(relinked(WHOLE), KNOWN) == []


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_change_is_found_wherever_it_is(name: str) -> None:
    unfound = [at for at in range(COUNT) if not faults(MUTATIONS[name](WHOLE, at), KNOWN)]
    assert unfound == []


@pytest.mark.parametrize("name", ["other facts", "deleted", "inserted", "reordered"])
def test_chains_that_were_made_to_fit_are_found_by_the_checkpoints_alone(name: str) -> None:
    made_to_fit = MUTATIONS[f"{name}, chains made to fit"]
    assert [faults(made_to_fit(WHOLE, at), known=None) for at in range(COUNT)] == [[]] * COUNT


def test_what_a_stream_has_forgotten_by_its_policy_is_no_fault() -> None:
    for first in range(2, COUNT + 1):
        check = StreamCheck(STREAM, forgets=True, first=first, checkpoints=KNOWN)
        found = [fault for message in WHOLE[first - 1 :] for fault in check.take(message)]
        assert found + check.end() == []


def bent(made: LogCheckpointed, name: str) -> LogCheckpointed:
    value = getattr(made, name)
    if isinstance(value, int):
        other: object = value + 1
    elif isinstance(value, bytes):
        other = bytes([value[0] ^ 1]) + value[1:]
    else:
        other = value[:-1]
    return msgspec.structs.replace(made, **{name: other})


@pytest.mark.parametrize("name", LogCheckpointed.__struct_fields__)
def test_no_field_of_a_checkpoint_can_be_changed(name: str) -> None:
    for at, made in enumerate(KNOWN.valid):
        changed = [*SIGNED[:at], as_message(bent(made, name)), *SIGNED[at + 1 :]]
        assert series(changed).flaws, at


def test_a_checkpoint_cannot_be_taken_out_doubled_or_signed_by_another() -> None:
    for at in range(len(SIGNED) - 1):
        assert series([*SIGNED[:at], *SIGNED[at + 1 :]]).flaws
        assert series([*SIGNED[: at + 1], *SIGNED[at:]]).flaws
    stranger = Signer(bytes(32))
    gathering = Gathering.after(KNOWN.valid[-1])
    foreign = as_message(gathering.close(START_US, stranger.public_key, stranger.sign))
    for trusted in (SIGNER.public_key, None):
        assert [flaw.detail for flaw in series([*SIGNED, foreign], trusted).flaws] == [
            "checkpoint 6: it is signed with another key"
        ]
    assert series([msgspec.structs.replace(SIGNED[0], payload=b"no segment")]).flaws
