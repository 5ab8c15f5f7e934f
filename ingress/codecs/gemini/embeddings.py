"""Embeddings of the Gemini API. Source: API reference, "embedContent", "batchEmbedContents"."""

from __future__ import annotations

from typing import Any

from ingress.codecs.codec import Encoded, ErrorTold, Malformed
from ingress.codecs.fields import Fields, count, decode_json, put, wrong
from ingress.codecs.gemini.answer import read_error
from ingress.codecs.losses import Losses, say_own
from ingress.codecs.vectors import read_vector, texts_of
from schemas.conversation.answer import Embeddings
from schemas.conversation.ask import Embed
from schemas.errors import InvalidRequest
from schemas.facts.traffic import Usage

NAME = "gemini_embeddings"
PURPOSES = {
    "RETRIEVAL_QUERY": "query", "QUESTION_ANSWERING": "query", "FACT_VERIFICATION": "query",
    "CODE_RETRIEVAL_QUERY": "query", "RETRIEVAL_DOCUMENT": "document", "SEMANTIC_SIMILARITY": "similarity",
    "CLASSIFICATION": "classification", "CLUSTERING": "clustering", "TASK_TYPE_UNSPECIFIED": "", "": "",
}  # fmt: skip
TASKS = {
    "query": "RETRIEVAL_QUERY", "document": "RETRIEVAL_DOCUMENT", "similarity": "SEMANTIC_SIMILARITY",
    "classification": "CLASSIFICATION", "clustering": "CLUSTERING",
}  # fmt: skip


class GeminiEmbeddings:
    """See `ingress.codecs.codec.OneShotCodec`. Reads both methods; writes `batchEmbedContents`, which is both.

    `model` is in the path here: whoever reads the path puts it into the body first, whoever makes it takes it out.
    """

    name = NAME

    def read_request(self, body: dict[str, Any]) -> Embed:
        fields = Fields(body)
        many = "requests" in body
        asked = fields.each("requests", needed=True) if many else [fields]
        texts = tuple(_text(each) for each in asked)
        tasks = {each.string("taskType") or each.string("task_type") for each in asked}
        sizes = {each.integer("outputDimensionality", 1) or each.integer("output_dimensionality", 1) for each in asked}
        titles = {each.string("title") for each in asked}
        for name, values in (("taskType", tasks), ("outputDimensionality", sizes), ("title", titles)):
            if len(values) > 1:
                raise wrong(f"requests[].{name}", "the same in every request of a batch")
        task, model = tasks.pop(), fields.string("model") or (asked[0].string("model") if many else "")
        if task.upper() not in PURPOSES:
            raise wrong("taskType", f"one of {', '.join(name for name in PURPOSES if name)}")
        if not model:
            raise wrong("model", "a string that is not empty")
        purpose = PURPOSES[task.upper()]
        exact = task.upper() == TASKS.get(purpose, task.upper())
        for each in asked:
            each.any("model")
        return Embed(
            model=model.removeprefix("models/"),
            texts=texts,
            dimensions=sizes.pop(),
            purpose=purpose,
            title=titles.pop(),
            many=many,
            origin=NAME,
            other={**({} if exact else {"taskType": task}), **({} if many else fields.rest())},
        )

    def write_request(self, ask: Embed) -> Encoded:
        losses = Losses()
        losses.unless_unsaid(ask, "user", "truncate")
        each: dict[str, Any] = {"model": f"models/{ask.model}"}
        options: dict[str, Any] = {}
        put(options, taskType=TASKS.get(ask.purpose, ""), title=ask.title, outputDimensionality=ask.dimensions)
        say_own(options, ask, NAME, losses)
        requests = [{**each, "content": {"parts": [{"text": text}]}, **options} for text in texts_of(ask, "Gemini")]
        return Encoded({"model": ask.model, "requests": requests}, losses.names())

    def read_answer(self, raw: bytes) -> Embeddings:
        try:
            fields = Fields(decode_json(raw))
            one = fields.inner("embedding")
            found = [one] if one is not None else fields.each("embeddings", needed=True)
            vectors = tuple(read_vector(each.any("values")) for each in found)
            usage = fields.inner("usageMetadata")
            tokens = None if usage is None else usage.integer("promptTokenCount", 0)
            return Embeddings(vectors=vectors, usage=None if tokens is None else Usage(count(tokens)))
        except (ValueError, InvalidRequest):
            raise Malformed("the provider's answer is not one of embeddings") from None

    def write_answer(self, answer: Embeddings, ask: Embed) -> dict[str, Any]:
        values = [{"values": list(vector)} for vector in answer.vectors]
        body: dict[str, Any] = {"embeddings": values} if ask.many else {"embedding": values[0] if values else {}}
        if answer.usage is not None:
            body["usageMetadata"] = {"promptTokenCount": answer.usage.input_tokens}
        return body

    def read_error(self, body: bytes) -> ErrorTold:
        return read_error(body)


def _text(fields: Fields) -> str:
    content = Fields(fields.any("content"), fields.path("content"))
    texts = [each.string("text", needed=True) for each in content.each("parts", needed=True)]
    return "\n".join(texts)
