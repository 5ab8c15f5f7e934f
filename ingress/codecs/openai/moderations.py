"""OpenAI's moderations. Source: API reference, "Create moderation", "The moderation object"."""

from __future__ import annotations

from typing import Any

from ingress.codecs.codec import Encoded, ErrorTold, Malformed
from ingress.codecs.fields import Fields, decode_json, wrong
from ingress.codecs.losses import Losses, say_own
from ingress.codecs.openai.chat_answer import read_error
from schemas.conversation.answer import Moderation, Verdict
from schemas.conversation.ask import Moderate
from schemas.errors import InvalidRequest

NAME = "openai_moderations"
DEFAULT_MODEL = "omni-moderation-latest"


class OpenAIModerations:
    """See `ingress.codecs.codec.OneShotCodec`."""

    name = NAME

    def read_request(self, body: dict[str, Any]) -> Moderate:
        fields = Fields(body)
        value = fields.any("input")
        texts: list[str] = []
        images: list[str] = []
        if isinstance(value, str) and value:
            texts.append(value)
        elif isinstance(value, list) and value and all(isinstance(each, str) for each in value):
            texts += value
        else:
            for each in fields.each("input", needed=True):
                match each.string("type", needed=True):
                    case "text":
                        texts.append(each.string("text", needed=True))
                    case "image_url":
                        image = Fields(each.any("image_url"), each.path("image_url"))
                        images.append(image.string("url", needed=True))
                    case _:
                        raise wrong(each.path("type"), "one of text, image_url")
        return Moderate(
            model=fields.string("model") or DEFAULT_MODEL,
            texts=tuple(texts),
            images=tuple(images),
            many=isinstance(value, list),
            origin=NAME,
            other=fields.rest(),
        )

    def write_request(self, ask: Moderate) -> Encoded:
        losses = Losses()
        given: Any = list(ask.texts)
        if ask.images:
            given = [{"type": "text", "text": text} for text in ask.texts]
            given += [{"type": "image_url", "image_url": {"url": url}} for url in ask.images]
        elif not ask.many and len(ask.texts) == 1:
            given = ask.texts[0]
        body: dict[str, Any] = {"model": ask.model, "input": given}
        say_own(body, ask, NAME, losses)
        return Encoded(body, losses.names())

    def read_answer(self, raw: bytes) -> Moderation:
        try:
            fields = Fields(decode_json(raw))
            return Moderation(
                id=fields.string("id"),
                model=fields.string("model"),
                verdicts=tuple(_verdict(each) for each in fields.each("results", needed=True)),
            )
        except (ValueError, InvalidRequest):
            raise Malformed("the provider's answer is not a moderation") from None

    def write_answer(self, answer: Moderation, ask: Moderate) -> dict[str, Any]:
        return {
            "id": answer.id,
            "model": answer.model or ask.model,
            "results": [
                {
                    "flagged": verdict.flagged,
                    "categories": verdict.categories,
                    "category_scores": verdict.scores,
                    "category_applied_input_types": {name: list(kinds) for name, kinds in verdict.inputs.items()},
                }
                for verdict in answer.verdicts
            ],
        }

    def read_error(self, body: bytes) -> ErrorTold:
        return read_error(body)


def _verdict(fields: Fields) -> Verdict:
    """Some providers of this format leave out `flagged`: then any category that applies flags the input."""
    categories = {name: value for name, value in (fields.object("categories") or {}).items() if isinstance(value, bool)}
    scores = {
        name: float(value)
        for name, value in (fields.object("category_scores") or {}).items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    flagged = fields.flag("flagged")
    kinds = fields.object("category_applied_input_types") or {}
    return Verdict(
        flagged=any(categories.values()) if flagged is None else flagged,
        categories=categories,
        scores=scores,
        inputs={
            name: tuple(kind for kind in value if isinstance(kind, str))
            for name, value in kinds.items()
            if isinstance(value, list)
        },
    )
