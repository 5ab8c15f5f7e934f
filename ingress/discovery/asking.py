"""Asks a provider for its models as an account of it: same credential, proxy and certificates as any call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from ingress.discovery.reading import BadList, list_of, path_of, read_page
from ingress.gateway.call import CallFailed
from ingress.gateway.identity import Errand, Identity
from ingress.gateway.upstream import Upstream
from ingress.providers.outgoing import Outgoing
from projections.vault.errors import NotAuthentic
from schemas.aggregates.model_list import Listed, ModelList
from schemas.aggregates.provider import Provider
from schemas.ids import Clock, Ids
from schemas.listings import Listing
from schemas.wires import WIRES

LIMIT_S = 30.0
"""For a whole list, all its pages together."""
PAGES = 50
ANSWER_S = 10_000
"""Milliseconds that a page may take; a model may think for minutes, a list may not."""

_NOTHING: Mapping[str, str] = {}
Open = Callable[[str, str], str]
"""The secret of a tenant's credential. Raises LookupError when there is none, NotAuthentic when it cannot be opened."""


class NotListed(Exception):
    """The models could not be had; the text says why in a word or two, and nothing that the provider said."""


class Asking:
    """Makes the calls, over connections of its own."""

    def __init__(self, upstream: Upstream, identity: Identity, secret: Open, clock: Clock, ids: Ids) -> None:
        self._upstream = upstream
        self._identity = identity
        self._secret = secret
        self._clock = clock
        self._ids = ids

    async def models(self, provider: Provider) -> ModelList:
        """All that the provider lists for an account, through its filter.

        Raises:
            NotListed
        """
        found: list[Listed] = []
        try:
            async with asyncio.timeout(LIMIT_S):
                for listing in WIRES[provider.wire].listings:
                    found += await self._all(provider, listing)
        except TimeoutError:
            raise NotListed("timeout") from None
        except CallFailed as failure:
            raise NotListed(f"status {failure.status}" if failure.outcome == "status" else failure.outcome) from None
        except BadList as problem:
            raise NotListed(str(problem)) from None
        except (LookupError, NotAuthentic):
            raise NotListed("credential") from None
        return list_of(provider, found, self._clock.now_us())

    async def _all(self, provider: Provider, listing: Listing) -> list[Listed]:
        server = _asked(provider, listing)
        version = provider.api_version or WIRES[provider.wire].api_version
        secret, key = (self._secret(provider.tenant, name) if name else "" for name in _secrets(provider))
        found: list[Listed] = []
        token = ""
        for _ in range(PAGES):
            outgoing = Outgoing(path_of(listing, version, token), b"", None, False, "", method="GET")
            errand = Errand(server, None, outgoing, secret, False, self._ids.new(), lambda: _NOTHING, key)
            headers = await self._identity.headers(errand)
            raw = await self._upstream.send(server, outgoing.path, headers, b"", method="GET", client_key=key)
            page = read_page(listing, raw)
            found += page.models
            if not page.token or page.token == token:
                return found
            token = page.token
        raise BadList("the list does not end")


def _secrets(provider: Provider) -> tuple[str, str]:
    return provider.credential, provider.client_key


def _asked(provider: Provider, listing: Listing) -> Provider:
    """The account as it is asked for its list: elsewhere than it is called, where the provider has it so."""
    limit = min(provider.first_byte_timeout_ms, ANSWER_S)
    if listing.base_url and not provider.base_url:
        url = listing.base_url.format(region=provider.region, project=provider.project)
        return msgspec.structs.replace(provider, base_url=url, first_byte_timeout_ms=limit)
    return msgspec.structs.replace(provider, first_byte_timeout_ms=limit)
