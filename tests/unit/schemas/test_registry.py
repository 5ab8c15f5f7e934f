"""The registry and the topology fit together: every fact has one name, one shape, and a stream that exists."""

from __future__ import annotations

import re

import pytest

from schemas.aggregates.catalogue import DECIDERS
from schemas.facts.traffic import TERMINALS, RequestCompleted, Terminal
from schemas.registry import BY_NAME, FACTS, NAME_OF, FactType
from schemas.topology import CONSUMERS, EMBEDDED, STREAMS

STREAM_NAMES = {stream.name for stream in STREAMS}


def test_names_and_shapes_are_unique() -> None:
    assert len(BY_NAME) == len(NAME_OF) == len(FACTS)


@pytest.mark.parametrize("entry", FACTS, ids=lambda entry: entry.name)
def test_names_have_the_form_and_streams_exist(entry: FactType) -> None:
    assert re.match(r"[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*\.v[1-9][0-9]*\Z", entry.name)
    assert {entry.stream, *entry.also} <= STREAM_NAMES
    assert entry.shape.__struct_config__.frozen


def test_every_aggregates_facts_are_registered_under_its_name() -> None:
    for decider in DECIDERS:
        for shape in decider.facts:
            assert NAME_OF[shape].startswith(f"{decider.name}.")
            assert BY_NAME[NAME_OF[shape]].stream == "CONFIG"


def test_hot_facts_are_positional() -> None:
    assert all(entry.shape.__struct_config__.array_like for entry in FACTS if entry.stream != "CONFIG")


def test_terminals_are_the_facts_with_the_whole_summary() -> None:
    assert {entry.name for entry in FACTS if issubclass(entry.shape, Terminal)} == TERMINALS
    assert all(
        entry.shape.__struct_fields__ == RequestCompleted.__struct_fields__
        for entry in FACTS
        if entry.name in TERMINALS
    )


def test_streams_do_not_share_subjects_and_never_drop() -> None:
    firsts = [subject.partition(".")[0] for stream in STREAMS for subject in stream.subjects]
    assert len(set(firsts)) == len(firsts)
    assert all(stream.deny_delete and stream.deny_purge for stream in STREAMS if stream.name != "DEAD")


def test_what_is_the_record_is_kept_for_ever() -> None:
    assert {stream.name for stream in STREAMS if stream.max_age_s == 0} >= {"CONFIG", "LEDGER", "OPS"}


def test_consumers_read_streams_that_exist_under_their_own_names() -> None:
    assert {consumer.stream for consumer in CONSUMERS} <= STREAM_NAMES
    assert len({consumer.name for consumer in CONSUMERS}) == len(CONSUMERS)
    assert EMBEDDED.consumers == CONSUMERS
