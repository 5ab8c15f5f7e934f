"""Commands that are another program's: the test suite and the mock provider."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from ops.bootstrap import ROOT
from ops.cli.output import Output

# the suite waits more than it computes, so two processes help even on one core; more only multiply the stacks
WORKERS = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")


def test(args: argparse.Namespace) -> int:
    """Run pytest on the checkout, the whole suite in two processes; its exit status is the command's."""
    chosen = any("/" in argument or ".py" in argument for argument in args.rest if not argument.startswith("-"))
    side_by_side = () if chosen else WORKERS
    command = [sys.executable, "-m", "pytest", *side_by_side, *args.rest]
    if args.output != "json":
        os.chdir(ROOT)
        os.execv(sys.executable, command)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        status = subprocess.run(
            [*command, f"--junit-xml={report}"], cwd=ROOT, stdout=sys.stderr, check=False
        ).returncode
        result = {"exit": status, **(_counts(report) if report.is_file() else {})}
    Output("json").result(result, "")
    return status


def _counts(report: Path) -> dict[str, float]:
    # written a moment ago by our own pytest, so the parser need not be hardened
    suite = next(ElementTree.parse(report).getroot().iter("testsuite"))
    return {
        **{name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")},
        "seconds": float(suite.get("time", "0")),
    }


def mock_provider(args: argparse.Namespace) -> int:
    """Serve the mock provider until a signal."""
    from ops.mock.__main__ import main

    return main([*args.rest, "--output", args.output])
