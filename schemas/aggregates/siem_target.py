"""SIEM target: where security events of a tenant, or of all, are sent."""

from __future__ import annotations

import re

import msgspec

from schemas.aggregates.credential import SealedSecret
from schemas.aggregates.decider import definition, problems_of_id
from schemas.aggregates.urls import problems_of_url

KINDS = ("file", "http", "stream")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,100}\Z")


class SiemTarget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    tenant: str
    kind: str = "file"
    file: str = ""
    """For `file`: a plain file name inside the data directory's `siem` folder."""
    url: str = ""
    """For `http`: where batches are posted as NDJSON."""
    token: SealedSecret | None = None
    """For `http`: sent as a bearer token; additional data is `siem-target NUL tenant NUL id`."""
    all_tenants: bool = False
    """Events of every tenant; only for targets of the tenant `system`."""
    enabled: bool = True


def _problems(spec: SiemTarget) -> list[str]:
    found = problems_of_id(spec.id)
    if spec.kind not in KINDS:
        found.append(f"kind must be one of {', '.join(KINDS)}")
    if spec.kind == "file" and not _FILE.match(spec.file):
        found.append("file must be a plain file name")
    if spec.kind == "http":
        found += problems_of_url(spec.url, "url", query=True)
    if spec.all_tenants and spec.tenant != "system":
        found.append("all_tenants is only for targets of the tenant system")
    return found


class SiemTargetCreated(msgspec.Struct, frozen=True):
    spec: SiemTarget


class SiemTargetChanged(msgspec.Struct, frozen=True):
    spec: SiemTarget


class SiemTargetRemoved(msgspec.Struct, frozen=True):
    reason: str = ""


DECIDER = definition(
    "siem-target",
    "siem-targets",
    SiemTarget,
    SiemTargetCreated,
    SiemTargetChanged,
    SiemTargetRemoved,
    _problems,
)
