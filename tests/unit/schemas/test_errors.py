"""The error tree answers three questions the way its drawing says."""

from __future__ import annotations

import pytest

from schemas import errors
from schemas.errors import NexusError

# class, status, code, worth a retry
TREE: dict[type[NexusError], tuple[int, str, bool]] = {
    errors.NexusError: (500, "internal_error", False),
    errors.CallerError: (400, "invalid_request", False),
    errors.InvalidRequest: (400, "invalid_request", False),
    errors.Unauthenticated: (401, "invalid_api_key", False),
    errors.Forbidden: (403, "forbidden", False),
    errors.Blocked: (403, "content_filtered", False),
    errors.NotFound: (404, "not_found", False),
    errors.RequestTimeout: (408, "timeout", False),
    errors.Conflict: (409, "conflict", False),
    errors.TooLarge: (413, "request_too_large", False),
    errors.UnsupportedType: (415, "unsupported_media_type", False),
    errors.LimitReached: (429, "rate_limited", True),
    errors.ProviderError: (502, "upstream_error", True),
    errors.ProviderTimeout: (504, "timeout", True),
    errors.ProviderUnavailable: (503, "no_provider_available", True),
    errors.Unavailable: (503, "unavailable", True),
    errors.WorkError: (500, "internal_error", False),
    errors.Rejected: (500, "internal_error", True),
    errors.Invalid: (500, "internal_error", False),
}


def below(kind: type[NexusError]) -> set[type[NexusError]]:
    return {kind}.union(*(below(child) for child in kind.__subclasses__() if child.__module__ == "schemas.errors"))


def test_the_table_is_the_whole_tree() -> None:
    assert below(NexusError) == set(TREE)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_each_error_answers_as_drawn(kind: type[NexusError]) -> None:
    error = kind("what happened")
    assert (error.status, error.error_code, error.retry) == TREE[kind]
    assert kind.type
    assert str(error) == error.message == "what happened"


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_whose_fault_it_is_shows_in_the_tree(kind: type[NexusError]) -> None:
    assert issubclass(kind, errors.CallerError) == (400 <= TREE[kind][0] < 500 and kind is not errors.LimitReached)


def test_details_are_carried() -> None:
    error = errors.LimitReached("out of money", code="insufficient_quota", param="model", retry_after=30)
    assert (error.error_code, error.param, error.retry_after) == ("insufficient_quota", "model", 30)
    assert errors.LimitReached.code == "rate_limited"


def test_every_caller_status_has_its_class() -> None:
    assert {kind.status for kind in TREE} - {500} == {400, 401, 403, 404, 408, 409, 413, 415, 429, 502, 503, 504}
