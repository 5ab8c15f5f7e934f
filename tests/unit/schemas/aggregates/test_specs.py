"""What each spec refuses, in words for its author, and every problem at once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas.aggregates.catalogue import BY_NAME
from schemas.aggregates.decider import Create
from schemas.aggregates.model import Prices
from schemas.aggregates.policy import Policy, advice, binding_hooks
from schemas.aggregates.route import Target
from schemas.errors import InvalidRequest
from schemas.hooks.hook import Hook, HookOptions
from tests.golden.specs import SECRET
from tests.unit.schemas.aggregates.given import Story
from tests.unit.schemas.aggregates.test_decider import VALID

BAD: list[tuple[str, dict[str, Any], str]] = [
    ("tenant", {"parent": "acme-labs"}, "parent must be another tenant"),
    ("credential", {"sealed": msgspec.structs.replace(SECRET, nonce=b"short")}, "AES-256-GCM"),
    ("credential", {"sealed": msgspec.structs.replace(SECRET, ciphertext=b"0123456789abcdef")}, "AES-256-GCM"),
    ("provider", {"wire": "telex"}, "wire must be one of"),
    ("provider", {"base_url": "ftp://example.com/v1"}, "http or https"),
    ("provider", {"base_url": "https:///v1"}, "http or https"),
    ("provider", {"base_url": "https://user:word@example.com/v1"}, "must not carry credentials"),
    ("provider", {"base_url": "https://example.com/v1?key=1"}, "must not carry credentials"),
    ("provider", {"connect_timeout_ms": 0}, "connect_timeout_ms must be from 1"),
    ("provider", {"total_timeout_ms": 3_600_001}, "total_timeout_ms must be from 1"),
    ("provider", {"max_connections": 0}, "max_connections must be from 1"),
    ("model", {"id": "east"}, "account/name"),
    ("model", {"id": "east/"}, "account/name"),
    ("model", {"id": "east/two words"}, "account/name"),
    ("model", {"id": "EAST/gpt"}, "the account in id"),
    ("model", {"prices": Prices(input=-1, output=0)}, "prices.input"),
    ("model", {"prices": Prices(input=0, output=0, cached_input=10**13)}, "prices.cached_input"),
    ("model", {"max_output_tokens": 0}, "must be positive"),
    ("policy", {"overrides": {"pii.email": "shout"}}, "overrides.pii.email must be one of"),
    ("route", {"strategy": "guess"}, "strategy must be one of"),
    ("route", {"durability": "maybe"}, "durability must be one of"),
    ("route", {"on_log_failure": "drop"}, "on_log_failure must be one of"),
    ("route", {"placement": "elsewhere"}, "placement must be one of"),
    ("route", {"models": ()}, "models must name at least one"),
    ("route", {"models": ("gpt*4o",)}, "at the end only"),
    ("route", {"placement": "observe", "capture": False}, "observe needs capture"),
    ("route", {"max_attempts": 11}, "max_attempts must be from 1 to 10"),
    ("budget", {"scope": "galaxy"}, "scope must be one of"),
    ("budget", {"window": "fortnight"}, "window must be one of"),
    ("budget", {"scope": "tenant", "target": "key-1"}, "target must be given for every scope but tenant"),
    ("budget", {"scope": "key", "target": ""}, "target must be given for every scope but tenant"),
    ("budget", {"limit_micros": -1}, "limit_micros must be from 0"),
    ("budget", {"thresholds": (0,)}, "thresholds must be from 1"),
    ("siem-target", {"kind": "pigeon"}, "kind must be one of"),
    ("siem-target", {"kind": "file", "file": "../events"}, "plain file name"),
    ("siem-target", {"kind": "file", "file": ""}, "plain file name"),
    ("siem-target", {"url": "https://user:word@example.com"}, "must not carry credentials"),
    ("siem-target", {"url": ""}, "http or https URL"),
    ("siem-target", {"tenant": "acme"}, "only for targets of the tenant system"),
    ("hold", {"subject": "alice@example.com"}, "subject must be a pseudonym"),
    ("hold", {"subject": "sub_" + "0" * 31}, "subject must be a pseudonym"),
    ("hold", {"reason": " "}, "reason must have 1 to"),
    ("hold", {"reason": "x" * 501}, "reason must have 1 to"),
    ("retention", {"bodies_days": -1}, "bodies_days must be from 0"),
    ("retention", {"rows_days": 36_501}, "rows_days must be from 0"),
    ("kill", {"scope": "galaxy"}, "scope must be one of"),
    ("kill", {"target": ""}, "target must be given for route and key"),
    ("kill", {"scope": "tenant"}, "target must be given for route and key, and for nothing else"),
    ("kill", {"scope": "everything", "target": ""}, "scope everything is for the tenant system"),
    ("kill", {"tenant": "system"}, "scope everything is for the tenant system"),
    ("kill", {"reason": " "}, "reason must have 1 to"),
    ("passthrough", {"bypass": ()}, "bypass must name one or more"),
    ("passthrough", {"bypass": ("hooks", "hooks")}, "each once"),
    ("passthrough", {"bypass": ("walls",)}, "bypass must name one or more"),
    ("passthrough", {"scope": "key"}, "scope must be one of"),
    ("passthrough", {"scope": "everything"}, "target must be given for provider and route"),
    ("passthrough", {"tenant": "system"}, "name the tenant"),
    ("passthrough", {"reason": "nineteen characters"}, "reason must have 20"),
    ("passthrough", {"minutes": 481}, "minutes must be from 1 to 480"),
    ("passthrough", {"minutes": 0}, "minutes must be from 1 to 480"),
    ("passthrough", {"since_us": 0}, "since_us must be a time"),
    ("retention", {"tenant": "acme"}, "facts_days is only for the tenant system"),
]


@pytest.mark.parametrize(("name", "change", "words"), BAD, ids=[f"{name}-{words}" for name, _, words in BAD])
def test_a_bad_spec_is_refused_in_words(name: str, change: dict[str, Any], words: str) -> None:
    bad = msgspec.structs.replace(VALID[name], **change)
    Story(BY_NAME[name], ()).when(Create(bad)).then_refused(InvalidRequest, words)


def test_every_problem_is_told_at_once() -> None:
    bad = msgspec.structs.replace(VALID["route"], id="?", strategy="guess", models=(), max_attempts=0)
    Story(BY_NAME["route"], ()).when(Create(bad)).then_refused(
        InvalidRequest, "id must be", "strategy must be", "models must", "max_attempts must"
    )


def test_a_model_knows_the_parts_of_its_id() -> None:
    model = VALID["model"]
    assert (model.account, model.name, model.upstream_name) == ("east", "gpt-4o", "gpt-4o-2024-11-20")
    assert msgspec.structs.replace(model, upstream="").upstream_name == "gpt-4o"
    assert msgspec.structs.replace(model, id="east/org/name").name == "org/name"


def test_a_policy_tells_each_stage_what_it_needs() -> None:
    policy = msgspec.structs.replace(VALID["policy"], screen_requests=True)
    assert policy.screening("request").enabled
    assert not policy.screening("response").enabled
    assert policy.screening("request").overrides == {"pii.email": "redact"}
    assert policy.screening("request").disabled == frozenset({"pii.phone"})


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_specs_refuse_fields_they_do_not_have(name: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({"id": "x", "tenant": "t", "colour": "red"}, BY_NAME[name].spec)


def test_a_target_without_a_model_takes_the_requested_one() -> None:
    assert Target("east").model == ""


def test_a_policy_s_author_is_told_which_hooks_only_observe_streams() -> None:
    words = HookOptions(words=("falcon",))
    hook = Hook(id="words", kind="keyword_filter", stage="response", options=words)
    watching = msgspec.structs.replace(hook, id="watching", cap="flag")
    spec = Policy(id="p", tenant="t", hooks=(hook, watching))
    assert binding_hooks(spec) == [hook]
    (only,) = advice(spec)
    assert "words only observes streamed answers: under stop" in only
    (waits,) = advice(msgspec.structs.replace(spec, stream="hold"))
    assert "a stream waits for its end" in waits
    assert advice(msgspec.structs.replace(spec, stream="buffer")) == []
    assert advice(msgspec.structs.replace(spec, hooks=(watching,))) == []
