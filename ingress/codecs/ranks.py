"""The order of documents inside answers of rerank, which all providers tell alike. No wire format lives here."""

from __future__ import annotations

from ingress.codecs.fields import Fields, wrong


def read_order(results: list[Fields]) -> tuple[tuple[int, float], ...]:
    """(index, score), best first.

    Raises:
        InvalidRequest: a result has no index or no score.
    """
    order = []
    for each in results:
        index, score = each.integer("index", 0), each.number("relevance_score")
        if index is None or score is None:
            raise wrong(each.where, "an index with a relevance_score")
        order.append((index, float(score)))
    return tuple(sorted(order, key=lambda pair: -pair[1]))
