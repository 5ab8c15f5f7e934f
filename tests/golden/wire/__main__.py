"""`python -m tests.golden.wire`: adds what comes out to new files and takes down their digests. Changes no old one."""

from __future__ import annotations

import json
import sys

from tests.golden.wire.cases import RELEASED, digest, files, name_of, released, run


def main() -> int:
    known = released()
    changed = [name_of(path) for path in files() if known.get(name_of(path), digest(path)) != digest(path)]
    if changed:
        print(
            "\n".join(f"{name} was released and may not change; add another file" for name in changed), file=sys.stderr
        )
        return 1
    for path in files():
        name = name_of(path)
        if name not in known:
            case = run(path.parent.name, json.loads(path.read_text()))
            path.write_text(json.dumps(case, indent=1, ensure_ascii=False) + "\n")
            known[name] = digest(path)
            print(f"added {name}: read what comes out of it")
    RELEASED.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
