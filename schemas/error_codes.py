"""Every error code that callers of the data plane can meet, and the ten kinds that they come to. Data only."""

from __future__ import annotations

from typing import NamedTuple

KINDS = (
    "invalid_request", "auth_failed", "rate_limited", "quota_exceeded", "timeout", "upstream_error",
    "endpoint_unsupported", "not_implemented", "no_compatible_provider", "content_filtered",
)  # fmt: skip
"""What an error is, whatever protocol it is told in; every error answer says it in `x-nexus-error`."""


class Told(NamedTuple):
    """One code."""

    kind: str
    statuses: tuple[int, ...]
    """HTTP statuses that it comes under."""
    advice: str
    """What to do next, for people."""


CODES: dict[str, Told] = {
    # the request itself
    "invalid_request": Told("invalid_request", (400,), "Change what the message names."),
    "invalid_json": Told("invalid_request", (400,), "Send valid JSON."),
    "invalid_http": Told("invalid_request", (400,), "Send HTTP/1.1 as RFC 9112 says."),
    "headers_too_large": Told("invalid_request", (431,), "Send fewer or shorter headers."),
    "request_too_large": Told("invalid_request", (413,), "Send less, or have the limit raised."),
    "unsupported_media_type": Told("invalid_request", (415,), "Send JSON, not compressed otherwise than allowed."),
    "tokens_not_screenable": Told("invalid_request", (400,), "Send texts instead of tokens."),
    "model_not_found": Told("invalid_request", (404,), "Name a model of GET /v1/models."),
    "unknown_path": Told("invalid_request", (404,), "Check the path and the base URL of the client."),
    "not_found": Told("invalid_request", (404,), "Check the name."),
    "method_not_allowed": Told("invalid_request", (405,), "Use the method of the Allow header."),
    "conflict": Told("invalid_request", (409,), "Read it again, then try again."),
    # who asks
    "missing_api_key": Told("auth_failed", (401,), "Send a virtual key."),
    "invalid_api_key": Told("auth_failed", (401,), "Check the virtual key."),
    "expired_api_key": Told("auth_failed", (401,), "Ask for a new virtual key."),
    "forbidden": Told("auth_failed", (403,), "Ask an operator for leave."),
    "model_not_allowed": Told("auth_failed", (403,), "Name a model that the key may use."),
    "tenant_disabled": Told("auth_failed", (403,), "Ask an operator."),
    "address_not_allowed": Told("auth_failed", (403,), "Have an operator allow the address of the hook."),
    "kill_switch": Told("auth_failed", (403,), "Ask an operator when the switch is lifted."),
    # how much
    "rate_limited": Told("rate_limited", (429,), "Wait for Retry-After."),
    "upstream_rate_limited": Told("rate_limited", (429,), "Wait for Retry-After, or route to more accounts."),
    "too_many_connections": Told("rate_limited", (503,), "Use fewer connections."),
    "insufficient_quota": Told("quota_exceeded", (429,), "Wait for the budget's next window, or have it raised."),
    "upstream_quota_exceeded": Told(
        "quota_exceeded", (429,), "Have an operator pay for more, or route to more accounts."
    ),
    "model_unpriced": Told("quota_exceeded", (403,), "Have an operator set the model's prices."),
    # time
    "timeout": Told("timeout", (408, 504), "Send the body faster (408); try again (504)."),
    # the provider
    "upstream_error": Told("upstream_error", (502, 503), "Try again."),
    "upstream_malformed": Told("upstream_error", (502,), "Check that the account's wire is the provider's."),
    "upstream_auth_failed": Told("upstream_error", (502,), "Have an operator check the account's credential."),
    "no_provider_available": Told("upstream_error", (503,), "Try again after Retry-After."),
    # Nexus itself
    "internal_error": Told("upstream_error", (500,), "Tell an operator the request's id."),
    "unavailable": Told("upstream_error", (503,), "Try again after Retry-After."),
    "log_unavailable": Told("upstream_error", (503,), "Try again after Retry-After."),
    "screening_unavailable": Told("upstream_error", (503,), "Try again after Retry-After."),
    "hook_failed": Told("upstream_error", (403, 503), "Have an operator look at the hook; try again (503)."),
    "budget_store_unavailable": Told("upstream_error", (503,), "Try again after Retry-After."),
    # what is not to be had
    "endpoint_unsupported": Told("endpoint_unsupported", (400,), "Name a model of an account that offers it."),
    "no_compatible_provider": Told("no_compatible_provider", (400,), "Have an account added that offers it."),
    "not_implemented": Told("not_implemented", (400, 501), "Use an operation that Nexus serves."),
    # rules
    "content_filtered": Told("content_filtered", (403,), "Take out what the named rule forbids."),
    "content_filter": Told("content_filtered", (400,), "Take out what the provider's own filter refuses."),
}

_BY_STATUS = {401: "auth_failed", 403: "auth_failed", 408: "timeout", 429: "rate_limited", 504: "timeout"}


def kind_of(code: str, status: int) -> str:
    """The kind of an error; of a code that a provider made up, by its status."""
    known = CODES.get(code)
    if known is not None:
        return known.kind
    return _BY_STATUS.get(status, "invalid_request" if status < 500 else "upstream_error")
