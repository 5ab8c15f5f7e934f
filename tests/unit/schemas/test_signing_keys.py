"""Keys that hand over to one another: whoever knows one of them knows the others, and nobody else joins them."""

from __future__ import annotations

import msgspec
import pytest

from projections.vault.signing import Signer, is_signed
from schemas.facts.ops import SigningKeyRotated
from schemas.signing_keys import handover, leading, line_of

SIGNERS = [Signer(bytes([number]) * 32) for number in range(5)]
KEYS = tuple(signer.public_key for signer in SIGNERS)


def over(old: int, new: int, time_us: int = 7) -> SigningKeyRotated:
    one, other = SIGNERS[old], SIGNERS[new]
    return handover(one.public_key, other.public_key, time_us, one.sign, other.sign)


@pytest.mark.parametrize("anchor", range(3))
def test_from_any_key_all_are_found(anchor: int) -> None:
    line = line_of(KEYS[anchor], [over(0, 1), over(1, 2)], is_signed)
    assert (line.keys, line.strays) == (KEYS[:3], ())
    assert [line.place(key) for key in KEYS[:4]] == [0, 1, 2, -1]


def test_without_handovers_there_is_the_key_alone() -> None:
    assert line_of(KEYS[0], [], is_signed).keys == KEYS[:1]


@pytest.mark.parametrize(
    ("known", "told"),
    [(b"", [0, 1, 2]), (KEYS[0], [0, 1, 2]), (KEYS[2], [2]), (KEYS[3], []), (bytes(32), [0, 1, 2])],
    ids=["none", "first", "last but one", "same", "a stranger"],
)
def test_who_has_seen_one_key_is_told_what_leads_to_another(known: bytes, told: list[int]) -> None:
    handovers = [over(0, 1), over(1, 2), over(2, 3), over(3, 4)]
    assert leading(handovers, known, KEYS[3], is_signed) == [handovers[place] for place in told]
    assert (
        leading([over(0, 1, 9), *handovers, over(2, 0)], known, KEYS[3], is_signed)[-1:]
        == [handovers[place] for place in told][-1:]
    )


def test_said_twice_it_is_said_once() -> None:
    line = line_of(KEYS[0], [over(0, 1), over(0, 1, 8), over(1, 2)], is_signed)
    assert (line.keys, line.strays) == (KEYS[:3], ())


def test_a_second_successor_is_followed_by_nobody() -> None:
    line = line_of(KEYS[0], [over(0, 1), over(0, 3), over(3, 4), over(1, 2)], is_signed)
    assert (line.keys, line.strays) == (KEYS[:3], (1, 2))


def test_a_way_back_is_none() -> None:
    line = line_of(KEYS[1], [over(0, 1), over(1, 0)], is_signed)
    assert (line.keys, line.strays) == (KEYS[:2], (1,))


@pytest.mark.parametrize("field", ["old", "new", "time_us", "signed_by_old", "signed_by_new"])
def test_nothing_of_a_handover_can_be_changed(field: str) -> None:
    whole = over(0, 1)
    value = getattr(whole, field)
    other = value + 1 if isinstance(value, int) else bytes([value[0] ^ 1]) + value[1:]
    line = line_of(KEYS[0], [msgspec.structs.replace(whole, **{field: other})], is_signed)
    assert (line.keys, line.strays) == (KEYS[:1], (0,))


@pytest.mark.parametrize("signer", ["old", "new"])
def test_neither_key_can_do_without_the_other(signer: str) -> None:
    """Whoever has one of the two only can sign for the other as little as a stranger can."""
    own = SIGNERS[0 if signer == "old" else 1].sign
    forged = handover(KEYS[0], KEYS[1], 7, own, own)
    assert line_of(KEYS[0], [forged], is_signed).keys == KEYS[:1]
    assert line_of(KEYS[1], [forged], is_signed).keys == (KEYS[1],)
