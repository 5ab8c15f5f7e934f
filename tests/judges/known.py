"""What is known of each cell of the matrix, and the matrix as one table. Nothing is asked here.

python -m tests.judges.known      # writes the table to tests/judges/matrix.md
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from schemas.wires import WIRES
from tests.judges.courts import ACCOUNTS, TALKERS
from tests.judges.judging import DONE, DROPPED, FEATURES, REFUSED

FILE = Path(__file__).with_name("matrix.md")
# protocol: (script, path of the base URL, the knob that makes a provider think where the protocol cannot ask it to)
PROTOCOLS = {
    "chat completions": ("openai_chat", "/v1", "think"),
    "responses": ("openai_responses", "/v1", "think"),
    "messages": ("anthropic_messages", "", "think"),
    "generateContent": ("gemini_generate", "", "think"),
    "rerank": ("cohere_chat", "", ""),
}
SHOTS = ("embeddings", "rerank", "moderations")
"""Features that a provider may have no operation for."""
_SPOKEN = tuple(feature for feature in FEATURES if feature not in SHOTS)
ASKED: dict[str, tuple[str, ...]] = {
    "chat completions": (*_SPOKEN, "embeddings", "moderations"),
    "responses": tuple(each for each in _SPOKEN if each != "audio"),
    "messages": tuple(each for each in _SPOKEN if each != "audio"),
    "generateContent": (*_SPOKEN, "embeddings"),
    "rerank": ("rerank",),
}
"""The features that callers of a protocol can ask for."""

TOLD_AGAIN = ("deepseek", "fireworks", "moonshot", "mistral")
"""Kinds of OpenAI's format that take earlier thoughts back."""
# (protocol, or empty for each; provider; feature): what is known not to be done
EXPECTED: dict[tuple[str, str, str], str] = {
    # JSON, but no schema for it
    **{("", each, "structured"): DROPPED for each in ("glm", "deepseek")},
    # a prompt and a text, without turns, tools or a form
    **{("", "replicate", each): DROPPED for each in _SPOKEN if each not in ("plain", "stream", "errors")},
    **{("", "perplexity", each): DROPPED for each in ("tools", "parallel tools")},
    # they have no word for it
    **{("", each, "file"): DROPPED for each in ("cohere", "minimax", "glm")},
    **{("", each, "audio"): DROPPED for each in ("anthropic", "bedrock", "cohere", "minimax", "glm")},
    # thoughts that this provider has not signed are not told it again
    **{
        ("messages", each, "reasoning"): DROPPED
        for each in TALKERS
        if each not in ("anthropic", "gemini", "vertex", "bedrock", "cohere", "minimax", "glm", *TOLD_AGAIN)
    },
}


def expected(protocol: str, account: str, feature: str) -> str:
    """The mark that is known of a cell. What a provider has no operation for is refused."""
    wire = WIRES[account]
    if not wire.chat if feature not in SHOTS else getattr(wire, feature) is None:
        return REFUSED
    return EXPECTED.get((protocol, account, feature), EXPECTED.get(("", account, feature), DONE))


Marks = Callable[[str, str, str], str]


def compact(marks: Marks = expected) -> str:
    """One table of providers by features: a mark that holds for every protocol, or marks with the protocols named."""
    notes: dict[str, int] = {}
    lines = [
        f"| provider | {' | '.join(FEATURES)} |",
        "|---|" + ":-:|" * len(FEATURES),
        *(
            f"| {account} | {' | '.join(_cell(account, feature, marks, notes) for feature in FEATURES)} |"
            for account in ACCOUNTS
        ),
    ]
    told = [f"{number}. {note}" for note, number in notes.items()]
    return "\n".join([*lines, "", *told]).strip() + "\n"


_SHORT = {DONE: "✓", DROPPED: "–", REFUSED: "×"}


def _cell(account: str, feature: str, marks: Marks, notes: dict[str, int]) -> str:
    found = {protocol: marks(protocol, account, feature) for protocol, asked in ASKED.items() if feature in asked}
    if len(set(found.values())) == 1:
        mark = next(iter(found.values()))
        return _SHORT.get(mark, mark)
    usual = max(sorted(set(found.values())), key=list(found.values()).count)
    others = "; ".join(f"{protocol}: {mark}" for protocol, mark in found.items() if mark != usual)
    return f"{_SHORT.get(usual, usual)} {notes.setdefault(others, len(notes) + 1)}"


PREFACE = """# Protocol × provider × feature

What official SDKs see through a gateway: clients of chat completions, responses, messages, generateContent, rerank.
✓ done; – dropped, and named in `x-nexus-dropped` (refused on a `strict` route); × refused with an error that names what
would do. A ✓ for pictures, sound and files says that they arrive; which models read them is for the provider to say.
Written by `python -m tests.judges.known`. `nexus test tests/judges` holds every cell against what the SDKs
see; `python -m tests.judges.matrix` prints it protocol by protocol.

"""


def document() -> str:
    """The file."""
    return PREFACE + compact()


def main() -> int:
    FILE.write_text(document())
    print(f"wrote {FILE.name}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
