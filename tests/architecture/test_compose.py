"""`compose.yaml` agrees with the code: modules, settings, health checks and the servers' own configuration."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml  # type: ignore[import-untyped]

from ops.stack import nats, valkey
from processors.beat import EVERY_S, beat_file
from schemas.settings import PREFIX, Settings, read_settings
from tests.architecture.source import PACKAGES, ROOT

PASSWORDS = ("NATS_PASSWORD", "POSTGRES_PASSWORD", "CLICKHOUSE_PASSWORD", "VALKEY_PASSWORD")
OURS = ("topology", "gateway", "admin", "workers", "mock")
SERVERS = ("nats", "postgres", "clickhouse", "valkey")
_VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::\?[^}]*)?\}")


def compose() -> dict[str, Any]:
    text = (ROOT / "compose.yaml").read_text()
    names = set(_VARIABLE.findall(text))
    assert names == set(PASSWORDS), "every password comes from outside, and nothing else does"
    # what Compose does before it reads the values
    found: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(lambda match: f"secret-{match[1].lower()}", text))
    return found


def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = compose()["services"][name]
    return found


def settings(name: str) -> Settings:
    return read_settings(service(name).get("environment", {}))


def test_all_servers_and_processes_are_there() -> None:
    assert sorted(compose()["services"]) == sorted([*OURS, *SERVERS])


@pytest.mark.parametrize("name", OURS)
def test_a_process_is_a_module_that_can_be_run(name: str) -> None:
    command = service(name)["command"]
    assert command[:2] == ["python", "-m"]
    spec = importlib.util.find_spec(command[2])
    assert spec is not None, command[2]
    if spec.submodule_search_locations:
        spec = importlib.util.find_spec(f"{command[2]}.__main__")
        assert spec is not None, f"{command[2]} has no __main__"
    assert spec.origin is not None
    source = Path(spec.origin).read_text()
    assert any(isinstance(node, ast.If) and "__main__" in ast.unparse(node.test) for node in ast.parse(source).body)


@pytest.mark.parametrize("name", [name for name in OURS if name != "mock"])
def test_its_settings_can_be_read_and_name_the_servers(name: str) -> None:
    found = settings(name)
    urls = {
        "nats": (found.nats_url, "nats", 4222),
        "postgres": (found.postgres_url, "postgresql", 5432),
        "clickhouse": (found.clickhouse_url, "http", 8123),
        "valkey": (found.valkey_url, "valkey", 6379),
    }
    for server, (url, scheme, port) in urls.items():
        parts = urlsplit(url)
        assert (parts.hostname, parts.scheme, parts.port) == (server, scheme, port)
        assert parts.password == f"secret-{server}_password"
    assert found.data_dir == "/data"
    assert {"data:/data"} <= set(service(name)["volumes"]), "the master key is there"


def test_an_unknown_setting_would_be_noticed() -> None:
    environment = {**service("gateway")["environment"], f"{PREFIX}GATEWAY_PROT": "1"}
    with pytest.raises(ValueError, match="GATEWAY_PROT"):
        read_settings(environment)


def test_every_writer_has_a_name_of_its_own() -> None:
    writers = [settings(name).writer for name in ("gateway", "admin", "workers")]
    assert all(writers) and len(set(writers)) == 3


@pytest.mark.parametrize(("name", "port"), [("gateway", 3050), ("admin", 3001)])
def test_what_callers_reach_is_published_on_this_machine_only_and_checked_where_it_listens(
    name: str, port: int
) -> None:
    found = settings(name)
    assert (getattr(found, f"{name}_port"), getattr(found, f"{name}_host")) == (port, "0.0.0.0")
    assert service(name)["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f"http://127.0.0.1:{port}/ready" in service(name)["healthcheck"]["test"][-1]


def test_the_servers_are_not_published() -> None:
    assert [name for name in (*SERVERS, "topology", "workers", "mock") if "ports" in service(name)] == []


def test_the_check_of_the_workers_looks_at_their_beat() -> None:
    check = service("workers")["healthcheck"]["test"][-1]
    assert repr(str(beat_file(settings("workers")))) in check
    allowed = float(check.rpartition(">")[2].strip(" )"))
    assert allowed >= 2 * EVERY_S


@pytest.mark.parametrize("name", [*OURS, *SERVERS])
def test_what_others_wait_for_has_a_health_check(name: str) -> None:
    for other, need in service(name).get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other == "topology" else "service_healthy"
        assert need == {"condition": wanted}
    assert name == "topology" or service(name)["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", ["gateway", "admin", "workers", "mock"])
def test_inline_checks_are_programs(name: str) -> None:
    program, flag, code = service(name)["healthcheck"]["test"][1:]
    assert (program, flag) == ("python", "-c")
    compile(code, name, "exec")


def test_the_log_is_set_up_as_the_embedded_one() -> None:
    embedded = nats.configuration(Path("/data"), 4222, "secret-nats_password", 8222)
    own = compose()["configs"]["nats"]["content"]
    for line in embedded.splitlines():
        stripped = line.strip()
        if not stripped.startswith(("listen:", "http:")):
            assert stripped in [one.strip() for one in own.splitlines()], stripped
    assert "nats:/data" in service("nats")["volumes"]


def test_valkey_is_a_cache_that_refuses_rather_than_forgets() -> None:
    embedded = valkey.configuration(Path("/data"), 6379, "x")
    words = service("valkey")["command"]
    for name in ("save", "appendonly", "maxmemory-policy"):
        value = words[words.index(f"--{name}") + 1]
        assert re.search(rf'^{name} "?{value}"?$', embedded, re.MULTILINE), name


def test_the_image_is_built_from_the_lock() -> None:
    recipe = compose()["x-nexus"]["build"]["dockerfile_inline"]
    assert "--require-hashes -r requirements.lock" in recipe
    assert (ROOT / "requirements.lock").is_file() and (ROOT / "ops" / "demo.toml").is_file()
    copied = set(re.findall(r"^COPY (\w+) ", recipe, re.MULTILINE))
    assert copied == set(PACKAGES), "the packages, and nothing that may hold secrets"
    assert "\nUSER nexus" in recipe
