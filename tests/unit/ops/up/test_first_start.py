"""The configuration of a start, against the real admin plane: made once, finished when interrupted, never twice."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from ops.cli.admin_client import AdminClient
from ops.cli.configuration import read_file
from ops.cli.exits import CommandFailed
from ops.up.first_start import Configured, Configuring, NotApplied, demo_items
from schemas.aggregates.virtual_key import Revoked
from tests.unit.ops.cli.admin_fixture import Admin

MOCK = "http://127.0.0.1:3062/v1"
MOVED = "http://127.0.0.1:4000/v1"


def configuring(admin: Admin, mock: str = MOCK) -> Configuring:
    key = (admin.data / "admin.key").read_text().strip()
    return Configuring(AdminClient(admin.url, key), stamp(admin), mock)


def stamp(admin: Admin) -> Path:
    return admin.data / "first-start.json"


def note(admin: Admin) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stamp(admin).read_text())
    return found


def started(admin: Admin, mock: str = MOCK) -> Configured:
    """A start that came to its end."""
    done = configuring(admin, mock).configure(None)
    done.finish()
    return done


def test_a_first_start_makes_the_demo_and_one_key(admin: Admin) -> None:
    work = configuring(admin)
    done = work.configure(None)
    assert work.position.startswith("CONFIG:")
    assert [(key.tenant, key.id) for key in done.keys] == [("demo", "demo")]
    assert done.keys[0].line == f"virtual key: {done.keys[0].key}"
    assert done.keys[0].key not in repr(done.keys)
    assert admin.state("virtual-key", "demo", "demo").prefix == done.keys[0].key[:12]
    assert admin.state("provider", "demo", "mock").base_url == MOCK
    assert note(admin)["state"] == "begun"
    done.finish()
    assert note(admin)["state"] == "done"
    assert stat.S_IMODE(stamp(admin).stat().st_mode) == 0o600
    assert done.keys[0].key not in stamp(admin).read_text()


def test_a_second_start_sends_nothing(admin: Admin) -> None:
    started(admin)
    before = [method for method, _, _ in admin.asked]
    work = configuring(admin)
    assert work.configure(None).keys == []
    assert work.position == ""
    assert [method for method, _, _ in admin.asked] == before


def test_a_key_that_nobody_may_have_seen_is_revoked_before_another_is_made(admin: Admin) -> None:
    unseen = configuring(admin).configure(None).keys[0]
    done = started(admin)
    assert isinstance(admin.state("virtual-key", "demo", unseen.id), Revoked)
    assert done.keys[0].id != unseen.id and done.keys[0].key != unseen.key
    assert admin.state("virtual-key", "demo", done.keys[0].id).prefix == done.keys[0].key[:12]
    assert started(admin).keys == []


def test_a_start_that_ended_before_it_made_a_key_is_finished_with_the_same_name(admin: Admin) -> None:
    admin.answers = [(200, {"data": []}), (404, {}), (503, {"error": {"message": "not now", "code": "unavailable"}})]
    with pytest.raises(CommandFailed, match="not now"):
        configuring(admin).configure(None)
    assert (note(admin)["state"], note(admin)["key"]) == ("begun", "demo")
    assert [key.id for key in started(admin).keys] == ["demo"]


def test_a_start_that_was_interrupted_twice_leaves_one_key_in_force(admin: Admin) -> None:
    first = configuring(admin).configure(None).keys[0]
    second = configuring(admin).configure(None).keys[0]
    third = started(admin).keys[0]
    states = [admin.state("virtual-key", "demo", key.id) for key in (first, second, third)]
    assert [isinstance(state, Revoked) for state in states] == [True, True, False]


def test_a_log_that_others_configured_is_left_alone(admin: Admin) -> None:
    admin.given(("tenants", {"id": "demo"}), ("virtual-keys", {"id": "demo", "tenant": "demo"}))
    assert started(admin).keys == []
    assert not isinstance(admin.state("virtual-key", "demo", "demo"), Revoked)
    assert admin.state("provider", "demo", "mock") is None
    assert note(admin) == {"state": "done", "made": "nothing"}
    assert started(admin).keys == []


def test_the_account_follows_the_mock_provider_to_another_port(admin: Admin) -> None:
    started(admin)
    work = configuring(admin, MOVED)
    work.configure(None).finish()
    assert work.position.startswith("CONFIG:")
    provider = admin.state("provider", "demo", "mock")
    assert (provider.base_url, provider.credential) == (MOVED, "mock")
    assert note(admin)["mock"] == MOVED and note(admin)["state"] == "done"


def test_an_account_that_somebody_changed_is_not_changed_back(admin: Admin) -> None:
    started(admin)
    key = (admin.data / "admin.key").read_text().strip()
    change = {"base_url": "https://api.example.com/v1"}
    AdminClient(admin.url, key).call("PATCH", "/providers/mock", query={"tenant": "demo"}, body=change)
    started(admin, MOVED)
    assert admin.state("provider", "demo", "mock").base_url == change["base_url"]


def test_an_account_that_somebody_removed_stays_away(admin: Admin) -> None:
    started(admin)
    key = (admin.data / "admin.key").read_text().strip()
    client = AdminClient(admin.url, key)
    for path in ("/models/mock%2Fgpt-4o", "/models/mock%2Fgpt-4o-mini", "/providers/mock"):
        client.call("DELETE", path, query={"tenant": "demo"})
    started(admin, MOVED)
    assert admin.state("provider", "demo", "mock") is None


FILE = '[[tenants]]\nid = "acme"\n[[virtual-keys]]\nid = "app"\n[[routes]]\nid = "default"\npolicy = "{policy}"\n'


def test_a_file_takes_the_place_of_the_demo(admin: Admin) -> None:
    items = tuple(read_file("c.toml", FILE.format(policy="default"), {}))
    done = configuring(admin).configure(items)
    done.finish()
    assert [key.line for key in done.keys] == [f"virtual key of acme/app: {done.keys[0].key}"]
    assert admin.state("tenant", "demo", "demo") is None
    assert started(admin).keys == []
    assert admin.state("tenant", "demo", "demo") is None
    # the same file at the next start: all of it is in force already
    again = configuring(admin).configure(items)
    again.finish()
    assert again.keys == [] and note(admin) == {"state": "done", "made": "file"}


def test_what_is_refused_is_named_and_keys_made_before_are_not_lost(admin: Admin) -> None:
    items = tuple(read_file("c.toml", FILE.format(policy="strict"), {}))
    with pytest.raises(NotApplied, match=r"routes\[0\] \(default\) was not applied") as failure:
        configuring(admin).configure(items)
    assert [key.id for key in failure.value.keys] == ["app"]
    assert failure.value.keys[0].key not in str(failure.value)
    assert not stamp(admin).exists()


def test_the_bundled_file_is_valid() -> None:
    assert [(item.collection, item.id) for item in demo_items(MOCK)] == [
        ("tenants", "demo"),
        ("credentials", "mock"),
        ("providers", "mock"),
        ("models", "mock/gpt-4o"),
        ("models", "mock/gpt-4o-mini"),
        ("routes", "default"),
        ("siem-targets", "file"),
    ]
