"""Settings of one process: a frozen struct read once from `NEXUS_*`. Files and sockets are opened elsewhere."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path

import msgspec

PREFIX = "NEXUS_"
NOT_SETTINGS = frozenset({"NEXUS_ADMIN_URL", "NEXUS_ADMIN_KEY", "NEXUS_SUPERVISED_IN"})
"""Variables with the prefix that belong to the command line and to whoever starts the processes."""
_UNTOLD = frozenset({"master_key", "nats_url", "postgres_url", "clickhouse_url", "valkey_url"})


class BadSettings(ValueError):
    """Everything that is wrong with the settings, one line each; values are not quoted, they may be secrets."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("settings: " + "; ".join(problems))
        self.problems = problems


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Each field is read from `NEXUS_<FIELD>` in capitals."""

    data_dir: str = ".nexus"
    nats_url: str
    nats_monitor: str = ""
    """Monitoring addresses of the log's servers, `http://host:8222`, separated by commas: only with them can Nexus
    know, and say, that what the log acknowledges is synced."""
    postgres_url: str = ""
    clickhouse_url: str = ""
    valkey_url: str = ""
    gateway_host: str = "127.0.0.1"
    gateway_port: int = 3050
    admin_host: str = "127.0.0.1"
    admin_port: int = 3001
    prefixes: str = "/llm,/llm/openai,/llm/anthropic,/llm/gemini,/openai"
    """Of the data plane's paths, separated by commas, for clients that are set up for them; none is needed."""
    trusted_proxies: str = ""
    """Networks (`10.0.0.0/8`), separated by commas, of proxies in front of the data plane: only these are believed
    when they say in `X-Forwarded-For` whom they speak for."""
    ambient_tenants: str = ""
    """Tenants, separated by commas (`*`: all), whose accounts may call as the machine that Nexus runs on when they have
    no credential: with its AWS or Google Cloud identity."""
    writer: str = ""
    """Name of this process's chain; unique among running processes, kept over restarts."""
    master_key: str = ""
    """64 hex digits; when empty, the file `master.key` in the data directory is read."""
    replicas: int = 1
    partitions: int = 1
    queue_bytes: int = 64 * 1024 * 1024
    """Facts waiting for the log; beyond it callers get 503."""
    segment_bytes: int = 4 * 1024 * 1024
    max_request_bytes: int = 32 * 1024 * 1024
    body_timeout_s: float = 30.0
    config_stale_s: float = 30.0
    """After so long without the log, `/ready` says no; requests go on with the configuration last known."""
    checkpoint_s: float = 60.0
    """Between two signed checkpoints of the log."""
    discovery_s: float = 300.0
    """Between two times that every provider account is asked for its models; 0 for never."""
    log_level: str = "INFO"

    @property
    def data(self) -> Path:
        return Path(self.data_dir)

    def __repr__(self) -> str:
        # keys and the passwords in URLs must not end in a log
        told = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in _UNTOLD)
        return f"Settings({', '.join(told)})"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Builds settings from the environment.

    Raises:
        BadSettings: unknown names, missing ones and values of the wrong type, all together.
    """
    fields = {field.encode_name: field for field in msgspec.structs.fields(Settings)}
    given: dict[str, object] = {}
    problems: list[str] = []
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable in NOT_SETTINGS:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in fields:
            problems.append(f"{variable} is not a setting")
            continue
        try:
            given[name] = msgspec.convert(text, fields[name].type, strict=False)
        except msgspec.ValidationError:
            problems.append(f"{variable} must be {getattr(fields[name].type, '__name__', 'valid')}")
    problems += [
        f"{PREFIX}{name.upper()} is missing"
        for name, field in fields.items()
        if field.required and name not in given and f"{PREFIX}{name.upper()}" not in environment
    ]
    partitions = given.get("partitions", 1)
    if not isinstance(partitions, int) or not 1 <= partitions <= 1024:
        problems.append(f"{PREFIX}PARTITIONS must be from 1 to 1024")
    for network in str(given.get("trusted_proxies", "")).split(","):
        try:
            ipaddress.ip_network(network.strip() or "::1")
        except ValueError:
            problems.append(f"{PREFIX}TRUSTED_PROXIES must hold networks such as 10.0.0.0/8")
    pause = given.get("checkpoint_s", 60.0)
    if not isinstance(pause, float) or not pause >= 1:
        problems.append(f"{PREFIX}CHECKPOINT_S must be 1 or more")
    pause = given.get("discovery_s", 300.0)
    if not isinstance(pause, float) or not (pause == 0 or pause >= 1):
        problems.append(f"{PREFIX}DISCOVERY_S must be 0 or at least 1")
    if problems:
        raise BadSettings(problems)
    return msgspec.convert(given, Settings)


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that make `read_settings` return these settings."""
    return {
        f"{PREFIX}{name.upper()}": str(value)
        for name, value in ((name, getattr(settings, name)) for name in settings.__struct_fields__)
        if value != ""
    }
