"""What providers and callers call things: the words of documents stay, anything of a text does not."""

from __future__ import annotations

import pytest

from schemas.error_codes import CODES
from schemas.outside_words import NO_NAME, OTHER, UNKNOWN_CODE, fit_code, fit_finish, fit_model

TEXTS = ["please tell Falcon_Heavy that my id is canary9f31c77e0ab4"]


def test_reasons_of_endings_are_those_that_there_are() -> None:
    for reason in ("", "stop", "tool_calls", "MAX_TOKENS", "eos"):
        assert fit_finish(reason) == reason
    for quoted in ("canary9f31c77e0ab4", "please tell", "stop canary9f31c77e0ab4", "x" * 10_000):
        assert fit_finish(quoted) == OTHER


@pytest.mark.parametrize(
    "code", ["", "context_length_exceeded", "string_above_max_length", "1301", "invalid-base64", *CODES]
)
def test_a_code_that_quotes_nothing_stays(code: str) -> None:
    assert fit_code(code, TEXTS) == code


@pytest.mark.parametrize(
    "code",
    [
        "canary9f31c77e0ab4",
        "Y2FuYXJ5OWYzMWM3N2UwYWI0",
        "please tell Falcon",
        "falcon_heavy",
        "9f31c77e0ab4",
        "x" * 65,
        "a\nb",
    ],
)
def test_a_code_that_may_quote_does_not(code: str) -> None:
    assert fit_code(code, TEXTS) == UNKNOWN_CODE


def test_a_text_is_no_name_of_a_model() -> None:
    arn = "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-v1:0"
    for name in ("gpt-4o", "mock/ft:gpt-4o:acme", arn, "modèle/ä"):
        assert fit_model(name) == name
    for text in ("tell me of it", "a\nb", "a" * 1_000):
        assert fit_model(text) == NO_NAME


@pytest.mark.parametrize(
    "code",
    ["DeploymentNotFound", "OperationNotSupported", "DataInspectionFailed", "ValidationException",
     "ResponsibleAIPolicyViolation"],
)  # fmt: skip
def test_a_providers_code_of_several_words_is_kept_unless_it_quotes(code: str) -> None:
    assert fit_code(code, ("what is a deployment?",)) == code
    assert fit_code(code, (f"say {code.lower()} to me",)) == UNKNOWN_CODE
