"""`nexus whatif` on what a whole Nexus recorded: exact counts and money, one fact on the record, nothing touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.e2e.test_acceptance import SECRET, agreed, house, works
from tests.nexus_fixture import RunningNexus
from tests.waiting import until_sync

MAIL, CARD, PLAIN = "write to jane.doe@example.com", "pay with 4111 1111 1111 1111", "What is the weather like?"


class Town:
    """A tenant with twelve requests: who wrote what is known."""

    def __init__(self, nexus: RunningNexus, files: Path) -> None:
        self.nexus = nexus
        self.files = files
        self.key = house(nexus)
        found = nexus.admin("GET", "/virtual-keys").body["data"]
        (self.tenant,) = {one["tenant"] for one in found if one["prefix"] == self.key[:12]}
        # at first nobody looks for addresses
        self.put("/policies/default", {"overrides": {"email.address": "approve"}})
        self.mail = [self.ask(MAIL), self.ask(MAIL, stream=True), self.ask(MAIL, user="erased")]
        self.card = [self.ask(CARD), self.ask(CARD, stream=True)]
        self.blocked = [self.ask(SECRET), self.ask(f"my key {SECRET}")]
        self.plain = [self.ask(PLAIN, stream=bool(number % 2)) for number in range(5)]
        self.requests = [*self.mail, *self.card, *self.blocked, *self.plain]
        for request in self.requests:
            agreed(nexus, request)

    def ask(self, text: str, **fields: Any) -> str:
        """The id of a request."""
        raw = self.nexus.client(self.key).chat.completions.with_raw_response
        try:
            answer = raw.create(model="gpt-4o", messages=[{"role": "user", "content": text}], **fields)
        except openai.PermissionDeniedError as refusal:
            return refusal.response.headers["x-nexus-request-id"]
        if fields.get("stream"):
            assert [chunk for chunk in answer.parse()]
        return str(answer.headers["x-nexus-request-id"])

    def put(self, path: str, body: dict[str, Any]) -> None:
        identifier = path.rpartition("/")[2]
        made = self.nexus.admin("PUT", f"{path}?tenant={self.tenant}", {"id": identifier, **body})
        assert made.status in (200, 201), made.body
        # CONFIG is folded in order: when a later key is in force, so is this
        later = self.nexus.admin("POST", "/virtual-keys", {"tenant": self.tenant}).body["key"]
        until_sync(lambda: works(self.nexus, later), "the gateway has it")

    def whatif(self, **candidate: dict[str, Any]) -> dict[str, Any]:
        done = self.run(**candidate)
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def run(self, *more: str, **candidate: Any) -> Any:
        argv = []
        for option, content in candidate.items():
            path = self.files / f"{option}.json"
            path.write_text(json.dumps(content))
            argv += [f"--{option}", str(path)]
        span = ("--from", self.requests[0], "--to", "0s", "--tenant", self.tenant)
        return self.nexus.command("whatif", *argv, *span, "--output", "json", *more)

    def standing(self) -> list[Any]:
        """What whoever only asks must leave alone: facts of requests and of configuration, and of money."""

        def facts(stream: str, *more: str) -> str:
            return str(self.nexus.command("tail", "--stream", stream, "--output", "json", *more).stdout)

        return [facts("TRAFFIC", "--tenant", self.tenant), facts("CONFIG"), facts("LEDGER")]

    def acts(self) -> list[str]:
        tail = self.nexus.command("tail", "--stream", "OPS", "--type", "operator.acted", "--output", "json").stdout
        return [json.loads(line)["data"]["detail"] for line in tail.splitlines() if self.tenant in line]


@pytest.fixture(scope="module")
def town(nexus: RunningNexus, tmp_path_factory: pytest.TempPathFactory) -> Town:
    return Town(nexus, tmp_path_factory.mktemp("candidates"))


def ids(told: dict[str, Any]) -> list[str]:
    return sorted(example["id"] for example in told["examples"])


def test_what_is_in_force_changes_nothing_and_reads_nothing(town: Town) -> None:
    told = town.whatif(
        policy={"id": "default", "overrides": {"email.address": "approve"}},
        route={"id": "default"},
        prices={"id": "mock/gpt-4o", "prices": {"input": 2_500_000, "output": 10_000_000}},
    )
    assert (told["requests"], told["changed"], told["examples"], told["rerouted"]) == (12, 0, [], [])
    assert (told["bodies"]["needed"], told["cost"]["difference_micros"], told["cost_unknown"]) == (0, 0, 0)
    assert told["cost"]["recorded_micros"] == told["cost"]["candidate_micros"] > 0
    assert town.acts() == []


def test_what_stands_in_the_facts_needs_no_body(town: Town) -> None:
    strict = {"email.address": "approve", "payment-card.number": "block"}
    told = town.whatif(policy={"id": "default", "overrides": strict})
    assert (told["changed"], told["kinds"]["blocked"], told["bodies"]["needed"]) == (2, 2, 0)
    assert ids(told) == sorted(town.card)
    assert told["cost"]["difference_micros"] == -sum(agreed(town.nexus, one)[8] for one in town.card)
    loose = {"email.address": "approve", "payment-card.number": "approve"}
    assert town.whatif(policy={"id": "default", "overrides": loose})["kinds"]["passed"] == 2
    assert town.acts() == []


def test_another_rate_of_a_key_refuses_who_came_too_often(town: Town) -> None:
    (key,) = {
        one["id"] for one in town.nexus.admin("GET", "/virtual-keys").body["data"] if one["prefix"] == town.key[:12]
    }
    told = town.whatif(key={"id": key, "requests_per_minute": 1})
    (line,) = told["rates"]
    assert (line["key"], line["requests"], line["refused"]) == (key, 12, told["kinds"]["over_rate"])
    assert told["changed"] == line["refused"] > 0 > told["cost"]["difference_micros"]
    assert any("full buckets" in limit for limit in told["limits"])
    assert town.whatif(key={"id": key, "requests_per_minute": 0})["changed"] == 0
    unknown = town.run(key={"id": "nobody", "requests_per_minute": 1})
    assert unknown.returncode == 2 and "there is no such key" in unknown.stderr
    unsaid = town.run(key={"id": key, "name": "another name"})
    assert unsaid.returncode == 2 and "requests_per_minute is missing" in unsaid.stderr
    assert town.acts() == []


def test_a_block_that_would_pass(town: Town) -> None:
    off = town.whatif(policy={"id": "default", "screen_requests": False, "screen_responses": False})
    assert off["kinds"]["passed"] == len(town.card) + len(town.blocked)
    assert off["cost_unknown"] == len(town.blocked)


def test_another_route_and_other_prices(town: Town) -> None:
    town.put("/providers/other", {"base_url": "http://127.0.0.1:9/v1"})
    # a model's id has a slash: it is made by its collection
    made = town.nexus.admin(
        "POST", "/models", {"id": "other/gpt-4o", "tenant": town.tenant, "prices": {"input": 0, "output": 0}}
    )
    assert made.status == 201, made.body
    route = {"id": "default", "targets": [{"account": "other"}, {"account": "mock"}], "strategy": "fallback"}
    answered = len(town.requests) - len(town.blocked)
    told = town.whatif(route=route)
    assert told["rerouted"] == [{"from": "mock/gpt-4o", "to": "other/gpt-4o", "requests": answered}]
    assert told["cost"]["candidate_micros"] == 0 < told["cost"]["recorded_micros"]
    doubled = town.whatif(prices={"id": "mock/gpt-4o", "prices": {"input": 5_000_000, "output": 20_000_000}})
    assert doubled["kinds"] == dict.fromkeys(doubled["kinds"], 0)
    recorded, candidate = doubled["cost"]["recorded_micros"], doubled["cost"]["candidate_micros"]
    assert abs(candidate - 2 * recorded) <= answered, "rounded once a request"
    (row,) = doubled["cost"]["by_model"]
    assert (row["tenant"], row["model"], row["requests"]) == (town.tenant, "mock/gpt-4o", answered)
    assert town.acts() == []


def test_a_budget_that_would_have_ended(town: Town) -> None:
    ample = town.whatif(budget={"id": "day", "window": "day", "limit_micros": 10**9})
    assert (ample["changed"], ample["budgets"]) == (0, [])
    half = ample["cost"]["recorded_micros"] // 2
    told = town.whatif(budget={"id": "day", "window": "day", "limit_micros": half})
    assert 0 < told["kinds"]["over_budget"] == told["changed"] == told["budgets"][0]["refused"]
    assert told["cost"]["candidate_micros"] <= told["budgets"][0]["spent_micros"] <= half
    assert any("as if the whole cost" in limit for limit in told["limits"])
    assert town.acts() == []


def test_bodies_are_opened_on_the_record_and_what_cannot_be_is_counted(town: Town) -> None:
    before = town.standing()
    told = town.whatif(policy={"id": "default", "overrides": {"email.address": "block"}})
    # of whom a rule looked at already the request is blocked all the same
    answered = len(town.requests) - len(town.blocked)
    assert (told["kinds"]["blocked"], told["not_judged"]["requests"]) == (len(town.mail), 0)
    assert ids(told) == sorted(town.mail)
    assert told["bodies"]["opened"] == told["bodies"]["needed"] == 2 * answered
    assert town.standing() == before
    (act,) = town.acts()
    assert f"{2 * answered} bodies" in act and "what-if of policy.json" in act
    example = told["examples"][0]
    assert example["command"] == f"nexus traffic get {example['id']}"
    shown = town.nexus.admin("GET", example["url"].partition("/api/admin")[2])
    assert (shown.status, example["url"].startswith("http://")) == (200, True)

    argv = ("erase", "--tenant", town.tenant, "--subject", "erased", "--reason", "asked for")
    assert town.nexus.command(*argv).returncode == 0
    done = town.run("--reason", "an audit", policy={"id": "default", "overrides": {"email.address": "block"}})
    told = json.loads(done.stdout)
    assert (told["kinds"]["blocked"], told["not_judged"]) == (len(town.mail) - 1, {"requests": 1, "erased": 1})
    assert town.mail[2] not in ids(told)
    assert any("reason: an audit" in one for one in town.acts())
    assert MAIL not in done.stdout + done.stderr and "jane.doe" not in json.dumps(told)


def test_a_limit_a_part_and_people(town: Town) -> None:
    candidate = {"id": "default", "overrides": {"payment-card.number": "block", "email.address": "approve"}}
    done = town.run("--limit", "4", policy=candidate)
    told = json.loads(done.stdout)
    assert (told["requests"], told["complete"], "limit was reached" in done.stderr) == (4, False, True)
    path = town.files / "policy.json"
    span = ("--from", town.card[0], "--to", town.card[-1], "--tenant", town.tenant)
    done = town.nexus.command("whatif", "--policy", str(path), *span)
    assert (done.returncode, "newly blocked" in done.stdout, town.card[0] in done.stdout) == (0, True, True)
    assert "segments/s" in done.stderr and "requests judged" in done.stderr
