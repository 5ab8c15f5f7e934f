"""Texts of our own to learn from: templates in `own/`, filled in by chance. Nothing here is ever used to judge.

`{a|b}` is one of both, `<name>` one of a list in `own/lists.txt`, `\\n` a new line.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

from benchmarks.likelihood.texts import Text

_OWN = Path(__file__).parent / "own"
_CHOICE = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"<([a-z]+[0-9]?)>")
LABELS = {"injection": "injection", "jailbreak": "jailbreak", "near-miss": "near-miss", "clean": "clean"}


def made(seed: int, each: int) -> list[Text]:
    """So many texts of each template, and as many long ones again that are put together from several."""
    rng = random.Random(seed)
    lists = {
        name: choices.strip().split(" | ")
        for name, _, choices in (line.partition(": ") for line in _lines("lists.txt"))
    }
    found: list[Text] = []
    pools: dict[str, list[str]] = {}
    for name in (*LABELS, "roles"):
        pools[name] = [_filled(template, lists, rng) for template in _lines(f"{name}.txt") for _ in range(each)]
    for name, label in LABELS.items():
        found += [Text(text, label, f"own-{name}", "Apache-2.0") for text in pools[name]]
    for name, label in (*LABELS.items(), ("roles", "near-miss")):
        for _ in range(len(pools[name]) // 2):
            found.append(Text(_together(name, pools, rng), label, f"own-long-{name}", "Apache-2.0"))
    return found


def classes() -> dict[str, str]:
    """Words that say much the same, to the names of their classes."""
    return {
        word: f"@{name}"
        for name, _, words in (line.partition(": ") for line in _lines("classes.txt"))
        for word in words.split()
    }


def _together(name: str, pools: dict[str, list[str]], rng: random.Random) -> str:
    innocent = [rng.choice(pools[rng.choice(("clean", "near-miss", "roles"))]) for _ in range(rng.randint(1, 6))]
    if name == "injection":
        innocent.insert(rng.randrange(len(innocent) + 1), rng.choice(pools[name]))
        sentences = innocent
    elif name == "jailbreak":
        sentences = [rng.choice(pools[name]) for _ in range(rng.randint(2, 6))] + innocent[:1]
    elif name == "roles":
        sentences = [rng.choice(pools[name]) for _ in range(rng.randint(3, 10))]
    else:
        sentences = [rng.choice(pools[name]) for _ in range(rng.randint(2, 8))]
    return rng.choice((" ", "\n", "\n\n", "\n- ")).join(sentences)


def _filled(template: str, lists: dict[str, list[str]], rng: random.Random) -> str:
    for _ in range(4):
        text = _CHOICE.sub(lambda found: rng.choice(found.group(1).split("|")), template)
        text = _NAME.sub(
            lambda found: rng.choice(lists[found.group(1)]) if found.group(1) in lists else found.group(), text
        )
        if text == template:
            break
        template = text
    return template.replace("\\n", "\n").strip()


def _lines(name: str) -> list[str]:
    return [line for line in (_OWN / name).read_text("utf-8").splitlines() if line and not line.startswith("#")]
