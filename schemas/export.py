"""JSON Schema of every fact and an AsyncAPI document of every stream, generated from the code. Pure: returns dicts."""

from __future__ import annotations

import inspect as python_inspect
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import inspect

from schemas.cloudevents import CONTENT_TYPE, SPECVERSION, source_of
from schemas.envelope import Fact, Segment
from schemas.registry import FACTS, FactType
from schemas.topology import DAY_S, STREAMS, Stream

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ASYNCAPI = "3.0.0"
MSGPACK = "application/vnd.msgpack"

Documentation = Mapping[str, str]
"""Words about fields by `module.Struct.field`; the code keeps them in docstrings that only the source has."""

PARAMETERS = {
    "tenant": "Id of a tenant, as a subject token.",
    "aggregate": "Kind of configuration, such as `route`.",
    "id": "Id of the aggregate, as a subject token.",
    "partition": "Number of the partition, from 0.",
    "processor": "The worker that decided.",
    "kind": "What kind of thing an operator or a job did.",
    "consumer": "The worker that could not apply it.",
}
ADDRESSES = {
    "CONFIG": "config.{tenant}.{aggregate}.{id}",
    "TRAFFIC": "traffic.{partition}",
    "DECISIONS": "decisions.{processor}.{tenant}",
    "LEDGER": "ledger.{tenant}",
    "OPS": "ops.{kind}",
    "EXPORT": "export.{tenant}",
    "DEAD": "dead.{consumer}",
}
PURPOSES = {
    "CONFIG": "One message for every decision about configuration, appended with the expected version.",
    "TRAFFIC": "Segments of facts about requests; all facts of a request in one partition, in order.",
    "DECISIONS": "What workers decided: findings, circuits, health.",
    "LEDGER": "What was spent, and which thresholds that crossed.",
    "OPS": "What operators and jobs did to the system itself.",
    "EXPORT": "Security events in OCSF JSON, one a message.",
    "DEAD": "What could not be applied: the bytes as they were, the reason beside them.",
}
NO_SEGMENTS = {
    "EXPORT": {"contentType": "application/json", "payload": {"type": "object", "description": "An OCSF event."}},
    "DEAD": {"contentType": "application/octet-stream", "payload": {"description": "The message as it was."}},
}


def fact_schemas(documentation: Documentation | None = None) -> dict[str, dict[str, Any]]:
    """JSON Schema of every fact's `data`, by the fact's name."""
    return {entry.name: fact_schema(entry, documentation or {}) for entry in FACTS}


def fact_schema(entry: FactType, documentation: Documentation) -> dict[str, Any]:
    """JSON Schema of one fact's `data`, as JSON tells it; `x-position` is its place in MessagePack."""
    return {"$schema": DIALECT, "$id": f"{entry.name}.json", "title": entry.name, **_struct(entry.shape, documentation)}


def event_schema() -> dict[str, Any]:
    """JSON Schema of the envelope around `data` in JSON: CloudEvents attributes, and which fact has which schema."""
    text = {"type": "string", "minLength": 1}
    return {
        "$schema": DIALECT,
        "$id": "event.json",
        "title": "event",
        "description": "A fact as a CloudEvent in structured JSON form.",
        "type": "object",
        "properties": {
            "specversion": {"const": SPECVERSION},
            "id": {**text, "description": "UUIDv7 of the fact."},
            "source": {"enum": [source_of(name) for name in _segment_streams()]},
            "type": {**text, "description": "Name and version of the fact."},
            "subject": {**text, "description": "Subject of the segment on the log."},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": CONTENT_TYPE},
            "dataschema": text,
            "sequence": {"type": "string", "pattern": "^[0-9]+$", "description": "Position in the stream."},
            "tenant": {"type": "string"},
            "actor": {"type": "string"},
            "correlationid": {"type": "string", "description": "The request, command or job this belongs to."},
            "causationid": {**text, "description": "The fact that led to this one."},
            "data": {"type": "object"},
        },
        "required": ["specversion", "id", "source", "type", "time", "sequence", "data"],
        "allOf": [
            {
                "if": {"properties": {"type": {"const": entry.name}}},
                "then": {"properties": {"data": {"$ref": f"{entry.name}.json"}}},
            }
            for entry in FACTS
        ],
    }


def asyncapi(version: str, documentation: Documentation | None = None) -> dict[str, Any]:
    """An AsyncAPI document of every stream. `version` is that of the software."""
    words = documentation or {}
    schemas = {entry.name: _struct(entry.shape, words) for entry in FACTS}
    schemas["fact"] = _struct(Fact, words)
    schemas["segment"] = _struct(Segment, words)
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "Nexus log",
            "version": version,
            "description": (
                "The streams that are the system of record. Segments and facts are MessagePack arrays; the schemas "
                "here name their fields and tell each one's place in `x-position`."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": MSGPACK,
        "channels": {stream.name: _channel(stream) for stream in STREAMS},
        "operations": {
            f"{action}{stream.name.title()}": {"action": action, "channel": {"$ref": f"#/channels/{stream.name}"}}
            for stream in STREAMS
            for action in ("send", "receive")
        },
        "components": {
            "messages": {entry.name: _fact_message(entry) for entry in FACTS},
            "schemas": schemas,
        },
    }


def _segment_streams() -> list[str]:
    return [stream.name for stream in STREAMS if stream.name not in NO_SEGMENTS]


def _channel(stream: Stream) -> dict[str, Any]:
    address = ADDRESSES[stream.name]
    names = [part.strip("{}") for part in address.split(".") if part.startswith("{")]
    kept = f"kept for {stream.max_age_s // DAY_S} days by default" if stream.max_age_s else "kept for ever"
    message = NO_SEGMENTS.get(stream.name) or _segment_message(stream.name)
    return {
        "address": address,
        "title": stream.name,
        "description": f"{PURPOSES[stream.name]} {kept.capitalize()}.",
        "parameters": {name: {"description": PARAMETERS[name]} for name in names},
        "messages": {"message": message},
    }


def _segment_message(stream: str) -> dict[str, Any]:
    held = [entry.name for entry in FACTS if stream in (entry.stream, *entry.also)]
    return {
        "name": f"segment of {stream}",
        "contentType": MSGPACK,
        "payload": {
            "allOf": [
                {"$ref": "#/components/schemas/segment"},
                {
                    "properties": {
                        "facts": {
                            "items": {
                                "oneOf": [
                                    {
                                        "properties": {
                                            "type": {"const": name},
                                            "data": {"$ref": f"#/components/schemas/{name}"},
                                        }
                                    }
                                    for name in held
                                ]
                            }
                        }
                    }
                },
            ]
        },
    }


def _fact_message(entry: FactType) -> dict[str, Any]:
    return {
        "name": entry.name,
        "title": entry.shape.__name__,
        "summary": _about(entry.shape),
        "contentType": MSGPACK,
        "payload": {"$ref": f"#/components/schemas/{entry.name}"},
    }


def _struct(struct: type[msgspec.Struct], documentation: Documentation) -> dict[str, Any]:
    info = inspect.type_info(struct)
    return _schema(info, documentation, "")


def _schema(kind: inspect.Type, documentation: Documentation, name: str) -> dict[str, Any]:
    match kind:
        case inspect.StructType():
            return _object(kind, documentation)
        case inspect.VarTupleType() | inspect.ListType():
            return {"type": "array", "items": _schema(kind.item_type, documentation, "")}
        case inspect.DictType():
            return {"type": "object", "additionalProperties": _schema(kind.value_type, documentation, "")}
        case inspect.UnionType():
            return {"anyOf": [_schema(one, documentation, "") for one in kind.types]}
        case inspect.NoneType():
            return {"type": "null"}
        case inspect.StrType():
            return {"type": "string"}
        case inspect.IntType():
            return {"type": "integer"}
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.FloatType():
            return {"type": "number"}
        case inspect.BytesType() if name == "ciphertext":
            return {"type": "string", "pattern": r"^\([0-9]+ bytes\)$"}
        case inspect.BytesType():
            return {"type": "string", "contentEncoding": "base16"}
        case inspect.RawType():
            # `data` of an envelope: whichever fact it is
            return {}
    raise NotImplementedError(f"facts have no {kind} so far: say here how JSON tells it")


def _object(kind: inspect.StructType, documentation: Documentation) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for at, field in enumerate(kind.fields):
        shape = _schema(field.type, documentation, field.name)
        names = (f"{cls.__module__}.{cls.__name__}.{field.name}" for cls in kind.cls.__mro__)
        words = next((documentation[name] for name in names if name in documentation), "")
        properties[field.name] = {
            **shape,
            **({"description": words} if words else {}),
            **({"x-position": at} if kind.array_like else {}),
        }
    return {
        "type": "object",
        "description": _about(kind.cls),
        "properties": properties,
        "required": [field.name for field in kind.fields],
    }


def _about(struct: type[msgspec.Struct]) -> str:
    return python_inspect.cleandoc(struct.__doc__ or "") or struct.__name__
