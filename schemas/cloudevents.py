"""Facts as CloudEvents 1.0 in JSON: how they look to everybody outside. The log itself holds `envelope.Fact`."""

from __future__ import annotations

from typing import Any

from schemas.codec import fact_view
from schemas.envelope import Fact, Position
from schemas.ids import iso

SPECVERSION = "1.0"
CONTENT_TYPE = "application/json"


def source_of(stream: str) -> str:
    """The `source` of events of a stream: a URI reference, as the specification wants it."""
    return f"/nexus/{stream}"


def cloud_event(value: Fact, subject: str, position: Position) -> dict[str, Any]:
    """One fact in the structured JSON form.

    `source` and `id` together are unique. Attributes with names of their own are extensions: `sequence` is the
    position in the stream (as text, after the CloudEvents extension of that name), `tenant`, `actor`, `correlationid`,
    `causationid` (left out when empty).
    """
    data = fact_view(value)["data"]
    return {**_attributes(value, subject, position), "data": data}


def damaged_event(value: Fact, subject: str, position: Position) -> dict[str, Any]:
    """The same for a fact whose data cannot be read: without data, and with the extension `damaged`."""
    return {**_attributes(value, subject, position), "damaged": True}


def _attributes(value: Fact, subject: str, position: Position) -> dict[str, Any]:
    event = {
        "specversion": SPECVERSION,
        "id": value.id,
        "source": source_of(position.stream),
        "type": value.type,
        "subject": subject,
        "time": iso(value.time),
        "datacontenttype": CONTENT_TYPE,
        "dataschema": f"{value.type}.json",
        "sequence": str(position.sequence),
        "tenant": value.tenant,
        "actor": value.actor,
        "correlationid": value.correlation,
        "causationid": value.causation,
    }
    if not value.causation:
        # an attribute may be absent, but not empty
        del event["causationid"]
    return event
