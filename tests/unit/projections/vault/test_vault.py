"""Laws of what is derived from the master key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.vault import NotAuthentic, Vault
from projections.vault.vault import bound
from schemas.aggregates.credential import SealedSecret

KEY = bytes(range(32))
VAULT = Vault(KEY)
names = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)
places = st.tuples(st.sampled_from(["credential", "siem-target"]), names, names)


@given(places, st.text(st.characters(codec="utf-8")))
def test_a_secret_comes_back_as_it_was(place: tuple[str, str, str], clear: str) -> None:
    sealed = VAULT.seal_secret(*place, clear)
    assert VAULT.open_secret(*place, sealed) == clear
    assert len(sealed.nonce) == 12
    assert len(clear.encode()) < 4 or clear.encode() not in sealed.ciphertext


@given(places, places, st.text(st.characters(codec="utf-8")))
def test_a_secret_opens_only_where_it_was_sealed_for(
    place: tuple[str, str, str], other: tuple[str, str, str], clear: str
) -> None:
    sealed = VAULT.seal_secret(*place, clear)
    if other == place:
        assert VAULT.open_secret(*other, sealed) == clear
    else:
        with pytest.raises(NotAuthentic) as caught:
            VAULT.open_secret(*other, sealed)
        with pytest.raises(NotAuthentic) as same:
            VAULT.open_secret(*other, VAULT.seal_secret(*place, "something else"))
        assert str(caught.value) == str(same.value), "the message depends on the secret"


@given(st.binary(min_size=17, max_size=60), st.integers(0, 59), st.integers(1, 255))
def test_a_changed_secret_does_not_open(clear: bytes, at: int, flip: int) -> None:
    sealed = VAULT.seal_secret("credential", "t", "c", clear.hex())
    changed = bytearray(sealed.ciphertext)
    changed[at % len(changed)] ^= flip
    with pytest.raises(NotAuthentic):
        VAULT.open_secret("credential", "t", "c", SealedSecret(sealed.key, sealed.nonce, bytes(changed)))


def test_another_master_key_is_named_not_tried() -> None:
    sealed = VAULT.seal_secret("credential", "t", "c", "clear")
    with pytest.raises(NotAuthentic, match=VAULT.key_id):
        Vault(bytes(32)).open_secret("credential", "t", "c", sealed)


@given(st.lists(names, min_size=1, max_size=4), st.lists(names, min_size=1, max_size=4))
def test_different_places_have_different_additional_data(one: list[str], other: list[str]) -> None:
    if len(one) == len(other):
        assert (bound(*one) == bound(*other)) == (one == other)


def test_a_name_with_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        VAULT.seal_secret("credential", "a\x00b", "c", "clear")


def test_hashes_and_pseudonyms_are_stable_keyed_and_per_tenant() -> None:
    again, other = Vault(KEY), Vault(bytes(32))
    assert VAULT.hash_key("nvk_1") == again.hash_key("nvk_1") != other.hash_key("nvk_1")
    assert len(VAULT.hash_key("nvk_1")) == 64
    assert VAULT.pseudonym("a", "ann") == again.pseudonym("a", "ann") != other.pseudonym("a", "ann")
    assert VAULT.pseudonym("a", "ann") != VAULT.pseudonym("b", "ann")
    assert len(VAULT.pseudonym("a", "ann")) == len("sub_") + 32


def test_long_names_that_callers_make_up_are_not_kept() -> None:
    vault = Vault(bytes(32))
    long = "u" * 1_000_000
    assert vault.pseudonym("a", long) == vault.pseudonym("a", long) != vault.pseudonym("a", long + "u")
    assert vault.pseudonym("a", "short") == vault.pseudonym("a", "short")
    assert [name for _, name in vault._known] == ["short"]


def test_hashes_do_not_change_between_releases() -> None:
    # stored hashes and sealed secrets outlive the code: these values may never change
    assert VAULT.key_id == "0c650974"
    assert VAULT.hash_key("nvk_0") == "c3575d36a53e685144052ded0b3f546dc09ecccbbc91f9255338eeb856286203"
    assert VAULT.pseudonym("demo", "ann") == "sub_7fda333c9a7211afeb69fb314931e1ca"


def test_no_key_shows_in_a_representation() -> None:
    assert repr(VAULT) == f"Vault(key={VAULT.key_id})"
    assert not hasattr(VAULT, "__dict__")


@given(names, names, names)
def test_a_data_key_unwraps_only_for_its_subject(tenant: str, subject: str, key: str) -> None:
    nonce, wrapped = VAULT.wrap(VAULT.key_id, KEY, bound(tenant, subject, key))
    assert VAULT.unwrap(VAULT.key_id, nonce, wrapped, bound(tenant, subject, key)) == KEY
    with pytest.raises(NotAuthentic):
        VAULT.unwrap(VAULT.key_id, nonce, wrapped, bound(tenant, subject + "x", key))
