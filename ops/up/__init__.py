"""`nexus up`, `down` and `status`: a whole Nexus on one machine. What its processes do is in their own packages."""

from __future__ import annotations

import argparse

__all__ = ["down", "status", "up"]


def up(args: argparse.Namespace) -> int:
    """Start, and stay until a signal; with `--detach`, return once all of it serves."""
    # each command loads only what it needs: `status` and `down` are fast
    if args.detach:
        from ops.up.detached import start

        return start(args)
    from ops.up.foreground import run

    return run(args)


def down(args: argparse.Namespace) -> int:
    """Stop what runs on the data directory and wait for its end."""
    from ops.up.ending import end

    return end(args)


def status(args: argparse.Namespace) -> int:
    """Show what runs on the data directory and how it is."""
    from ops.up.standing import show

    return show(args)
