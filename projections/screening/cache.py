"""Keeps compiled packs as files, so that a process starts in milliseconds. Rules and compilation are elsewhere."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import msgspec

from projections.screening.compiled import CompiledPack, PackError, compile_rules
from projections.screening.engine import Engine
from projections.screening.packs import load_builtin_rules
from schemas.screening.model import Rule
from schemas.screening.rules import version

_log = logging.getLogger(__name__)


def load_or_compile(directory: Path, rules: Sequence[Rule] | None = None) -> CompiledPack:
    """The pack of these rules, from `<directory>/<version>.blob` when a usable one is there; else compiled and kept.

    A blob of other rules, of another engine or for another machine, and a damaged one, is compiled anew. That the
    file cannot be written costs only time, so it is logged and no more.

    Args:
        rules: those that come with Nexus when not given.

    Raises:
        PackError: the rules cannot be compiled.
    """
    wanted = load_builtin_rules() if rules is None else rules
    name = version(wanted)
    path = directory / f"{name}.blob"
    pack = _load(path, name)
    if pack is None:
        pack = compile_rules(wanted)
        _keep(path, pack.to_bytes())
    return pack


def _load(path: Path, name: str) -> CompiledPack | None:
    try:
        pack = CompiledPack.from_bytes(path.read_bytes())
        if pack.version != name:
            raise PackError(f"holds the pack {pack.version}")
        Engine(pack)  # only loading it shows whether it was made for this machine
    except FileNotFoundError:
        return None
    except (OSError, PackError, msgspec.MsgspecError) as error:
        _log.warning("pack compiled anew file=%s reason=%s", path.name, error)
        return None
    return pack


def _keep(path: Path, data: bytes) -> None:
    """All or nothing, whoever else writes the same."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("pack not kept file=%s reason=%s", path.name, error.strerror)
