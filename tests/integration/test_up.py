"""`nexus up` from the first start to the last Ctrl-C: what it announces, keeps, refuses and brings back."""

from __future__ import annotations

import contextlib
import json
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import openai
import pytest

from ops.stack import procfs
from tests.nexus_fixture import RunningNexus, command, send
from tests.waiting import until_sync

QUESTION = [{"role": "user", "content": "Say something."}]
SERVICES = ["nats", "postgres", "valkey", "clickhouse"]
OWN = ["gateway", "admin", "mock", "workers"]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNexus]:
    """A Nexus that the tests of this file stop, start and kill, one after the other."""
    running = RunningNexus(tmp_path_factory.mktemp("up") / "data with space")
    running.start()
    yield running
    running.stop()


def ask(nexus: RunningNexus, key: str = "", model: str = "gpt-4o") -> str:
    """One chat completion; the id of the request."""
    answer = nexus.client(key).chat.completions.with_raw_response.create(model=model, messages=QUESTION)  # type: ignore[arg-type]
    assert answer.parse().choices[0].message.content
    return answer.headers["x-nexus-request-id"]


def recorded(nexus: RunningNexus, request_id: str) -> bool:
    return nexus.admin("GET", f"/traffic/{request_id}").status == 200


def test_a_first_start_serves_and_says_how(own: RunningNexus) -> None:
    assert own.key.startswith("nvk_") and len(own.key) == 68
    assert own.announced["ready"] is True
    assert own.announced["virtual_keys"] == [{"tenant": "demo", "id": "demo", "key": own.key}]
    assert sorted(own.processes()) == sorted([*SERVICES, *OWN, "supervisor"])
    assert {row["state"] for row in own.processes().values()} == {"ready"}
    for url in (own.gateway, own.admin_url):
        assert urlsplit(url).hostname == "127.0.0.1"
        assert send("GET", f"{url}/ready").status == 200
    ready = send("GET", f"{own.gateway}/ready").body
    assert (ready["durable"], ready["reason"]) == (True, "")
    assert own.status()["durability"] == {"durable": True, "reason": ""}
    assert {"mock/gpt-4o", "mock/gpt-4o-mini"} <= {model.id for model in own.client().models.list()}
    assert ask(own) and ask(own, model="mock/gpt-4o-mini")


def test_the_demo_is_configured_as_promised(own: RunningNexus) -> None:
    def item(path: str, tenant: str = "demo") -> dict[str, object]:
        answer = own.admin("GET", f"{path}?tenant={tenant}")
        assert answer.status == 200, answer.body
        return dict(answer.body)

    provider = item("/providers/mock")
    assert (provider["wire"], provider["base_url"]) == ("openai", f"{own.endpoints['mock']}/v1")
    assert provider["credential"] == "mock"

    def prices(model: str) -> dict[str, object]:
        told = item(f"/models/mock%2F{model}")["prices"]
        assert isinstance(told, dict)
        return {name: value for name, value in told.items() if value}

    assert prices("gpt-4o") == {"input": 2_500_000, "output": 10_000_000, "cached_input": 1_250_000}
    assert prices("gpt-4o-mini") == {"input": 150_000, "output": 600_000, "cached_input": 75_000}
    assert item("/routes/default")["models"] == ["*"]
    target = item("/siem-targets/file", "system")
    assert (target["kind"], target["file"], target["all_tenants"]) == ("file", "events.ndjson", True)


def test_endpoints_and_keys_are_for_the_owner_only(own: RunningNexus) -> None:
    assert sorted(own.endpoints) == sorted([*SERVICES, "postgres_admin", "gateway", "admin", "mock", "siem_file"])
    for name in ("endpoints.json", "admin.key", "master.key", "first-start.json"):
        assert stat.S_IMODE((own.data / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(own.data.stat().st_mode) == 0o700


def files_with(secret: str, directory: Path) -> list[str]:
    assert any(path.is_file() for path in directory.rglob("*"))
    return [str(path) for path in directory.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


def test_the_virtual_key_is_in_no_file(own: RunningNexus) -> None:
    ask(own)
    assert files_with(own.key, own.data) == []
    assert own.key not in own.words()


def test_a_command_without_data_says_what_to_do(tmp_path: Path) -> None:
    for name in ("status", "down"):
        done = command(name, "--data", str(tmp_path / "none"))
        assert (done.returncode, done.stdout) == (5, "")
        assert "nothing runs" in done.stderr


def test_a_second_start_on_the_same_data_is_refused(own: RunningNexus) -> None:
    before = own.processes()
    done = own.command("up", "--gateway-port", "0", "--admin-port", "0")
    assert done.returncode == 1
    assert "is in use by process" in done.stderr
    after = own.processes()
    assert {name: row["pid"] for name, row in after.items()} == {name: row["pid"] for name, row in before.items()}


@pytest.mark.parametrize("name", ["gateway", "admin", "workers", "mock"])
def test_a_killed_process_comes_back_on_its_port(own: RunningNexus, name: str) -> None:
    pid = own.kill(name)
    until_sync(lambda: own.is_back(name, pid), f"{name} serves again")
    assert own.processes()[name]["restarts"] >= 1
    request = ask(own)
    until_sync(lambda: recorded(own, request), "a request is recorded as before")


def test_status_is_a_table_with_lags_and_notices_what_is_down(own: RunningNexus) -> None:
    until_sync(lambda: own.command("status").returncode == 0, "everything serves")
    done = own.command("status")
    lines = done.stdout.splitlines()
    assert lines[0].split()[:4] == ["NAME", "STATE", "PID", "RESTARTS"]
    assert {line.split()[0] for line in lines[1:] if line} >= {*SERVICES, *OWN, "supervisor"}
    assert "PROJECTION" in done.stdout
    assert all(row["rss_mb"] > 0 for row in own.processes().values())

    def told_while_it_dies() -> bool:
        # it may serve again before a slow machine has started the command that looks
        with contextlib.suppress(KeyError, ProcessLookupError):
            own.kill("clickhouse")
        return bool(own.command("status").returncode == 1)

    until_sync(told_while_it_dies, "the status says that something is down")
    until_sync(lambda: own.command("status").returncode == 0, "it comes back by itself")


def test_ctrl_c_ends_it_in_order_and_a_second_start_resumes(own: RunningNexus) -> None:
    request = ask(own)
    announced, pids = dict(own.announced), own.pids()
    assert own.stop() == 0
    assert [name for name, pid in pids.items() if procfs.is_alive(pid)] == []
    assert own.command("status").returncode == 5
    assert "was not properly shut down" not in (own.data / "logs" / "postgres.log").read_text()
    again = own.start()
    assert "virtual_key" not in again
    assert {name: again[name] for name in ("gateway", "admin")} == {
        name: announced[name] for name in ("gateway", "admin")
    }
    until_sync(lambda: recorded(own, request), "the request before the stop is still there")
    assert ask(own)


def test_ctrl_c_under_load_loses_nothing_that_was_answered(own: RunningNexus) -> None:
    answered: list[str] = []
    enough = threading.Event()

    def apply_load() -> None:
        client = own.client()
        try:
            while True:
                answer = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=QUESTION)  # type: ignore[arg-type]
                answered.append(answer.headers["x-nexus-request-id"])
                if len(answered) > 40:
                    enough.set()
        except openai.OpenAIError:
            enough.set()

    callers = [threading.Thread(target=apply_load) for _ in range(4)]
    for caller in callers:
        caller.start()
    assert enough.wait(60)
    assert own.stop() == 0
    for caller in callers:
        caller.join(60)
    assert len(answered) > 40
    own.start()
    until_sync(lambda: recorded(own, answered[-1]), "the last request is recorded")
    assert [request for request in answered if not recorded(own, request)] == []


def test_a_killed_supervisor_takes_everything_along_and_the_next_start_recovers(own: RunningNexus) -> None:
    request = ask(own)
    pids = own.pids()
    own.process.kill()
    own.ended()
    until_sync(lambda: not any(procfs.is_alive(pid) for pid in pids.values()), "all processes end")
    assert own.command("status").returncode == 5
    own.start()
    until_sync(lambda: recorded(own, request), "what was acknowledged is recorded")
    assert ask(own)


def test_an_interrupted_first_start_is_finished_and_revokes_the_key_nobody_may_have_seen(own: RunningNexus) -> None:
    first = own.key
    own.stop()
    stamp = own.data / "first-start.json"
    note = json.loads(stamp.read_text())
    stamp.write_text(json.dumps({**note, "state": "begun"}))
    own.start()
    assert own.key != first
    assert ask(own)
    with pytest.raises(openai.AuthenticationError):
        ask(own, key=first)
    third = own.key
    own.stop()
    assert "virtual_key" not in own.start()
    assert own.key == third and ask(own)
