"""From a caller's request to the bytes for one provider account: protocol, path, quirks, headers. No sockets."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import msgspec

from ingress.codecs.asked import Asked
from ingress.codecs.openai.chat import OpenAIChat
from ingress.codecs.openai.parts import moved, nine_letters
from ingress.codecs.registry import IN_PATH
from ingress.codecs.replicate.prediction import headers_for
from ingress.providers.catalogue import FOLLOWED, REFUSALS, codec_for, in_path
from schemas.aggregates.provider import Provider
from schemas.errors import InvalidRequest
from schemas.wires import OPENAI_CHAT, WIRES, Endpoint, Quirks, Wire

_encode = msgspec.json.Encoder().encode
_PLAIN = Quirks()


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """One call, ready to be made."""

    path: str
    """Behind the account's base URL."""
    body: bytes
    codec: Any
    """Reads the answer: a `ProviderCodec` for a conversation, a `OneShotProvider` for what has no stream."""
    crossed: bool
    """Whether answers are read and written anew: the provider's protocol, or its dialect of it, is not the caller's."""
    framing: str
    dropped: tuple[str, ...] = ()
    """What the provider's protocol has no word for."""
    headers: tuple[tuple[str, str], ...] = ()
    """Which this protocol wants, besides the ones that every call to the provider has."""
    followed: bool = False
    """Whether the answer tells where the answer is."""
    method: str = "POST"
    refusal: Callable[[bytes], int] | None = None
    """Where a status that says all is well may not be true, see `catalogue.REFUSALS`."""


def endpoint_for(wire: Wire, kind: str, protocol: str) -> Endpoint | None:
    """Where an operation goes at a kind of provider; None where it has no such thing.

    A conversation goes to the endpoint of the caller's own protocol, else to the first. So does the completion of a
    text, which a provider of conversations can stand in for.
    """
    if kind not in ("chat", "completions"):
        found: Endpoint | None = getattr(wire, kind)
        return found
    for endpoint in wire.chat:
        if endpoint.protocol == protocol:
            return endpoint
    if kind == "completions" and wire.completions is not None:
        return wire.completions
    return wire.chat[0] if wire.chat else None


class _Way(msgspec.Struct, frozen=True):
    """How an operation of one protocol gets to a kind of provider."""

    endpoint: Endpoint
    codec: Any
    bends: bool
    """Whether the provider wants OpenAI's format another way."""


@lru_cache(maxsize=4_096)
def way_to(wire: str, kind: str, protocol: str) -> _Way | None:
    """See `endpoint_for`. `wire` is a name in `schemas.wires`; all the names there are, are ours."""
    known = WIRES[wire]
    endpoint = endpoint_for(known, kind, protocol)
    if endpoint is None:
        return None
    bends = endpoint.protocol == OPENAI_CHAT and known.quirks != _PLAIN
    return _Way(endpoint, codec_for(endpoint, known.quirks), bends)


def prepare(asked: Asked, provider: Provider, model: str, max_output: int | None, *, strict: bool = False) -> Outgoing:
    """Writes a request for an account.

    Args:
        model: the provider's name of the model.
        max_output: a tighter limit of output tokens than the caller's own; None to leave it.
        strict: refuse instead of dropping what the provider's protocol has no word for.

    Raises:
        InvalidRequest: the request cannot be said in the provider's protocol.
    """
    wire = WIRES[provider.wire]
    way = way_to(provider.wire, asked.kind, asked.protocol)
    if way is None:
        raise InvalidRequest(
            f"The provider of this model does not offer {asked.operation}.", code="endpoint_unsupported", param="model"
        )
    endpoint, codec = way.endpoint, way.codec
    crossed = endpoint.protocol != asked.protocol
    dropped: tuple[str, ...] = ()
    if crossed:
        encoded = asked.crossed(codec, model, max_output)
        body, dropped = encoded.body, encoded.dropped
    else:
        body = asked.same(model, max_output)
    if way.bends:
        dropped += lost(body, wire.quirks)
        body = bent(body, wire.quirks)
    if strict and dropped:
        raise InvalidRequest(
            f"The provider of this model cannot be told: {', '.join(dropped)}.",
            code="endpoint_unsupported",
            param=dropped[0],
        )
    followed = endpoint.protocol in FOLLOWED
    return Outgoing(
        _path(endpoint, wire, provider, model, body),
        _encode(body),
        codec,
        crossed or dialect_of(codec) != dialect_of(asked.codec),
        endpoint.framing,
        dropped,
        headers_for(provider.total_timeout_ms / 1000, stream=asked.stream) if followed else (),
        followed,
        refusal=REFUSALS.get(endpoint.protocol),
    )


def _path(endpoint: Endpoint, wire: Wire, provider: Provider, model: str, body: dict[str, Any]) -> str:
    """The path; what is in it leaves the body."""
    path = endpoint.path
    if endpoint.stream_path and body.get("stream") is True:
        path = endpoint.stream_path
    elif endpoint.one_path and "requests" not in body:
        path = endpoint.one_path
    for field in IN_PATH.get(endpoint.protocol, ()):
        body.pop(field, None)
    if "{" not in path:
        return path
    if "{model}" in path:
        body.pop("model", None)
        path = path.replace("{model}", in_path(model, endpoint.protocol))
    return path.replace("{version}", quote(provider.api_version or wire.api_version))


def dialect_of(codec: Any) -> bool:
    """Whether thoughts are told as parts of contents, by who speaks OpenAI's chat format."""
    return isinstance(codec, OpenAIChat) and codec.parts


def bent(body: dict[str, Any], quirks: Quirks) -> dict[str, Any]:
    """A request of OpenAI's chat format as a provider with these quirks wants it. The given body is not changed."""
    bent = {name: value for name, value in body.items() if name not in quirks.remove}
    for old, new in quirks.rename:
        if old in bent:
            value = bent.pop(old)
            bent.setdefault(new, value)
    for field, value, word in quirks.values:
        if bent.get(field) == value:
            bent[field] = word
    if not quirks.developer:
        bent["messages"] = [
            {**message, "role": "system"}
            if isinstance(message, dict) and message.get("role") == "developer"
            else message
            for message in bent["messages"]
        ]
    if quirks.parts:
        bent["messages"] = [moved(message) for message in bent["messages"]]
    if quirks.nine_letters:
        bent["messages"] = [nine_letters(message) for message in bent["messages"]]
    if quirks.turns or not quirks.names:
        known = dict(quirks.turns)
        bent["messages"] = [_known(message, known, names=quirks.names) for message in bent["messages"]]
    if not quirks.schemas and _by_schema(bent):
        bent["response_format"] = {"type": "json_object"}
    if not quirks.stream_usage:
        bent.pop("stream_options", None)
    return bent


_THOUGHTS = frozenset({"reasoning_content", "reasoning_details", "reasoning"})
_USUAL = {"n": 1, "logprobs": False}
"""What says nothing: to leave it out changes no answer."""


def lost(body: dict[str, Any], quirks: Quirks) -> tuple[str, ...]:
    """What a request says and `bent` leaves out; earlier thoughts aside, which it puts elsewhere."""
    found = [name for name in quirks.remove if body.get(name) is not None and body[name] != _USUAL.get(name)]
    if quirks.turns or not quirks.names:
        known = dict(quirks.turns)
        names = set()
        for message in body["messages"]:
            kept = _known(message, known, names=quirks.names)
            if kept is not message:
                names |= {name for name, value in message.items() if value and name not in kept}
        found += sorted(f"messages.{name}" for name in names - _THOUGHTS)
    if not quirks.schemas and _by_schema(body):
        found.append("format.schema")
    return tuple(found)


def _known(message: Any, known: dict[str, tuple[str, ...]], *, names: bool) -> Any:
    """A message with what its role may have; the same one where that is all of it."""
    if not isinstance(message, dict) or not isinstance(role := message.get("role"), str):
        return message
    fields = known.get(role)
    kept = {
        name: value
        for name, value in message.items()
        if (fields is None or name in fields or name == "role") and (names or name != "name" or role == "tool")
    }
    return message if len(kept) == len(message) else kept


def _by_schema(body: dict[str, Any]) -> bool:
    form = body.get("response_format")
    return isinstance(form, dict) and form.get("type") == "json_schema"
