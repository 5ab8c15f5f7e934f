"""The matrix: protocol by provider by feature, as the official SDKs see it through a gateway.

python -m tests.judges.matrix      # prints it as Markdown; exits 1 when a cell is not as it is known
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.integration.gateway.town import House, Town
from tests.judges import environment
from tests.judges.courts import EMBEDDERS, TALKERS, VECTORS, Orders, house, names_of, sit
from tests.judges.judging import DONE, DROPPED, FEATURES, Verdict, table
from tests.stack_fixture import StackThread

Rows = dict[str, dict[str, dict[str, Verdict]]]

# protocol: (script, path of the base URL, the knob that makes a provider think where the protocol cannot ask it to)
PROTOCOLS = {
    "chat completions": ("openai_chat", "/v1", "think"),
    "responses": ("openai_responses", "/v1", "think"),
    "messages": ("anthropic_messages", "", "think"),
    "generateContent": ("gemini_generate", "", "think"),
}


# (protocol, or empty for each; provider; feature): what is known not to be done
EXPECTED: dict[tuple[str, str, str], str] = {
    ("", "glm", "structured"): DROPPED,  # JSON, but no schema for it
    # a prompt and a text, without turns, tools or a form
    **{("", "replicate", each): DROPPED for each in FEATURES if each not in ("plain", "errors")},
    **{("", "perplexity", each): DROPPED for each in ("tools", "parallel tools")},
    # thoughts that this provider has not signed are not told it again
    **{
        ("messages", each, "reasoning"): DROPPED
        for each in TALKERS
        if each not in ("anthropic", "bedrock", "cohere", "minimax", "glm", "moonshot")
    },
}


def expected(protocol: str, verdict: Verdict) -> str:
    """The mark that is known of a cell."""
    account, feature = verdict.account, verdict.feature
    return EXPECTED.get((protocol, account, feature), EXPECTED.get(("", account, feature), DONE))


def row(python: Path, town: Town, tenant: House, protocol: str) -> dict[str, dict[str, Verdict]]:
    """One protocol over every provider."""
    script, path, think = PROTOCOLS[protocol]
    accounts = names_of(TALKERS)
    embedders = dict.fromkeys(EMBEDDERS, VECTORS) if script in ("openai_chat", "gemini_generate") else {}
    orders = Orders(town.url + path, tenant.key, accounts, True, think, embedders)
    found: dict[str, dict[str, Verdict]] = {}
    for verdict in sit([python, "-W", "ignore", f"{script}.py"], orders):
        found.setdefault(verdict.account, {})[verdict.feature] = verdict
    return found


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
    failed = 0
    for protocol, accounts in rows.items():
        for verdicts in accounts.values():
            for each in verdicts.values():
                if each.reason:
                    print(f"{protocol}, {each.account}, {each.feature}: {each.mark}: {each.reason}", file=sys.stderr)
                failed += each.mark != expected(protocol, each)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
