"""The embedded stack with its real clients: every service serves, comes back after kill -9, and resumes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import nats
import pytest
from nats.js.api import StreamConfig
from valkey.asyncio import Valkey
from valkey.exceptions import AuthenticationError, ValkeyError

from ops.stack import procfs
from ops.stack.postgres import SETTINGS
from ops.stack.process import StartFailed, State
from ops.stack.stack import ENDPOINTS, Stack
from ops.stack.supervisor import AlreadyRunning, published_status
from tests.stack_fixture import StackThread
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ["nats", "postgres", "valkey", "clickhouse"]


async def killed(stack: StackThread, name: str) -> None:
    """Kill a service and wait until the supervisor says that it serves again."""
    before = stack.pid(name)
    assert before is not None
    os.kill(before, signal.SIGKILL)

    def back() -> bool:
        status = {status.name: status for status in stack.stack.supervisor.status()}[name]
        return status.state is State.READY and status.pid != before

    await until(back, f"{name} serves again")


async def jetstream(url: str) -> tuple[Any, Any]:
    client = await nats.connect(url, max_reconnect_attempts=-1, reconnect_time_wait=0.05)
    return client, client.jetstream()


def test_all_endpoints_are_on_the_loopback_interface(stack: StackThread) -> None:
    assert tuple(stack.endpoints) == ENDPOINTS
    schemes = {name: urlsplit(url).scheme for name, url in stack.endpoints.items()}
    assert schemes == {
        "nats": "nats",
        "postgres": "postgresql",
        "postgres_admin": "postgresql",
        "valkey": "valkey",
        "clickhouse": "http",
    }
    assert {urlsplit(url).hostname for url in stack.endpoints.values()} == {"127.0.0.1"}
    assert all(urlsplit(url).password for url in stack.endpoints.values())


def test_secrets_are_private_and_in_no_command_line_and_no_log(stack: StackThread) -> None:
    secrets = {urlsplit(url).password or "" for url in stack.endpoints.values()}
    assert len(secrets) == 5
    for path in (stack.data_dir / "secrets").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(stack.data_dir.stat().st_mode) == 0o700
    pids = [pid for name in SERVICES if (pid := stack.pid(name)) is not None]
    shown = [(procfs.PROC / str(pid) / "cmdline").read_text() for pid in pids]
    shown += [(procfs.PROC / str(pid) / "environ").read_text() for pid in pids]
    shown += [path.read_text() for path in (stack.data_dir / "logs").iterdir()]
    assert [secret for secret in secrets for text in shown if secret in text] == []


async def test_nats_keeps_what_it_acknowledged(stack: StackThread) -> None:
    client, js = await jetstream(stack.endpoints["nats"])
    try:
        await js.add_stream(StreamConfig(name="KEEP", subjects=["keep.>"]))
        big = os.urandom(4 * 1024 * 1024)
        await js.publish("keep.small", b"1")
        await js.publish("keep.big", big)
        await killed(stack, "nats")
        await until(lambda: client.is_connected, "the client reconnects to the same port")
        assert (await js.get_msg("KEEP", 1)).data == b"1"
        assert (await js.get_msg("KEEP", 2)).data == big
        assert client.max_payload == 8 * 1024 * 1024
    finally:
        await js.delete_stream("KEEP")
        await client.close()


async def test_nats_wants_its_password(stack: StackThread) -> None:
    port = urlsplit(stack.endpoints["nats"]).port
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        writer.write(b"CONNECT {}\r\nPING\r\n")
        assert b"Authorization Violation" in await reader.readline()
        writer.close()


async def test_postgres_keeps_what_it_committed(stack: StackThread) -> None:
    connection = await asyncpg.connect(stack.endpoints["postgres"])
    await connection.execute("CREATE TABLE keep (a int)")
    await connection.execute("INSERT INTO keep VALUES (1), (2)")
    await killed(stack, "postgres")
    again = await asyncpg.connect(stack.endpoints["postgres"])
    try:
        assert await again.fetchval("SELECT sum(a) FROM keep") == 3
        await again.execute("DROP TABLE keep")
    finally:
        await again.close()
        connection.terminate()


async def test_postgres_is_set_up_safely(stack: StackThread) -> None:
    admin = await asyncpg.connect(stack.endpoints["postgres_admin"])
    user = await asyncpg.connect(stack.endpoints["postgres"])
    try:
        assert await admin.fetchval("SHOW server_version_num") >= "180000"
        wanted = {"fsync": "on", "synchronous_commit": "on", "password_encryption": "scram-sha-256"}
        for name, value in {**wanted, "shared_buffers": SETTINGS["shared_buffers"]}.items():
            assert await admin.fetchval(f"SHOW {name}") == value
        assert await admin.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert not await user.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        encoding = "SELECT pg_encoding_to_char(encoding) || '/' || datcollate FROM pg_database WHERE datname = $1"
        assert await user.fetchval(encoding, "nexus") == "UTF8/C"
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(stack.endpoints["postgres"].replace("nexus:", "nexus:x"))
    finally:
        await admin.close()
        await user.close()


def test_postgres_files_belong_to_whoever_started_it(stack: StackThread) -> None:
    cluster = stack.data_dir / "postgres"
    assert (cluster / "PG_VERSION").read_text().strip() == "18"
    assert {path.stat().st_uid for path in [cluster, *cluster.iterdir()]} == {os.geteuid()}


async def test_valkey_comes_back_empty(stack: StackThread) -> None:
    async with Valkey.from_url(stack.endpoints["valkey"]) as client:
        await client.set("cached", "1")
        settings = await client.config_get("maxmemory*", "appendonly", "save")
        assert (settings["maxmemory"], settings["maxmemory-policy"]) == ("134217728", "noeviction")
        assert (settings["appendonly"], settings["save"]) == ("no", "")
    await killed(stack, "valkey")
    async with Valkey.from_url(stack.endpoints["valkey"]) as client:
        assert await client.get("cached") is None
        assert await client.set("cached", "2")
    address = urlsplit(stack.endpoints["valkey"])
    with pytest.raises((AuthenticationError, ValkeyError)):
        await Valkey(host=address.hostname, port=address.port).ping()


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[list[Stack]]:
    """Stacks of a test's own, stopped at its end."""
    stacks: list[Stack] = []
    yield stacks
    for one in stacks:
        await one.stop()


async def test_a_second_start_resumes(own: list[Stack], tmp_path: Path) -> None:
    first = Stack(tmp_path / "data with space")
    own.append(first)
    await first.start()
    with pytest.raises(AlreadyRunning):
        await Stack(tmp_path / "data with space").start()
    client, js = await jetstream(first.endpoints["nats"])
    await js.add_stream(StreamConfig(name="KEEP", subjects=["keep.>"]))
    await js.publish("keep.a", b"1")
    await client.close()
    connection = await asyncpg.connect(first.endpoints["postgres"])
    await connection.execute("CREATE TABLE keep AS SELECT 7 AS a")
    await connection.close()
    endpoints, pids = first.endpoints, [status.pid for status in first.supervisor.status()]
    await first.stop()
    assert [pid for pid in pids if pid is not None and procfs.is_alive(pid)] == []
    assert "database system is shut down" in (first.data_dir / "logs" / "postgres.log").read_text()
    assert "event=stopped" in (first.data_dir / "logs" / "clickhouse.log").read_text()

    second = Stack(tmp_path / "data with space")
    own.append(second)
    await second.start()
    assert second.endpoints == endpoints
    client, js = await jetstream(second.endpoints["nats"])
    assert (await js.get_msg("KEEP", 1)).data == b"1"
    await client.close()
    connection = await asyncpg.connect(second.endpoints["postgres"])
    assert await connection.fetchval("SELECT a FROM keep") == 7
    await connection.close()
    assert "was not properly shut down" not in (second.data_dir / "logs" / "postgres.log").read_text()


async def test_a_killed_supervisor_takes_its_services_along_and_the_next_one_resumes(
    own: list[Stack], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    program = f"""
import asyncio
from pathlib import Path
from ops.stack.stack import Stack
async def main():
    await Stack(Path({str(data)!r})).start()
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
    command = [sys.executable, "-c", program]
    outer = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert outer.stdout is not None
    try:
        assert await outer.stdout.readline() == b"ready\n"
        running = {status.name: status.pid for status in published_status(data)}
        assert sorted(running) == sorted(SERVICES)
    finally:
        outer.kill()
        await outer.wait()
    await until(lambda: not any(pid and procfs.is_alive(pid) for pid in running.values()), "all services end")
    assert published_status(data) == []
    ports = json.loads((data / "run" / "ports.json").read_text())
    again = Stack(data)
    own.append(again)
    await again.start()
    assert {name: urlsplit(again.endpoints[name]).port for name in SERVICES} == {name: ports[name] for name in SERVICES}


def test_an_idle_stack_is_small(stack: StackThread) -> None:
    sizes = {status.name: status.resident or 0 for status in stack.stack.supervisor.status()}
    assert sorted(sizes) == sorted(SERVICES) and all(sizes.values())
    assert sum(sizes.values()) < 600 * 1024 * 1024, sizes


async def test_a_service_that_runs_elsewhere_is_not_started(
    own: list[Stack], stack: StackThread, tmp_path: Path
) -> None:
    elsewhere = {name: url for name, url in stack.endpoints.items() if name not in ("valkey", "postgres_admin")}
    one = Stack(tmp_path / "data", elsewhere)
    own.append(one)
    await one.start()
    assert [status.name for status in one.supervisor.status()] == ["valkey"]
    assert one.endpoints["nats"] == stack.endpoints["nats"]
    assert one.endpoints["postgres_admin"] == stack.endpoints["postgres"]
    assert one.endpoints["valkey"] != stack.endpoints["valkey"]


async def test_a_service_that_does_not_answer_elsewhere_fails_the_start(
    own: list[Stack], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: StackThread
) -> None:
    monkeypatch.setattr("ops.stack.stack.EXTERNAL_TIMEOUT", 0.5)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refused for sure
        url = f"nats://user:hush@127.0.0.1:{nobody.getsockname()[1]}"
        one = Stack(tmp_path / "data", {**stack.endpoints, "nats": url})
        own.append(one)
        with pytest.raises(StartFailed, match="nats did not answer") as failure:
            await one.start()
    assert "hush" not in str(failure.value)


def test_an_unknown_service_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mysql"):
        Stack(tmp_path, {"mysql": "mysql://"})
