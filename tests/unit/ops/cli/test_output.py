"""Tables are aligned, JSON is JSON, and nothing from outside reaches the terminal raw."""

from __future__ import annotations

import errno
import io
import json
import os

import pytest

from ops.cli.exits import CommandFailed
from ops.cli.output import Output, cell, fields, money, table


def written(form: str) -> tuple[Output, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    return Output(form, out, err), out, err


ROWS = [{"id": "a", "count": 5, "hidden": [1]}, {"id": "longer", "count": 12_000}]


def test_a_table_is_aligned_with_numbers_to_the_right() -> None:
    output, out, _ = written("text")
    output.rows(ROWS, ("id", "count"), "none")
    assert out.getvalue().splitlines() == ["ID      COUNT", "a           5", "longer  12000"]


def test_json_has_every_field() -> None:
    output, out, _ = written("json")
    output.rows(ROWS, ("id", "count"), "none", {"next": None})
    assert json.loads(out.getvalue()) == {"items": ROWS, "next": None}


def test_nothing_found_is_said_to_people_and_empty_for_machines() -> None:
    output, out, err = written("text")
    output.rows([], ("id",), "there are none")
    assert (out.getvalue(), err.getvalue()) == ("", "there are none\n")
    output, out, err = written("json")
    output.rows([], ("id",), "there are none")
    assert (json.loads(out.getvalue()), err.getvalue()) == ({"items": []}, "")


def test_lines_of_json_are_one_each() -> None:
    output, out, _ = written("json")
    for number in range(3):
        output.line({"n": number, "text": "a\nb"}, "not this")
    assert [json.loads(line)["n"] for line in out.getvalue().splitlines()] == [0, 1, 2]


def test_a_result_has_two_forms() -> None:
    for form, expected in (("text", "words\n"), ("json", '{\n  "a": 1\n}\n')):
        output, out, _ = written(form)
        output.result({"a": 1}, "words")
        assert out.getvalue() == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "yes"),
        (0, "0"),
        (["a", 1], "a, 1"),
        ({"a": [1]}, '{"a":[1]}'),
        ("\x1b[31mred\n", "\\x1b[31mred\\x0a"),
        ("größer ✓", "größer ✓"),
    ],
)
def test_cells(value: object, text: str) -> None:
    assert cell(value) == text


def test_an_empty_table_cell_keeps_its_place() -> None:
    assert table([["a", "", "c"], ["aa", "b", "c"]], ("one", "two", "three")).splitlines()[1] == "a         c"


def test_fields_leave_out_what_is_empty() -> None:
    assert (
        fields({"id": "a", "owner": "", "models": [], "enabled": False, "limit": 0})
        == "id       a\nenabled  no\nlimit    0"
    )


@pytest.mark.parametrize(
    ("micros", "text"), [(0, "$0.000000"), (1, "$0.000001"), (2_500_000, "$2.500000"), (-1, "-$0.000001")]
)
def test_money_shows_every_micro_dollar(micros: int, text: str) -> None:
    assert money(micros) == text


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_result_that_finds_no_room_is_told_as_a_failure(form: str) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(CommandFailed, match="the result cannot be written: No space left on device"):
        Output(form, Full()).result({"a": 1}, "a")
