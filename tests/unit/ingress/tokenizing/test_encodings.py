"""The vocabularies are the published ones, counts in pieces add up, and nobody waits for a hard text."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import importlib.util
import random
import sys
from pathlib import Path

import pytest

from ingress.tokenizing import encodings
from ingress.tokenizing.encodings import CUT, MOST, NAMES, Encoder, Encodings, count, count_piece, pieces

# of the files that tiktoken downloads, as its source pins them
PUBLISHED = {
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}
# from the tests and the documentation of tiktoken and of OpenAI's cookbook
VECTORS = {
    "cl100k": {
        "": 0, "hello world": 2, "tiktoken is great!": 6, "antidisestablishmentarianism": 6, "2 + 2 = 4": 7,
        "お誕生日おめでとう": 9, "rer": 1, "'rer": 2, "today\n ": 3, "today\n \n": 2, "today\n  \n": 2,
        "🌶": 3, "👍": 3,
    },
    "o200k": {"": 0, "hello world": 2, "tiktoken is great!": 6, "2 + 2 = 4": 7, "お誕生日おめでとう": 8, "rer": 1},
}  # fmt: skip
LETTERS = "ab AB'sStT\n\r\t  12٣½Ⅷé\u0301中文ひカ한😀\u200d\u00a0\u3000\x85\u2028\x1c-=/!?._,'’ªǅſ"


@pytest.fixture(scope="module")
def encoders() -> dict[str, Encoder]:
    async def loaded() -> dict[str, Encoder | None]:
        found = Encodings()
        return {family: await found.of(family) for family in NAMES}

    made = {family: encoder for family, encoder in asyncio.run(loaded()).items() if encoder is not None}
    if len(made) < len(NAMES):
        pytest.skip("there is no build of bpe-openai for this platform")
    return made


def random_text(dice: random.Random, length: int) -> str:
    if dice.random() < 0.3:
        return "".join(
            chr(dice.choice((dice.randrange(0xD800), dice.randrange(0xE000, 0x110000)))) for _ in range(length)
        )
    return "".join(dice.choice(LETTERS) for _ in range(length))


def test_the_vocabularies_are_those_that_are_published() -> None:
    package = importlib.util.find_spec("bpe_openai")
    if package is None or package.origin is None:
        pytest.skip("there is no build of bpe-openai for this platform")
    folder = Path(package.origin).parent / "data"
    for name, digest in PUBLISHED.items():
        text = gzip.decompress((folder / f"{name}.tiktoken.gz").read_bytes())
        assert hashlib.sha256(text).hexdigest() == digest


def test_only_the_compiled_half_of_the_package_is_loaded(encoders: dict[str, Encoder]) -> None:
    assert encoders and "bpe_openai.registry" not in sys.modules


@pytest.mark.parametrize("family", NAMES)
def test_counts_are_the_published_ones(encoders: dict[str, Encoder], family: str) -> None:
    assert {text: count_piece(encoders[family], text) for text in VECTORS[family]} == VECTORS[family]


@pytest.mark.parametrize("family", NAMES)
def test_pieces_add_up_to_the_whole(encoders: dict[str, Encoder], family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, dice = encoders[family], random.Random(11)
    cut = 0
    for _ in range(1_000):
        text = random_text(dice, dice.randrange(200))
        monkeypatch.setattr(encodings, "PIECE", dice.randrange(4, 40))
        parts = list(pieces(text))
        assert "".join(part for part, _ in parts) == text
        cuts = sum(not whole for _, whole in parts)
        apart = abs(sum(count_piece(encoder, part) for part, _ in parts) - count_piece(encoder, text))
        assert apart <= CUT * cuts, (text, parts)
        cut += cuts
    assert cut


async def test_a_long_text_lets_others_have_their_turn(encoders: dict[str, Encoder]) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    text = "A word, and then another one.\n" * 8_000
    found = await count(encoders["o200k"], [text])
    beside.cancel()
    assert (found.cuts, found.rest) == (0, "") and found.tokens == count_piece(encoders["o200k"], text)
    assert turns >= len(text) // encodings.PIECE


async def test_words_without_an_end_are_cut_and_nobody_waits_for_too_much(
    encoders: dict[str, Encoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await count(encoders["cl100k"], ["-" * 40_000])
    assert found.cuts == 2 and abs(found.tokens - 625) <= CUT * found.cuts
    monkeypatch.setattr(encodings, "MOST", 10)
    found = await count(encoders["cl100k"], ["a b c ", "d e f g", "h i"])
    assert found.rest == "f g" + "h i" and MOST > 10


async def test_halves_of_characters_are_counted(encoders: dict[str, Encoder]) -> None:
    assert count_piece(encoders["o200k"], "a\ud83db") == count_piece(encoders["o200k"], "a\ufffdb")


async def test_no_encoding_where_none_is_public_or_none_is_built() -> None:
    asked: list[str] = []

    def nothing() -> None:
        asked.append("")

    with_none = Encodings(nothing)
    assert await with_none.of("claude") is None and not asked
    assert await with_none.of("o200k") is None and await with_none.of("o200k") is None
    assert len(asked) == 1
