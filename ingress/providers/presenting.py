"""The headers of one call, and how a credential stands in them. Nothing is fetched here."""

from __future__ import annotations

from collections.abc import Mapping

from ingress.providers.token import BadCredential
from schemas.aggregates.header_rules import HeaderRule, apply_rules
from schemas.wires import Wire

Headers = list[tuple[str, str]]


def headers_for(
    wire: Wire,
    request_id: str,
    more: tuple[tuple[str, str], ...],
    rules: tuple[HeaderRule, ...],
    asked: Mapping[str, str],
    passed: tuple[str, ...] = (),
) -> Headers:
    """The headers of a call, without its credential.

    Args:
        more: which the protocol wants.
        asked: the caller's, by lower-case name; looked at only if there are rules or names in `passed`.
        passed: the caller's that go on as they came.
    """
    headers = [("content-type", "application/json"), ("x-nexus-request-id", request_id), *wire.headers, *more]
    given = {name: value for name in passed if (value := asked.get(name))} if passed else None
    if rules or given:
        made = apply_rules(rules, asked, given or {})
        names = {name for name, _ in made}
        headers = [*(header for header in headers if header[0] not in names), *made]
    return headers


def presented(wire: Wire, secret: str) -> tuple[str, str]:
    """The header with a secret that needs no exchange.

    Raises:
        BadCredential: it cannot stand in a header.
    """
    scheme, _, name = wire.auth.partition(":")
    if scheme == "header":
        return name, sound(secret)
    if scheme == "azure":
        return "api-key", sound(secret)
    return bearer(secret)


def bearer(secret: str) -> tuple[str, str]:
    """RFC 6750, 2.1. Raises BadCredential."""
    return "authorization", "Bearer " + sound(secret)


def sound(secret: str) -> str:
    """The secret, which goes into a line of a head, where a line end would begin another one."""
    if not secret.isascii() or not secret.isprintable():
        raise BadCredential("it has characters that cannot stand in a header")
    return secret
