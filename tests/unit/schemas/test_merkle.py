"""Merkle trees: the published vectors, and the laws that proofs keep."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.merkle import EMPTY, inclusion_path, is_included, leaf_hash, node_hash, root_of

LEAVES = [
    bytes.fromhex(text)
    for text in (
        *("", "00", "10", "2021", "3031", "40414243"),
        *("5051525354555657", "606162636465666768696a6b6c6d6e6f"),
    )
]
"""Of the reference implementation of RFC 6962 (certificate-transparency, merkle_tree_test)."""
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Of the trees of the first 1, 2, … 8 leaves."""
HASHES = st.lists(st.binary(max_size=8).map(leaf_hash), min_size=1, max_size=70)


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_the_published_ones(size: int) -> None:
    assert root_of([leaf_hash(leaf) for leaf in LEAVES[:size]]).hex() == ROOTS[size - 1]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert root_of([]) == EMPTY
    assert EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_paths_are_those_drawn_in_the_rfc() -> None:
    # RFC 6962, section 2.1.3: seven leaves d0…d6
    d = [leaf_hash(bytes([number])) for number in range(7)]
    g, h, j = node_hash(d[0], d[1]), node_hash(d[2], d[3]), d[6]
    i = node_hash(d[4], d[5])
    k, el = node_hash(g, h), node_hash(i, j)
    assert inclusion_path(d, 0) == (d[1], h, el)
    assert inclusion_path(d, 3) == (d[2], g, el)
    assert inclusion_path(d, 4) == (d[5], j, k)
    assert inclusion_path(d, 6) == (i, k)
    assert root_of(d) == node_hash(k, el)


def split(leaves: list[bytes]) -> bytes:
    """The definition of RFC 6962, section 2.1, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node_hash(split(leaves[:half]), split(leaves[half:]))


@given(HASHES)
def test_the_root_is_that_of_the_definition(leaves: list[bytes]) -> None:
    assert root_of(leaves) == split(leaves)


@given(HASHES, st.data())
def test_every_leaf_has_a_proof(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    assert is_included(leaves[index], index, len(leaves), inclusion_path(leaves, index), root_of(leaves))


@given(HASHES, st.data())
def test_nothing_else_has_one(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    path, root, size = inclusion_path(leaves, index), root_of(leaves), len(leaves)
    leaf = leaves[index]
    assert not is_included(leaf_hash(b"something longer"), index, size, path, root)
    assert not is_included(leaf, index, size, (*path, leaf), root)
    assert not is_included(leaf, size, size, path, root)
    assert not is_included(leaf, -1, size, path, root)
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        bent = (*path[:at], bytes(32), *path[at + 1 :])
        assert not is_included(leaf, index, size, bent, root)
        assert not is_included(leaf, index, size, path[:-1], root)
    other = data.draw(st.integers(0, size - 1))
    if leaves[other] != leaf:
        assert not is_included(leaf, other, size, inclusion_path(leaves, other), root)


def test_a_leaf_that_does_not_exist_has_no_path() -> None:
    with pytest.raises(IndexError):
        inclusion_path([leaf_hash(b"")], 1)
