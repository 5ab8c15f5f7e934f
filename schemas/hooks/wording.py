"""Deciders that read the texts themselves: keywords, and whether an answer is fit to be given. Pure, linear in time."""

from __future__ import annotations

import functools
import json
import re
from collections import Counter

from schemas.hooks.decision import NOTHING, Cut, Finding, Seen
from schemas.hooks.hook import Hook, HookOptions

_MOST_CUTS = 10_000


def keyword_filter(hook: Hook, seen: Seen) -> Finding:
    """Words that may not be said, told by their number in the list, since the word itself is what matched."""
    options = hook.options
    pattern = _pattern(options.words, options.whole_words, options.case_sensitive)
    cuts: list[Cut] = []
    for index, text in enumerate(seen.texts):
        for match in pattern.finditer(text):
            cuts.append(Cut(index, match.start(), match.end(), "[REDACTED:keyword]"))
            if len(cuts) > _MOST_CUTS:
                # too many to be cut one by one
                return Finding("block" if options.action == "redact" else options.action, "too many listed words")
    if len(cuts) < options.at_least:
        return NOTHING
    return Finding(options.action, f"{len(cuts)} of the listed words", cuts=tuple(cuts))


@functools.lru_cache(maxsize=256)
def _pattern(words: tuple[str, ...], whole: bool, exact: bool) -> re.Pattern[str]:
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    choices = "|".join(map(re.escape, longest_first))
    return re.compile(rf"(?<!\w)(?:{choices})(?!\w)" if whole else choices, 0 if exact else re.IGNORECASE)


def response_quality(hook: Hook, seen: Seen) -> Finding:
    """Whether an answer is what one can give: long enough, not endless, JSON where JSON is due."""
    options = hook.options
    texts = [text for index, text in enumerate(seen.texts) if index not in seen.tools]
    why = _unfit(options, texts)
    return Finding(options.action, why) if why else NOTHING


def _unfit(options: HookOptions, texts: list[str]) -> str:
    size = sum(map(len, texts))
    if size < options.min_characters:
        return f"the answer has less than {options.min_characters} characters"
    if options.max_characters and size > options.max_characters:
        return f"the answer has more than {options.max_characters} characters"
    if options.json and not all(map(_is_json, texts)):
        return "the answer is not JSON"
    if options.max_repeats:
        lines = Counter(line for text in texts for line in map(str.strip, text.splitlines()) if line)
        if lines and max(lines.values()) > options.max_repeats:
            return f"a line is there more than {options.max_repeats} times"
    return ""


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
