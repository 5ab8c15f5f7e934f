"""How a provider's failure reads to the caller, and which failures are worth another attempt."""

from __future__ import annotations

import pytest

from ingress.codecs.openai_chat import CODEC
from ingress.gateway.call import CallFailed
from ingress.gateway.failure import error_of, retry_after_s, retryable


@pytest.mark.parametrize(
    ("failure", "status", "code", "retry"),
    [
        (CallFailed("timeout"), 504, "timeout", True),
        (CallFailed("connect"), 502, "upstream_error", True),
        (CallFailed("disconnect"), 502, "upstream_error", True),
        (CallFailed("malformed"), 502, "upstream_malformed", True),
        (CallFailed("aborted"), 502, "upstream_error", False),
        (CallFailed("status", 400, b'{"error":{"message":"bad","code":"c"}}'), 400, "c", False),
        (CallFailed("status", 401, b'{"error":{"message":"key sk-1"}}'), 502, "upstream_auth_failed", False),
        (CallFailed("status", 404), 502, "upstream_error", False),
        (CallFailed("status", 408), 504, "timeout", True),
        (CallFailed("status", 429, b"", "7"), 429, "upstream_rate_limited", True),
        (CallFailed("status", 402), 429, "upstream_quota_exceeded", False),
        (CallFailed("status", 429, b'{"error":{"code":"insufficient_quota"}}'), 429, "upstream_quota_exceeded", True),
        (CallFailed("status", 429, b'{"error":{"code":"1113","message":"m"}}'), 429, "upstream_quota_exceeded", True),
        (CallFailed("status", 498, b'{"message":"invalid token sk-1"}'), 502, "upstream_auth_failed", False),
        (CallFailed("status", 529), 503, "upstream_error", True),
        (CallFailed("status", 500), 502, "upstream_error", True),
        (CallFailed("status", 503), 503, "upstream_error", True),
        (CallFailed("status", 504), 504, "timeout", True),
    ],
)
def test_failures(failure: CallFailed, status: int, code: str, retry: bool) -> None:
    error = error_of(failure, CODEC.read_error)
    assert (error.status, error.error_code, retryable(failure)) == (status, code, retry)
    assert "sk-1" not in error.message


def test_a_429_says_when_to_come_back() -> None:
    assert error_of(CallFailed("status", 429, b"", "7"), CODEC.read_error).retry_after == 7
    assert error_of(CallFailed("status", 429), CODEC.read_error).retry_after == 1


def test_retry_after_is_bounded_and_lenient() -> None:
    assert [retry_after_s(text) for text in ("3", "", "Wed, 21 Oct", "-1", "999999999", "9" * 40)] == [
        3, None, None, None, 3600, None,
    ]  # fmt: skip
