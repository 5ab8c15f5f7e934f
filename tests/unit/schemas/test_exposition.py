"""Metrics against the text format: names, HELP and TYPE lines, escapes, buckets."""

from __future__ import annotations

import re

from schemas.exposition import Family, counter, gauge, histogram, labelled, text_of

LINE = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-z_]+="(\\.|[^"\\\n])*"(,[a-z_]+="(\\.|[^"\\\n])*")*\})? (\S+)\Z')


def test_each_family_has_help_and_type_before_its_samples() -> None:
    told = text_of([gauge("nexus_a", "What it is.", 3), counter("nexus_b_total", "Another.", 0.5)]).decode()
    assert told == (
        "# HELP nexus_a What it is.\n# TYPE nexus_a gauge\nnexus_a 3\n"
        "# HELP nexus_b_total Another.\n# TYPE nexus_b_total counter\nnexus_b_total 0.5\n"
    )


def test_buckets_add_up_and_end_with_infinity() -> None:
    told = text_of([histogram("nexus_s", "Spans.", (0.5, 1.0), [2, 0, 1], 7.25)]).decode().splitlines()[2:]
    assert told == [
        'nexus_s_bucket{le="0.5"} 2',
        'nexus_s_bucket{le="1"} 2',
        'nexus_s_bucket{le="+Inf"} 3',
        "nexus_s_sum 7.25",
        "nexus_s_count 3",
    ]


def test_whatever_a_label_says_it_stays_one_label_on_one_line() -> None:
    odd = 'a"b\\c\nd'
    told = text_of([labelled("nexus_l", "gauge", "x\ny\\z", "name", [(odd, 1)])]).decode().splitlines()
    assert told[0] == "# HELP nexus_l x\\ny\\\\z"
    assert told[2] == 'nexus_l{name="a\\"b\\\\c\\nd"} 1'
    assert LINE.match(told[2])


def test_a_family_without_samples_still_says_what_it_is() -> None:
    assert text_of([Family("nexus_n_total", "counter", "None.", ())]).count(b"\n") == 2
