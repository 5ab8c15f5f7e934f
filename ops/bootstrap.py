"""Makes the project's `.venv` from the hashed lock, once, and re-executes inside it. Stdlib only, no command logic."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ops.pip_run import run_pip
from ops.progress import Progress

ROOT = Path(__file__).resolve().parent.parent
STAMP = "nexus-setup.json"
"""Inside `.venv`; written last, so its presence means that the set-up came to its end."""


class SetupFailed(Exception):
    """The environment could not be made. The message says what to do next."""


class Layout:
    """Where the parts of one checkout lie."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock = root / "requirements.lock"
        self.project = root / "pyproject.toml"
        self.venv = root / ".venv"
        self.python = self.venv / "bin" / "python"
        self.stamp = self.venv / STAMP

    @property
    def is_checkout(self) -> bool:
        """False for an installed copy, which brought its dependencies along."""
        return self.lock.is_file() and self.project.is_file()

    def wanted(self) -> dict[str, str]:
        """What the stamp of a finished set-up says; the root is part of it because scripts and links name it."""
        return {"root": str(self.root), "lock": _sha256(self.lock), "project": _sha256(self.project)}

    def found(self) -> dict[str, str]:
        """What the last finished set-up was made from; empty when none finished."""
        try:
            content = json.loads(self.stamp.read_text())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}


def ensure(arguments: Sequence[str], layout: Layout | None = None) -> None:
    """Return when running inside an environment that fits the lock; else make it and start over inside it.

    Raises:
        SetupFailed: the environment could not be made.
    """
    layout = layout or Layout(ROOT)
    if not layout.is_checkout:
        return
    inside = Path(sys.prefix).resolve() == layout.venv.resolve()
    changed = layout.found() != layout.wanted()
    if changed:
        with _alone(layout):
            # the one who was first may have done it meanwhile
            if layout.found() != layout.wanted():
                set_up(layout)
    if inside and not changed:
        return
    environment = environment_inside(layout, os.environ)
    # -P: the checkout is found through its installation, whatever the working directory contains
    os.execve(layout.python, [str(layout.python), "-P", "-m", "ops", *arguments], environment)


def environment_inside(layout: Layout, outside: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without what would lead the new interpreter out of `.venv`."""
    environment = {name: value for name, value in outside.items() if name not in ("PYTHONHOME", "__PYVENV_LAUNCHER__")}
    environment["VIRTUAL_ENV"] = str(layout.venv)
    environment["PATH"] = f"{layout.python.parent}{os.pathsep}{outside.get('PATH', os.defpath)}"
    return environment


def set_up(layout: Layout) -> None:
    """Make or finish `.venv`; whatever an interrupted or older set-up left is kept if it still works.

    Raises:
        SetupFailed: a step failed.
    """
    found = layout.found()
    progress = Progress(sys.stderr)
    progress.say(f"setting up {layout.venv} (once; later starts skip this)")
    if layout.venv.is_symlink():
        # what it leads to is another checkout's, whose stamp and environment stay
        layout.venv.unlink()
    layout.stamp.unlink(missing_ok=True)
    moved = bool(found) and found.get("root") != str(layout.root)
    pip = _environment(layout, progress, anew=moved)
    if found.get("lock") != _sha256(layout.lock) or moved:
        progress.say(f"installing what {layout.lock.name} names, every file checked against its hash")
        _step(
            [*pip, "install", "--require-hashes", "--progress-bar", "off", "-r", str(layout.lock)],
            layout,
            progress,
            "pip could not install the locked packages; see its last lines above, then run the same command again",
        )
    _step(
        [*pip, "install", "--no-deps", "--no-build-isolation", "--quiet", "-e", str(layout.root)],
        layout,
        progress,
        "the checkout could not be installed into its environment; see pip's last lines above",
    )
    _publish(layout.stamp, json.dumps(layout.wanted()))
    progress.say(f"environment ready after {progress.seconds():.0f} s")


def _environment(layout: Layout, progress: Progress, *, anew: bool) -> list[str]:
    """Make the virtual environment unless a working one is there; returns the words that call its pip."""
    if anew or not _runs([str(layout.python), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]):
        # the interpreter behind an environment, which may be the one that is about to be cleared
        base = getattr(sys, "_base_executable", sys.executable)
        bundled = _runs([base, "-c", "import ensurepip"])
        progress.say(f"making a virtual environment with Python {sys.version.split()[0]}")
        without = [] if bundled else ["--without-pip"]
        _step(
            [base, "-m", "venv", "--clear", *without, str(layout.venv)],
            layout,
            progress,
            "the virtual environment could not be made",
        )
    if _runs([str(layout.python), "-m", "pip", "--version"]):
        return [str(layout.python), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    if _runs([sys.executable, "-m", "pip", "--version"]):
        # distributions that split ensurepip off often have a pip of their own, which can install elsewhere
        return [sys.executable, "-m", "pip", "--python", str(layout.python), "--disable-pip-version-check"]
    raise SetupFailed(
        "this Python has neither ensurepip nor pip. Install your distribution's package for virtual environments "
        "(on Debian and Ubuntu: python3-venv), then run the same command again"
    )


def _step(command: list[str], layout: Layout, progress: Progress, advice: str) -> None:
    packages = sum(1 for line in layout.lock.read_text().splitlines() if line[:1].isalnum() and "==" in line)
    site = next(iter(sorted(layout.venv.glob("lib/python3.*/site-packages"))), None)
    if run_pip(command, progress, packages, site) != 0:
        raise SetupFailed(advice)


def _runs(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """Hold the set-up against a second one of the same checkout, which waits and then finds it done."""
    # a file that is there anyway, and outside of `.venv`, which may be cleared
    with layout.lock.open() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("nexus: waiting for another set-up of this checkout to end", file=sys.stderr)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _publish(path: Path, text: str) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    with beside.open("w") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    beside.replace(path)
