"""Metrics as text that Prometheus reads. Pure; what is measured, and where, is told by whoever has it.

Source: Prometheus text exposition format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/); names as
OpenMetrics wants them: base units, `_total` at the end of counters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = tuple[tuple[str, str], ...]


class Family(msgspec.Struct, frozen=True):
    """All samples of one metric."""

    name: str
    kind: str
    """`counter`, `gauge` or `histogram`."""
    help: str
    samples: tuple[tuple[Labels, float], ...]
    """Labels and value; of a histogram, see `histogram`."""


def gauge(name: str, help: str, value: float) -> Family:
    """A metric with one sample and no labels."""
    return Family(name, "gauge", help, (((), value),))


def counter(name: str, help: str, value: float) -> Family:
    """Likewise, of what only grows."""
    return Family(name, "counter", help, (((), value),))


def labelled(name: str, kind: str, help: str, label: str, values: Iterable[tuple[str, float]]) -> Family:
    """A metric with a sample for each value of one label."""
    return Family(name, kind, help, tuple((((label, one),), value) for one, value in values))


def histogram(name: str, help: str, bounds: Sequence[float], counts: Sequence[int], total: float) -> Family:
    """A distribution.

    Args:
        bounds: upper ones of the buckets, rising.
        counts: of each bucket by itself, and one more for what is beyond the last bound.
        total: sum of what was observed.
    """
    samples: list[tuple[Labels, float]] = []
    seen = 0
    for bound, count in zip([*map(_number, bounds), "+Inf"], counts, strict=True):
        seen += count
        samples.append(((("le", bound),), seen))
    samples.append(((("", "sum"),), total))
    samples.append(((("", "count"),), seen))
    return Family(name, "histogram", help, tuple(samples))


def text_of(families: Iterable[Family]) -> bytes:
    """The whole answer to a scrape."""
    lines: list[str] = []
    for family in families:
        lines.append(f"# HELP {family.name} {_escaped(family.help, quotes=False)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        lines += [_line(family, labels, value) for labels, value in family.samples]
    return ("\n".join(lines) + "\n").encode()


def _line(family: Family, labels: Labels, value: float) -> str:
    name = family.name
    if family.kind == "histogram":
        name += f"_{labels[0][1]}" if labels[0][0] == "" else "_bucket"
    told = ",".join(f'{key}="{_escaped(one)}"' for key, one in labels if key)
    return f"{name}{{{told}}} {_number(value)}" if told else f"{name} {_number(value)}"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _escaped(text: str, *, quotes: bool = True) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text
