"""How each form of a list is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingress.discovery.reading import MOST_BYTES, BadList, list_of, path_of, read_page
from schemas.aggregates.model_list import MAX_MODELS, Listed
from schemas.aggregates.provider import Provider
from schemas.listings import ANTHROPIC, BEDROCK, GEMINI, PLAIN, plain
from schemas.prices.catalogue import known_price


def raw(value: Any) -> bytes:
    return json.dumps(value).encode()


def account(**fields: Any) -> Provider:
    return Provider(**{"id": "a", "tenant": "t", "base_url": "http://h", **fields})


def test_names_and_limits_are_where_the_listing_says() -> None:
    page = read_page(
        GEMINI[0],
        raw(
            {
                "models": [{"name": "models/gemini-x", "inputTokenLimit": 9, "outputTokenLimit": 3}],
                "nextPageToken": "p2",
            }
        ),
    )
    assert page.models == (Listed(name="gemini-x", context_tokens=9, max_output_tokens=3),)
    assert path_of(GEMINI[0], "", page.token) == "/models?pageSize=1000&pageToken=p2"


@pytest.mark.parametrize(("more", "token"), [(True, "m2"), (False, "")])
def test_a_token_on_the_last_page_leads_nowhere_where_another_field_says_whether_there_are_more(
    more: bool, token: str
) -> None:
    told = {"data": [{"id": "m1"}, {"id": "m2"}], "has_more": more, "last_id": "m2"}
    assert read_page(ANTHROPIC[0], raw(told)).token == token


def test_a_token_cannot_change_the_path() -> None:
    assert path_of(BEDROCK[1], "", "a&b=c#/").endswith("&nextToken=a%26b%3Dc%23%2F")


def test_a_bare_list_is_one() -> None:
    assert [each.name for each in read_page(PLAIN[0], raw([{"id": "m"}])).models] == ["m"]


@pytest.mark.parametrize(
    "item",
    [{}, {"id": None}, {"id": ""}, {"id": "a b"}, {"id": "x" * 201}, {"id": "a\nb"}, {"id": 7}, "m", None, ["m"]],
)
def test_what_nobody_could_call_is_left_out(item: Any) -> None:
    assert [each.name for each in read_page(PLAIN[0], raw({"data": [item, {"id": "m"}]})).models] == ["m"]


@pytest.mark.parametrize("limit", [-1, 0, "9", 9.5, True, None, 10**12])
def test_a_limit_that_is_none_is_not_known(limit: Any) -> None:
    listing = plain(context="context_length")[0]
    (found,) = read_page(listing, raw({"data": [{"id": "m", "context_length": limit}]})).models
    assert found.context_tokens == 0


@pytest.mark.parametrize("answer", [b"", b"<html>", b"\xff", b"7", b'{"data": 7}', b'{"object": "list"}', b"[" * 9_999])
def test_what_is_no_list_is_told_without_being_quoted(answer: bytes) -> None:
    with pytest.raises(BadList) as told:
        read_page(PLAIN[0], answer)
    assert "html" not in str(told.value)


def test_an_account_has_what_its_filter_lets_through_in_order_and_once() -> None:
    found = list_of(
        account(model_filter="gpt-.*"), [Listed(name=name) for name in ("gpt-b", "o1", "gpt-a", "gpt-b")], 7
    )
    assert ([each.name for each in found.models], found.left_out, found.at_us) == (["gpt-a", "gpt-b"], 0, 7)


def test_what_is_too_much_is_counted() -> None:
    found = list_of(account(), [Listed(name=f"{number:05}") for number in range(MAX_MODELS + 3)], 7)
    assert (len(found.models), found.left_out) == (MAX_MODELS, 3)


def test_prices_are_those_of_the_catalogue_with_their_day_or_none() -> None:
    known, unknown = list_of(account(), [Listed(name="gpt-4o"), Listed(name="our-own")], 7).models
    entry = known_price("openai", "gpt-4o")
    assert entry is not None
    assert (known.prices, known.prices_from) == (entry.prices, f"{entry.source.title}, {entry.source.date}")
    assert (unknown.prices, unknown.prices_from) == (None, "")
    (compatible,) = list_of(account(wire="openai_compatible"), [Listed(name="gpt-4o")], 7).models
    assert compatible.prices is None


def test_what_is_too_large_is_no_list() -> None:
    with pytest.raises(BadList, match="too large"):
        read_page(PLAIN[0], b" " * MOST_BYTES + raw({"data": []}))
    with pytest.raises(BadList, match="next page"):
        read_page(GEMINI[0], raw({"models": [], "nextPageToken": "t" * 5_000}))
