"""How a provider's failure reads to the caller, and which failures are worth another attempt."""

from __future__ import annotations

import pytest

from ingress.codecs.openai_chat import CODEC
from ingress.codecs.registry import CHAT
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
        (CallFailed("status", 400, b'{"error":{"code":"content_filter"}}'), 400, "content_filter", False),
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


def _glm(code: str) -> bytes:
    return b'{"error":{"code":"%s","message":"key sk-1"}}' % code.encode()


def _minimax(code: int) -> bytes:
    return b'data: {"base_resp":{"status_code":%d,"status_msg":"why"}}\n\n' % code


@pytest.mark.parametrize(
    ("wire", "status", "body", "told"),
    [
        ("glm", 429, _glm("1302"), (429, "upstream_rate_limited")),
        ("glm", 429, _glm("1113"), (429, "upstream_quota_exceeded")),
        ("glm", 429, _glm("1310"), (429, "upstream_quota_exceeded")),
        ("glm", 429, _glm("1121"), (502, "upstream_auth_failed")),
        ("glm", 434, _glm("1220"), (502, "upstream_auth_failed")),
        ("glm", 400, _glm("1214"), (400, "1214")),
        ("glm", 400, _glm("1301"), (400, "content_filter")),
        ("minimax", 429, _minimax(2045), (429, "upstream_rate_limited")),
        ("minimax", 402, _minimax(1008), (429, "upstream_quota_exceeded")),
        ("minimax", 400, _minimax(2013), (400, "2013")),
        ("minimax", 400, _minimax(1026), (400, "content_filter")),
    ],
)
def test_codes_of_a_provider_s_own(wire: str, status: int, body: bytes, told: tuple[int, str]) -> None:
    error = error_of(CallFailed("status", status, body), CHAT[wire].read_error)
    assert (error.status, error.error_code) == told
    assert "sk-1" not in error.message or error.status == 400


@pytest.mark.parametrize("wire", ["minimax", "replicate"])
def test_what_comes_under_200_keeps_its_words(wire: str) -> None:
    body = _minimax(2013) if wire == "minimax" else b'{"status":"failed","error":"why (E1001)"}'
    assert "why" in error_of(CallFailed("status", 413, body), CHAT[wire].read_error).message


def test_a_404_names_what_is_to_be_checked_and_not_what_the_provider_said() -> None:
    error = error_of(CallFailed("status", 404, b'{"error":{"message":"project sk-1"}}'), CODEC.read_error)
    assert (error.status, error.error_code) == (502, "upstream_error")
    assert "base URL" in error.message and "sk-1" not in error.message


def test_a_429_says_when_to_come_back() -> None:
    assert error_of(CallFailed("status", 429, b"", "7"), CODEC.read_error).retry_after == 7
    assert error_of(CallFailed("status", 429), CODEC.read_error).retry_after == 1


def test_retry_after_is_bounded_and_lenient() -> None:
    assert [retry_after_s(text) for text in ("3", "", "Wed, 21 Oct", "-1", "999999999", "9" * 40)] == [
        3, None, None, None, 3600, None,
    ]  # fmt: skip
