"""Microsoft Entra's client credentials for Azure's models, pure. Source: Microsoft identity platform, "OAuth 2.0 client
credentials flow"."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import msgspec

from ingress.providers.google import check_endpoint
from ingress.providers.token import BadCredential, TokenRequest

SCOPE = "https://cognitiveservices.azure.com/.default"
_TENANT = re.compile(r"[A-Za-z0-9.-]{1,128}\Z")


class _Client(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tenant_id: str
    client_id: str
    client_secret: str
    authority: str = "https://login.microsoftonline.com"
    """Of other clouds, such as `https://login.microsoftonline.us`."""
    scope: str = SCOPE

    def __repr__(self) -> str:
        return f"Client(tenant_id={self.tenant_id!r}, client_id={self.client_id!r})"


def client_request(secret: str) -> TokenRequest:
    """What to send for an access token of an application.

    Raises:
        BadCredential
    """
    try:
        client = msgspec.json.decode(secret, type=_Client)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BadCredential("it must be a key or the JSON {tenant_id, client_id, client_secret}") from None
    if not _TENANT.match(client.tenant_id):
        raise BadCredential("tenant_id must be an id or a domain")
    check_endpoint(client.authority, "authority")
    body = urlencode(
        {
            "grant_type": "client_credentials",
            "client_id": client.client_id,
            "client_secret": client.client_secret,
            "scope": client.scope,
        }
    ).encode()
    url = f"{client.authority.rstrip('/')}/{client.tenant_id}/oauth2/v2.0/token"
    return TokenRequest("POST", url, (("content-type", "application/x-www-form-urlencoded"),), body)
