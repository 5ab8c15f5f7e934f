"""What webhooks and guard models are sent, and what their replies mean. Vectors of Standard Webhooks are its own."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.conversation.answer import Verdict
from schemas.hooks.decision import NOTHING
from schemas.hooks.replies import (
    MOST_REPLY_BYTES,
    BadReply,
    guard_finding,
    guard_request,
    moderation_finding,
    signature,
    webhook_body,
    webhook_finding,
)
from tests.unit.schemas.hooks.given import hook, seen

SHOWN = seen("hello there", "rm -rf /", tools=(1,))


def test_a_signature_is_that_of_the_standard() -> None:
    # the example of standardwebhooks' reference libraries
    body = b'{"test": 2432232314}'
    secret, identifier = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert signature(secret, identifier, 1614265330, body) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    with pytest.raises(BadReply):
        signature("whsec_!", identifier, 1, body)


def test_a_webhook_is_sent_the_texts_and_which_are_of_tools() -> None:
    body = json.loads(webhook_body(hook("rule_pack"), SHOWN, "r1"))
    assert (body["texts"], body["tools"], body["stage"], body["request_id"]) == (
        list(SHOWN.texts),
        [1],
        "request",
        "r1",
    )


@pytest.mark.parametrize(
    ("reply", "action"),
    [
        ({"decision": "approve"}, "approve"),
        ({"decision": "flag", "reason": "odd"}, "flag"),
        ({"decision": "reject", "reason": "no"}, "block"),
        ({"decision": "modify", "redactions": [{"start": 0, "end": 5, "replacement": "bye"}]}, "redact"),
        ({"decision": "modify", "redactions": [{"text": 1, "start": 0, "end": 8}], "more": 1}, "redact"),
    ],
)
def test_a_reply_says_what_to_do(reply: dict[str, object], action: str) -> None:
    found = webhook_finding(json.dumps(reply).encode(), SHOWN)
    assert found is not None and found.action == action


def test_a_webhook_may_have_nothing_to_say() -> None:
    assert webhook_finding(b'{"decision": "abstain"}', SHOWN) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no",
        b"[]",
        b'{"decision": "maybe"}',
        b'{"decision": "modify"}',
        b'{"decision": "modify", "redactions": [{"start": 0, "end": 12}]}',
        b'{"decision": "modify", "redactions": [{"start": 3, "end": 3}]}',
        b'{"decision": "modify", "redactions": [{"start": -1, "end": 3}]}',
        b'{"decision": "modify", "redactions": [{"text": 2, "start": 0, "end": 1}]}',
        b'{"decision": "approve", "reason": "' + b"x" * MOST_REPLY_BYTES + b'"}',
        b'{"decision": "modify", "redactions": [' + b",".join([b'{"start":0,"end":1}'] * 1_001) + b"]}",
    ],
)
def test_a_reply_that_is_none_is_a_failure(raw: bytes) -> None:
    with pytest.raises(BadReply):
        webhook_finding(raw, SHOWN)


@given(st.binary(max_size=200))
def test_no_bytes_are_more_than_a_reply_or_a_bad_one(raw: bytes) -> None:
    try:
        webhook_finding(raw, SHOWN)
    except BadReply as bad:
        assert len(str(bad)) < 80


GUARD = hook("model_classifier", model="guard/llama-guard")


@pytest.mark.parametrize(
    ("answer", "categories", "rule"),
    [
        ("safe", (), ""),
        ("\n\nSafe.", (), ""),
        ("unsafe\nS1,S9", (), "S1,S9"),
        ("unsafe", (), "unsafe"),
        ("unsafe\nS1", ("S9",), ""),
        ("unsafe\nS1, S9", ("S9",), "S9"),
        ("unsafe\nmy-password, violence", ("violence",), "violence"),
        ("unsafe\nmy-password", (), "unsafe"),
        ("unsafe\n", ("S9",), "unsafe"),
        ("**unsafe** because of 4111 1111", (), "unsafe"),
    ],
)
def test_a_verdict_is_its_first_word_and_its_categories(answer: str, categories: tuple[str, ...], rule: str) -> None:
    found = guard_finding(hook("model_classifier", model="guard/llama-guard", categories=categories), answer)
    assert (found == NOTHING) == (not rule)
    assert found.rule == rule


def test_a_model_that_talks_has_not_judged() -> None:
    with pytest.raises(BadReply):
        guard_finding(GUARD, "I think that this is unsafe")


@pytest.mark.parametrize("answer", ["Safe to say that this is dangerous", "safe, I think", "safely", "", "un safe"])
def test_a_verdict_has_a_line_of_its_own(answer: str) -> None:
    with pytest.raises(BadReply):
        guard_finding(GUARD, answer)


def verdict(*categories: str, flagged: bool = True) -> Verdict:
    return Verdict(flagged=flagged, categories={name: name in categories for name in ("hate", "violence", "sexual")})


@pytest.mark.parametrize(
    ("verdicts", "categories", "rule"),
    [
        ((verdict(flagged=False), verdict("violence")), (), "violence"),
        ((verdict(flagged=False),), (), ""),
        ((verdict(),), (), "unsafe"),
        ((verdict("violence"),), ("hate",), ""),
        ((verdict("violence", "hate"),), ("hate",), "hate"),
        ((verdict("hate", flagged=False),), ("hate",), "hate"),
    ],
)
def test_a_moderation_counts_by_its_categories(
    verdicts: tuple[Verdict, ...], categories: tuple[str, ...], rule: str
) -> None:
    found = moderation_finding(hook("model_classifier", model="m", categories=categories), verdicts)
    assert (found == NOTHING) == (not rule)
    assert found.rule == rule


def test_an_answer_is_shown_to_a_guard_model_as_what_the_assistant_said() -> None:
    shown = msgspec.structs.replace(SHOWN, stage="response")
    roles = [message["role"] for message in json.loads(guard_request(GUARD, shown))["messages"]]
    assert roles == ["user", "assistant"]


def test_a_guard_model_is_asked_about_every_text() -> None:
    body = json.loads(guard_request(GUARD, SHOWN))
    (message,) = body["messages"]
    assert all(text in message["content"] for text in SHOWN.texts)
    assert (body["model"], body["temperature"]) == ("guard/llama-guard", 0)
