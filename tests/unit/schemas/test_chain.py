"""The law of chains: any change, removal, insertion or exchange of segments is found, where it first shows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.chain import ChainFault, ChainState, chain_of
from schemas.codec import Malformed, decode_head, encode_segment, segment_hash
from schemas.envelope import GENESIS, SegmentHead


def _chain(length: int, boot: str = "b") -> list[bytes]:
    previous = GENESIS
    segments = []
    for number in range(1, length + 1):
        segments.append(encode_segment("traffic.0", "w", boot, number, previous, [b"\xa1x", bytes([number % 128])]))
        previous = segment_hash(segments[-1])
    return segments


def _faults(segments: list[bytes], known: tuple[int, bytes] | None = None) -> list[tuple[int, str]]:
    """(index, kind) of each fault; the end counts as the index after the last."""
    state = ChainState()
    found: list[tuple[int, str]] = []
    for index, payload in enumerate(segments):
        try:
            head = decode_head(payload)
        except Malformed:
            found.append((index, "changed"))
            continue
        fault = state.check(head, segment_hash(payload), sequence=index + 1)
        if fault is not None:
            found.append((index, fault.kind))
    if known is not None and (end := state.ends_before(*known)) is not None:
        found.append((len(segments), end.kind))
    return found


lengths = st.integers(2, 12)


@given(st.integers(0, 30))
def test_a_whole_chain_has_no_fault(length: int) -> None:
    segments = _chain(length)
    known = (length, segment_hash(segments[-1])) if segments else None
    assert _faults(segments, known) == []


@given(lengths, st.data())
def test_a_changed_segment_is_found(length: int, data: st.DataObject) -> None:
    segments = _chain(length)
    known = (length, segment_hash(segments[-1]))
    at = data.draw(st.integers(0, length - 1))
    bad = bytearray(segments[at])
    where = data.draw(st.integers(0, len(bad) - 1))
    bad[where] ^= 1 << data.draw(st.integers(0, 7))
    segments[at] = bytes(bad)
    found = _faults(segments, known)
    # at itself when its place in the chain was touched, else where the next segment, or the known end, disowns it
    assert found and found[0][0] in (at, at + 1)


@given(lengths, st.data())
def test_a_rewritten_segment_is_found_at_its_successor(length: int, data: st.DataObject) -> None:
    segments = _chain(length)
    known = (length, segment_hash(segments[-1]))
    at = data.draw(st.integers(0, length - 1))
    head = decode_head(segments[at])
    segments[at] = encode_segment("traffic.0", "w", "b", head.number, head.previous, [b"\xa6forged"])
    assert _faults(segments, known) == [(at + 1, "changed")]


@given(lengths, st.data())
def test_a_removed_run_is_found_where_it_is_missing(length: int, data: st.DataObject) -> None:
    segments = _chain(length)
    known = (length, segment_hash(segments[-1]))
    start = data.draw(st.integers(0, length - 1))
    stop = data.draw(st.integers(start + 1, length))
    remaining = segments[:start] + segments[stop:]
    kind = "cut" if start == 0 or stop == length else "removed"
    assert _faults(remaining, known) == [(start, kind)]


@given(lengths, st.data())
def test_an_inserted_segment_is_found(length: int, data: st.DataObject) -> None:
    segments = _chain(length)
    known = (length, segment_hash(segments[-1]))
    at = data.draw(st.integers(1, length))
    number = data.draw(st.integers(0, length + 3))
    previous = data.draw(st.sampled_from([GENESIS, *map(segment_hash, segments)]))
    extra = encode_segment("traffic.0", "w", "b", number, previous, [b"\xa5extra"])
    found = _faults([*segments[:at], extra, *segments[at:]], known)
    if at == length and number > length:
        # after the known end it is only found when it does not even continue the chain
        continues = number == length + 1 and previous == segment_hash(segments[-1])
        assert bool(found) != continues
        assert not found or found[0][0] == at
    elif number == at + 1 and previous == segment_hash(segments[at - 1]):
        # it passes for the next segment, until the true one comes
        assert found[0] == (at + 1, "inserted")
    else:
        assert found[0][0] == at


@given(lengths, st.data())
def test_a_repeated_segment_is_found(length: int, data: st.DataObject) -> None:
    segments = _chain(length)
    what = data.draw(st.integers(0, length - 1))
    at = data.draw(st.integers(what + 1, length))
    assert _faults([*segments[:at], segments[what], *segments[at:]]) == [(at, "inserted")]


@given(lengths, st.data())
def test_an_exchange_is_found_at_the_first_that_moved(length: int, data: st.DataObject) -> None:
    segments = _chain(length)
    first = data.draw(st.integers(0, length - 2))
    second = data.draw(st.integers(first + 1, length - 1))
    segments[first], segments[second] = segments[second], segments[first]
    found = _faults(segments)
    assert found[0][0] == first and found[0][1] in ("removed", "cut")
    assert (second, "reordered") in found or first == 0


@given(st.permutations(range(6)))
def test_any_other_order_is_found_at_its_first_difference(order: list[int]) -> None:
    segments = _chain(6)
    found = _faults([segments[place] for place in order])
    first = next((index for index, place in enumerate(order) if index != place), None)
    assert (found[0][0] if found else None) == first


def test_a_segment_of_another_chain_does_not_fit() -> None:
    ours, theirs = _chain(4), _chain(4, boot="other")
    assert _faults([ours[0], theirs[1], ours[2], ours[3]])[0] == (1, "changed")


def test_one_fault_does_not_condemn_the_rest() -> None:
    segments = _chain(10)
    del segments[4]
    assert _faults(segments) == [(4, "removed")]


def test_a_chain_may_begin_late_when_the_stream_forgets() -> None:
    segments = _chain(6)
    state = ChainState()
    faults = [state.check(decode_head(payload), segment_hash(payload), may_begin_late=True) for payload in segments[3:]]
    assert faults == [None, None, None] and state.number == 6
    strict = ChainState().check(decode_head(segments[3]), segment_hash(segments[3]))
    assert isinstance(strict, ChainFault) and strict.kind == "cut"


def test_a_reordered_segment_is_told_from_an_additional_one() -> None:
    segments = _chain(5)
    order = [0, 1, 3, 2, 4]
    assert _faults([segments[place] for place in order]) == [(2, "removed"), (3, "reordered")]
    assert _faults([*segments[:3], segments[1]]) == [(3, "inserted")]


def test_configuration_and_ledger_are_one_chain_per_subject() -> None:
    head = SegmentHead(1, "config.t.tenant.x", "w", "b", 1, GENESIS)
    assert chain_of("CONFIG", head) == chain_of("LEDGER", head) == "config.t.tenant.x"
    assert chain_of("TRAFFIC", head) == "w/b"
