"""`python -m ops.up`: `nexus up` in the environment that runs it, without making one first."""

from __future__ import annotations

import sys

from ops.cli.main import run

if __name__ == "__main__":
    sys.exit(run(["up", *sys.argv[1:]]))
