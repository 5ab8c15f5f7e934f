"""`nexus evidence`: proof of what the log says about a request, in a file that can be checked without any server."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from ops.cli.endpoints import url_of
from ops.cli.exits import FAILED, NOT_FOUND, OK, CommandFailed, Misused
from ops.cli.log_of import log_at
from ops.cli.output import Output, table
from ops.cli.summary import summary
from ops.stack.credentials import write_private
from projections.log.evidence import gather
from projections.vault.signing import PUBLIC_FILE, is_signed, public_key_in
from schemas.codec import Malformed, fact_view
from schemas.evidence import Evidence, Finding, decode, encode, examine, tenants_beside
from schemas.ids import iso, millis_of

VERIFY = "verify"
COLUMNS = ("time", "position", "type", "what")
UNTRUSTED = (
    "This proves that whoever holds the key said so. Compare the public key with one from elsewhere "
    "(signing.pub in the data directory of the log), or name it with --public-key."
)


def evidence(args: argparse.Namespace) -> int:
    """Write evidence, or check it: exit 1 when it does not hold."""
    output = Output(args.output)
    if args.request == VERIFY:
        if args.file is None or args.out is not None:
            raise Misused("name the file to check: nexus evidence verify FILE")
        return _verify(args.file, args.public_key, args.data, output)
    if args.out is None or args.file is not None or args.public_key is not None:
        raise Misused("name the file to write: nexus evidence REQUEST_ID -o FILE")
    try:
        millis_of(args.request)
    except ValueError:
        raise CommandFailed(
            "this is not the id of a request; see x-nexus-request-id of its answer", NOT_FOUND
        ) from None
    return _export(args.data, args.request, args.out, output)


def _export(data: Path, request: str, out: Path, output: Output) -> int:
    made = asyncio.run(_gather(url_of("nats", data), request))
    finding = examine(made, is_signed)
    if finding.flaws:
        raise CommandFailed(f"the log does not prove this request: {'; '.join(finding.flaws)}; see `nexus verify`")
    try:
        write_private(out, encode(made).decode())
    except OSError as problem:
        raise CommandFailed(f"{out} cannot be written ({problem.strerror})") from None
    beside = tenants_beside(made)
    output.result(
        {"file": str(out), **_told(made, finding), "tenants_beside": beside},
        f"{out}: {len(finding.facts)} facts in {len(made.segments)} segments, {_roots(made)}",
    )
    output.message(
        "Segments are in it as a whole, also with the facts of other requests of the same moment (bodies only sealed)."
    )
    if beside:
        output.message(f"Among them are some of other tenants, who may not want it shown: {', '.join(beside)}.")
    return OK


async def _gather(url: str, request: str) -> Evidence:
    async with log_at(url, "evidence") as connection:
        return await gather(connection, request)


def _verify(file: Path, key: str | None, data: Path, output: Output) -> int:
    try:
        found = decode(file.read_bytes())
    except OSError as problem:
        raise Misused(f"{file} cannot be read ({problem.strerror})") from None
    except Malformed as error:
        raise Misused(f"{file}: {error}") from None
    trusted = public_key_in(data) if key is None else public_key(key)
    finding = examine(found, is_signed, trusted)
    told = {"ok": not finding.flaws, "trusted": trusted is not None, "flaws": finding.flaws, **_told(found, finding)}
    output.result(told, _text(found, finding, trusted is not None))
    if trusted is None and not finding.flaws:
        output.message(UNTRUSTED)
    if trusted is not None and key is None:
        output.message(f"Held against the key in {data / PUBLIC_FILE}, {trusted.hex()}; --public-key names another.")
    return FAILED if finding.flaws else OK


def public_key(text: str) -> bytes:
    """The 32 bytes of 64 hex digits, given themselves or in a file.

    Raises:
        Misused: neither.
    """
    try:
        path = Path(text)
        found = bytes.fromhex(path.read_text().strip() if path.is_file() else text)
    except (OSError, ValueError):
        found = b""
    if len(found) != 32:
        raise Misused("--public-key must be 64 hex digits, or a file that holds them, such as signing.pub")
    return found


def _told(found: Evidence, finding: Finding) -> dict[str, Any]:
    return {
        "request": found.request,
        "facts": [{"position": str(position), **fact_view(fact)} for position, fact in finding.facts],
        "checkpoints": [
            {
                "number": one.number,
                "time_us": one.time_us,
                "root": one.root.hex(),
                "public_key": one.public_key.hex(),
            }
            for one in found.checkpoints
        ],
    }


def _text(found: Evidence, finding: Finding, trusted: bool) -> str:
    rows = []
    for position, fact in finding.facts:
        view = fact_view(fact)
        rows.append([iso(fact.time), str(position), fact.type, summary(fact.type, view["data"])])
    parts = [table(rows, COLUMNS)] if rows else []
    if finding.flaws:
        parts.append("\n".join(["This proves nothing:", *(f"  {flaw}" for flaw in finding.flaws)]))
    elif trusted:
        parts.append(f"All of this was on the log: {_roots(found)}")
    else:
        parts.append(f"If the key is the right one, which was not checked, all of this was on the log: {_roots(found)}")
    return "\n\n".join(parts)


def _roots(found: Evidence) -> str:
    return ", ".join(
        f"checkpoint {one.number} of {iso(one.time_us)} signed with {one.public_key.hex()}" for one in found.checkpoints
    )
