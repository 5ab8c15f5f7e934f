"""Provider account: one way to reach one provider. Its secret is a credential, never part of it."""

from __future__ import annotations

import msgspec

from schemas.aggregates.decider import SLUG, definition, problems_of_id
from schemas.aggregates.header_rules import HeaderRule, problems_of_rules
from schemas.aggregates.urls import problems_of_url
from schemas.linear_pattern import LinearPattern, PatternError
from schemas.wires import WIRES, Wire

MAX_RENAMES = 1_000


class Rename(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model that callers of this account know under another name than its provider."""

    name: str
    upstream: str


class Retry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often one account is tried, where that is not the route's to say."""

    attempts: int = 3
    """Calls of this account for one request; never more than the route allows altogether."""
    backoff_ms: int = 50
    """Before the second call; doubled each time, and taken at random from its upper half."""
    max_backoff_ms: int = 2_000
    statuses: tuple[int, ...] = ()
    """Answers after which to try again; the usual ones (408, 429, 500, 502, 503, 504, 529) when empty."""


class Provider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All times in milliseconds."""

    id: str
    tenant: str
    wire: str = "openai"
    """What kind of provider it is: a name in `schemas.wires.WIRES`."""
    base_url: str
    """Up to and including the version, such as `https://api.example.com/v1`; empty for the provider's own."""
    credential: str = ""
    """Id of a credential of the same tenant; empty for a provider without one."""
    connect_timeout_ms: int = 3_000
    first_byte_timeout_ms: int = 300_000
    """Until an answer begins; a plain answer begins and ends at once, when the model has thought to its end."""
    idle_timeout_ms: int = 30_000
    """Between two pieces of an answer."""
    total_timeout_ms: int = 600_000
    max_connections: int = 512
    http2: bool = False
    """Speak HTTP/2 only, by ALPN or prior knowledge."""
    ca_pem: str = ""
    """A certificate authority to trust besides the system's."""
    enabled: bool = True
    region: str = ""
    """For providers whose address or signature names one, such as `us-east-1`."""
    project: str = ""
    api_version: str = ""
    """For providers that version their API by date; empty for the one that is known to work."""
    forward_token: bool = False
    """Whether a caller's own key for this provider, in `x-provider-api-key`, is used instead of the credential."""
    model_filter: str = ""
    """Which models of the provider there are here, by their whole name; all when empty."""
    renames: tuple[Rename, ...] = ()
    header_rules: tuple[HeaderRule, ...] = ()
    client_cert_pem: str = ""
    """The certificate (and those between it and its root) that is shown to the provider."""
    client_key: str = ""
    """Id of the credential that is its private key, as PEM without a password."""
    proxy_url: str = ""
    """Calls go through this HTTP proxy: by CONNECT when they are encrypted, else in the absolute form."""
    retry: Retry | None = None
    discover: bool = True
    """Whether its models are those that the provider lists, besides those that are configured."""

    @property
    def url(self) -> str:
        """The base URL, the provider's own when the account names none."""
        return self.base_url or WIRES[self.wire].base_url.format(region=self.region, project=self.project)


def _problems(spec: Provider) -> list[str]:
    found = problems_of_id(spec.id)
    if spec.wire not in WIRES:
        found.append(f"wire must be one of {', '.join(WIRES)}")
    else:
        found += _problems_of_address(spec, WIRES[spec.wire])
    for name in ("connect_timeout_ms", "first_byte_timeout_ms", "idle_timeout_ms", "total_timeout_ms"):
        if not 1 <= getattr(spec, name) <= 3_600_000:
            found.append(f"{name} must be from 1 to 3,600,000")
    if not 1 <= spec.max_connections <= 65_536:
        found.append("max_connections must be from 1 to 65,536")
    return found + _problems_of_models(spec) + problems_of_rules(spec.header_rules) + _problems_of_way(spec)


def _problems_of_models(spec: Provider) -> list[str]:
    found = []
    try:
        LinearPattern(spec.model_filter)
    except PatternError as error:
        found.append(f"model_filter: {error}")
    names = [rename.name for rename in spec.renames]
    if len(names) > MAX_RENAMES:
        found.append(f"renames may hold {MAX_RENAMES:,} names")
    if len(set(names)) < len(names):
        found.append("renames must not hold a name twice")
    for text in (*names, *(rename.upstream for rename in spec.renames)):
        if not text or len(text) > 200 or not text.isprintable() or " " in text:
            found.append("in renames, names have 1 to 200 printable characters and no space")
            break
    return found


def _problems_of_way(spec: Provider) -> list[str]:
    """Of certificate, proxy and retries."""
    found = []
    if bool(spec.client_cert_pem) != bool(spec.client_key):
        found.append("client_cert_pem and client_key go together")
    if spec.client_key and not SLUG.match(spec.client_key):
        found.append("client_key must be the id of a credential")
    if len(spec.client_cert_pem) > 32_000:
        found.append("client_cert_pem may have 32,000 characters")
    if spec.proxy_url and spec.http2:
        found.append("proxy_url and http2 do not go together")
    if spec.proxy_url:
        found += problems_of_url(spec.proxy_url, "proxy_url")
        if not spec.proxy_url.startswith("http://"):
            found.append("proxy_url must begin with http://; what goes through it is encrypted to the provider")
    if spec.retry is not None:
        if not 1 <= spec.retry.attempts <= 10:
            found.append("retry.attempts must be from 1 to 10")
        if not 1 <= spec.retry.backoff_ms <= spec.retry.max_backoff_ms <= 10_000:
            found.append("retry.backoff_ms must be from 1 to max_backoff_ms, which is at most 10,000")
        if any(not 400 <= status <= 599 for status in spec.retry.statuses):
            found.append("retry.statuses must be from 400 to 599")
    return found


def _problems_of_address(spec: Provider, wire: Wire) -> list[str]:
    if spec.base_url:
        found = problems_of_url(spec.base_url, "base_url")
        if wire.auth == "sigv4" and not spec.region.replace("-", "").isalnum():
            found.append("region must be given: what is sent is signed for it")
        return found
    if not wire.base_url:
        return [f"base_url must be given: providers of the kind {spec.wire} have no common one"]
    found = []
    for name in ("region", "project"):
        value = getattr(spec, name)
        if "{" + name + "}" in wire.base_url and not value.replace("-", "").isalnum():
            found.append(f"{name} must be given, or a base_url")
    return found


class ProviderCreated(msgspec.Struct, frozen=True):
    spec: Provider


class ProviderChanged(msgspec.Struct, frozen=True):
    spec: Provider


class ProviderRemoved(msgspec.Struct, frozen=True):
    reason: str = ""


DECIDER = definition("provider", "providers", Provider, ProviderCreated, ProviderChanged, ProviderRemoved, _problems)
