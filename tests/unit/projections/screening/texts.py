"""Texts for property tests: examples of the rules, torn, glued and mixed with ordinary text. Not a test itself."""

from __future__ import annotations

from hypothesis import strategies as st

from benchmarks.corpus.evasions import WAYS
from projections.screening import load_builtin_rules
from schemas.screening.rules import example

RULES = load_builtin_rules()
EXAMPLES = [example(text)[0] for rule in RULES for text in (*rule.hits, *rule.misses)]

_glue = st.sampled_from(
    [
        " ",
        "",
        "\n",
        ", ",
        "\0",
        "-",
        "_",
        ".",
        "=",
        "/",
        "@",
        "0",
        "x",
        "é",
        "😀",
        "\ud800",
        " key ",
        " ssn ",
        "%",
        "&",
        "\\",
        "\u200b",
        "а",
    ]
)
_filler = st.one_of(
    st.text(max_size=20),
    st.text(alphabet="abc019AZ+/=_-. @:", max_size=60),
    st.builds(lambda char, count: char * count, st.sampled_from("a0A@-é"), st.integers(1, 700)),
)


@st.composite
def _torn(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(EXAMPLES))
    start = draw(st.integers(0, min(8, len(text))))
    return text[start : len(text) - draw(st.integers(0, min(8, len(text) - start)))]


NEEDING_KEYWORDS = [
    (rule, text[slice(*span)]) for rule in RULES if rule.keywords for text, span in map(example, rule.hits) if span
]


@st.composite
def _near(draw: st.DrawFn) -> str:
    """Something that needs a keyword, and the keyword just inside or outside of the window, before it or after it."""
    rule, inside = draw(st.sampled_from(NEEDING_KEYWORDS))
    word = draw(st.sampled_from(rule.keywords)).strip("*")
    gap = draw(st.sampled_from(" .-é")) * max(1, rule.keyword_window - len(word) + draw(st.integers(-3, 3)))
    return draw(st.sampled_from([f"{word}{gap}{inside} ", f" {inside}{gap}{word}", f" {inside}{gap}{word}s"]))


_evading = st.builds(lambda way, text: WAYS[way](text), st.sampled_from(sorted(WAYS)), st.sampled_from(EXAMPLES))
pieces = st.one_of(st.sampled_from(EXAMPLES), _torn(), _near(), _filler, _evading)
texts = st.builds(
    lambda parts: "".join(part + glue for part, glue in parts),
    st.lists(st.tuples(pieces, _glue), max_size=6),
)
