"""Takes a command line apart, loads the one module it needs, and turns what happens into an exit code."""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ops.cli.exits import FAILED, INTERRUPTED, OF_STATUS, OK, USAGE, CommandFailed
from ops.cli.output import discard_stdout
from ops.cli.parser import COMMANDS, DEFAULTS, PASSED_ON, build
from schemas.errors import NexusError

_SPAN_BACK = re.compile(r"-\d{1,9}[smhdw]\Z")


def run(argv: Sequence[str]) -> int:
    """Run one command; returns its exit status."""
    try:
        args = read(argv)
        if args is None:
            return OK
        return load(COMMANDS[args.command])(args)
    except SystemExit as end:
        # argparse has printed usage or help
        return end.code if isinstance(end.code, int) else USAGE
    except CommandFailed as failure:
        print(f"nexus: {failure.message}", file=sys.stderr)
        return failure.code
    except NexusError as error:
        print(f"nexus: {error.message}", file=sys.stderr)
        return OF_STATUS.get(error.status, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read the output has seen enough
        discard_stdout()
        return OK


def read(argv: Sequence[str]) -> argparse.Namespace | None:
    """The arguments of a command; None when all that was asked has been printed.

    Raises:
        SystemExit: argparse refused them, or printed a help text.
    """
    args = _passed_on(argv)
    if args is not None:
        return args
    parser = build()
    # `-2h` is a span and no option, though argparse cannot know that
    args = parser.parse_args([text[1:] if _SPAN_BACK.match(text) else text for text in argv])
    if args.version:
        print(f"nexus {version()}")
        return None
    if not hasattr(args, "command"):
        parser.print_help(sys.stderr)
        raise SystemExit(USAGE)
    for name, value in DEFAULTS.items():
        if not hasattr(args, name):
            setattr(args, name, value)
    return args


def _passed_on(argv: Sequence[str]) -> argparse.Namespace | None:
    """The namespace of a command whose arguments are another program's: `rest`, and options that stood before it."""
    at = 0
    while at < len(argv) and argv[at].startswith("--"):
        at += 1 if "=" in argv[at] else 2
    if at >= len(argv) or argv[at] not in PASSED_ON:
        return None
    before = argparse.ArgumentParser(prog="nexus", add_help=False, allow_abbrev=False)
    before.add_argument("--output", choices=("text", "json"), default=DEFAULTS["output"])
    before.add_argument("--data", type=Path, default=DEFAULTS["data"])
    args = before.parse_args(list(argv[:at]))
    args, args.rest = before.parse_known_args(list(argv[at + 1 :]), args)
    args.command = argv[at]
    return args


def load(target: str) -> Callable[[argparse.Namespace], int]:
    """The function that `module:function` names."""
    module, _, function = target.partition(":")
    found: Callable[[argparse.Namespace], int] = getattr(importlib.import_module(module), function)
    return found


def version() -> str:
    """Of the checkout when this is one, else of the installed distribution."""
    import tomllib
    from importlib.metadata import version as installed

    from ops.bootstrap import ROOT, Layout

    layout = Layout(ROOT)
    if not layout.is_checkout:
        return installed("nexus-gateway")
    found: str = tomllib.loads(layout.project.read_text())["project"]["version"]
    return found
