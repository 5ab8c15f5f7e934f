"""The OpenAPI document, made from the endpoints and the structs they speak in. Nothing is described twice."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec

from ingress.admin.call import Answer, Call
from ingress.admin.wire import Endpoint

REFERENCE = "#/components/schemas/{name}"
DESCRIPTION = """Control plane of Nexus.

Every answer carries `x-nexus-request-id`. The answer to a command carries `X-Nexus-Position`, its place on the log; a
query or a command that sends this header is answered by a view that has reached it, or with 503 after five seconds.
`ETag` is the version of one configuration object; `If-Match` makes a command depend on it (412). While there is one
tenant only, `tenant` may be left out, in the body and in the query. Secrets are taken in and never given out again."""

_ALWAYS = (400, 401, 500, 503)


class ErrorDetail(msgspec.Struct, frozen=True):
    """What went wrong, as OpenAI's clients know it."""

    message: str
    type: str
    code: str
    param: str | None


class ErrorAnswer(msgspec.Struct, frozen=True):
    """Body of every error."""

    error: ErrorDetail


def document(endpoints: Iterable[Endpoint], version: str) -> dict[str, Any]:
    """An OpenAPI 3.1 document of the endpoints."""
    served = list(endpoints)
    shapes: list[type[Any]] = [ErrorAnswer]
    for endpoint in served:
        for shape in (endpoint.body, endpoint.answer):
            if shape is not None and shape not in shapes:
                shapes.append(shape)
    _, components = msgspec.json.schema_components(shapes, ref_template=REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in served:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Nexus admin API",
            "version": version,
            "description": DESCRIPTION,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"admin": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"admin": {"type": "http", "scheme": "bearer", "description": "The admin key."}},
            "headers": {
                "Position": {"description": "Place on the log, `STREAM:SEQUENCE`.", "schema": {"type": "string"}},
                "Version": {"description": "Version of the object, in quotes.", "schema": {"type": "string"}},
                "RequestId": {"description": "UUIDv7 of the request.", "schema": {"type": "string"}},
            },
            "responses": {"Error": {"description": "An error.", "content": _json(_ref(ErrorAnswer))}},
        },
    }


def document_endpoint(endpoints: Iterable[Endpoint], version: str) -> Endpoint:
    """Serves the document of the endpoints, itself included."""
    made: dict[str, Any] = {}

    async def serve(call: Call) -> Answer:
        return Answer(body=made)

    itself = Endpoint(
        method="GET",
        path="/api/admin/openapi.json",
        handle=serve,
        summary="This document",
        tag="operation",
        public=True,
    )
    made.update(document([*endpoints, itself], version))
    return itself


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": _operation_id(endpoint),
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "parameters": [*_path_parameters(endpoint), *_query_parameters(endpoint), *_header_parameters(endpoint)],
        "responses": _responses(endpoint),
    }
    if endpoint.body is not None:
        content = _json(_ref(endpoint.body))
        if endpoint.method == "PATCH":
            partial = {"type": "object", "description": f"Any fields of {endpoint.body.__name__}; null takes one away."}
            content = {"application/merge-patch+json": {"schema": partial}, "application/json": {"schema": partial}}
        found["requestBody"] = {"required": True, "content": content}
    if endpoint.public:
        found["security"] = []
    return found


def _operation_id(endpoint: Endpoint) -> str:
    path = endpoint.path.removeprefix("/api/admin") if endpoint.path.startswith("/api/") else f"/process{endpoint.path}"
    words = path.strip("/").split("/")
    named = [f"by-{word[1:-1]}" if word.startswith("{") else word.replace(".", "-") for word in words]
    return "-".join([endpoint.method.lower(), *named])


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    if "{id}" not in endpoint.path:
        return []
    described = "May hold slashes, as they are or percent-encoded."
    return [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}, "description": described}]


def _query_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    if endpoint.query is None:
        return []
    _, components = msgspec.json.schema_components([endpoint.query], ref_template=REFERENCE)
    schema = components[endpoint.query.__name__]
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": value}
        for name, value in schema["properties"].items()
    ]


def _header_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    if endpoint.public:
        return []
    text = {"type": "string"}
    found = [{"name": "X-Nexus-Position", "in": "header", "schema": text, "description": "Answer at or after this."}]
    if endpoint.method in ("PUT", "PATCH", "DELETE"):
        found.append({"name": "If-Match", "in": "header", "schema": text, "description": "Only for this version."})
    return found


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    headers = {"x-nexus-request-id": {"$ref": "#/components/headers/RequestId"}}
    if endpoint.method != "GET":
        headers["X-Nexus-Position"] = {"$ref": "#/components/headers/Position"}
        if endpoint.method != "DELETE":
            headers["ETag"] = {"$ref": "#/components/headers/Version"}
    answer: dict[str, Any] = {"description": HTTPStatus(endpoint.status).phrase, "headers": headers}
    if endpoint.answer is not None:
        schema = _ref(endpoint.answer)
        answer["content"] = _json(_page(schema) if endpoint.listing else schema)
    found = {str(endpoint.status): answer}
    if endpoint.method == "PUT":
        found["201"] = {**answer, "description": HTTPStatus.CREATED.phrase}
    statuses = () if endpoint.public else (*_ALWAYS, *endpoint.errors)
    found |= {str(status): {"$ref": "#/components/responses/Error"} for status in sorted(set(statuses))}
    return found


def _page(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"data": {"type": "array", "items": schema}, "next_cursor": {"type": ["string", "null"]}},
        "required": ["data", "next_cursor"],
    }


def _ref(shape: type[Any]) -> dict[str, Any]:
    return {"$ref": REFERENCE.format(name=shape.__name__)}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
