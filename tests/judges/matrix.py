"""The matrix: protocol by provider by feature, as the official SDKs see it through a gateway.

python -m tests.judges.matrix      # prints it as Markdown; exits 1 when a cell is not as it is known
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.integration.gateway.town import House, Town
from tests.judges import environment
from tests.judges.courts import ACCOUNTS, TALKERS, VECTORS, Orders, house, names_of, sit
from tests.judges.judging import Verdict, table
from tests.judges.known import PROTOCOLS, compact, expected
from tests.stack_fixture import StackThread

Rows = dict[str, dict[str, dict[str, Verdict]]]


def row(python: Path, town: Town, tenant: House, protocol: str) -> dict[str, dict[str, Verdict]]:
    """One protocol over every provider."""
    script, path, think = PROTOCOLS[protocol]
    ranks = protocol == "rerank"
    everybody = dict.fromkeys(ACCOUNTS, VECTORS)
    embedders = everybody if script in ("openai_chat", "gemini_generate") else {}
    accounts, features = (everybody, ("rerank",)) if ranks else (names_of(TALKERS), ())
    orders = Orders(town.url + path, tenant.key, accounts, True, think, embedders, features=features)
    found: dict[str, dict[str, Verdict]] = {}
    for verdict in sit([python, "-W", "ignore", f"{script}.py"], orders):
        found.setdefault(verdict.account, {})[verdict.feature] = verdict
    return found


def seen(rows: Rows, protocol: str, account: str, feature: str) -> str:
    """The mark of a cell; the known one for providers that hold no conversations, whom nobody asks to."""
    verdict = rows[protocol].get(account, {}).get(feature)
    return expected(protocol, account, feature) if verdict is None else verdict.mark


def main() -> int:
    try:
        python = environment.python()
    except environment.Unavailable as problem:
        print(f"matrix: {problem}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        stack = StackThread(Path(folder) / "stack")
        stack.start()
        try:
            town = Town(stack.endpoints, Path(folder) / "town")
            try:
                tenant = house(town)
                rows: Rows = {protocol: row(python, town, tenant, protocol) for protocol in PROTOCOLS}
            finally:
                town.close()
        finally:
            stack.close()
    print(table(rows))
    print()
    print(compact(partial(seen, rows)))
    failed = 0
    for protocol, accounts in rows.items():
        for verdicts in accounts.values():
            for each in verdicts.values():
                if each.reason:
                    print(f"{protocol}, {each.account}, {each.feature}: {each.mark}: {each.reason}", file=sys.stderr)
                failed += each.mark != expected(protocol, each.account, each.feature)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
