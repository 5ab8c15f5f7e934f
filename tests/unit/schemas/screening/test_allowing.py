"""Values that a policy lets pass: told by keyed hashes, dropped from a verdict, counted."""

from __future__ import annotations

import hashlib

from schemas.screening.allowing import AllowedValues, hashed_by, without_allowed
from schemas.screening.model import TOO_MANY_HITS, Hit, Verdict

TEXT = "mail jane@example.org and joe@example.org"
JANE, JOE = Hit("email.address", "flag", 0, 5, 21), Hit("email.address", "flag", 0, 26, 41)
BOTH = Verdict("flag", (JANE, JOE), "email.address", "v1")


def keyed(text: str) -> str:
    return hashlib.sha256(f"pepper{text}".encode()).hexdigest()


HASH = hashed_by(keyed, "acme")


def test_the_same_value_of_two_tenants_has_two_hashes_and_neither_is_that_of_a_key() -> None:
    assert len({HASH("one"), hashed_by(keyed, "other")("one"), keyed("one")}) == 3


def test_a_hit_on_an_allowed_value_is_dropped_and_counted() -> None:
    found = without_allowed(BOTH, [TEXT], {HASH("jane@example.org")}, HASH)
    assert found == Verdict("flag", (JOE,), "email.address", "v1", allowed=1)


def test_without_a_hit_left_nothing_is_objected_to() -> None:
    found = without_allowed(BOTH, [TEXT], {HASH("jane@example.org"), HASH("joe@example.org")}, HASH)
    assert found == Verdict("approve", (), "", "v1", allowed=2)


def test_a_value_that_was_not_hit_changes_nothing() -> None:
    assert without_allowed(BOTH, [TEXT], {HASH("mail"), keyed("jane@example.org")}, HASH) is BOTH


def test_what_is_beyond_the_recorded_hits_stays_forbidden() -> None:
    many = Verdict("block", (JANE,), TOO_MANY_HITS, "v1")
    found = without_allowed(many, [TEXT], {HASH("jane@example.org")}, HASH)
    assert found == Verdict("block", (), TOO_MANY_HITS, "v1", allowed=1)


def test_a_text_in_pieces_is_kept_only_as_far_as_a_hit_may_need_it() -> None:
    values = AllowedValues({HASH("joe@example.org")}, HASH)
    values.add(TEXT[:30])
    values.forget(10)
    values.add(TEXT[30:])
    assert values.allow(26, 41)
    assert not values.allow(26, 40)
