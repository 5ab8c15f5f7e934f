"""The table of codes holds what the data plane can say, and nothing that it cannot."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingress.codecs.codec import CallerCodec
from ingress.codecs.fronts import COMPLETIONS, GENERATE, MESSAGES, RESPONSES
from ingress.codecs.openai_chat import CODEC
from schemas.error_codes import CODES, KINDS, kind_of
from schemas.errors import CallerError, InvalidRequest, LimitReached, NexusError, WorkError

ROOT = Path(__file__).resolve().parents[3]
PLACES = (
    "ingress/gateway", "ingress/codecs", "ingress/providers", "schemas/routing", "schemas/errors.py",
    "projections/valkey",
)  # fmt: skip
NOT_TOLD = {"client_left", "__type", "code"}
"""A code of facts alone, and names of fields that codes are read from."""


def _said() -> Iterator[str]:
    """Codes that are written in the source: `code="…"` of a call, `code = "…"` of a class."""
    for place in PLACES:
        path = ROOT / place
        for file in (path,) if path.is_file() else path.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                value = None
                if isinstance(node, ast.keyword) and node.arg == "code":
                    value = node.value
                elif isinstance(node, ast.Assign | ast.AnnAssign):
                    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                    if any(isinstance(each, ast.Name) and each.id == "code" for each in targets):
                        value = node.value
                for leaf in ast.walk(value) if value is not None else ():
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str) and leaf.value:
                        yield leaf.value


def test_every_code_in_the_source_is_in_the_table() -> None:
    said = set(_said())
    assert len(said) > 25
    assert said - NOT_TOLD - set(CODES) == set()
    assert set(CODES) - said == set()


def test_every_kind_has_a_code_and_every_code_a_kind() -> None:
    assert {told.kind for told in CODES.values()} == set(KINDS)
    assert all(told.advice.endswith(".") and told.statuses for told in CODES.values())


def _classes(of: type[NexusError]) -> Iterator[type[NexusError]]:
    yield of
    for each in of.__subclasses__():
        if each is not WorkError:
            yield from _classes(each)


@pytest.mark.parametrize("error", [each for each in _classes(NexusError) if each.__module__ == "schemas.errors"])
def test_the_errors_come_under_the_statuses_of_the_table(error: type[NexusError]) -> None:
    if error is not CallerError:
        assert error.status in CODES[error.code].statuses


@pytest.mark.parametrize("codec", [CODEC, *(front.codec for front in (RESPONSES, MESSAGES, GENERATE, COMPLETIONS))])
@pytest.mark.parametrize("code", CODES)
def test_every_protocol_can_say_every_code(codec: CallerCodec, code: str) -> None:
    told = json.loads(codec.write_error(InvalidRequest("why", code=code)))["error"]
    assert told["message"] == "why" and code in json.dumps(told).lower()


def test_codes_of_providers_are_judged_by_their_status() -> None:
    told = [("context_length_exceeded", 400), ("x", 401), ("x", 429), ("x", 504), ("x", 503)]
    assert [kind_of(*each) for each in told] == [
        "invalid_request", "auth_failed", "rate_limited", "timeout", "upstream_error",
    ]  # fmt: skip
    assert kind_of(LimitReached("", code="insufficient_quota").error_code, 429) == "quota_exceeded"
