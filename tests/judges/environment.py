"""The judges' own environments: official SDKs, locked by hash, installed once into a cache. Not part of the project's.

    python -m tests.judges.environment      # installs them now

A lock's hash names its folder, so that a changed lock is a new environment. Where a package index (or Node) cannot be
had, the tests are skipped with what is missing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCK = HERE / "requirements.lock"
LLAMAINDEX = HERE / "llamaindex.lock"
"""By itself: its adapters want an older `openai` than the judge."""
NODE = HERE / "node"
INSTALL_S = 600
"""Bound for an installation."""


class Unavailable(Exception):
    """An environment cannot be had here; the text says why."""


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nexus" / "judges"


def python(lock: Path = LOCK) -> Path:
    """The interpreter that has the Python SDKs of a lock; installs them when they are not there yet.

    Raises:
        Unavailable: they cannot be installed.
    """
    folder = cache() / f"python-{sys.version_info[0]}.{sys.version_info[1]}-{_name(lock.read_bytes())}"
    interpreter = Path("bin", "python")
    if not (folder / interpreter).exists():
        _built(folder, partial(_install_python, lock))
    return folder / interpreter


def node() -> Path:
    """The folder whose `node_modules` has the Node SDKs; as `python`."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Unavailable("node and npm are not installed")
    folder = cache() / f"node-{_name((NODE / 'package-lock.json').read_bytes())}"
    if not folder.exists():
        _built(folder, _install_node)
    return folder


def _name(lock: bytes) -> str:
    return hashlib.sha256(lock).hexdigest()[:16]


def _built(folder: Path, install: Callable[[Path], None]) -> None:
    """Installs beside, then moves: whoever looks sees all of it or nothing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        install(beside)
        if not folder.exists():
            beside.rename(folder)
    except (OSError, subprocess.SubprocessError) as problem:
        told = getattr(problem, "stderr", b"") or b""
        raise Unavailable(
            f"the SDKs could not be installed: {problem} {told.decode(errors='replace')[-300:]}"
        ) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _install_python(lock: Path, folder: Path) -> None:
    # with links and without a path of its own in any script: it is moved when it is whole
    venv.create(folder, with_pip=True, symlinks=True)
    pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--no-input"]
    options = ["--quiet", "--require-hashes", "--only-binary", ":all:", "--no-compile", "--retries", "1"]
    _run([*pip, "install", *options, "-r", lock], folder)


def _install_node(folder: Path) -> None:
    folder.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(NODE / name, folder)
    _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"], folder)


def _run(command: list[object], folder: Path) -> None:
    subprocess.run([str(each) for each in command], cwd=folder, check=True, capture_output=True, timeout=INSTALL_S)


if __name__ == "__main__":
    for build in (python, partial(python, LLAMAINDEX), node):
        try:
            print(build())
        except Unavailable as problem:
            print(problem, file=sys.stderr)
