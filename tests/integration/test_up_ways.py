"""Other ways to start and end: detached, with a file, parts of it, interrupted, forced, and what cannot be started."""

from __future__ import annotations

import json
import re
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from ops.cli.main import run
from ops.stack import procfs
from ops.stack.supervisor import holder
from tests.nexus_fixture import RunningNexus, command, send
from tests.waiting import until_sync

QUESTION = [{"role": "user", "content": "Say something."}]
FREE = ("--gateway-port", "0", "--admin-port", "0")
CONFIG = """
[[tenants]]
id = "acme"

[[credentials]]
id = "mock"
secret = "sk-mock"

[[providers]]
id = "mock"
credential = "mock"
base_url = "{{ env.PROVIDER_URL }}"

[[models]]
id = "mock/slow"
upstream = "gpt-4o+delay-60s"

[[routes]]
id = "default"

[[virtual-keys]]
id = "app"
"""


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data directory on which nothing runs any more when the test has ended."""
    path = tmp_path / "data"
    yield path
    command("down", "--data", str(path))


def test_detached_it_hands_the_key_to_the_terminal_only(data: Path) -> None:
    done = command("up", "--detach", "--data", str(data), *FREE)
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    match = re.fullmatch(r"virtual key: (nvk_[0-9a-f]{64})", first)
    ready = re.fullmatch(r"ready gateway=(http://127\.0\.0\.1:\d+) admin=(http://127\.0\.0\.1:\d+)", last)
    assert match and ready
    answer = openai.OpenAI(base_url=f"{ready[1]}/v1", api_key=match[1], max_retries=0).chat.completions.create(
        model="gpt-4o",
        messages=QUESTION,  # type: ignore[arg-type]
    )
    assert answer.usage and answer.usage.total_tokens
    log = (data / "logs" / "nexus.log").read_text()
    assert "serves after" in log and match[1] not in log
    assert [path for path in data.rglob("*") if path.is_file() and match[1].encode() in path.read_bytes()] == []
    again = command("up", "--detach", "--data", str(data), *FREE)
    assert again.returncode == 1
    assert "is in use by process" in again.stderr and str(data / "logs" / "nexus.log") in again.stderr
    pids = [row["pid"] for row in json.loads(status(data))["processes"]]
    ended = command("down", "--data", str(data), "--output", "json")
    assert (ended.returncode, set(json.loads(ended.stdout))) == (0, {"stopped", "seconds"})
    assert not any(procfs.is_alive(pid) for pid in pids)
    assert command("down", "--data", str(data)).returncode == 5
    resumed = command("up", "--detach", "--data", str(data), "--output", "json")
    assert json.loads(resumed.stdout) == {"ready": True, "gateway": ready[1], "admin": ready[2]}


def status(data: Path) -> str:
    return str(command("status", "--data", str(data), "--output", "json").stdout)


@pytest.fixture
def configured(tmp_path: Path) -> Iterator[RunningNexus]:
    """A Nexus started with a configuration file, whose provider takes a minute for an answer."""
    file = tmp_path / "config.toml"
    file.write_text(CONFIG)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        unused = probe.getsockname()[1]
    running = RunningNexus(
        tmp_path / "data", "--config", str(file), extra={"PROVIDER_URL": f"http://127.0.0.1:{unused}/v1"}
    )
    running.start()
    mock = f"{running.endpoints['mock']}/v1"
    assert running.admin("PATCH", "/providers/mock?tenant=acme", {"base_url": mock}).status == 200
    yield running
    if running.running:
        running.stop()


def test_a_file_takes_the_place_of_the_demo_and_a_second_ctrl_c_ends_at_once(configured: RunningNexus) -> None:
    assert configured.announced["virtual_keys"] == [{"tenant": "acme", "id": "app", "key": configured.key}]
    assert [tenant["id"] for tenant in configured.admin("GET", "/tenants").body["data"]] == ["acme"]
    client = configured.client(timeout=90)
    left: list[Exception] = []

    def ask() -> None:
        try:
            client.chat.completions.create(model="slow", messages=QUESTION)  # type: ignore[arg-type]
        except openai.OpenAIError as error:
            left.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    until_sync(lambda: send("GET", f"{configured.gateway}/ready").body["open_requests"] == 1, "a request is under way")
    pids = configured.pids()
    configured.process.send_signal(signal.SIGINT)
    until_sync(lambda: "Ctrl-C again" in configured.words(), "it stops in order")
    assert configured.processes()["gateway"]["state"] == "stopping"
    configured.process.send_signal(signal.SIGINT)
    assert configured.ended() == 130
    until_sync(lambda: not any(procfs.is_alive(pid) for pid in pids.values()), "everything ends at once")
    asking.join(30)
    assert isinstance(left[0], openai.APIError)
    configured.start()
    assert "virtual_keys" not in configured.announced
    assert {row["state"] for row in configured.processes().values()} == {"ready"}


def test_a_broken_file_starts_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[[tenant]]\nid = "acme"\n')
    done = command("up", "--data", str(tmp_path / "data"), *FREE, "--config", str(file))
    assert done.returncode == 2
    assert "tenant is no collection" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_file_that_is_refused_ends_the_start_and_still_shows_its_keys(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    # references are known to the admin plane only; virtual keys come before routes
    file.write_text(
        '[[tenants]]\nid = "acme"\n[[virtual-keys]]\nid = "app"\n[[routes]]\nid = "default"\npolicy = "none"\n'
    )
    done = command("up", "--detach", "--data", str(data), *FREE, "--config", str(file))
    assert done.returncode == 1
    assert "routes[0] (default) was not applied" in done.stderr
    match = re.fullmatch(r"virtual key of acme/app: (nvk_[0-9a-f]{64})", done.stdout.strip())
    assert match and match[1] not in (data / "logs" / "nexus.log").read_text()
    assert command("status", "--data", str(data)).returncode == 5


def test_ctrl_c_before_it_serves_leaves_nothing_behind(tmp_path: Path) -> None:
    one = RunningNexus(tmp_path / "data")
    one.spawn()
    until_sync((one.data / "run" / "nats.pid").exists, "the first service was started")
    pids = [int(path.read_text().split()[0]) for path in (one.data / "run").glob("*.pid")]
    assert one.stop() == 130
    assert "stopped before it served" in one.words()
    assert not any(procfs.is_alive(pid) for pid in pids)
    assert list((one.data / "run").glob("*.pid")) == []
    one.start()
    assert one.key and one.stop(signal.SIGTERM) == 0


def test_the_stack_alone(data: Path) -> None:
    done = command("up", "--detach", "--data", str(data), "--only", "stack")
    assert done.stdout == f"ready stack endpoints={data / 'endpoints.json'}\n"
    endpoints = json.loads((data / "endpoints.json").read_text())
    assert sorted(endpoints) == ["clickhouse", "nats", "postgres", "postgres_admin", "valkey"]
    names = {row["name"] for row in json.loads(status(data))["processes"]}
    assert names == {"nats", "postgres", "valkey", "clickhouse", "supervisor"}


def test_some_processes_on_services_that_run_elsewhere(data: Path, tmp_path: Path) -> None:
    assert command("up", "--detach", "--data", str(data), "--only", "stack").returncode == 0
    urls = json.loads((data / "endpoints.json").read_text())
    extra = {f"NEXUS_{name.upper()}_URL": urls[name] for name in ("nats", "postgres", "clickhouse", "valkey")}
    other = RunningNexus(tmp_path / "other", "--processes", "gateway,admin,audit", extra=extra)
    try:
        other.start()
        assert sorted(other.processes()) == ["admin", "audit", "gateway", "supervisor"]
        assert {name: other.endpoints[name] for name in urls if name != "postgres_admin"} == {
            name: url for name, url in urls.items() if name != "postgres_admin"
        }
        assert other.admin("GET", "/tenants/demo").status == 200
        assert {"mock/gpt-4o", "mock/gpt-4o-mini"} <= {model.id for model in other.client().models.list()}
    finally:
        assert other.stop() == 0


@pytest.mark.parametrize("name", ["gateway", "admin"])
def test_a_port_in_use_is_named_with_the_way_out(name: str, tmp_path: Path) -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        port = str(somebody.getsockname()[1])
        ports = {"gateway": "0", "admin": "0", name: port}
        done = command(
            *("up", "--data", str(tmp_path / "data")),
            *("--gateway-port", ports["gateway"], "--admin-port", ports["admin"]),
        )
    assert done.returncode == 1
    assert f"port {port} of the {name} is in use" in done.stderr and f"--{name}-port N" in done.stderr
    assert command("status", "--data", str(tmp_path / "data")).returncode == 5


def test_a_service_that_does_not_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ops.stack.stack.EXTERNAL_TIMEOUT", 0.5)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refused for sure
        monkeypatch.setenv("NEXUS_VALKEY_URL", f"valkey://:hush@127.0.0.1:{nobody.getsockname()[1]}/0")
        assert run(["up", "--data", str(tmp_path / "data"), *FREE]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "valkey did not answer" in told.err and "hush" not in told.err
    assert not list((tmp_path / "data" / "run").glob("*.pid"))
    assert holder(tmp_path / "data") is None


def test_a_wrong_environment_is_told_at_once(tmp_path: Path) -> None:
    done = command("up", "--data", str(tmp_path / "data"), extra={"NEXUS_PARTITION": "3", "NEXUS_REPLICAS": "one"})
    assert done.returncode == 2
    assert "NEXUS_PARTITION is not a setting" in done.stderr and "NEXUS_REPLICAS must be int" in done.stderr
