"""`python -m benchmarks NAME …`: what can be measured, by name."""

from __future__ import annotations

import importlib
import sys

NAMES = {
    "chaos": "benchmarks.chaos.campaign",
    "crossing": "benchmarks.crossing",
    "corpus": "benchmarks.corpus.run",
    "evasions": "benchmarks.corpus.evading",
    "fuzz": "benchmarks.fuzz.campaign",
    "gateway": "benchmarks.gateway",
    "instructions": "benchmarks.instructions",
    "likelihood": "benchmarks.likelihood.run",
    "linear": "benchmarks.linear",
    "log": "benchmarks.log",
    "mutations": "benchmarks.mutations",
    "peers": "benchmarks.peers.compare",
    "replay": "benchmarks.replay",
    "scale": "benchmarks.scale",
    "scan": "benchmarks.scan",
    "sinks": "benchmarks.sinks",
    "soak": "benchmarks.soak",
}


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
        print(f"usage: python -m benchmarks {{{','.join(NAMES)}}} …", file=sys.stderr)
        return 2
    code: int = importlib.import_module(NAMES[sys.argv[1]]).main(sys.argv[2:])
    return code


if __name__ == "__main__":
    sys.exit(main())
