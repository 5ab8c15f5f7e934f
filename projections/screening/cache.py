"""Keeps compiled packs as files, so that a process starts in milliseconds. Rules and compilation are elsewhere."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from projections import files
from projections.screening.compiled import CompiledPack, PackError, compile_rules, platform_hash
from projections.screening.engine import Engine
from projections.screening.packs import load_builtin_rules
from schemas.screening.model import Rule
from schemas.screening.rules import version

_log = logging.getLogger(__name__)

INSTALLATION = Path(sys.prefix) / "var" / "nexus" / "packs" if sys.prefix != sys.base_prefix else None
"""Where the rules that come with Nexus are kept compiled, once for all data directories; None without an environment
of Nexus's own."""
_WAIT_S = 120.0
"""Longer than a compilation takes on a machine that is busy with other things."""
_POLL_S = 0.05
_KEPT = 4
"""Files of the installation's."""


def load_or_compile(directory: Path, rules: Sequence[Rule] | None = None) -> CompiledPack:
    """The pack of these rules, from a file when a usable one is there; else compiled and kept.

    Files are named by the rules, the scanner and the kind of processor. A damaged one is compiled anew. Of processes
    that need the same one at the same time, one compiles and the others wait for its file. That the file cannot be
    written costs only time, so it is logged and no more.

    Args:
        directory: where to keep it.
        rules: those that come with Nexus when not given; they are kept with the installation, where that can be
            written.

    Raises:
        PackError: the rules cannot be compiled.
    """
    wanted = load_builtin_rules() if rules is None else rules
    name = version(wanted)
    place = INSTALLATION if rules is None and INSTALLATION is not None and _writable(INSTALLATION) else directory
    path = place / f"{name}-{platform_hash()}.blob"
    pack = _load(path, name)
    if pack is None:
        with _alone(path):
            pack = _load(path, name)
            if pack is None:
                pack = compile_rules(wanted)
                _keep(path, pack.to_bytes())
                if place is INSTALLATION:
                    _prune(place)
    return pack


def cached(directory: Path) -> CompiledPack | None:
    """The pack of the rules that come with Nexus, if a usable file of it is there. Compiles nothing."""
    name = version(load_builtin_rules())
    for place in (INSTALLATION, directory):
        pack = _load(place / f"{name}-{platform_hash()}.blob", name) if place is not None else None
        if pack is not None:
            return pack
    return None


def keep(directory: Path, pack: CompiledPack) -> None:
    """Keeps a pack that came from elsewhere, for the next start."""
    _keep(directory / f"{pack.version}-{platform_hash()}.blob", pack.to_bytes())


def _writable(directory: Path) -> bool:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(directory, os.W_OK)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time; after a while, or where nothing can be written, any number of them."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield
        return
    try:
        _acquire(lock)
        yield
    finally:
        os.close(lock)  # which ends the lock; so does the end of the process


def _acquire(lock: int) -> None:
    until = time.monotonic() + _WAIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                _log.warning("pack compiled beside another process waited_s=%.0f", _WAIT_S)
                return
            time.sleep(_POLL_S)
        else:
            return


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
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.replace(path, data)
    except OSError as error:
        _log.warning("pack not kept file=%s reason=%s", path.name, error.strerror)


def _prune(directory: Path) -> None:
    """Packs of older rules go, but for a few that a process of before may still be about to load."""
    dated = sorted((path.stat().st_mtime_ns, path) for path in directory.glob("*.blob"))
    for _, path in dated[:-_KEPT]:
        for old in (path, path.with_suffix(".lock")):
            with contextlib.suppress(OSError):
                old.unlink()


def main() -> int:
    """`python -m projections.screening.cache`: compile the rules that come with Nexus, unless that has been done."""
    if INSTALLATION is not None:
        load_or_compile(INSTALLATION)
    return 0


if __name__ == "__main__":
    sys.exit(main())
