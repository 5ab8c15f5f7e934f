"""Gathering checkpoints: whatever the messages and however they come, the series holds and says it all once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.checkpoint import Gathering, gap, is_whole, leaves, message_leaf, range_leaf, statement_of
from schemas.codec import encode_segment, segment_hash
from schemas.envelope import GENESIS
from schemas.facts.ops import LogCheckpointed
from schemas.merkle import inclusion_path, is_included, root_of

STREAMS = ("CONFIG", "TRAFFIC")
SIGNED = bytes(64)
KEY = bytes(32)


def closed(gathering: Gathering) -> LogCheckpointed:
    return gathering.close(7, KEY, lambda _: SIGNED)


def segment(number: int, boot: str = "b", subject: str = "traffic.0") -> bytes:
    return encode_segment(subject, "w", boot, number, GENESIS, [])


@given(st.lists(st.tuples(st.sampled_from(STREAMS), st.binary(max_size=4), st.booleans()), max_size=40))
def test_every_message_is_in_exactly_one_range_and_has_a_way_to_a_root(
    messages: list[tuple[str, bytes, bool]],
) -> None:
    gathering = Gathering(1, GENESIS, dict.fromkeys(STREAMS, 0))
    made: list[LogCheckpointed] = []
    taken: dict[str, list[bytes]] = {stream: [] for stream in STREAMS}
    for stream, payload, ends in messages:
        taken[stream].append(payload)
        gathering.take(stream, len(taken[stream]), payload)
        # what comes twice, as after a reader that began anew, changes nothing
        gathering.take(stream, len(taken[stream]), b"again")
        if ends:
            made.append(closed(gathering))
            gathering = Gathering.after(made[-1])
    made.append(closed(gathering))
    before: LogCheckpointed | None = None
    for one in made:
        assert is_whole(one) and gap(one, before) == ""
        before = one
        tree = leaves(one.number, one.previous, one.ranges, one.heads)
        for at, part in enumerate(one.ranges):
            part_leaves = [
                message_leaf(part.stream, sequence, segment_hash(taken[part.stream][sequence - 1]))
                for sequence in range(part.after + 1, part.through + 1)
            ]
            assert (part.messages, part.root) == (len(part_leaves), root_of(part_leaves))
            assert is_included(range_leaf(part), 1 + at, len(tree), inclusion_path(tree, 1 + at), one.root)
    assert {part.stream: part.through for part in made[-1].ranges} == {name: len(all) for name, all in taken.items()}


def test_heads_are_those_of_the_chains_that_moved() -> None:
    gathering = Gathering(1, GENESIS, dict.fromkeys(STREAMS, 0))
    for sequence, (number, boot) in enumerate([(1, "a"), (1, "b"), (2, "a"), (1, "a")], 1):
        gathering.take("TRAFFIC", sequence, segment(number, boot))
    gathering.take("CONFIG", 9, segment(4, subject="config.t.route.r"))
    made = closed(gathering)
    assert [(head.stream, head.chain, head.number, head.sequence) for head in made.heads] == [
        ("CONFIG", "config.t.route.r", 4, 9),
        ("TRAFFIC", "w/a", 2, 3),
        ("TRAFFIC", "w/b", 1, 2),
    ]
    assert made.heads[1].hash == segment_hash(segment(2, "a"))
    following = closed(Gathering.after(made))
    assert (following.number, following.previous, following.heads) == (2, made.root, ())


def test_what_is_signed_is_text_that_names_the_root() -> None:
    made = closed(Gathering(3, b"p" * 32, {"OPS": 5}))
    assert statement_of(made) == f"nexus checkpoint v1\n3\n7\n2\n{made.root.hex()}\n".encode()
