"""As whom a provider is called: the headers of one call, tokens fetched and signatures made where they are wanted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import urlsplit

import msgspec

from ingress.gateway import aws_ambient
from ingress.gateway.call import CallFailed
from ingress.gateway.tokens import Tokens, TokenUnavailable
from ingress.gateway.upstream import Upstream
from ingress.providers import aws_chain, entra, google, sigv4
from ingress.providers.outgoing import Outgoing
from ingress.providers.presenting import bearer, headers_for, presented
from ingress.providers.token import BadCredential, TokenRequest, read_token
from schemas.aggregates.model import Model
from schemas.aggregates.provider import Provider
from schemas.ids import Clock
from schemas.wires import WIRES

log = logging.getLogger(__name__)

Headers = list[tuple[str, str]]
FOR_EVER_S = 86_400.0
"""Credentials without an end are looked at again after a day."""
AWS_SERVICE = "bedrock"
GOOGLE_PLACE, AWS_PLACE = "google metadata", "aws chain"
"""Under which what this machine has is kept; what credentials lead to is kept under them."""


class Errand(msgspec.Struct, frozen=True, gc=False):
    """One call: to whom, with what, for whom."""

    provider: Provider
    model: Model | None
    outgoing: Outgoing
    secret: str
    """Of the account, or the caller's own; empty for an account without one."""
    forwarded: bool
    """Whether it is the caller's own."""
    request_id: str
    asked: Callable[[], Mapping[str, str]]
    """The caller's headers by lower-case name, for the rules that send some on."""
    client_key: str = ""

    def __repr__(self) -> str:
        return f"Errand(account={self.provider.id!r}, request={self.request_id!r})"


class Identity:
    """Presents credentials. Ambient ones, of the machine that Nexus runs on, only to tenants that may use them."""

    def __init__(
        self, upstream: Upstream, tokens: Tokens, clock: Clock, environment: Mapping[str, str], ambient: str
    ) -> None:
        """
        Args:
            environment: where AWS's and Google's own tools would look.
            ambient: tenants that may call as this machine, separated by commas; `*` for all.
        """
        self._upstream = upstream
        self._tokens = tokens
        self._clock = clock
        self._environment = environment
        self._ambient = frozenset(each.strip() for each in ambient.split(",") if each.strip())

    async def headers(self, errand: Errand) -> Headers:
        """All headers of a call but those about its body and its connection.

        Raises:
            CallFailed: `credential`: there is none that could be presented. Why is in the log.
        """
        provider = errand.provider
        wire = WIRES[provider.wire]
        rules = (errand.model.header_rules if errand.model is not None else ()) or provider.header_rules
        outgoing = errand.outgoing
        passed = () if outgoing.crossed else wire.passed
        asked = errand.asked() if rules or passed else _NONE
        headers = headers_for(wire, errand.request_id, outgoing.headers, rules, asked, passed)
        try:
            match wire.auth:
                case "sigv4":
                    headers += await self._aws(errand, headers)
                case "google":
                    headers.append(bearer(await self._google(errand)))
                case "azure" if errand.secret.startswith("{") and not errand.forwarded:
                    request = errand.secret
                    headers.append(bearer(await self._token(request, lambda: entra.client_request(request))))
                case _ if errand.secret:
                    headers.append(presented(wire, errand.secret))
        except (BadCredential, TokenUnavailable) as error:
            log.warning(
                "credential cannot be presented tenant=%s account=%s reason=%r",
                provider.tenant,
                provider.id,
                str(error),
            )
            raise CallFailed("credential") from None
        return headers

    async def renewed(self, errand: Errand, failure: CallFailed) -> Headers:
        """The headers with another token, after a provider refused the one that had been kept for it.

        Raises:
            CallFailed: the same failure, when it is another one, or no other token can be had.
        """
        # AWS says 403, and that it is about the session
        stale = failure.status == 401 or (failure.status == 403 and b"security token" in failure.body)
        place = self._token_place(errand) if stale and not errand.forwarded else ""
        if not place or not self._tokens.refused(place):
            raise failure
        log.info("token refused, another is fetched tenant=%s account=%s", errand.provider.tenant, errand.provider.id)
        return await self.headers(errand)

    def _token_place(self, errand: Errand) -> str:
        """Under which the token of a call is kept; empty where there is none."""
        made = errand.secret if errand.secret.startswith("{") else ""
        match WIRES[errand.provider.wire].auth:
            case "google":
                return made or ("" if errand.secret else GOOGLE_PLACE)
            case "azure":
                return made
            case "sigv4":
                return "" if errand.secret else AWS_PLACE
        return ""

    async def _google(self, errand: Errand) -> str:
        secret = errand.secret
        if secret.startswith("{") and not errand.forwarded:
            return await self._token(
                secret, lambda: google.service_account_request(secret, self._clock.now_us() // 1_000_000)
            )
        if secret:
            return secret
        self._check_ambient(errand.provider)
        host = self._environment.get("GCE_METADATA_HOST", "") or google.METADATA_HOST
        return await self._token(GOOGLE_PLACE, lambda: google.metadata_request(host))

    async def _token(self, place: str, request: Callable[[], TokenRequest]) -> str:
        async def fetch() -> tuple[str, float]:
            token = read_token(await self._ask(request()))
            return token.text, token.lifetime_s

        return await self._tokens.of(place, fetch)

    def _check_ambient(self, provider: Provider) -> None:
        if provider.tenant not in self._ambient and "*" not in self._ambient:
            raise BadCredential(
                "the account has no credential, and NEXUS_AMBIENT_TENANTS does not let its tenant call as this machine"
            )

    async def _aws(self, errand: Errand, headers: Headers) -> Headers:
        """A signature; or the header of one of Bedrock's API keys, which needs none."""
        provider, secret = errand.provider, errand.secret
        if secret and not secret.startswith("{"):
            return [bearer(secret)]
        if secret:
            credentials = aws_chain.given(secret)
        else:
            self._check_ambient(provider)
            credentials = await self._tokens.of(AWS_PLACE, self._aws_ambient)
        host, base = _place(provider.url)
        path, _, query = errand.outgoing.path.partition("?")
        signed = {name: value for name, value in headers if name in ("content-type",)}
        added = sigv4.sign(
            errand.outgoing.method,
            base + path,
            query,
            {**signed, "host": host},
            errand.outgoing.body,
            credentials=credentials,
            region=provider.region,
            service=AWS_SERVICE,
            at=datetime.fromtimestamp(self._clock.now_us() / 1_000_000, UTC),
        )
        return list(added.items())

    async def _aws_ambient(self) -> tuple[sigv4.AwsCredentials, float]:
        now_s = self._clock.now_us() / 1_000_000
        found = await aws_ambient.find(self._environment, self._ask, now_s)
        lifetime_s = found.until_s - now_s if found.until_s else FOR_EVER_S
        if lifetime_s <= 0:
            raise BadCredential("AWS's credentials on this machine have ended")
        return found.credentials, lifetime_s

    async def _ask(self, request: TokenRequest) -> bytes:
        url = urlsplit(request.url)
        server = Provider(
            id="token", tenant="", base_url=f"{url.scheme}://{url.netloc}", first_byte_timeout_ms=8_000,
            max_connections=8,
        )  # fmt: skip
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        headers = list({"accept": "application/json", **dict(request.headers)}.items())
        return await self._upstream.send(server, path, headers, request.body, method=request.method)


_NONE: dict[str, str] = {}


@lru_cache(maxsize=1_024)
def _place(url: str) -> tuple[str, str]:
    """The `host` header and the path before every path, as `pool.Pool` sends them."""
    parts = urlsplit(url)
    return parts.netloc, parts.path.rstrip("/")
