"""`nexus kill` and `nexus passthrough` against the real admin plane; what they stop is in the gateway's tests."""

from __future__ import annotations

import pytest

from ops.cli.main import run
from schemas.ids import SystemClock
from tests.unit.ops.cli.admin_fixture import Admin
from tests.unit.ops.cli.test_holds import TENANT, nexus

KEY = ("virtual-keys", {"id": "app"})
WHY = "the rules of last night block every order"


@pytest.mark.parametrize(
    ("argv", "tenant", "scope", "target"),
    [
        (("--key", "app"), "acme", "key", "app"),
        (("--tenant", "acme"), "acme", "tenant", ""),
        (("--everything",), "system", "everything", ""),
    ],
)
def test_a_kill_is_put_on_listed_and_taken_off(
    admin: Admin, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], tenant: str, scope: str, target: str
) -> None:
    admin.given(TENANT, KEY)
    made = nexus(admin, capsys, "kill", "on", *argv, "--reason", "it leaks")
    assert (made["tenant"], made["scope"], made["target"]) == (tenant, scope, target)
    assert admin.state("kill", tenant, made["id"]).reason == "it leaks"
    where = ("--tenant", tenant)
    (listed,) = nexus(admin, capsys, "kill", "ls", *where)["items"]
    assert listed == made
    assert nexus(admin, capsys, "kill", "off", made["id"], *where, "--reason", "mended")["off"] is True
    assert nexus(admin, capsys, "kill", "ls", *where) == {"items": []}


def test_a_passthrough_says_when_it_ends(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    admin.given(TENANT, KEY)
    before = SystemClock().now_us()
    argv = ("--bypass", "hooks,cache", "--everything", "--tenant", "acme", "--for", "4h", "--reason", WHY)
    made = nexus(admin, capsys, "passthrough", "on", *argv)
    assert made["bypass"] == ["hooks", "cache"] and made["minutes"] == 240
    assert before <= made["since_us"] <= SystemClock().now_us()
    assert made["until_us"] == made["since_us"] + 4 * 3_600_000_000
    (listed,) = nexus(admin, capsys, "passthrough", "ls")["items"]
    assert listed["on"] is True and listed["id"] == made["id"]
    assert nexus(admin, capsys, "passthrough", "off", made["id"])["off"] is True


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("kill", "on", "--reason", "x"), "name what to stop"),
        (("kill", "on", "--key", "app", "--everything", "--reason", "x"), "name what to stop"),
        (("kill", "on", "--key", "aap", "--reason", "x"), "nearest: app"),
        (("passthrough", "on", "--bypass", "hooks", "--reason", WHY), "name what may go around"),
        (("passthrough", "on", "--bypass", "hooks", "--everything", "--for", "9h", "--reason", WHY), "from 1 to 480"),
        (("passthrough", "on", "--bypass", "hooks", "--everything", "--for", "soon", "--reason", WHY), "30m or 4h"),
        (("passthrough", "on", "--bypass", "hooks", "--everything", "--reason", "too short"), "20 to 500"),
        (("passthrough", "on", "--bypass", "walls", "--everything", "--reason", WHY), "one or more of hooks"),
    ],
)
def test_what_is_not_clear_changes_nothing(
    admin: Admin, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], says: str
) -> None:
    admin.given(TENANT, KEY)
    before = len(admin.plane.log.messages)
    assert run([*argv, "--data", str(admin.data)]) != 0
    assert says in capsys.readouterr().err
    assert len(admin.plane.log.messages) == before
