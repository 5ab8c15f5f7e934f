"""What a judge must have seen, and the verdict on a cell of the matrix: protocol, provider, feature. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from ops.mock.answer import FIXED_PIECES, FIXED_TEXT
from ops.mock.wires.saying import THOUGHT

FEATURES = (
    "plain", "stream", "tools", "parallel tools", "vision", "audio", "file", "structured", "reasoning", "errors",
    "embeddings", "rerank", "moderations",
)  # fmt: skip
DONE, DROPPED, REFUSED, FAILED = "✓", "dropped", "refused", "FAILED"
USAGE = "the usage"
WAV_BYTES, PDF_BYTES = 48, 51
"""Of the files that judges show."""
_CALL = ["weather", {"city": "text"}]
_FINISHED = {"stop", "completed", "end_turn", "STOP", "COMPLETE"}


class Verdict(msgspec.Struct, frozen=True):
    """On one feature over one account."""

    account: str
    feature: str
    mark: str
    reason: str = ""
    """Of what was not done; names what was dropped."""


def judge(line: dict[str, Any]) -> Verdict:
    """The verdict on one line of a judge.

    A feature is `refused` when the caller was told so (400 or 501), `dropped` when its answer said so in
    `x-nexus-dropped` and was what an answer without the feature is; anything else that was not expected has failed.
    """
    account, feature, seen, dropped = line["account"], line["feature"], line["seen"], line["dropped"]
    missing = _missing(feature, seen)
    if not missing:
        return Verdict(account, feature, DONE)
    if feature != "errors" and seen.get("status") in (400, 501):
        return Verdict(account, feature, REFUSED, seen["message"][:160])
    if missing == USAGE:
        return Verdict(account, feature, DROPPED, "usage")
    if dropped and "error" not in seen:
        return Verdict(account, feature, DROPPED, ", ".join(dropped))
    return Verdict(account, feature, FAILED, f"{missing}: {str(seen)[:300]}")


def _missing(feature: str, seen: dict[str, Any]) -> str:
    """What is not as it must be; empty when all is."""
    if feature == "errors":
        told = seen.get("error", ""), seen.get("status")
        return "" if told[0] and told[1] == 429 else "an error with status 429"
    if "error" in seen:
        return "an answer"
    match feature:
        case "plain" | "stream" | "reasoning":
            return _said(feature, seen)
        case "tools":
            if seen["calls"] != [_CALL]:
                return "one call"
            return "" if "result" in seen["after"] and "call weather" in seen["after"] else "the result told"
        case "parallel tools":
            return "" if seen["calls"] == [_CALL, _CALL] else "two calls"
        case "vision":
            return "" if "image image/png 70" in seen["text"] else "the picture told"
        case "audio":
            return "" if f"audio audio/wav {WAV_BYTES}" in seen["text"] else "the sound told"
        case "file":
            arrived = "pdf" in seen["text"] and f" {PDF_BYTES}" in seen["text"]
            return "" if arrived else "the file told"
        case "agent's stream":
            whole = seen["text"] == FIXED_TEXT and seen["finish"] in _FINISHED and seen["counted"] > 0
            return "" if whole and seen["pieces"] > 1 else "the text in pieces"
        case "carried on":
            return f"what was before: {seen['short']}" if seen["short"] else ""
        case "counts":
            return "" if seen["tokens"] > 0 else "a count"
        case "moderations":
            return "" if len(seen["flagged"]) == 2 else "two verdicts"
        case "structured":
            return "" if seen["value"] == {"city": FIXED_TEXT} else "a value of the schema"
        case "embeddings":
            vectors = seen["vectors"]
            right = len(vectors) == 2 and vectors[0] != vectors[1] and all(len(each) == 8 for each in vectors)
            return "" if right else "two vectors"
        case "rerank":
            return "" if seen["order"] == [2, 1, 0] else "the best first"
    return f"a rule for {feature}"


def _said(feature: str, seen: dict[str, Any]) -> str:
    if seen["text"] != FIXED_TEXT:
        return "the text"
    if seen["finish"] not in _FINISHED:
        return "the finish"
    if feature == "reasoning":
        if seen["thought"] != THOUGHT:
            return "the thought"
        # where the judge went on with tools, the thought must have come back as the provider signed it
        return "" if "thought" in seen.get("after", "thought") else "the thought told again"
    if seen["output"] != len(FIXED_PIECES):
        return USAGE
    return "" if feature == "plain" or seen["pieces"] > 1 else "more than one piece"


def table(rows: dict[str, dict[str, dict[str, Verdict]]]) -> str:
    """Markdown: for each protocol a table of providers by features."""
    lines = []
    for protocol, accounts in rows.items():
        features = [each for each in FEATURES if any(each in verdicts for verdicts in accounts.values())]
        lines += ["", f"| {protocol} | {' | '.join(features)} |", "|---|" + ":-:|" * len(features)]
        for account, verdicts in accounts.items():
            marks = [verdicts[each].mark if each in verdicts else "" for each in features]
            lines.append(f"| {account} | {' | '.join(marks)} |")
    return "\n".join(lines).strip()
