"""`nexus status`: what runs on a data directory, since when, with how much memory, and how far the views are behind."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ops.cli.endpoints import admin_of
from ops.cli.exits import FAILED, NOT_FOUND, OK, CommandFailed
from ops.cli.output import Output, table
from ops.stack import procfs
from ops.stack.process import ProcessStatus, State
from ops.stack.supervisor import holder, published_status
from ops.up.options import ADMIN

COLUMNS = ("name", "state", "pid", "restarts", "rss_mb", "uptime", "last_exit")
LAG_COLUMNS = ("projection", "stream", "sequence", "lag", "lag_s")
MEGABYTE = 1024 * 1024
SUPERVISOR = "supervisor"


def show(args: argparse.Namespace) -> int:
    """The command; 0 when all is well, 1 when something is down.

    Raises:
        CommandFailed: nothing runs there (5).
    """
    data = args.data.expanduser().resolve()
    pid = holder(data)
    if pid is None:
        raise CommandFailed(f"nothing runs with the data directory {data}; start it with `nexus up`", NOT_FOUND)
    found = published_status(data)
    rows = [*(_row(status) for status in found), _supervisor(pid, found)]
    health = _health(data) if any(status.name == ADMIN and status.state == State.READY for status in found) else None
    well = all(status.state == State.READY for status in found) and bool(found)
    views = [] if health is None else _views(health)
    durability = _durability(health)
    output = Output(args.output)
    value = {
        "data": str(data),
        "ok": well,
        "processes": rows,
        "projections": views,
        "dependencies": {} if health is None else health.get("dependencies", {}),
        "durability": durability,
    }
    if health is not None and health.get("record"):
        value["record"] = health["record"]
        output.message(_record(health["record"]))
    output.result(value, _text(rows, views, durability))
    if not well:
        output.message("nexus: not everything serves; the logs are in " + str(data / "logs"))
    return OK if well else FAILED


def _row(status: ProcessStatus) -> dict[str, Any]:
    return {
        "name": status.name,
        "state": str(status.state),
        "pid": status.pid,
        "restarts": status.restarts,
        "rss_mb": None if status.resident is None else round(status.resident / MEGABYTE, 1),
        "uptime": round(max(time.time() - status.since, 0.0), 1),
        "last_exit": status.last_exit,
    }


def _supervisor(pid: int, found: Sequence[ProcessStatus]) -> dict[str, Any]:
    """The process that watches over the others. Its memory is its own, not that of what it started."""
    pids = [status.pid for status in found if status.pid is not None]
    resident = procfs.resident_bytes([pid, *pids]).get(pid)
    return {
        "name": SUPERVISOR,
        "state": str(State.READY),
        "pid": pid,
        "restarts": 0,
        "rss_mb": None if resident is None else round(resident / MEGABYTE, 1),
        "uptime": procfs.seconds_alive(pid),
        "last_exit": None,
    }


def _health(data: Path) -> dict[str, Any] | None:
    """What the admin plane says about the others; None when it does not answer."""
    try:
        report = admin_of(data, {}).get("/health")
    except CommandFailed:
        return None
    return report if isinstance(report, dict) else None


def _views(health: dict[str, Any]) -> list[dict[str, Any]]:
    rows = [
        {
            "projection": view["name"],
            "stream": view["stream"],
            "sequence": view["sequence"],
            "lag": view["lag"],
            "lag_s": view.get("lag_s"),
            "answers": view.get("answers", True),
        }
        for view in health["projections"]
    ]
    config = health["config"]
    return [
        *rows,
        {
            "projection": "live",
            "stream": "CONFIG",
            "sequence": config["sequence"],
            "lag": config["lag"],
            "lag_s": None,
            "answers": True,
        },
    ]


def _durability(health: dict[str, Any] | None) -> dict[str, Any]:
    """Whether what the log acknowledges would outlive a power cut, and why not; unknown is no."""
    told = None if health is None else health.get("durability")
    return told or {"durable": False, "reason": "the admin plane does not say"}


def _text(rows: list[dict[str, Any]], views: list[dict[str, Any]], durability: dict[str, Any]) -> str:
    parts = [table([[_cell(name, row[name]) for name in COLUMNS] for row in rows], COLUMNS)]
    if views:
        parts.append(table([[_cell(name, view[name]) for name in LAG_COLUMNS] for view in views], LAG_COLUMNS))
    away = sorted({view["projection"] for view in views if not view["answers"]})
    if away:
        parts.append(f"{', '.join(away)}: the store does not answer; these stand where they were seen last, or further")
    parts.append("durable: yes" if durability["durable"] else f"durable: NO, {durability['reason']}")
    return "\n\n".join(parts)


def _record(record: dict[str, Any]) -> str:
    age = record["checkpoint_age_s"]
    checkpoint = "no checkpoint yet" if age is None else f"last checkpoint {span(age)} ago"
    return f"{checkpoint}, {record['dead']} dead letters" + ("; see `nexus dead ls`" if record["dead"] else "")


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    return span(value) if name == "uptime" else str(value)


def span(seconds: float) -> str:
    """A duration for people: 3d 4h, 5h 12m, 7m 30s, 12s."""
    whole = int(seconds)
    for size, unit, smaller, sub in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            return f"{whole // size}{unit} {whole % size // smaller}{sub}"
    return f"{whole}s"
