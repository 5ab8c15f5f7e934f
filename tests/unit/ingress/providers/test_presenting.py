"""Which headers a call has."""

from __future__ import annotations

import pytest

from ingress.providers.presenting import headers_for
from schemas.aggregates.header_rules import HeaderRule
from schemas.wires import WIRES

WIRE = WIRES["anthropic"]
ASKED = {"anthropic-version": "2023-01-01", "anthropic-beta": "a,b", "x-api-key": "a caller's", "x-team": "red"}


def sent(
    rules: tuple[HeaderRule, ...] = (), asked: dict[str, str] = ASKED, passed: tuple[str, ...] = WIRE.passed
) -> dict[str, str]:
    headers = headers_for(WIRE, "id-1", (), rules, asked, passed)
    assert len(dict(headers)) == len(headers), "a header twice"
    return dict(headers)


def test_a_caller_of_the_same_protocol_says_which_version_and_what_it_tries_out() -> None:
    found = sent()
    assert (found["anthropic-version"], found["anthropic-beta"]) == ("2023-01-01", "a,b")
    assert "x-team" not in found and "x-api-key" not in found


def test_who_says_no_version_gets_the_one_that_is_known_to_work() -> None:
    assert sent(asked={})["anthropic-version"] == "2023-06-01"
    assert "anthropic-beta" not in sent(asked={})
    assert sent(passed=())["anthropic-version"] == "2023-06-01"


def test_an_operator_has_the_last_word() -> None:
    found = sent((HeaderRule(action="remove", pattern="anthropic-.*"),))
    assert found["anthropic-version"] == "2023-06-01" and "anthropic-beta" not in found
    assert sent((HeaderRule(action="insert", name="anthropic-beta", value="ours"),))["anthropic-beta"] == "ours"


@pytest.mark.parametrize("value", ["a\r\nx-api-key: b", "a\nb", "\0"])
def test_a_value_cannot_begin_another_header(value: str) -> None:
    assert "anthropic-beta" not in sent(asked={"anthropic-beta": value})


def test_only_one_kind_of_provider_has_such_headers_so_far() -> None:
    assert [name for name, wire in WIRES.items() if wire.passed] == ["anthropic"]
