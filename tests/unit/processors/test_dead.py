"""What is given up one after the other without end is no poison."""

from __future__ import annotations

from processors.dead import IN_A_ROW, ONE_IN_S, Restraint


def test_some_in_a_row_are_given_up_at_once_and_then_one_in_a_while() -> None:
    now = 0.0
    restraint = Restraint(lambda: now)
    for _ in range(IN_A_ROW):
        assert restraint.wait_s() == 0
        restraint.gave_up()
    assert restraint.wait_s() == ONE_IN_S
    now = ONE_IN_S - 1
    assert restraint.wait_s() == 1
    now = ONE_IN_S
    assert restraint.wait_s() == 0
    restraint.gave_up()
    assert restraint.wait_s() == ONE_IN_S


def test_anything_applied_between_makes_them_poison_again() -> None:
    restraint = Restraint(lambda: 0.0)
    for _ in range(3 * IN_A_ROW):
        assert restraint.wait_s() == 0
        restraint.gave_up()
        restraint.applied()
