"""The command `nexus`, also `python3 -m ops`: gets the environment ready, then hands over to `ops.cli`. Stdlib only."""

from __future__ import annotations

import sys

OLDEST = (3, 11)


def main() -> int:
    """Run the command line in the project's own environment; returns the exit status."""
    if sys.version_info < OLDEST:
        # before any import of ours: the rest of the code does not even parse on an older Python
        found = ".".join(str(part) for part in sys.version_info[:3])
        sys.stderr.write(
            f"nexus needs Python 3.11 or newer, this is {found}. Use a newer one, such as `python3.11 -m ops`.\n"
        )
        return 1
    from ops import bootstrap

    try:
        bootstrap.ensure(sys.argv[1:])
    except bootstrap.SetupFailed as problem:
        print(f"nexus: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("nexus: set-up interrupted; the next start goes on from here", file=sys.stderr)
        return 130
    from ops.cli.main import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
