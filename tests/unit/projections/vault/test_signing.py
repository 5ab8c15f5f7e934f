"""The signing key: made once, private, and its signatures as published vectors say."""

from __future__ import annotations

from pathlib import Path

import pytest

from projections.vault.errors import BadMasterKey
from projections.vault.signing import Signer, is_signed, public_key_in

# RFC 8032, section 7.1, test 2
SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def test_signatures_are_those_of_the_rfc() -> None:
    signer = Signer(SEED)
    assert (signer.public_key, signer.sign(b"\x72")) == (PUBLIC, SIGNATURE)
    assert is_signed(PUBLIC, SIGNATURE, b"\x72")


def test_anything_else_is_not_signed() -> None:
    assert not is_signed(PUBLIC, SIGNATURE, b"\x73")
    assert not is_signed(PUBLIC, bytes(64), b"\x72")
    assert not is_signed(PUBLIC, b"short", b"\x72")
    assert not is_signed(b"short", SIGNATURE, b"\x72")


def test_the_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    assert public_key_in(tmp_path) is None
    first = Signer.open(tmp_path)
    assert Signer.open(tmp_path).public_key == first.public_key == public_key_in(tmp_path)
    assert (tmp_path / "signing.key").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["signing.key", "signing.pub"]
    assert (tmp_path / "signing.key").read_text().strip() not in repr(first)


def test_a_public_key_that_is_not_its_own_is_put_right(tmp_path: Path) -> None:
    signer = Signer.open(tmp_path)
    (tmp_path / "signing.pub").write_text("of somebody else")
    assert public_key_in(tmp_path) is None
    assert Signer.open(tmp_path).public_key == signer.public_key == public_key_in(tmp_path)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    Signer.open(tmp_path)
    (tmp_path / "signing.key").chmod(0o644)
    with pytest.raises(BadMasterKey, match="chmod 600"):
        Signer.open(tmp_path)
