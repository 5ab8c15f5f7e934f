"""Provider account: one way to reach one provider. Its secret is a credential, never part of it."""

from __future__ import annotations

import msgspec

from schemas.aggregates.decider import definition, problems_of_id
from schemas.aggregates.urls import problems_of_url
from schemas.wires import WIRES, Wire


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
    return found


def _problems_of_address(spec: Provider, wire: Wire) -> list[str]:
    if spec.base_url:
        return problems_of_url(spec.base_url, "base_url")
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
