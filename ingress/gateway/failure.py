"""What a caller is told when a provider failed. Pure."""

from __future__ import annotations

from collections.abc import Callable

from ingress.codecs.codec import ErrorTold
from ingress.gateway.call import CallFailed
from schemas.aggregates.provider import Retry
from schemas.errors import InvalidRequest, LimitReached, NexusError, ProviderError, ProviderTimeout, ProviderUnavailable
from schemas.routing.choose import RETRYABLE_STATUSES

MAX_RETRY_AFTER_S = 3_600
SPENT_RETRY_S = 60
_SPENT = frozenset({"insufficient_quota", "exceeded_current_quota_error"})
"""Codes of a 429 that waiting does not help against: the account has used up what was paid for (OpenAI, "Error codes";
Moonshot). Cohere, DeepSeek and Replicate say it with 402. What others say in codes of their own, their codecs put into
these words."""
_FILTERED = frozenset({"content_filter", "content_policy_violation"})
"""Azure's word, and OpenAI's for pictures."""
_UNAUTHORISED = frozenset({401, 403, 434, 498})
"""498 is Cohere's for an invalid token, 434 GLM's for one without leave."""


def retryable(failure: CallFailed, retry: Retry | None = None) -> bool:
    """Whether another attempt before the first byte can help, in general or as an account's own policy says."""
    if failure.outcome == "status":
        statuses = retry.statuses if retry is not None else ()
        return failure.status in (statuses or RETRYABLE_STATUSES)
    # where a credential cannot be presented, another account's may
    return failure.outcome in ("timeout", "connect", "disconnect", "malformed", "credential")


def retry_after_s(text: str) -> int | None:
    """Seconds of a `Retry-After` header; None when absent or a date."""
    return min(int(text), MAX_RETRY_AFTER_S) if text.isdecimal() and len(text) < 10 else None


def error_of(failure: CallFailed, read: Callable[[bytes], ErrorTold]) -> NexusError:
    """The error for the caller, in one tree with all others.

    A provider's complaint about the request itself (400, 422) is passed on in its own words; one about the credential
    is the operator's business and is not.

    Args:
        read: reads an error of the provider's wire format.
    """
    if failure.outcome == "timeout":
        return ProviderTimeout("The provider did not answer in time.")
    if failure.outcome == "credential":
        return ProviderError("The provider account's credential could not be presented.", code="upstream_auth_failed")
    if failure.outcome == "connect":
        return ProviderError("The provider could not be reached.")
    if failure.outcome == "malformed":
        return ProviderError("The provider's answer could not be understood.", code="upstream_malformed")
    if failure.outcome != "status":
        return ProviderError("The connection to the provider broke.")
    told = read(failure.body)
    wait = retry_after_s(failure.retry_after)
    if failure.status == 402 or (failure.status == 429 and told.code in _SPENT):
        return LimitReached(
            "The provider account has used up its credit or its quota.",
            code="upstream_quota_exceeded",
            retry_after=wait or SPENT_RETRY_S,
        )
    if told.code in _FILTERED:
        return InvalidRequest(
            told.message or "The provider's own filter refused the request.", code="content_filter", param=told.param
        )
    if failure.status in _UNAUTHORISED or told.code == "upstream_auth_failed":
        return ProviderError("The provider refused the account's credential.", code="upstream_auth_failed")
    match failure.status:
        case 400 | 413 | 422:
            return InvalidRequest(
                told.message or "The provider refused the request.",
                code=told.code or "invalid_request",
                param=told.param,
            )
        case 404:
            return ProviderError("The provider knows no such model: have its name and the account's base URL checked.")
        case 429:
            return LimitReached(
                "The provider's rate limit is reached.", code="upstream_rate_limited", retry_after=wait or 1
            )
        case 503 | 529:
            # 529 is Anthropic's for being overloaded
            return ProviderUnavailable("The provider is unavailable.", code="upstream_error", retry_after=wait or 1)
        case 408 | 504:
            return ProviderTimeout("The provider did not answer in time.")
    return ProviderError(f"The provider answered with status {failure.status}.")
