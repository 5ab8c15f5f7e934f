"""`python -m tests.golden.providers`: adds what comes out to files that have none. Changes no other."""

from __future__ import annotations

import json
import sys

from tests.golden.providers.cases import HERE, run, without_a_file


def main() -> int:
    for path in sorted(HERE.glob("*.json")):
        case = json.loads(path.read_text())
        if "out" not in case:
            path.write_text(json.dumps(run(path.stem, case), indent=1, ensure_ascii=False) + "\n")
            print(f"added {path.name}: read what comes out of it")
    for name in without_a_file():
        print(f"{name} has no file here: write {name}.json with `source` and `in`", file=sys.stderr)
    return 1 if without_a_file() else 0


if __name__ == "__main__":
    sys.exit(main())
