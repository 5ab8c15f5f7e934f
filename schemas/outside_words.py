"""What callers and providers choose to call things, in a form that may stand on the log for ever. Pure.

A provider may put any part of a prompt where its error code or the reason of an ending belongs, and a caller may send a
text as the name of a model. Facts are never rewritten, so what is no such word must not get into one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from schemas.error_codes import CODES
from schemas.hooks.decision import fit_reason

OTHER = "other"
"""In the place of a reason of an ending that none of the providers' documents has."""
UNKNOWN_CODE = "invalid_request"
"""In the place of a code that may quote the request."""
NO_NAME = "(not a name)"
"""In the place of a text that was sent as the name of a model."""
FINISHES = frozenset((
    "stop", "length", "tool_calls", "tool_call", "function_call", "content_filter", "stop_sequence", "pause",
    "error", "end_turn", "max_tokens", "tool_use", "pause_turn", "refusal", "eos", "model_length",
    "insufficient_system_resource", "sensitive", "network_error", "model_context_window_exceeded",
    "max_output_tokens", "completed", "incomplete", "cancelled", "failed", "abort", "timeout",
    "repetition_truncation", "unknown", "other",
))  # fmt: skip
"""Of endings, as the documents of the providers that Nexus knows name them."""
_CODE = re.compile(r"(?=.{1,64}\Z)(?:[0-9]{1,6}|[A-Za-z]{2,}[0-9]{0,2}(?:[_.-][A-Za-z]+[0-9]{0,2})*)\Z")
"""Words, and numbers of a few digits: no identifier of anything in a text."""
_SEVERAL_WORDS = re.compile(r"(?:[A-Z]{1,3}[a-z]{2,14}){2,6}\Z")
"""Such as DeploymentNotFound: long, with capitals inside, and yet nothing encoded."""
_LONGEST_NAME = 63 + 1 + 200
"""Characters of `account/name`."""


def fit_finish(reason: str) -> str:
    """Why a model ended, if it is one of the reasons that there are."""
    return reason if not reason or reason in FINISHES or reason.lower() in FINISHES else OTHER


def fit_code(code: str, texts: Sequence[str]) -> str:
    """An error code: one of ours, or a provider's that quotes nothing of the texts."""
    if not code or code in CODES:
        return code
    if _SEVERAL_WORDS.match(code) and len(code) <= 64:
        spaced = re.sub("(?<=[a-z])(?=[A-Z])", " ", code)
        quoted = any(code.casefold() in text.casefold() for text in texts)
        return code if not quoted and fit_reason(spaced, texts) == spaced else UNKNOWN_CODE
    return code if _CODE.match(code) and fit_reason(code, texts) == code else UNKNOWN_CODE


def fit_model(name: str) -> str:
    """A model's name as a caller wrote it, if it could be one: all that can be configured are."""
    return name if len(name) <= _LONGEST_NAME and " " not in name and name.isprintable() else NO_NAME
