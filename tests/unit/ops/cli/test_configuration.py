"""A configuration file: everything that is wrong is told at once, with its place, and nothing secret with it."""

from __future__ import annotations

import pytest

from ops.cli.configuration import BadFile, Item, read_file
from schemas.aggregates.catalogue import DECIDERS

FULL = """
[[routes]]
id = "chat"
policy = "strict"
targets = [{ account = "east", model = "gpt-4o" }, { account = "west" }]

[[retentions]]
id = "standard"
bodies_days = 30
[[holds]]
id = 'case-7'
subject = 'sub_0123456789abcdef0123456789abcdef'
reason = 'a lawsuit'

[[kills]]
id = 'leak'
scope = 'key'
target = 'app'
reason = 'it leaks'

[[passthroughs]]
id = 'slow'
bypass = ['hooks']
minutes = 30
reason = 'the scanner blocks everything'

[[siem-targets]]
id = "soc"
kind = "http"
url = "https://siem.example.com/"
token = "{{ env.SIEM_TOKEN }}"

[[budgets]]
id = "month"
limit_micros = 25_000_000

[[policies]]
id = "strict"
overrides = { "pii.email" = "redact" }

[[rules]]
id = "secret.badge"
title = "Number of a badge"
patterns = ["ACME-[0-9]{6}"]
hits = ["ACME-104729", "ACME-000001", "ACME-999999"]
misses = ["ACME-1", "ACME", "104729"]

[[virtual-keys]]
id = "app"
models = ["gpt-4o*"]

[[models]]
id = "east/gpt-4o"
prices = { input = 2_500_000, output = 10_000_000 }

[[providers]]
id = "east"
base_url = "https://{{env.HOST}}:{{ env.PORT }}/v1"
credential = "main"

[[credentials]]
id = "main"
secret = "{{ env.SECRET }}"

[[tenants]]
id = "acme"
"""
ENVIRONMENT = {"SECRET": "sk-canary", "HOST": "api.example.com", "PORT": "8443", "SIEM_TOKEN": "tok-canary"}


def read(text: str, **environment: str) -> list[Item]:
    return read_file("nexus.toml", text, environment)


def problems(text: str, **environment: str) -> list[str]:
    with pytest.raises(BadFile) as caught:
        read(text, **environment)
    assert caught.value.code == 2
    assert str(caught.value).startswith("nexus.toml is not applied:\n")
    return caught.value.problems


def test_items_come_in_the_order_in_which_they_can_be_applied() -> None:
    items = read(FULL, **ENVIRONMENT)
    order = [decider.collection for decider in DECIDERS if decider.by_hand]
    assert [item.collection for item in items] == [name for name in order if name in {i.collection for i in items}]
    assert {item.collection for item in items} == set(order)


def test_parents_are_sent_before_their_children() -> None:
    tables = [("leaf", "middle"), ("middle", "root"), ("alone", "elsewhere"), ("root", "")]
    text = "\n".join(f'[[tenants]]\nid = "{name}"\nparent = "{parent}"' for name, parent in tables)
    order = [item.id for item in read(text)]
    assert order.index("root") < order.index("middle") < order.index("leaf")
    circle = '[[tenants]]\nid = "a"\nparent = "b"\n[[tenants]]\nid = "b"\nparent = "a"'
    assert {item.id for item in read(circle)} == {"a", "b"}


def test_variables_are_filled_in() -> None:
    bodies = {item.collection: item.body for item in read(FULL, **ENVIRONMENT)}
    assert bodies["credentials"]["secret"] == "sk-canary"
    assert bodies["providers"]["base_url"] == "https://api.example.com:8443/v1"
    assert bodies["siem-targets"]["token"] == "tok-canary"


def test_the_only_tenant_of_a_file_is_meant_by_all_its_tables() -> None:
    assert {item.tenant for item in read(FULL, **ENVIRONMENT) if item.collection != "tenants"} == {"acme"}
    two = '[[tenants]]\nid = "a"\n[[tenants]]\nid = "b"\n[[policies]]\nid = "p"\n[[policies]]\nid = "p"\ntenant = "b"'
    assert [(item.collection, item.tenant) for item in read(two)] == [
        ("tenants", ""),
        ("tenants", ""),
        ("policies", ""),
        ("policies", "b"),
    ]


def test_the_only_tenant_may_come_from_the_environment() -> None:
    text = '[[policies]]\nid = "p"\n[[tenants]]\nid = "{{ env.TENANT }}"'
    assert [item.tenant for item in read(text, TENANT="acme")] == ["", "acme"]


def test_all_problems_are_told_together_with_their_places() -> None:
    found = problems(
        """
        [[provider]]
        id = "x"
        [[providers]]
        id = "east"
        base_url = "ftp://example.com"
        credentials = "main"
        [[providers]]
        id = "west"
        base_url = "{{ env.WEST_URL }}"
        [[models]]
        id = "east/gpt-4o"
        prices = { inputs = 1, output = 2 }
        [[routes]]
        id = "chat"
        targets = [{ account = "east" }, { acount = "west" }]
        [[routes]]
        id = "Chat"
        strategy = "guess"
        [[budgets]]
        id = "month"
        limit_micros = "much"
        [[credentials]]
        id = "main"
        """
    )
    assert found == [
        "provider is no collection; did you mean providers?",
        "providers[0].credentials is no field; did you mean credential?",
        "providers[1].base_url: the environment variable WEST_URL is not set",
        "models[0].prices.inputs is no field; did you mean input?",
        "routes[0].targets[1].acount is no field; did you mean account?",
        "routes[1]: route: id must be 1 to 63 of a-z, 0-9, '_', '.', '-' and start with a letter or digit; "
        "strategy must be one of single, fallback",
        "budgets[0].limit_micros: Expected `int`, got `str`",
        'credentials[0].secret is missing; take it from the environment: secret = "{{ env.NAME }}"',
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[tenants]\n", "it is no TOML"),
        ("[tenants]\nid = 'a'", "tenants must be written as [[tenants]]"),
        ("tenants = ['a']", "tenants must be written as [[tenants]]"),
        ("tenants = 'a'", "tenants must be written as [[tenants]]"),
        ("[[tenants]]\nname = 'a'", "tenants[0].id is missing"),
        ("[[tenants]]\nid = 7", "tenants[0].id: Expected `str`, got `int`"),
        ("[[tenants]]\nid = '{{ HOME }}'", "tenants[0].id: between the braces must stand env."),
        ("[[tenants]]\nid = '{{ env.A B }}'", "tenants[0].id: between the braces must stand env."),
        ("[[tenants]]\nid = 'a'\ntenant = 'b'", "tenants[0].tenant is no field"),
        ("[[policies]]\nid = 'p'\ndisabled = ['{{ env.NO }}']", "policies[0].disabled[0]: the environment variable NO"),
        ("[[policies]]\nid = 'p'\n[[policies]]\nid = 'p'", "policies[1] has the id of policies[0]"),
        ("[[virtual-keys]]\nid = 'k'\nkey = 'nvk_short'", "virtual-keys[0].key must be nvk_ and 64 hex digits"),
        ("[[virtual-keys]]\nid = 'k'\nhash = 'x'", "virtual-keys[0].hash is no field"),
        ("[[virtual-keys]]\nid = 'k'\nexpires_us = -1", "must not be negative"),
        ("[[credentials]]\nid = 'c'\nsecret = 's'\nsealed = {}", "credentials[0].sealed is no field"),
        ("[[credentials]]\nid = 'c'\nsecret = 7", "credentials[0].secret must be a text"),
        ("[[siem-targets]]\nid = 's'\nfile = 'f'\ntoken = 7", "siem-targets[0].token must be a text"),
        ("[[siem-targets]]\nid = 's'\nfile = '../f'", "file must be a plain file name"),
        ("[[siem-targets]]\nid = 's'\nfile = 'f'\nall_tenants = true", "only for targets of the tenant system"),
    ],
)
def test_what_is_wrong_with_one_table(text: str, problem: str) -> None:
    found = problems(text)
    assert len(found) == 1
    assert found[0].startswith(problem) or problem in found[0]


def test_no_problem_quotes_a_secret() -> None:
    secret = "sk-canary-0123456789"
    text = """
    [[credentials]]
    id = "{{ env.SECRET }}"
    secret = "{{ env.SECRET }}"
    description = 5
    [[virtual-keys]]
    id = "k"
    key = "{{ env.SECRET }}"
    [[providers]]
    id = "p"
    base_url = "https://user:{{ env.SECRET }}@example.com"
    """
    assert len(problems(text, SECRET=secret)) == 3
    assert secret not in "\n".join(problems(text, SECRET=secret))


@pytest.mark.parametrize("field", ["allow_values", "disallow_values"])
def test_values_to_let_pass_stand_in_no_file(field: str) -> None:
    text = f"[[policies]]\nid = 'p'\n{field} = ['sk-in-the-clear', '{{{{ env.VALUE }}}}']\n"
    told = f"policies[0].{field}: no file may hold values in clear; let one pass with `nexus rules allow"
    for environment in ({}, {"VALUE": "4111 1111 1111 1111"}):
        found = "\n".join(problems(text, **environment))
        assert told in found
        assert "sk-in-the-clear" not in found and "4111" not in found


def test_what_stands_in_a_variable_is_not_filled_in_again() -> None:
    (item,) = read("[[tenants]]\nid = 'a'\nname = '{{ env.A }}'", A="{{ env.B }}", B="no")
    assert item.body["name"] == "{{ env.B }}"


def test_an_empty_file_has_no_items() -> None:
    assert read("") == read("# nothing yet") == []


def test_a_given_key_is_part_of_the_command() -> None:
    key = "nvk_" + "ab" * 32
    (item,) = read("[[virtual-keys]]\nid = 'k'\nkey = '{{ env.KEY }}'", KEY=key)
    assert item.body == {"id": "k", "key": key}
