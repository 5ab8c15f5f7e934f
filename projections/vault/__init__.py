"""Secrets and bodies: the master key, what is derived from it, and sealing. Keys never leave this room."""

from __future__ import annotations

from projections.vault.bodies import BodyVault
from projections.vault.errors import BadMasterKey, Erased, NotAuthentic
from projections.vault.opening import open_vault
from projections.vault.vault import Vault

__all__ = ["BadMasterKey", "BodyVault", "Erased", "NotAuthentic", "Vault", "open_vault"]
