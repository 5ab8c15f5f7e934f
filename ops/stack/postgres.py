"""PostgreSQL 18: making the cluster, role and database once, and how it is started. The schema is the migrations'."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from pathlib import Path

from ops.stack import launch, procfs, wheels
from ops.stack.credentials import private_directory, read_secret, scram_verifier
from ops.stack.health import CHECK_TIMEOUT
from ops.stack.ports import LOOPBACK
from ops.stack.process import ProcessSpec
from projections.files import sync_directory

SUPERUSER = "postgres"
ROLE = "nexus"
DATABASE = "nexus"
MAPPED_USER = 1000  # PostgreSQL refuses to run as root: as root it runs under this number in a user namespace
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # a socket's path may not be longer than 107 bytes; a data directory's may
    "max_connections": "100",
    "shared_buffers": "64MB",
    "effective_cache_size": "512MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "512MB",
    "min_wal_size": "64MB",
    "max_worker_processes": "4",
    "max_parallel_workers": "2",
    "autovacuum_max_workers": "2",
    "io_method": "sync",  # saves three worker processes
    "jit": "off",
    "max_locks_per_transaction": "256",  # one per partition that a query touches
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def url(port: int, user: str, password: str, database: str = DATABASE) -> str:
    """The URL clients use."""
    return f"postgresql://{user}:{password}@{LOOPBACK}:{port}/{database}"


def spec(directory: Path, port: int, admin_password_file: Path, password: str) -> ProcessSpec:
    """How to run the server on ``directory``; ready once role and database exist. Raises ServiceNotInstalled."""
    binaries = wheels.postgres_directory()
    map_user = MAPPED_USER if os.geteuid() == 0 else None
    argv = [str(binaries / "postgres"), "-D", str(directory), "-p", str(port)]
    for name, value in SETTINGS.items():
        argv += ["-c", f"{name}={value}"]

    async def prepare() -> None:
        if not (directory / "PG_VERSION").exists():
            await _make_cluster(binaries / "initdb", directory, admin_password_file, map_user)
        drop_stale_lock(directory)

    async def ready() -> None:
        await _ensure_database(port, read_secret(admin_password_file), password)

    return ProcessSpec(
        name="postgres",
        argv=argv,
        prepare=prepare,
        ready=ready,
        stop_signal=signal.SIGINT,  # "fast": ends sessions and checkpoints; SIGTERM would wait for clients to leave
        death_signal=signal.SIGINT,  # killed outright, it would leave its children behind for a while
        stop_timeout=20.0,
        ready_timeout=60.0,  # it may have to recover from a crash
        map_user=map_user,
    )


async def _make_cluster(initdb: Path, directory: Path, password_file: Path, map_user: int | None) -> None:
    """Make the cluster beside its place and move it there whole: an interrupted run leaves nothing half made.

    initdb syncs what it makes: the server trusts these files for ever after, also after a power cut a minute later.
    """
    beside = directory.with_name(directory.name + ".new")
    shutil.rmtree(beside, ignore_errors=True)
    private_directory(directory.parent)
    await launch.run(
        [
            *[str(initdb), "-D", str(beside), "-U", SUPERUSER, f"--pwfile={password_file}"],
            *["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", "--no-instructions"],
        ],
        map_user=map_user,
    )
    beside.rename(directory)  # takes the place of an empty directory; refuses any other
    await asyncio.to_thread(sync_directory, directory.parent)


def drop_stale_lock(directory: Path) -> None:
    """Remove postmaster.pid when its number now belongs to somebody else.

    After a reboot, or in a restarted container, the number is easily taken again, and PostgreSQL would take the
    stranger for itself and refuse to start.
    """
    lock = directory / "postmaster.pid"
    if not lock.exists():
        return
    first = lock.read_text().partition("\n")[0].strip()
    if not (first.isdigit() and procfs.is_alive(int(first)) and procfs.mentions(int(first), str(directory))):
        lock.unlink()


async def _ensure_database(port: int, admin_password: str, password: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(  # type: ignore[no-untyped-call, unused-ignore]
        url(port, SUPERUSER, admin_password, "postgres"), timeout=CHECK_TIMEOUT, command_timeout=30
    )
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", ROLE):
            await connection.execute(f"CREATE ROLE {ROLE} LOGIN CREATEROLE PASSWORD '{scram_verifier(password)}'")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE} STRATEGY file_copy")
            # whoever looks, the superuser too, finds the tables by their plain names
            await connection.execute(f"ALTER DATABASE {DATABASE} SET search_path TO {ROLE}, public")
    finally:
        await connection.close(timeout=CHECK_TIMEOUT)
