"""Shapes of OCSF API Activity (class 6003), as far as Nexus fills them. What goes in is decided in `mapping`.

Source: Open Cybersecurity Schema Framework 1.8.0, class `api_activity` with the profiles `ai_operation` and
`security_control` (https://schema.ocsf.io/1.8.0/classes/api_activity). No field takes any text of a request or an
answer, sealed or not, and there is no `raw_data`.
"""

from __future__ import annotations

import msgspec

from schemas.envelope import Fact

VERSION = "1.8.0"
PROFILES = ("ai_operation", "security_control")
INFORMATIONAL, LOW, MEDIUM, HIGH = 1, 2, 3, 4
CAPTIONS = {INFORMATIONAL: "Informational", LOW: "Low", MEDIUM: "Medium", HIGH: "High"}
"""Captions of `severity_id`."""


class _Part(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An OCSF object: what is not known is left out."""


class Product(_Part, frozen=True, gc=False):
    name: str
    vendor_name: str


class Metadata(_Part, frozen=True, gc=False):
    uid: str
    """Id of the fact: the same event has the same, however often it is sent."""
    sequence: int
    tenant_uid: str
    correlation_uid: str
    """The request's id."""
    event_code: str
    version: str
    profiles: tuple[str, ...]
    product: Product
    log_name: str


_PRODUCT = Product("Nexus", "Nexus")


def metadata_of(fact: Fact, sequence: int, profiles: tuple[str, ...] = ()) -> Metadata:
    """Of the event of a fact in the segment of this number in TRAFFIC."""
    return Metadata(fact.id, sequence, fact.tenant, fact.correlation, fact.type, VERSION, profiles, _PRODUCT, "TRAFFIC")


class Named(_Part, frozen=True, gc=False):
    """User, service or rule."""

    name: str = ""
    uid: str = ""


class Actor(_Part, frozen=True, gc=False):
    app_name: str = ""
    app_uid: str = ""
    user: Named | None = None


class Endpoint(_Part, frozen=True, gc=False):
    svc_name: str


class RequestElements(_Part, frozen=True, gc=False):
    uid: str


class ResponseElements(_Part, frozen=True, gc=False):
    code: int
    error: str = ""


class Api(_Part, frozen=True, gc=False):
    operation: str
    service: Named
    request: RequestElements
    response: ResponseElements | None = None


class Url(_Part, frozen=True, gc=False):
    path: str


class HttpRequest(_Part, frozen=True, gc=False):
    uid: str
    http_method: str
    url: Url
    body_length: int


class HttpResponse(_Part, frozen=True, gc=False):
    code: int
    latency: int
    """Milliseconds."""
    body_length: int


class AiModel(_Part, frozen=True, gc=False):
    name: str
    ai_provider: str


class MessageContext(_Part, frozen=True, gc=False):
    service: Named
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    ai_role_id: int


class Unmapped(msgspec.Struct, frozen=True, gc=False):
    """What OCSF has no place for. `log_sequence` and `log_index` are the place of the fact in TRAFFIC."""

    log_sequence: int
    log_index: int
    kind: str
    account: str = ""
    model: str = ""
    model_requested: str = ""
    key_prefix: str = ""
    route: str = ""
    stage: str = ""
    status: int = 0
    code: str = ""
    rule: str = ""
    action: str = ""
    attempts: int = 0
    stream: bool = False
    cache: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    tokens_estimated: bool = False
    cost_micros: int = 0
    reserved_micros: int = 0
    budgets: tuple[str, ...] = ()
    latency_us: int = 0
    first_byte_us: int = 0
    finish_reason: str = ""
    writer: str = ""
    boot: str = ""


class Event(_Part, frozen=True, gc=False):
    """What events of the other classes begin with, captions included. Times are in milliseconds since the epoch."""

    activity_id: int
    activity_name: str
    category_uid: int
    category_name: str
    class_uid: int
    class_name: str
    type_uid: int
    time: int
    severity_id: int
    severity: str
    status_id: int
    status: str


class ApiActivity(_Part, frozen=True, gc=False):
    """One event. Times are in milliseconds since the epoch."""

    activity_id: int
    activity_name: str
    category_uid: int
    class_uid: int
    type_uid: int
    time: int
    severity_id: int
    severity: str
    status_id: int
    status: str
    metadata: Metadata
    actor: Actor
    api: Api
    src_endpoint: Endpoint
    unmapped: Unmapped
    message: str
    category_name: str = ""
    class_name: str = ""
    start_time: int = 0
    end_time: int = 0
    duration: int = 0
    status_code: str = ""
    status_detail: str = ""
    action_id: int | None = None
    action: str = ""
    disposition_id: int | None = None
    disposition: str = ""
    is_alert: bool = False
    firewall_rule: Named | None = None
    dst_endpoint: Endpoint | None = None
    http_request: HttpRequest | None = None
    http_response: HttpResponse | None = None
    ai_model: AiModel | None = None
    message_context: MessageContext | None = None
