"""`python -m tests.golden`: adds what is new to the released bytes and shapes. Refuses whatever would change them."""

from __future__ import annotations

import json
import sys

from tests.golden.examples import EXAMPLES
from tests.golden.files import SHAPES, add
from tests.golden.shapes import NEW_VERSION, broken, shapes


def main() -> int:
    now = shapes()
    old = json.loads(SHAPES.read_text()) if SHAPES.is_file() else {}
    problems = [f"{name} is gone" for name in old if name not in now]
    problems += [problem for name in old if name in now for problem in broken(old[name], now[name], name)]
    if problems:
        print("\n".join([*problems, NEW_VERSION]), file=sys.stderr)
        return 1
    added = [name for data in EXAMPLES if (name := add(data)) is not None]
    SHAPES.write_text(_text(now))
    print(f"{len(added)} examples added" + "".join(f"\n  {name}" for name in added))
    return 0


def _text(now: dict[str, object]) -> str:
    """One line a fact, so that a change shows as one."""
    lines = [f"  {json.dumps(name)}: {json.dumps(now[name])}" for name in sorted(now)]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    sys.exit(main())
