"""Header rules: each action, their order, and what no rule can send on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.aggregates.header_rules import ACTIONS, HeaderRule, apply_rules, never_sent_on, problems_of_rules

SECRETS = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "x-nexus-virtual-key",
           "x-provider-api-key", "Proxy-Authorization")  # fmt: skip
ASKED = {
    **{name.lower(): "secret" for name in SECRETS},
    "host": "nexus",
    "content-length": "7",
    "transfer-encoding": "chunked",
    "x-team": "blue",
    "x-trace": "1",
    "anthropic-beta": "a",
}


def made(*rules: HeaderRule) -> dict[str, str]:
    assert problems_of_rules(rules) == []
    return dict(apply_rules(rules, ASKED))


def test_forward() -> None:
    assert made(HeaderRule(action="forward", name="X-Team")) == {"x-team": "blue"}
    assert made(HeaderRule(action="forward", name="x-absent")) == {}
    assert made(HeaderRule(action="forward", name="x-absent", value="none")) == {"x-absent": "none"}
    assert made(HeaderRule(action="forward", name="x-team", value="none", to="x-group")) == {"x-group": "blue"}
    assert made(HeaderRule(action="forward", pattern="x-t.*")) == {"x-team": "blue", "x-trace": "1"}


def test_the_rules_are_taken_in_order() -> None:
    forward = HeaderRule(action="forward", pattern="x-.*|anthropic-.*")
    assert made(forward, HeaderRule(action="remove", name="x-team")) == {"x-trace": "1", "anthropic-beta": "a"}
    assert made(HeaderRule(action="remove", name="x-team"), forward)["x-team"] == "blue"
    assert made(forward, HeaderRule(action="remove", pattern="x-.*")) == {"anthropic-beta": "a"}
    assert made(forward, HeaderRule(action="insert", name="x-team", value="red"))["x-team"] == "red"
    twice = made(forward, HeaderRule(action="rename_duplicate", name="x-team", to="x-group"))
    assert (twice["x-team"], twice["x-group"]) == ("blue", "blue")


def test_a_pattern_for_everything_sends_no_secret_and_nothing_about_the_connection() -> None:
    assert set(made(HeaderRule(action="forward", pattern=".*"))) == {"x-team", "x-trace", "anthropic-beta"}


@pytest.mark.parametrize("name", [*SECRETS, "Host", "content-type", "connection", "te", "x-nexus-request-id"])
def test_what_can_never_be_sent_on_is_refused_by_name(name: str) -> None:
    assert problems_of_rules((HeaderRule(action="forward", name=name),))
    assert problems_of_rules((HeaderRule(action="insert", name=name, value="x"),))
    assert problems_of_rules((HeaderRule(action="forward", name="x-a", to=name),))
    assert problems_of_rules((HeaderRule(action="rename_duplicate", name=name, to="x-a"),))


@pytest.mark.parametrize(
    "rule",
    [
        HeaderRule(action="copy", name="x"),
        HeaderRule(action="insert", name="x y", value="1"),
        HeaderRule(action="insert", name="x", value="a\r\nb: c"),
        HeaderRule(action="forward", pattern="(a)\\1"),
        HeaderRule(action="insert", name="x", pattern="x"),
        HeaderRule(action="forward"),
        HeaderRule(action="rename_duplicate", name="x"),
        HeaderRule(action="remove", name="x", to="y"),
    ],
)
def test_rules_that_mean_nothing_are_refused(rule: HeaderRule) -> None:
    assert problems_of_rules((rule,))


@given(
    st.lists(
        st.builds(
            HeaderRule,
            action=st.sampled_from(ACTIONS),
            name=st.sampled_from(["", "x-team", *SECRETS, "host"]),
            pattern=st.sampled_from(["", ".*", "x-.*"]),
            value=st.sampled_from(["", "v"]),
            to=st.sampled_from(["", "x-b", "cookie"]),
        ),
        max_size=4,
    )
)
def test_no_rules_whatever_send_a_secret(rules: list[HeaderRule]) -> None:
    sent = apply_rules(rules, ASKED)
    assert not [name for name, _ in sent if never_sent_on(name)]
    if not problems_of_rules(tuple(rules)):
        assert "secret" not in [value for _, value in sent]


def test_a_line_end_in_a_value_begins_no_other_header() -> None:
    rule = HeaderRule(action="forward", name="x-team")
    assert apply_rules([rule], {"x-team": "a\r\nauthorization: b"}) == []
