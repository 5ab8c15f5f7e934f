"""Paths other than the chat's, who may ask them, and the counters they show; no bytes leave from here."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import msgspec

from ops.mock import wire
from ops.mock.behaviour import Names
from ops.mock.connection import Request
from ops.mock.refusal import Refusal

CHAT = b"/v1/chat/completions"
_MODEL = b"/v1/models/"
_LISTED = ("gpt-4o", "gpt-4o-mini", "mock-echo", "mock-fixed")
"""What ``GET /v1/models`` shows. Any other name that the grammar takes is served too."""


class Stats(msgspec.Struct, gc=False):
    """Counts since the start. A chat request that ends does so as exactly one of completed, refused, disconnected,
    aborted."""

    requests: int = 0
    """All requests, of any path."""
    chat: int = 0
    """Chat requests received, well-formed or not."""
    streams: int = 0
    completed: int = 0
    refused: int = 0
    """Chat requests answered with an error, injected ones included."""
    injected: int = 0
    disconnected: int = 0
    """Answers that the mock cut off because it was told to."""
    aborted: int = 0
    """Answers whose client left first."""
    hung: int = 0
    events: int = 0
    """Stream events of completed answers."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    connections: int = 0


def allowed(target: bytes) -> bytes:
    """The methods of a path as an ``Allow`` header has them; empty for an unknown path."""
    path = target.partition(b"?")[0]
    if path == CHAT:
        return b"POST"
    if path in (b"/health", b"/stats", b"/v1/models") or (path.startswith(_MODEL) and path != _MODEL):
        return b"GET, HEAD"
    return b""


def authorise(headers: dict[bytes, bytes]) -> None:
    """Accept any bearer key that is not empty and does not start with ``sk-bad``. Raises Refusal 401."""
    scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
    key = key.strip()
    if scheme.lower() != b"bearer" or not key:
        raise Refusal(
            401,
            "You didn't provide an API key. You need to provide your API key in an Authorization header "
            "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
        )
    if key.startswith(b"sk-bad"):
        raise Refusal(401, "Incorrect API key provided.", code="invalid_api_key")


def page(request: Request, stats: Stats, names: Names, created: int) -> bytes:
    """The JSON body of any request but a chat. Raises Refusal: 401, 404, 405, or the request's own fault."""
    if request.fault is not None:
        raise request.fault
    path = request.target.partition(b"?")[0]
    methods = allowed(path)
    if not methods:
        raise Refusal(404, f"Invalid URL ({_shown(request.method)} {_shown(path)})")
    if request.method not in methods.split(b", "):
        raise Refusal(
            405,
            f"Not allowed to {_shown(request.method)} on {_shown(path)}. "
            "(HINT: Perhaps you meant to make a different type of request?)",
            code="method_not_supported",
        )
    if path == b"/health":
        return b'{"status":"ok"}'
    if path == b"/stats":
        return wire.encode(stats)
    authorise(request.headers)
    if path == b"/v1/models":
        return wire.models(_LISTED, created)
    name = unquote_to_bytes(path.removeprefix(_MODEL)).decode("utf-8", "replace")
    names.read(name, ())
    return wire.model(name, created)


def _shown(text: bytes) -> str:
    return text[:200].decode("latin-1")
