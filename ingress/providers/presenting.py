"""How a credential is presented to a provider: the headers of one call. Nothing is fetched here."""

from __future__ import annotations

from schemas.aggregates.provider import Provider
from schemas.wires import WIRES, Wire

Headers = list[tuple[str, str]]


def headers_for(provider: Provider, credential: str, request_id: str) -> Headers:
    """The headers of a call.

    Args:
        credential: the secret in the clear; empty for an account without one.
    """
    wire = WIRES[provider.wire]
    headers = [("content-type", "application/json"), ("x-nexus-request-id", request_id), *wire.headers]
    if credential:
        headers.append(_presented(wire, credential))
    return headers


def _presented(wire: Wire, credential: str) -> tuple[str, str]:
    scheme, _, name = wire.auth.partition(":")
    if scheme == "header":
        return name, credential
    if scheme == "azure":
        return "api-key", credential
    return "authorization", "Bearer " + credential
