"""What a command line and an environment ask for, and what is refused before anything starts."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from ops.cli.exits import Misused
from ops.cli.main import read as read_command_line
from ops.cli.parser import PROCESSES
from ops.up import options
from ops.up.detached import arguments
from processors.__main__ import MODULES


def command_line(*words: str) -> argparse.Namespace:
    args = read_command_line(["up", *words])
    assert args is not None
    return args


def read(*words: str, **environment: str) -> options.Options:
    return options.read(command_line(*words), environment)


def test_without_flags_all_of_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = read()
    assert found.data == tmp_path / ".nexus"
    assert found.processes == options.DEFAULT == PROCESSES
    assert (found.gateway_port, found.admin_port, found.items, found.elsewhere) == (None, None, None, {})
    assert found.settings.data_dir == str(tmp_path / ".nexus")


def test_workers_are_all_the_processors_there_are() -> None:
    assert tuple(MODULES) == options.PROCESSORS


@pytest.mark.parametrize("name", ["gateway", "admin"])
def test_a_port_comes_from_the_flag_else_from_the_environment(name: str) -> None:
    variable = {f"NEXUS_{name.upper()}_PORT": "4000"}
    assert getattr(read(**variable), f"{name}_port") == 4000
    assert getattr(read(f"--{name}-port", "0", **variable), f"{name}_port") == 0


def test_services_with_an_url_run_elsewhere() -> None:
    found = read(NEXUS_NATS_URL="nats://a:1", NEXUS_VALKEY_URL="valkey://b:2", NEXUS_PARTITIONS="3", HOME="/x")
    assert found.elsewhere == {"nats": "nats://a:1", "valkey": "valkey://b:2"}
    assert found.settings.partitions == 3


def test_variables_of_the_command_line_are_no_settings() -> None:
    assert read(NEXUS_ADMIN_URL="http://x", NEXUS_ADMIN_KEY="k").elsewhere == {}


def test_the_data_directory_of_the_flag_wins(tmp_path: Path) -> None:
    found = read("--data", str(tmp_path / "d"), NEXUS_DATA_DIR="/elsewhere")
    assert found.data == tmp_path / "d" and found.settings.data == tmp_path / "d"


def test_all_that_is_wrong_with_the_environment_is_told() -> None:
    with pytest.raises(Misused, match=r"NEXUS_QUEUE_BYTES must be int(.|\n)*NEXUS_QUEUES is not a setting"):
        read(NEXUS_QUEUE_BYTES="many", NEXUS_QUEUES="2")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--processes", "gateway,worker"), "there is no worker; the names are gateway, admin"),
        (("--processes", "workers,audit"), "workers has audit already"),
        (("--processes", ","), "name one or more"),
        (("--only", "stack", "--processes", "gateway"), "leave out --processes"),
        (("--only", "stack", "--config", "x.toml"), "leave out --processes and --config"),
        (("--processes", "gateway", "--config", "x.toml"), "add admin to --processes"),
        (("--config", "/none/x.toml"), "cannot be read"),
    ],
)
def test_what_does_not_go_together_is_refused(words: tuple[str, ...], what: str) -> None:
    with pytest.raises(Misused, match=what):
        read(*words)


def test_single_processors_may_be_named() -> None:
    assert read("--processes", "audit,gateway,audit,siem").processes == ("audit", "gateway", "siem")


def test_only_the_stack_starts_no_process_of_ours() -> None:
    assert read("--only", "stack").processes == ()


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--gateway-port", "0", "--admin-port", "4001", "--data", "d e", "--output", "json"),
        ("--config", "c.toml", "--processes", "gateway,admin"),
        ("--only", "stack"),
    ],
)
def test_detached_it_is_the_same_start(words: tuple[str, ...]) -> None:
    detached = command_line(*words, "--detach")
    again = command_line(*arguments(detached))
    assert again.detach is False
    assert {**vars(again), "detach": True} == vars(detached)
