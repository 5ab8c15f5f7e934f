"""Where the peers are installed: an environment of its own for each, under the user's cache. Starts none of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

LITELLM = "1.106.2"
PORTKEY = "1.15.2"
_LONGEST_S = 900
_DONE = "complete"
"""Name of the file that says that an installation was not broken off."""


class Skipped(Exception):
    """A peer cannot be measured here; the text says why and what would help."""


def litellm() -> Path:
    """The Python that has LiteLLM's proxy.

    Raises:
        Skipped: it could not be installed.
    """
    place = _place(f"litellm-{LITELLM}")
    python = place / "bin" / "python"
    _install(
        "LiteLLM",
        place,
        [sys.executable, "-m", "venv", place],
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"litellm[proxy]=={LITELLM}"],
    )
    return python


def portkey() -> Path:
    """The script that starts Portkey's gateway under Node.

    Raises:
        Skipped: there is no Node, or it could not be installed.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise Skipped("Portkey: needs Node.js and npm on PATH; install Node.js 18 or newer")
    place = _place(f"portkey-{PORTKEY}")
    quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
    _install("Portkey", place, [npm, "install", *quiet, "--prefix", place, f"@portkey-ai/gateway@{PORTKEY}"])
    return place / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"


def nginx() -> Path:
    """The nginx of this machine.

    Raises:
        Skipped: there is none. It is a system package, so nobody installs it by the way.
    """
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise Skipped("nginx: not found on PATH; install it (Debian: apt-get install nginx-light)")
    return Path(found)


def _place(name: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "nexus" / "peers" / name


def _install(name: str, place: Path, *commands: Sequence[str | Path]) -> None:
    if (place / _DONE).exists():
        return
    print(f"installing {name} into {place} …", file=sys.stderr, flush=True)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for command in commands:
        try:
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_LONGEST_S)
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise Skipped(f"{name}: cannot be installed: {problem}") from None
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise Skipped(f"{name}: cannot be installed: {lines[-1][:300] if lines else 'no reason given'}")
    (place / _DONE).touch()
