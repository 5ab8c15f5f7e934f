"""How many tokens a text is, before anybody has counted: the most it can be, and what it probably is. Pure.

Where a vocabulary is public, `ingress.tokenizing` counts with it. That is too dear for every request, and most are not
public, so there are two different numbers here:

- The ceiling is what money is set aside for. A token stands for at least one byte of UTF-8 in every byte-level BPE and
  in every SentencePiece model with byte fallback, which are all that the known providers use, so a text has at most as
  many tokens as bytes. That holds for any text, also for one that was made to have many.
- The estimate is what people are told. It adds up tokens for each thousand bytes of each class of characters; the
  figures are rounded from published comparisons of tokenizers on prose, code and translations (2023 to 2025), and are
  off by 10 to 25 per cent. `Calibration` sets them right, model by model, by what providers really count.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

MOST_TOKENS = 10**9
"""Of one request, or of a model: what is told beyond that is no count."""
PER_TURN = 8
"""Tokens that the format of a chat adds to each message, at most."""
TOOLS = 600
"""Tokens of the instructions that providers add when there are tools, at most."""
IMAGE = 5_000
"""Tokens of one picture, at most, but for the models below."""
DEAR_IMAGES = ("gpt-4o-mini", 48_169)
"""A model of which pictures are counted dearer (2,833 and eight times 5,667), and how much."""

_WORDS = b" \t\r\n" + bytes(range(65, 91)) + bytes(range(97, 123))
_DIGITS = b"0123456789"
_ASCII = bytes(range(128))
_TWO, _THREE, _FOUR = bytes(range(0xC0, 0xE0)), bytes(range(0xE0, 0xF0)), bytes(range(0xF0, 0xF8))


class Sizes(msgspec.Struct, frozen=True, gc=False):
    """Bytes of texts in UTF-8, by class of character."""

    words: int = 0
    """ASCII letters and white space."""
    digits: int = 0
    marks: int = 0
    """All other ASCII."""
    two: int = 0
    """Characters of two bytes: Latin with accents, Greek, Cyrillic, Hebrew, Arabic."""
    three: int = 0
    """Of three bytes: Indic, CJK, Hangul, symbols."""
    four: int = 0
    """Of four bytes: emoji, rare CJK."""

    @property
    def total(self) -> int:
        return self.words + self.digits + self.marks + self.two + self.three + self.four


def measure(texts: Iterable[str]) -> Sizes:
    """The sizes of these texts, all together."""
    raw = "".join(texts).encode("utf-8", "surrogatepass")
    total = len(raw)
    words = total - len(raw.translate(None, _WORDS))
    digits = total - len(raw.translate(None, _DIGITS))
    if raw.isascii():
        return Sizes(words, digits, total - words - digits)
    marks = total - len(raw.translate(None, _ASCII)) - words - digits
    two, three, four = (
        (total - len(raw.translate(None, leads))) * n for leads, n in ((_TWO, 2), (_THREE, 3), (_FOUR, 4))
    )
    return Sizes(words, digits, marks, two, three, four)


def utf8_bytes(texts: Sequence[str]) -> int:
    """`measure(texts).total`, for a tenth of it."""
    total = 0
    for text in texts:
        total += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return total


class Family(msgspec.Struct, frozen=True):
    """Tokens for each thousand bytes of each class in `Sizes`."""

    words: int
    digits: int
    marks: int
    two: int
    three: int
    four: int


FAMILIES: dict[str, Family] = {
    "o200k": Family(225, 400, 480, 165, 250, 600),
    "cl100k": Family(230, 400, 500, 245, 370, 650),
    "claude": Family(275, 600, 560, 250, 370, 700),
    "gemini": Family(235, 1_000, 560, 170, 215, 500),
    "llama": Family(235, 400, 500, 230, 330, 650),
    "other": Family(245, 700, 530, 230, 330, 650),
}
_BEGINNINGS = (
    ("o200k", ("gpt-4o", "gpt-4.1", "gpt-4.5", "gpt-5", "o1", "o3", "o4", "chatgpt-4o", "gpt-oss", "omni")),
    ("cl100k", ("gpt-4", "gpt-3.5", "gpt-35", "text-embedding-", "davinci", "babbage")),
    ("claude", ("claude",)),
    ("gemini", ("gemini", "gemma", "text-embedding-00")),
    ("llama", ("llama", "meta-llama", "codellama")),
)  # fmt: skip


def family_of(upstream: str) -> str:
    """Which tokenizer a model has, by its provider's name for it."""
    name = (
        upstream.lower()
        .rpartition("/")[2]
        .removeprefix("ft:")
        .removeprefix("us.")
        .removeprefix("eu.")
        .rpartition("anthropic.")[2]
    )
    if name.startswith("text-embedding-00"):
        return "gemini"
    for family, beginnings in _BEGINNINGS:
        if name.startswith(beginnings):
            return family
    return "other"


def probable_tokens(sizes: Sizes, family: str, turns: int) -> int:
    """What a prompt of these sizes probably has, four tokens a message for the format of a chat."""
    rates = FAMILIES[family]
    thousandths = (
        sizes.words * rates.words
        + sizes.digits * rates.digits
        + sizes.marks * rates.marks
        + sizes.two * rates.two
        + sizes.three * rates.three
        + sizes.four * rates.four
    )
    return max(1, -(-thousandths // 1_000) + 4 * turns)


def most_tokens(utf8_bytes: int, turns: int) -> int:
    """The most that texts of so many bytes can have."""
    return utf8_bytes + PER_TURN * (turns + 1)


_SCHEMAS = frozenset(
    {"tools", "functions", "response_format", "text", "toolConfig", "output_config", "generationConfig"}
)
_MESSAGES = frozenset({"messages", "input", "contents", "system", "requests", "systemInstruction"})
_MEDIA = frozenset({"url", "image_url", "uri", "fileUri", "file_uri", "file_id", "data", "file_data", "bytes"})
_SAID = frozenset({"input", "args", "response", "annotations", "citations"})
"""What tools were called with and gave back, and where an answer was from: addresses in there are only named."""
_NESTED = (dict, list)
_WORDS_FOR_MEDIA = ("image", "file", "document", "video", "audio", "inline", "media")
_KINDS = ("type", "media_type", "mimeType", "mime_type", "format")


def most_beside_texts(body: dict[str, Any], upstream: str, context: int) -> int:
    """The most tokens that a request has besides its texts: names in schemas, pictures, sound, files.

    Args:
        context: what the model can read at once; nothing is known of a file that is elsewhere but that it fits.
    """
    total = 0
    image = DEAR_IMAGES[1] if DEAR_IMAGES[0] in upstream else IMAGE
    for field, value in body.items():
        if isinstance(value, _NESTED):
            if field in _SCHEMAS:
                total += len(msgspec.json.encode(value))
            elif field in _MESSAGES:
                total += _media(value, "", image, context, 0)
    if body.get("tools") or body.get("functions"):
        total += TOOLS
    return total


def has_media(body: dict[str, Any]) -> bool:
    """Whether a request has more to read than texts."""
    return any(isinstance(body.get(field), _NESTED) and _media(body[field], "", 1, 1, 0) for field in _MESSAGES)


def _media(value: Any, kind: str, image: int, context: int, depth: int) -> int:
    """Everything below `value` that is not text; `kind` is what the objects around it call themselves."""
    if depth > 64:
        return 0
    total = 0
    if isinstance(value, list):
        for each in value:
            if isinstance(each, _NESTED):
                total += _media(each, kind, image, context, depth + 1)
        return total
    told = ""
    for name, inner in value.items():
        # most of what there is are strings that are texts
        nested = isinstance(inner, _NESTED)
        if not (nested or name in _MEDIA) or name in _SAID:
            continue
        told = told or " ".join((kind, *(value[each] for each in _KINDS if isinstance(value.get(each), str))))
        if nested:
            total += _media(inner, f"{told} {name}", image, context, depth + 1)
        elif isinstance(inner, str):
            total += _one(inner, f"{told} {name} {inner[:40] if inner.startswith('data:') else ''}", image, context)
    return total


def _one(value: str, kind: str, image: int, context: int) -> int:
    """Sound has at most a token for each 16 characters of base64 (32 a second, at 1 kB a second or more)."""
    kind = kind.lower()
    if not any(word in kind for word in _WORDS_FOR_MEDIA):
        return 0
    if "image" in kind:
        return image
    if "://" in value[:12] or len(value) < 256:
        return context
    if "audio" in kind:
        return len(value) // 16 + 100
    return min(context, len(value) * 3)


class Fit(msgspec.Struct, frozen=True, gc=False):
    """How the estimates of one model have gone so far."""

    factor: float = 1.0
    """What providers counted for each token estimated."""
    error: float = 0.25
    """Mean of how far estimates (set right by the factor of the time) were off, as a part of what was counted."""
    requests: int = 0


class Calibration:
    """Learns each model's factor from what its provider counts. In memory; the newest counts weigh most."""

    WEIGHT = 0.05
    MODELS = 4_096
    EVERY = 8
    """Of so many requests one is learnt from: a request is in a hurry."""

    def __init__(self) -> None:
        self._fits: OrderedDict[tuple[str, str], Fit] = OrderedDict()
        self._turn = 0
        self.passed = 0
        """Requests, of those learnt from, whose provider counted more than the ceiling: there should be none."""

    def due(self) -> bool:
        """Whether this request is one to learn from."""
        self._turn = (self._turn + 1) % self.EVERY
        return self._turn == 1

    def of(self, tenant: str, model: str) -> Fit:
        """How it goes with a model of a tenant; no tenant learns from another's requests."""
        return self._fits.get((tenant, model), Fit())

    def learn(self, tenant: str, model: str, estimated: int, counted: int, *, most: int) -> None:
        """Takes in one request without pictures, sound or files. Too short ones say nothing but of the ceiling.

        Args:
            most: the ceiling for it.
        """
        self.passed += counted > most
        if estimated < 20 or not 1 <= counted <= MOST_TOKENS:
            return
        fit = self.of(tenant, model)
        off = abs(estimated * fit.factor - counted) / counted
        weight = max(self.WEIGHT, 1 / (fit.requests + 1))
        factor = fit.factor + weight * (counted / estimated - fit.factor)
        error = fit.error + weight * (min(off, 10.0) - fit.error)
        self._fits[tenant, model] = Fit(min(max(factor, 0.1), 10.0), error, fit.requests + 1)
        self._fits.move_to_end((tenant, model))
        if len(self._fits) > self.MODELS:
            self._fits.popitem(last=False)

    def errors(self) -> dict[str, float]:
        """The mean error of each family of tokenizers, over the models of all tenants."""
        found: dict[str, list[float]] = {}
        for (_, model), fit in self._fits.items():
            found.setdefault(family_of(model.partition("/")[2]), []).append(fit.error)
        return {family: sum(errors) / len(errors) for family, errors in found.items()}
