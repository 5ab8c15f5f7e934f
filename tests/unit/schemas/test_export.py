"""The generated documents describe what is there: every event fits its schema, every reference leads somewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given

from schemas.cloudevents import cloud_event
from schemas.codec import fact
from schemas.envelope import Fact, Position
from schemas.export import ADDRESSES, asyncapi, event_schema, fact_schemas
from schemas.registry import BY_NAME, FACTS
from schemas.topology import STREAMS
from tests.golden.examples import EXAMPLES
from tests.golden.files import example
from tests.unit.schemas.strategies import facts
from tests.unit.schemas.validation import faults

DOCUMENTS = {f"{name}.json": schema for name, schema in fact_schemas().items()}
EVENT = event_schema()


def event_of(value: Fact) -> dict[str, Any]:
    told = cloud_event(value, "traffic.0", Position(BY_NAME[value.type].stream, 7))
    again: dict[str, Any] = json.loads(json.dumps(told))
    return again


@given(facts())
def test_every_event_fits_its_schema(value: Fact) -> None:
    # a fact has an id and a moment that a calendar knows; the codec itself would carry any
    assume(value.id and 0 <= value.time < 253_402_300_800_000_000)
    assert faults(event_of(value), EVENT, DOCUMENTS) == []


def test_the_schema_tells_a_wrong_event() -> None:
    event = event_of(example(EXAMPLES[0]))
    assert faults({**event, "type": ""}, EVENT, DOCUMENTS)
    assert faults({**event, "causationid": ""}, EVENT, DOCUMENTS)
    assert faults({**event, "data": {"spec": {"id": 1}}}, EVENT, DOCUMENTS)
    assert faults({name: event[name] for name in event if name != "sequence"}, EVENT, DOCUMENTS)


def test_an_event_has_the_names_of_the_specification() -> None:
    event = event_of(example(EXAMPLES[0]))
    assert event["specversion"] == "1.0"
    assert event["source"] == "/nexus/CONFIG"
    assert event["time"] == "2026-11-18T11:06:40.123456Z"
    assert event["sequence"] == "7"
    # names of attributes: lower-case letters and digits only (CloudEvents 1.0, naming conventions)
    assert all(name.isalnum() and name == name.lower() and len(name) <= 20 for name in event)


def test_an_event_without_a_cause_has_no_attribute_for_it() -> None:
    value = fact(EXAMPLES[0], id="i", time=0, tenant="t", actor="a", correlation="c")
    assert "causationid" not in cloud_event(value, "config.t.tenant.t", Position("CONFIG", 1))


def test_every_fact_has_a_schema_with_the_right_places() -> None:
    assert set(fact_schemas()) == set(BY_NAME)
    screened = DOCUMENTS["request.screened.v1.json"]["properties"]
    assert [screened[name]["x-position"] for name in ("stage", "action", "rule")] == [0, 1, 2]
    assert "x-position" not in DOCUMENTS["tenant.created.v1.json"]["properties"]["spec"]


def references(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for name, value in document.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(document, list):
        for value in document:
            yield from references(value)


def test_every_reference_leads_somewhere() -> None:
    document = asyncapi("1.2.3")
    found = list(references(document))
    assert found
    for reference in found:
        at: Any = document
        for part in reference.removeprefix("#/").split("/"):
            at = at[part]
        assert at


def test_the_asyncapi_document_has_every_stream_and_every_fact() -> None:
    document = asyncapi("1.2.3")
    assert (document["asyncapi"], document["info"]["version"]) == ("3.0.0", "1.2.3")
    assert set(document["channels"]) == {stream.name for stream in STREAMS} == set(ADDRESSES)
    assert set(document["components"]["messages"]) == set(BY_NAME)
    for stream in STREAMS:
        text = json.dumps(document["channels"][stream.name])
        held = [entry.name for entry in FACTS if stream.name in (entry.stream, *entry.also)]
        assert all(f"#/components/schemas/{name}" in text for name in held)


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_addresses_fit_the_subjects_of_the_topology(stream: Any) -> None:
    (pattern,) = stream.subjects
    address = ADDRESSES[stream.name].split(".")
    wanted = pattern.split(".")
    assert address[0] == wanted[0]
    assert all(part.startswith("{") for part in address[1:])
    assert wanted[-1] == ">" or len(address) == len(wanted)


def test_every_parameter_of_an_address_is_explained() -> None:
    for channel in asyncapi("1")["channels"].values():
        assert channel["address"].count("{") == len(channel["parameters"])
        assert all(parameter["description"] for parameter in channel["parameters"].values())
