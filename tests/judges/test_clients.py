"""Official clients over the gateway: in every protocol, over every kind of provider. The matrix of the README."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.gateway.town import House, Town
from tests.judges.courts import VECTORS, Orders, names_of, sit
from tests.judges.environment import NODE
from tests.judges.judging import DONE, DROPPED
from tests.judges.known import ASKED, PROTOCOLS, expected
from tests.judges.matrix import row

SOME = names_of(("openai", "anthropic", "gemini"))
VECTORISTS = dict.fromkeys(("openai", "gemini"), VECTORS)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_each_feature_over_each_provider_is_done_or_the_caller_is_told(
    judge_python: Path, town: Town, judged: House, protocol: str
) -> None:
    found = row(judge_python, town, judged, protocol)
    other = {
        (account, each.feature): (each.mark, each.reason)
        for account, verdicts in found.items()
        for each in verdicts.values()
        if each.mark != expected(protocol, each.account, each.feature)
    }
    assert other == {}
    assert {feature for verdicts in found.values() for feature in verdicts} == set(ASKED[protocol])


def test_langchain_is_served(judge_python: Path, town: Town, judged: House) -> None:
    orders = Orders(town.url + "/llm/openai/v1", judged.key, SOME, True, "", VECTORISTS)
    found = sit([judge_python, "-W", "ignore", "langchain_chat.py"], orders)
    assert [each for each in found if each.mark != DONE] == []


def test_llamaindex_is_served(llamaindex_python: Path, town: Town, judged: House) -> None:
    orders = Orders(town.url + "/llm/openai/v1", judged.key, SOME, True, "", VECTORISTS)
    found = sit([llamaindex_python, "-W", "ignore", "llamaindex_chat.py"], orders)
    assert [each for each in found if each.mark != DONE] == []


@pytest.mark.parametrize(("agent", "path"), [("claude code", "/llm/anthropic"), ("codex", "/llm/v1")])
def test_clients_that_write_code_are_served(
    judge_python: Path, town: Town, judged: House, agent: str, path: str
) -> None:
    orders = Orders(town.url + path, judged.key, SOME, True, agent)
    found = sit([judge_python, "-W", "ignore", "coding_agents.py"], orders)
    assert [each for each in found if each.mark != DONE] == []


def test_mistrals_client_is_served_as_one_of_openais_kind(judge_python: Path, town: Town, judged: House) -> None:
    # thoughts that another provider has not signed are not told it again; DeepSeek has no schemas
    lost = {("gemini", "reasoning"), ("deepseek", "structured")}
    accounts = names_of(("mistral", "openai", "anthropic", "gemini", "deepseek", "moonshot"))
    orders = Orders(town.url, judged.key, accounts, True, "", {"mistral": VECTORS})
    found = sit([judge_python, "-W", "ignore", "mistral_chat.py"], orders)
    assert {(each.account, each.feature) for each in found if each.mark == DROPPED} == lost
    assert [each for each in found if each.mark not in (DONE, DROPPED)] == []


def test_a_conversation_is_carried_on_at_any_other_provider(judge_python: Path, town: Town, judged: House) -> None:
    accounts = names_of(("openai", "anthropic", "gemini", "mistral", "deepseek"))
    found = sit([judge_python, "-W", "ignore", "carrying_on.py"], Orders(town.url, judged.key, accounts, True))
    assert [each for each in found if each.mark != DONE] == []


def test_voyages_client_is_served_with_vectors(judge_python: Path, town: Town, judged: House) -> None:
    # a field of its own, `input_type`, passes to whoever speaks OpenAI's words, and OpenAI refuses it
    accounts = dict.fromkeys(("voyage", "cohere"), VECTORS)
    orders = Orders(town.url + "/v1", judged.key, accounts, True, features=("embeddings",))
    found = sit([judge_python, "-W", "ignore", "voyage_vectors.py"], orders)
    assert [each for each in found if each.mark != DONE] == []


@pytest.mark.parametrize(
    ("script", "path", "way"),
    [
        ("openai.mjs", "/llm/openai/v1", ""),
        ("anthropic.mjs", "/llm/anthropic", ""),
        ("vercel.mjs", "/llm/v1", ""),
        ("vercel.mjs", "/v1", "responses"),
    ],
)
def test_clients_in_node_are_served(
    judge_node: Path, tmp_path: Path, town: Town, judged: House, script: str, path: str, way: str
) -> None:
    # modules are looked for beside the script, wherever it is a link to
    for each in ("observing.mjs", script):
        shutil.copy(NODE / each, tmp_path)
    (tmp_path / "node_modules").symlink_to(judge_node / "node_modules")
    orders = Orders(town.url + path, judged.key, SOME, True, way, VECTORISTS)
    found = sit(["node", tmp_path / script], orders)
    assert [each for each in found if each.mark != DONE] == []
