"""Where a text is left: by a byte scan of all files in every form it may take, and by asking the stores themselves."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import clickhouse_connect
import valkey

from tests.nexus_fixture import RunningNexus


def forms_of(raw: bytes) -> dict[str, bytes]:
    """As it is, in hex, in base64 at each of its three phases, in JSON and in a URL; each form once."""
    text = raw.decode()
    every = {
        "clear": raw,
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "JSON": json.dumps(text, ensure_ascii=False)[1:-1].encode(),
        "JSON in ASCII": json.dumps(text)[1:-1].encode(),
        "URL": quote(text).encode(),
        **{f"base64+{lead}": base64.b64encode(b"x" * lead + raw)[4:-4] for lead in range(3)},
        **{f"base64url+{lead}": base64.urlsafe_b64encode(b"x" * lead + raw)[4:-4] for lead in range(3)},
    }
    once: dict[bytes, str] = {}
    for name, form in every.items():
        once.setdefault(form, name)
    return {name: form for form, name in once.items()}


def places_of(root: Path, canaries: Mapping[str, bytes]) -> list[str]:
    """Files below a directory that hold a canary in any form."""
    found = []
    forms = {(name, kind): form for name, raw in canaries.items() for kind, form in forms_of(raw).items()}
    for place in sorted(root.rglob("*")):
        if place.is_file() and not place.is_symlink():
            content = place.read_bytes()
            found += [f"{name} ({kind}) in {place}" for (name, kind), form in forms.items() if form in content]
    return found


def in_stores(nexus: RunningNexus, canaries: Mapping[str, bytes]) -> set[str]:
    """`store:canary` for every store that has a canary in any row, value or key: also where files are compressed."""
    texts = {name: raw.decode() for name, raw in canaries.items()}
    return asyncio.run(_postgres(nexus, texts)) | _clickhouse(nexus, texts) | _valkey(nexus, texts)


async def _postgres(nexus: RunningNexus, texts: Mapping[str, str]) -> set[str]:
    connection = await asyncpg.connect(nexus.endpoints["postgres_admin"])
    try:
        tables = await connection.fetch(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        assert any(row["tablename"] == "traffic_event" for row in tables)
        return {
            f"postgres:{name}"
            for row in tables
            for name, text in texts.items()
            if await connection.fetchval(
                f'SELECT 1 FROM "{row[0]}"."{row[1]}" held WHERE strpos(held::text, $1) > 0 '
                "OR strpos(to_jsonb(held)::text, $2) > 0 LIMIT 1",
                text,
                json.dumps(text, ensure_ascii=False)[1:-1],
            )
        }
    finally:
        await connection.close()


def _clickhouse(nexus: RunningNexus, texts: Mapping[str, str]) -> set[str]:
    client = clickhouse_connect.get_client(dsn=nexus.endpoints["clickhouse"], compress=False)
    try:
        found = set()
        for table in ("traffic_events", "traffic_5m", "traffic_hour", "traffic_day"):
            if client.query(f"EXISTS TABLE {table}").result_rows[0][0]:
                rows = str(client.query(f"SELECT * FROM {table}").result_rows)
                found |= {f"clickhouse:{name}" for name, text in texts.items() if repr(text)[1:-1] in rows}
        return found
    finally:
        client.close()


def _valkey(nexus: RunningNexus, texts: Mapping[str, str]) -> set[str]:
    client: Any = valkey.Valkey.from_url(nexus.endpoints["valkey"])
    read = {
        b"string": client.get, b"hash": client.hgetall, b"set": client.smembers,
        b"list": lambda key: client.lrange(key, 0, -1), b"zset": lambda key: client.zrange(key, 0, -1),
    }  # fmt: skip
    try:
        held = b"".join(key + str(read[client.type(key)](key)).encode() for key in client.scan_iter())
        return {
            f"valkey:{name}" for name, text in texts.items() for form in (text, repr(text)) if form.encode() in held
        }
    finally:
        client.close()
