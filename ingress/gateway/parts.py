"""The parts a request meets on its way, built once by the composition root."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ingress.gateway.authenticate import Authenticator, Caller
from ingress.gateway.budget import BudgetLeases
from ingress.gateway.calling import Calls
from ingress.gateway.circuits import Circuits
from ingress.gateway.hooks import Hooks
from ingress.gateway.limits import RateLimits
from ingress.gateway.record import OpenRequests
from ingress.gateway.screening import Screening
from ingress.gateway.switches import Switches
from ingress.tokenizing.encodings import Encodings
from projections.live.config import LiveConfig
from projections.log.durability import DurabilityWatch
from projections.log.writer import SegmentWriter
from projections.vault import BodyVault, Vault
from schemas.aggregates.credential import SealedSecret
from schemas.aggregates.provider import Provider
from schemas.errors import ProviderError
from schemas.ids import Clock, Ids
from schemas.settings import Settings
from schemas.tokens import Calibration


class Credentials:
    """Opens sealed provider credentials, once each: they stay in memory under the ciphertext they came from."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._opened: dict[SealedSecret, str] = {}

    def of(self, caller: Caller, provider: Provider) -> str:
        """The secret for an account; empty for one without.

        Raises:
            ProviderError: the account names a credential that does not exist or cannot be opened.
        """
        if not provider.credential:
            return ""
        secret = self.named(caller, provider.credential, line=False)
        if secret is None:
            raise ProviderError("The provider account's credential is missing.", code="upstream_auth_failed")
        return secret

    def client_key(self, caller: Caller, provider: Provider) -> str:
        """The private key of the certificate that an account shows.

        Raises:
            ProviderError: as `of`.
        """
        key = self.named(caller, provider.client_key, line=False)
        if key is None:
            raise ProviderError(
                "The key of the provider account's certificate is missing.", code="upstream_auth_failed"
            )
        return key

    def named(self, caller: Caller, identifier: str, *, line: bool = True) -> str | None:
        """The secret of a credential of the caller's tenant, whatever it is for; None when there is no such.

        Args:
            line: whether it must fit into a line of a head.
        """
        credential = caller.tenant.credentials.get(identifier)
        if credential is None:
            return None
        secret = self._opened.get(credential.sealed)
        if secret is None:
            secret = self._vault.open_secret("credential", credential.tenant, credential.id, credential.sealed)
            self._opened[credential.sealed] = secret
        if line and not (secret.isascii() and secret.isprintable()):
            # it goes into a header line, where a line end would begin another one
            raise ProviderError("The provider account's credential is malformed.", code="upstream_auth_failed")
        return secret

    def forget(self) -> None:
        """Drops what was opened, after a credential changed."""
        self._opened.clear()


@dataclass(frozen=True)
class Parts:
    settings: Settings
    clock: Clock
    ids: Ids
    configuration: LiveConfig
    authenticator: Authenticator
    limits: RateLimits
    switches: Switches
    screening: Screening
    hooks: Hooks
    circuits: Circuits
    calls: Calls
    leases: BudgetLeases
    vault: Vault
    bodies: BodyVault
    credentials: Credentials
    writers: Sequence[SegmentWriter]
    opened: OpenRequests
    durability: DurabilityWatch
    calibration: Calibration = field(default_factory=Calibration)
    """How estimates of tokens go."""
    encodings: Encodings = field(default_factory=Encodings)
    """The public vocabularies, for those who ask what a request would be."""
