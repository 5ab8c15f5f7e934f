"""The judge `voyageai`: embeddings and rerank."""

from __future__ import annotations

from typing import Any

import voyageai
from observing import Models, failing, observe, orders

ASKED = orders()
CLIENT: Any = voyageai.Client(api_key=ASKED["key"], base_url=ASKED["base"], max_retries=0)  # type: ignore[attr-defined]


def embeddings(models: Models) -> dict[str, Any]:
    found = CLIENT.embed(["a", "b"], model=models(), input_type="document").embeddings
    return {"vectors": [list(map(float, each)) for each in found]}


def rerank(models: Models) -> dict[str, Any]:
    return {"order": [each.index for each in CLIENT.rerank("a b", ["c", "b", "a b"], model=models()).results]}


def errors(models: Models) -> dict[str, Any]:
    return failing(lambda: CLIENT.embed(["a"], model=models("error-429")))


LOOKS = {"embeddings": embeddings, "rerank": rerank, "errors": errors}

if __name__ == "__main__":
    observe(ASKED, LOOKS)
